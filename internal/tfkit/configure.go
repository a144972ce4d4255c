package tfkit

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// ProviderData is the data that the provider passes to its resources and data
// sources.
type ProviderData struct {
	// Client is nil while the provider's configuration is unknown, which
	// happens only during plan.
	Client *kuma.Client
	// Clock returns the current time, for rules about dates.
	Clock kuma.Clock
	// Run has what the resources of this run share.
	Run *Run
	// Kubernetes reports whether meshes and secrets are in Kubernetes, where names of
	// secrets are unique in the namespace and not in the mesh.
	Kubernetes bool

	kind kind // the kind of object that has the data
}

// A kind decides when Terraform sends requests: for a resource and an action
// during apply, for the others already during plan.
type kind int

const (
	aResource kind = iota
	aDataSource
	anEphemeralResource
)

// ManagedResource has the methods of every resource of the provider. It checks its
// plan, has an identity, and can be imported.
type ManagedResource interface {
	resource.ResourceWithConfigure
	resource.ResourceWithModifyPlan
	resource.ResourceWithIdentity
	resource.ResourceWithImportState
}

// Get returns the model in a configuration, a plan or a state.
func Get[M any](ctx context.Context, from interface {
	Get(ctx context.Context, target any) diag.Diagnostics
}, diags *diag.Diagnostics,
) (model M) {
	diags.Append(from.Get(ctx, &model)...)
	return model
}

// Resource is embedded by every resource.
type Resource struct {
	TypeName string // without the name of the provider, such as "mesh"
	ProviderData
}

// Metadata sets the type of the resource.
func (r *Resource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + r.TypeName
}

// Configure sets the data of the provider.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.configure(aResource, req.ProviderData, &resp.Diagnostics)
}

// DataSource is embedded by every data source.
type DataSource struct {
	TypeName string // without the name of the provider, such as "mesh"
	ProviderData
}

// Metadata sets the type of the data source.
func (d *DataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + d.TypeName
}

// Configure sets the data of the provider.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.configure(aDataSource, req.ProviderData, &resp.Diagnostics)
}

// Defers reports whether Terraform reads an existing object in a later run (-allow-deferral), because the provider's
// configuration is unknown. A new object needs no later run. The framework could defer the whole provider, but then
// also defers calls that do not allow it, which fails.
func (r *Resource) Defers(req resource.ReadRequest, resp *resource.ReadResponse) bool {
	if r.Client != nil || !req.ClientCapabilities.DeferralAllowed {
		return false
	}
	resp.Deferred = &resource.Deferred{Reason: resource.DeferredReasonProviderConfigUnknown}
	return true
}

// Defers reports whether Terraform reads the data source in a later run.
func (d *DataSource) Defers(req datasource.ReadRequest, resp *datasource.ReadResponse) bool {
	if d.Client != nil || !req.ClientCapabilities.DeferralAllowed {
		return false
	}
	resp.State.Raw = tftypes.NewValue(resp.State.Raw.Type(), tftypes.UnknownValue)
	resp.Deferred = &datasource.Deferred{Reason: datasource.DeferredReasonProviderConfigUnknown}
	return true
}

// ReadConfig reads the configuration of a data source. It returns false after an
// error, and if Terraform reads the data source in a later run.
func (d *DataSource) ReadConfig(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse, config any) bool {
	resp.Diagnostics.Append(req.Config.Get(ctx, config)...)
	return !resp.Diagnostics.HasError() && !d.Defers(req, resp) && d.Ready(&resp.Diagnostics)
}

// EphemeralResource is embedded by every ephemeral resource.
type EphemeralResource struct {
	TypeName string // without the name of the provider, such as "mesh"
	ProviderData
}

// Metadata sets the type of the ephemeral resource.
func (e *EphemeralResource) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + e.TypeName
}

// Configure sets the data of the provider.
func (e *EphemeralResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.configure(anEphemeralResource, req.ProviderData, &resp.Diagnostics)
}

// Action is embedded by every action.
type Action struct {
	TypeName string // without the name of the provider, such as "mesh"
	ProviderData
}

// Metadata sets the type of the action.
func (a *Action) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + a.TypeName
}

// Configure sets the data of the provider.
func (a *Action) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.configure(aResource, req.ProviderData, &resp.Diagnostics)
}

func (d *ProviderData) configure(kind kind, data any, diags *diag.Diagnostics) {
	if data == nil { // Terraform validates before it configures
		return
	}
	known, ok := data.(*ProviderData)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("The provider passed a %T. This is a bug in the provider: please report it.", data))
		return
	}
	*d = *known
	d.kind = kind
}

// Ready reports whether requests can be made, and adds an error if not. A plan of
// a resource goes on without requests, and does not ask.
func (d *ProviderData) Ready(diags *diag.Diagnostics) bool { return d.readyAt(path.Empty(), diags) }

