package mtls

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// inline returns the text in a data source. ok is false if it refers to another
// place, or is unknown.
func (d *dataSource) inline() (text []byte, ok bool) {
	for _, value := range []types.String{d.Inline, d.InlineString} {
		if value.IsNull() || value.IsUnknown() {
			continue
		}
		if value.Equal(d.InlineString) {
			return []byte(value.ValueString()), true
		}
		decoded, err := base64.StdEncoding.DecodeString(value.ValueString())
		return decoded, err == nil
	}
	return nil, false
}

// at returns the attribute of a data source.
func (d *dataSource) at(root string) path.Path {
	for name, value := range map[string]types.String{"secret": d.Secret, "inline": d.Inline, "inline_string": d.InlineString, "file": d.File} {
		if !value.IsNull() {
			return path.Root(root).AtName(name)
		}
	}
	return path.Root(root)
}

// checkInline applies the rules for CA material to inline values in the
// configuration, and warns that they are not secret.
func checkInline(now time.Time, plan model, state *model, diags *diag.Diagnostics) {
	cert, certThere := plan.Cert.inline()
	key, keyThere := plan.Key.inline()
	if state != nil && *plan.Cert == *state.Cert && *plan.Key == *state.Key {
		return
	}
	if keyThere {
		diags.AddAttributeWarning(plan.Key.at("key"), "Private key in mesh document",
			"Everyone who can read the mesh can read an inline key, and Terraform stores it in the state. Use it only for "+
				"development. Otherwise, upload the CA with kongmesh_mesh_ca_secret, and refer to its secrets.")
	}
	if !plan.SkipValidation.ValueBool() {
		checkCA(plan, pemText{cert, certThere}, pemText{key, keyThere}, now, diags)
	}
}

// A pemText is a PEM text, if it is known.
type pemText struct {
	text  []byte
	known bool
}

// checkCA applies the rules for CA material to the certificates and the key of
// a backend.
func checkCA(plan model, cert, key pemText, now time.Time, diags *diag.Diagnostics) {
	options := pki.Options{Now: now, Mesh: plan.Mesh.ValueString()}
	if plan.DPCert != nil && plan.DPCert.Rotation != nil {
		if expiration, err := kuma.ParseDuration(plan.DPCert.Rotation.Expiration.ValueString()); err == nil {
			options.ProxyCertificateLifetime = expiration
		}
	}
	var bundle pki.Bundle
	if cert.known {
		var problems pki.Problems
		bundle, problems = pki.ReadBundle(cert.text)
		tfkit.AddProblems(diags, plan.Cert.at("cert"), slices.Concat(problems, bundle.CheckWhole(options)))
	}
	if key.known {
		private, problems := pki.ReadPrivateKey(key.text)
		tfkit.AddProblems(diags, plan.Key.at("key"), slices.Concat(problems, bundle.CheckKey(private)))
	}
}

// checkSecrets reads the secrets that a backend uses and applies the rules, so
// that an error names the certificate. Warnings were part of the plan.
func (r *backend) checkSecrets(ctx context.Context, plan model, diags *diag.Diagnostics) {
	secrets, ok := r.secrets(ctx, plan, diags)
	if !ok {
		return
	}
	var found diag.Diagnostics
	cert := load(plan, plan.Cert, "cert", secrets, &found)
	key := load(plan, plan.Key, "key", secrets, &found)
	if !found.HasError() {
		checkCA(plan, cert, key, r.Clock.Now(), &found)
	}
	diags.Append(found.Errors()...)
}

