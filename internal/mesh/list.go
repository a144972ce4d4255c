package mesh

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	query "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ query.ListResourceWithConfigure = (*meshResource)(nil)

// NewListResource returns the query for the meshes that kongmesh_mesh can
// manage.
func NewListResource() query.ListResource { return newMesh() }

func (r *meshResource) ListResourceConfigSchema(_ context.Context, _ query.ListResourceSchemaRequest, resp *query.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The meshes of the control plane.",
		Attributes: map[string]schema.Attribute{
			"labels": schema.MapAttribute{
				MarkdownDescription: "Only meshes with all of these labels, including labels that the control plane adds, such as `kuma.io/origin`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
		},
	}
}

func (r *meshResource) List(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		var labels types.Map
		diags.Append(req.Config.GetAttribute(ctx, path.Root("labels"), &labels)...)
		if diags.HasError() {
			return
		}
		wanted := part.StringMap(labels)
		for _, mesh := range r.QueriedMeshes(ctx, types.StringNull(), diags) {
			name, match, err := matches(mesh, wanted)
			if err != nil {
				tfkit.AddUnreadable(diags, "A mesh", err)
				return
			}
			if match && !yield(queryResult(mesh, identity{types.StringValue(name)})) {
				return
			}
		}
	})
}

// queryResult returns a mesh as the result of a query.
func queryResult(mesh *kuma.Mesh, id identity) tfkit.QueryResult {
	return tfkit.QueryResult{
		ID:       id.Name.ValueString(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			var blank model
			diags := state.SetAttribute(ctx, path.Root("name"), id.Name)
			diags.Append(state.Get(ctx, &blank)...)
			full, more := stateFrom(ctx, mesh, blank, true)
			return append(append(diags, more...), state.Set(ctx, full)...)
		},
	}
}