// readyAt is [ProviderData.Ready] with the error on an attribute.
func (d *ProviderData) readyAt(at path.Path, diags *diag.Diagnostics) bool {
	if d.Client != nil {
		return true
	}
	const summary = "Provider configuration is unknown"
	var unknown diag.Diagnostics
	switch d.kind {
	case aDataSource:
		unknown.AddError(summary,
			"A value in the provider block is still unknown, so the provider cannot send requests. Add depends_on with the "+
				"resource that sets the value, so that Terraform reads this during apply, or set the value with a variable.")
	case anEphemeralResource:
		unknown.AddError(summary,
			"A value in the provider block is still unknown, so the provider cannot send requests. Set it with a variable, "+
				"or apply the resource that sets it first, with -target. "+
				readWhilePlanning)
	default:
		unknown.AddError(summary,
			"A value in the provider block is still unknown, and the provider needs it to apply changes. Apply the "+
				"resource that sets it first, with -target, or set it with a variable.")
	}
	addAllAt(diags, at, unknown)
	return false
}

// readWhilePlanning is the advice for an object that is read before it exists.
// Unlike OpenTofu, Terraform honors depends_on only of data sources.
const readWhilePlanning = "Terraform reads this during plan. If the same run creates the object, add depends_on with its resource to a " +
	"data source. In an ephemeral resource, use a value that is unknown during plan, such as the output of a " +
	"terraform_data whose input is an attribute of that resource."

// backend reads a provided backend of a mesh during plan. If the mesh or the
// backend does not exist, it adds an error to the attribute `mesh` or
// `backend`.
func (d *ProviderData) backend(ctx context.Context, mesh, name string, diags *diag.Diagnostics) (backend kuma.Backend, ok bool) {
	at := path.Root("backend")
	document, ok := d.Mesh(ctx, mesh, at, diags)
	if !ok {
		return kuma.Backend{}, false
	}
	backend, there, err := document.Backend(name)
	switch {
	case err != nil:
		AddUnreadable(diags, fmt.Sprintf("Mesh %q", mesh), err)
	case !there:
		diags.AddAttributeError(at, "Unknown backend", fmt.Sprintf("Mesh %q has no mTLS backend %q. %s", mesh, name, readWhilePlanning))
	case backend.Type != kuma.Provided:
		diags.AddAttributeError(at, "Not a provided backend", fmt.Sprintf(
			`Backend %q of mesh %q has type %q. The provider can only read the CA of a backend of type "provided".`, name, mesh, backend.Type))
	default:
		return backend, true
	}
	return kuma.Backend{}, false
}

// BackendCA reads during plan the certificate chain of a provided backend, and its
// private key if withKey. Errors are on the attribute `mesh` or `backend`.
func (d *ProviderData) BackendCA(ctx context.Context, mesh, name string, withKey bool, diags *diag.Diagnostics) (certificate, key []byte, ok bool) {
	backend, ok := d.backend(ctx, mesh, name, diags)
	if !ok {
		return nil, nil, false
	}
	return d.contents(ctx, mesh, backend.Cert, backend.Key, withKey, path.Root("backend"), diags)
}

// IdentityCA reads during plan the certificate chain of a MeshIdentity, and its
// private key if withKey. Errors are on the attribute `identity`.
func (d *ProviderData) IdentityCA(ctx context.Context, mesh, name string, withKey bool, diags *diag.Diagnostics) (certificate, key []byte, ok bool) {
	at := path.Root("identity")
	identity, ok := d.object(ctx, kuma.MeshIdentityKey(mesh, name), at, diags)
	if !ok {
		return nil, nil, false
	}
	from, keyFrom, err := kuma.IdentityCA(identity)
	if err != nil {
		AddUnreadable(diags, fmt.Sprintf("MeshIdentity %q of mesh %q", name, mesh), err)
		return nil, nil, false
	}
	return d.contents(ctx, mesh, from, keyFrom, withKey, at, diags)
}

// contents reads a certificate chain, and its private key if withKey.
func (d *ProviderData) contents(
	ctx context.Context, mesh string, from, keyFrom kuma.DataSource, withKey bool, at path.Path, diags *diag.Diagnostics,
) (certificate, key []byte, ok bool) {
	if certificate, ok = d.Content(ctx, mesh, from, at, diags); ok && withKey {
		key, ok = d.Content(ctx, mesh, keyFrom, at, diags)
	}
	return certificate, key, ok
}

// Trust reads the bundles of a MeshTrust during plan, each in PEM. Errors are on the
// attribute `trust`.
func (d *ProviderData) Trust(ctx context.Context, mesh, name string, diags *diag.Diagnostics) (bundles []string, ok bool) {
	trust, ok := d.object(ctx, kuma.MeshTrustKey(mesh, name), path.Root("trust"), diags)
	if !ok {
		return nil, false
	}
	bundles, err := kuma.TrustBundles(trust)
	if err != nil {
		AddUnreadable(diags, fmt.Sprintf("MeshTrust %q of mesh %q", name, mesh), err)
	}
	return bundles, err == nil
}

