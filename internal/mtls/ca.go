package mtls

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// caSource returns where the content of a data source is, the attribute with a name.
func (d *dataSource) caSource(name string) tfkit.CASource {
	source := tfkit.CASource{At: d.at(name), Secret: d.Secret.ValueString()}
	switch {
	case !part.IsNull(d.InlineString):
		source.PEM = []byte(d.InlineString.ValueString())
	case !part.IsNull(d.Inline):
		if decoded, err := base64.StdEncoding.DecodeString(d.Inline.ValueString()); err == nil {
			source.PEM = decoded
		}
	}
	return source
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
	cert, key := plan.Cert.caSource("cert"), plan.Key.caSource("key")
	if state != nil && *plan.Cert == *state.Cert && *plan.Key == *state.Key {
		return
	}
	if key.PEM != nil {
		diags.AddAttributeWarning(key.At, "Private key in mesh document",
			"Everyone who can read the mesh can read an inline key, and Terraform stores it in the state. Use it only for "+
				"development. Otherwise, upload the CA with kongmesh_mesh_ca_secret, and refer to its secrets.")
	}
	if !plan.SkipValidation.ValueBool() {
		checkCA(plan, cert, key, now, diags)
	}
}

// checkCA applies the rules for CA material to the certificates and the key of
// a backend.
func checkCA(plan model, cert, key tfkit.CASource, now time.Time, diags *diag.Diagnostics) {
	tfkit.CheckCA(cert, key, pki.Options{Now: now, Mesh: plan.Mesh.ValueString(), ProxyCertificateLifetime: plan.lifetime()}, diags)
}

// checkSecrets reads the secrets that a backend uses and applies the rules, so
// that an error names the certificate. Warnings were part of the plan.
func (r *backend) checkSecrets(ctx context.Context, plan model, diags *diag.Diagnostics) {
	var found diag.Diagnostics
	cert, key := plan.Cert.caSource("cert"), plan.Key.caSource("key")
	if r.ReadCA(ctx, plan.Mesh.ValueString(), kuma.Recent, &found, &cert, &key); !found.HasError() {
		checkCA(plan, cert, key, r.Clock.Now(), &found)
	}
	diags.Append(found.Errors()...)
}

// planSecrets checks the secrets of a backend as far as the same run plans them. It
// reads none: a plan that fails because of a secret would also fail before a destroy
// of that secret.
func (r *backend) planSecrets(plan model, diags *diag.Diagnostics) {
	if !plan.SkipValidation.ValueBool() {
		r.CheckPlannedCA(plan.Mesh.ValueString(), plan.Cert.caSource("cert"), plan.Key.caSource("key"), diags)
	}
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
		_, below, _ := inBackend(parameter.Field)
		_, isCert := below.Below("conf.cert")
		if _, isKey := below.Below("conf.key"); !isCert && !isKey {
			return false
		}
	}
	return true
}
