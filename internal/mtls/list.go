package mtls

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ list.ListResourceWithConfigure = (*backend)(nil)

// NewListResource returns the query for the backends that
// kongmesh_mtls_provided_backend can manage.
func NewListResource() list.ListResource { return newBackend() }

func (r *backend) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The mTLS backends of type `provided`.")
}

func (r *backend) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		var only types.String
		diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &only)...)
		if diags.HasError() {
			return
		}
		for _, mesh := range r.QueriedMeshes(ctx, only, diags) {
			name, errName := mesh.Name()
			backends, err := mesh.Backends()
			if err := errors.Join(err, errName); err != nil {
				tfkit.AddUnreadable(diags, fmt.Sprintf("Mesh %q", name), err)
				return
			}
			for _, b := range backends {
				if b.Type == kuma.Provided && !yield(queryResult(mesh, identity{types.StringValue(name), types.StringValue(b.Name)})) {
					return
				}
			}
		}
	})
}

// queryResult returns a backend of a mesh as the result of a query.
func queryResult(mesh *kuma.Mesh, id identity) tfkit.QueryResult {
	return tfkit.QueryResult{
		ID:       id.Mesh.ValueString() + "/" + id.Name.ValueString(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			var blank model
			diags := state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)
			diags.Append(state.SetAttribute(ctx, path.Root("name"), id.Name)...)
			diags.Append(state.Get(ctx, &blank)...)
			full, more := stateFrom(ctx, mesh, blank)
			return append(append(diags, more...), state.Set(ctx, full)...)
		},
	}
}