// secrets reads the secrets that a backend uses. ok is false after an error, or
// if the mesh does not exist, which the update reports.
func (r *backend) secrets(ctx context.Context, plan model, diags *diag.Diagnostics) (secrets map[string]*kuma.Secret, ok bool) {
	var names []string
	for _, source := range []*dataSource{plan.Cert, plan.Key} {
		if !source.Secret.IsNull() {
			names = append(names, source.Secret.ValueString())
		}
	}
	if len(names) == 0 {
		return nil, true
	}
	mesh := plan.Mesh.ValueString()
	secrets, err := r.Client.SecretsByName(ctx, mesh, kuma.Recent, names...)
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read secret %s of mesh %q", tfkit.Quote(names...), mesh), err)
		return nil, false
	}
	if len(secrets) == 0 {
		_, err = r.Client.Mesh(ctx, mesh)
	}
	return secrets, err == nil
}

// load returns the content that a backend refers to.
func load(plan model, source *dataSource, root string, secrets map[string]*kuma.Secret, diags *diag.Diagnostics) pemText {
	if source.Secret.IsNull() {
		text, known := source.inline()
		return pemText{text, known}
	}
	text, ok := tfkit.ReferredData(secrets, plan.Mesh.ValueString(), source.Secret.ValueString(), source.at(root), diags)
	return pemText{text, ok}
}

// cacheTime is how long the cause of a rejection may be an outdated view of
// secrets: the control plane's cache is up to one second old.
const (
	cacheTime = 5 * time.Second
	cachePoll = 500 * time.Millisecond
)

// put writes the backend to its mesh. inspect gets the mesh first and can stop the
// write.
func (r *backend) put(ctx context.Context, plan model, inspect func(*kuma.Mesh) error, diags *diag.Diagnostics) (*kuma.Mesh, error) {
	if !plan.SkipValidation.ValueBool() {
		if r.checkSecrets(ctx, plan, diags); diags.HasError() {
			return nil, nil
		}
	}
	return r.update(ctx, plan, func(mesh *kuma.Mesh) error {
		if err := inspect(mesh); err != nil {
			return err
		}
		return edit(ctx, plan, mesh)
	})
}

// update changes the mesh. If the control plane's cache may be the cause of a
// rejection, because the secrets are correct, it retries for a few seconds.
func (r *backend) update(ctx context.Context, plan model, change func(*kuma.Mesh) error) (*kuma.Mesh, error) {
	until := r.Clock.Now().Add(cacheTime)
	for {
		mesh, err := r.write(ctx, plan, change)
		if !staleSecrets(plan, err) || r.Clock.Now().After(until) {
			return mesh, err
		}
		if err := r.Clock.Sleep(ctx, cachePoll); err != nil {
			return nil, err
		}
	}
}

// write changes the mesh. The error for a rejection is a [refusedError].
func (r *backend) write(ctx context.Context, m model, change func(*kuma.Mesh) error) (*kuma.Mesh, error) {
	var sent *kuma.Mesh
	mesh, err := r.Client.UpdateMesh(ctx, m.Mesh.ValueString(), func(mesh *kuma.Mesh) error {
		sent = mesh
		return r.withZoneEgress(m.Mesh.ValueString(), mesh, change)
	})
	return mesh, refusedWith(sent, err)
}

// refusedWith returns the rejection of a mesh as a [refusedError], and any other error
// as it is.
func refusedWith(sent *kuma.Mesh, err error) error {
	if !kuma.Refused(err) || sent == nil {
		return err
	}
	refused := &refusedError{error: err}
	backends, _ := sent.Backends() // change has decoded the same document
	for _, b := range backends {
		refused.backends = append(refused.backends, b.Name)
	}
	return refused
}

// staleSecrets reports whether a rejection is about the content of the secrets.
func staleSecrets(plan model, err error) bool {
	var refusal *kuma.Error
	if !errors.As(err, &refusal) || !refusal.Refused() || len(refusal.Parameters) == 0 || plan.Cert.Secret.IsNull() && plan.Key.Secret.IsNull() {
		return false
	}
	for _, parameter := range refusal.Parameters {
		_, below, ok := inBackend(parameter.Field)
		if !ok || below.Member() != "conf" || len(below) < 2 || below[1:].Member() != "cert" && below[1:].Member() != "key" {
			return false
		}
	}
	return true
}
