package secret

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ list.ListResourceWithConfigure = (*caSecret)(nil)

// NewCASecretList lists what kongmesh_mesh_ca_secret can manage.
func NewCASecretList() list.ListResource { return &caSecret{} }

func (r *caSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The certificate authorities of meshes: pairs of secrets with the names that `kongmesh_mesh_ca_secret` gives them, " +
		"and pairs that a `provided` mTLS backend refers to.")
}

func (r *caSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(found func(tfkit.Found) bool, diags *diag.Diagnostics) {
		var only types.String
		diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &only)...)
		if diags.HasError() {
			return
		}
		for _, mesh := range r.QueriedMeshes(ctx, only, diags) {
			pairs, err := r.pairsOf(ctx, mesh)
			if err != nil && !kuma.Absent(err) { // it may have gone in the meantime
				tfkit.AddError(diags, "list the CAs of a mesh", err)
				return
			}
			for _, pair := range pairs {
				if !found(pair) {
					return
				}
			}
		}
	})
}

// pairsOf are the CAs of a mesh: those with derived names, and those that its
// backends name. What stands between two CAs for the time of a rotation is none.
func (r *caSecret) pairsOf(ctx context.Context, mesh *kuma.Mesh) ([]tfkit.Found, error) {
	var name string
	backends, err := mesh.Backends()
	if err := errors.Join(err, mesh.Decode("name", &name)); err != nil {
		return nil, err
	}
	list, err := r.Client.Secrets(ctx, name)
	if err != nil {
		return nil, err
	}
	secrets, err := byName(list)
	if err != nil {
		return nil, err
	}
	var ids []identity
	add := func(certificate, key string) {
		id := identity{types.StringValue(name), types.StringValue(certificate), types.StringValue(key)}
		if secrets[certificate] != nil && secrets[key] != nil && !kuma.IsStepSecret(certificate) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, prefix := range derivedPairs(secrets) {
		add(prefix+"-cert", prefix+"-key")
	}
	for _, backend := range backends {
		add(backend.Cert.Secret, backend.Key.Secret)
	}
	found := make([]tfkit.Found, len(ids))
	for i, id := range ids {
		found[i] = foundAs(pair{secrets[id.CertificateSecret.ValueString()], secrets[id.KeySecret.ValueString()]}, mesh, id)
	}
	return found, nil
}

// foundAs is a CA as the result of a query.
func foundAs(there pair, mesh *kuma.Mesh, id identity) tfkit.Found {
	return tfkit.Found{
		ID:       model{}.of(id).id(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			var blank model
			diags := state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)
			diags.Append(state.Get(ctx, &blank)...)
			full, more := stateFrom(ctx, there, mesh, blank.of(id))
			return append(append(diags, more...), state.Set(ctx, full)...)
		},
	}
}