// object reads a MeshIdentity or a MeshTrust during plan.
func (d *ProviderData) object(ctx context.Context, of kuma.ObjectKey, at path.Path, diags *diag.Diagnostics) (*kuma.Document, bool) {
	if _, ok := d.Mesh(ctx, of.Mesh, at, diags); !ok {
		return nil, false
	}
	task := fmt.Sprintf("read %s %q of mesh %q", of.Type.Name, of.Name, of.Mesh)
	if err := d.Client.CheckIdentities(ctx); err != nil {
		addErrorAt(diags, at, task, err)
		return nil, false
	}
	document, err := d.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		diags.AddAttributeError(at, "No such resource", fmt.Sprintf("Mesh %q has no %s %q. %s", of.Mesh, of.Type.Name, of.Name, readWhilePlanning))
		return nil, false
	}
	addErrorAt(diags, at, task, err)
	return document, err == nil
}

// Mesh reads a mesh, for what is read during plan. at is the attribute that needs it.
func (d *ProviderData) Mesh(ctx context.Context, name string, at path.Path, diags *diag.Diagnostics) (*kuma.Mesh, bool) {
	if !d.readyAt(at, diags) {
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

// AddNoMeshToRead adds the error for a mesh that does not exist, and that a
// data source reads or reads objects of. at is the attribute with the name of
// the mesh.
func AddNoMeshToRead(diags *diag.Diagnostics, at path.Path, mesh string) {
	diags.AddAttributeError(at, "No such mesh", fmt.Sprintf(
		"There is no mesh %q on the control plane. Terraform reads a data source during plan, unless one of its "+
			"dependencies changes. If the same run creates the mesh, refer to the resource, as in `%s = "+
			"kongmesh_mesh.this.name`.", mesh, at))
}

// Content reads during plan the CA material that a backend of a mesh, or a
// configuration, refers to. If it cannot, it adds an error to the attribute.
func (d *ProviderData) Content(ctx context.Context, mesh string, source kuma.DataSource, at path.Path, diags *diag.Diagnostics) (content []byte, ok bool) {
	var err error
	switch {
	case source.Secret != "":
		return d.secret(ctx, mesh, source.Secret, at, diags)
	case source.InlineString != "":
		return []byte(source.InlineString), true
	case source.Inline != "":
		content, err = base64.StdEncoding.DecodeString(source.Inline)
		if err != nil { // not quoted: it may contain a part of a key
			diags.AddAttributeError(at, "Invalid base64", fmt.Sprintf("An inline value of the backend in mesh %q is not base64, so the provider cannot read a certificate from it. "+
				"Fix the value, or use a secret in the backend.", mesh))
		}
		return content, err == nil
	case source.File != "":
		diags.AddAttributeError(at, "CA file not readable", fmt.Sprintf(
			"The CA of mesh %q is in the file %s on the control plane's machine, which no API can read. Set the "+
				"content of the file instead.", mesh, Quote(source.File)))
	case source.EnvVar != "":
		diags.AddAttributeError(at, "CA variable not readable", fmt.Sprintf(
			"The CA of mesh %q is in the environment variable %s of the control plane, which no API can read. Set the content of the variable "+
				"instead.", mesh, Quote(source.EnvVar)))
	default:
		diags.AddAttributeError(at, "Backend has no CA", fmt.Sprintf("The backend or MeshIdentity in mesh %q has no certificate or key, neither inline nor in a secret. Set its CA "+
			"first, or set the content of the CA here.", mesh))
	}
	return nil, false
}

func (d *ProviderData) secret(ctx context.Context, mesh, name string, at path.Path, diags *diag.Diagnostics) (content []byte, ok bool) {
	if !d.readyAt(at, diags) {
		return nil, false
	}
	secret, err := d.Client.Secret(ctx, mesh, name)
	if kuma.Absent(err) {
		if _, ok := d.Mesh(ctx, mesh, at, diags); ok {
			diags.AddAttributeError(at, "No such secret", fmt.Sprintf("Mesh %q has no secret %q. %s", mesh, name, readWhilePlanning))
		}
		return nil, false
	}
	if err != nil {
		addErrorAt(diags, at, fmt.Sprintf("read secret %q of mesh %q", name, mesh), err)
		return nil, false
	}
	return SecretData(secret, mesh, name, diags)
}

// addErrorAt is [AddError] on an attribute.
func addErrorAt(diags *diag.Diagnostics, at path.Path, task string, err error) {
	var found diag.Diagnostics
	AddError(&found, task, err)
	addAllAt(diags, at, found)
}

// addAllAt adds diagnostics to an attribute, or to none if the path is empty.
func addAllAt(diags *diag.Diagnostics, at path.Path, found diag.Diagnostics) {
	for _, d := range found {
		if len(at.Steps()) > 0 {
			d = diag.WithPath(at, d)
		}
		diags.Append(d)
	}
}
