package casecret

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ list.ListResourceWithConfigure = (*caSecret)(nil)

// NewListResource returns the query for the CA secrets that
// kongmesh_mesh_ca_secret can manage.
func NewListResource() list.ListResource {
	return &caSecret{Resource: tfkit.Resource{TypeName: typeName}}
}

func (r *caSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The CAs of meshes: CA secrets with names from `kongmesh_mesh_ca_secret`, and CA secrets that a `provided` " +
		"mTLS backend uses.")
}

func (r *caSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		r.QuerySecrets(ctx, req, diags, func(name string, mesh *kuma.Mesh, secrets map[string]*kuma.Secret) bool {
			cas, err := rollout.FindCAs(mesh, secrets)
			if err != nil {
				tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", name), err)
				return false
			}
			return !slices.ContainsFunc(cas, func(ca rollout.CASecrets) bool {
				return !yield(queryResult(identityOf(name, ca), stored{secrets[ca.Certificate], secrets[ca.Key]}))
			})
		})
	})
}

// queryResult returns a CA as the result of a query.
func queryResult(id identity, there stored) tfkit.QueryResult {
	return tfkit.QueryResult{
		ID:       model{}.of(id).id(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			var blank model
			diags := state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)
			diags.Append(state.Get(ctx, &blank)...)
			full, more := stateFrom(there, blank.of(id))
			return append(append(diags, more...), state.Set(ctx, full)...)
		},
	}
}
