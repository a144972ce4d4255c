package tfkit

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// ProviderData is what the provider hands to its resources and data sources.
type ProviderData struct {
	// Client is nil while the provider's configuration is not known, which can
	// only be while planning.
	Client *kuma.Client
	// Clock is the time, for rules about dates.
	Clock kuma.Clock
	// Run is what is known within this run of the provider.
	Run *Run
}

// Resource is embedded by every resource.
type Resource struct {
	ProviderData
}

// Configure takes over what the provider has set up.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.take(req.ProviderData, &resp.Diagnostics)
}

// DataSource is embedded by every data source.
type DataSource struct {
	ProviderData
}

// Configure takes over what the provider has set up.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.take(req.ProviderData, &resp.Diagnostics)
}

// EphemeralResource is embedded by every ephemeral resource.
type EphemeralResource struct {
	ProviderData
}

// Configure takes over what the provider has set up.
func (e *EphemeralResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.take(req.ProviderData, &resp.Diagnostics)
}

func (d *ProviderData) take(data any, diags *diag.Diagnostics) {
	if data == nil { // Terraform validates before it configures
		return
	}
	known, ok := data.(*ProviderData)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("The provider handed over a %T. This is a bug of the provider: please report it.", data))
		return
	}
	*d = *known
}

// Ready tells whether requests can be made, and adds an error if not. For
// applying alone: a plan goes on without requests.
func (d *ProviderData) Ready(diags *diag.Diagnostics) bool {
	if d.Client != nil {
		return true
	}
	diags.AddError("Provider configuration is not known",
		"A value in the provider block is still unknown, so there is no control plane to talk to. "+
			"It must be known when changes are applied: apply what it comes from first, with -target, or set it by a variable.")
	return false
}

// readWhilePlanning is what to do where something is read before it is there.
// Terraform, unlike OpenTofu, heeds a depends_on of data sources alone.
const readWhilePlanning = "It is read while planning. Where the same run makes it, a data source waits for the resource that it names in depends_on, " +
	"and an ephemeral resource for a value that is known only then, such as the output of a terraform_data whose input is an attribute of that resource."

// Backend reads a provided backend of a mesh, for what is read while planning.
// What is not there is an error on the attribute `mesh` or `backend`.
func (d *ProviderData) Backend(ctx context.Context, mesh, name string, diags *diag.Diagnostics) (backend kuma.Backend, ok bool) {
	at := path.Root("backend")
	document, ok := d.mesh(ctx, mesh, at, diags)
	if !ok {
		return kuma.Backend{}, false
	}
	backend, there, err := document.Backend(name)
	switch {
	case err != nil:
		AddUnreadable(diags, fmt.Sprintf("Mesh %q", mesh), err)
	case !there:
		diags.AddAttributeError(at, "No such backend", fmt.Sprintf("Mesh %q has no mTLS backend %q. %s", mesh, name, readWhilePlanning))
	case backend.Type != kuma.Provided:
		diags.AddAttributeError(at, "Not a provided backend", fmt.Sprintf(
			"Backend %q of mesh %q is of type %q. Only a backend of type \"provided\" has a CA of one's own, which can be read.", name, mesh, backend.Type))
	default:
		return backend, true
	}
	return kuma.Backend{}, false
}

// connected tells whether requests can be made. Terraform takes no unknown
// values from what it reads, so that a provider without configuration is an error.
func (d *ProviderData) connected(at path.Path, diags *diag.Diagnostics) bool {
	if d.Client == nil {
		diags.AddAttributeError(at, "Provider configuration is not known",
			"A value in the provider block is still unknown, so there is no control plane to ask. Set it by a variable, or apply what it comes from first, with -target. "+
				readWhilePlanning)
	}
	return d.Client != nil
}

func (d *ProviderData) mesh(ctx context.Context, name string, at path.Path, diags *diag.Diagnostics) (*kuma.Mesh, bool) {
	if !d.connected(at, diags) {
		return nil, false
	}
	mesh, err := d.Client.Mesh(ctx, name)
	if kuma.Absent(err) {
		diags.AddAttributeError(path.Root("mesh"), "No such mesh", fmt.Sprintf("There is no mesh %q on the control plane. %s", name, readWhilePlanning))
		return nil, false
	}
	addErrorAt(diags, at, fmt.Sprintf("read mesh %q", name), err)
	return mesh, err == nil
}

// Content reads what a backend of a mesh, or a configuration, refers to, for
// what is read while planning. What cannot be read is an error on an attribute.
func (d *ProviderData) Content(ctx context.Context, mesh string, source kuma.DataSource, at path.Path, diags *diag.Diagnostics) (content []byte, ok bool) {
	var err error
	switch {
	case source.Secret != "":
		return d.secret(ctx, mesh, source.Secret, at, diags)
	case source.InlineString != "":
		return []byte(source.InlineString), true
	case source.Inline != "":
		content, err = base64.StdEncoding.DecodeString(source.Inline)
		if err != nil { // not quoted: it may hold a part of a key
			diags.AddAttributeError(at, "Invalid base64", fmt.Sprintf("An inline value of the backend in mesh %q is not base64, so that there is no certificate in it to read. Put it right in the backend, or let that refer to a secret.", mesh))
		}
		return content, err == nil
	case source.File != "":
		diags.AddAttributeError(at, "File on the control plane's machine", fmt.Sprintf(
			"The backend in mesh %q refers to the file %s on the machine of the control plane, which has no API to read it. Give the content of the file itself instead.", mesh, Quote(source.File)))
	default:
		diags.AddAttributeError(at, "Nothing to read", fmt.Sprintf("The backend in mesh %q has no certificate or key, neither inline nor as a secret. Give it a CA first, or give the content of one itself instead.", mesh))
	}
	return nil, false
}

func (d *ProviderData) secret(ctx context.Context, mesh, name string, at path.Path, diags *diag.Diagnostics) (content []byte, ok bool) {
	if !d.connected(at, diags) {
		return nil, false
	}
	secret, err := d.Client.Secret(ctx, mesh, name)
	if kuma.Absent(err) {
		if _, ok := d.mesh(ctx, mesh, at, diags); ok {
			diags.AddAttributeError(at, "No such secret", fmt.Sprintf("Mesh %q has no secret %q. %s", mesh, name, readWhilePlanning))
		}
		return nil, false
	}
	if err != nil {
		addErrorAt(diags, at, fmt.Sprintf("read secret %q of mesh %q", name, mesh), err)
		return nil, false
	}
	content, err = secret.Data()
	if err != nil { // not quoted: it may hold a part of a key
		AddUnreadable(diags, fmt.Sprintf("Secret %q of mesh %q", name, mesh), ErrNotBase64)
	}
	return content, err == nil
}

// addErrorAt is [AddError] on an attribute.
func addErrorAt(diags *diag.Diagnostics, at path.Path, task string, err error) {
	var found diag.Diagnostics
	AddError(&found, task, err)
	for _, d := range found {
		diags.Append(diag.WithPath(at, d))
	}
}
