package resource

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ list.ListResourceWithConfigure = (*anyResource)(nil)

// NewListResource returns the query for the objects that kongmesh_resource can
// manage.
func NewListResource() list.ListResource { return newAny() }

func (r *anyResource) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The resources of one type, such as all MeshTimeout policies.")
	resp.Schema.Attributes["type"] = schema.StringAttribute{
		MarkdownDescription: "Type, such as `MeshTrafficPermission`.",
		Required:            true,
		Validators:          []validator.String{unownedType()},
	}
	resp.Schema.Attributes["labels"] = schema.MapAttribute{
		MarkdownDescription: "Only resources with all of these labels, including labels that the control plane adds, such as `kuma.io/origin`.",
		ElementType:         types.StringType,
		Optional:            true,
		Validators:          []validator.Map{tfkit.NoNulls()},
	}
}

func (r *anyResource) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		q := query{ProviderData: r.ProviderData, noMesh: tfkit.AddNoMeshToQuery}
		diags.Append(req.Config.GetAttribute(ctx, path.Root("type"), &q.kind)...)
		diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &q.mesh)...)
		diags.Append(req.Config.GetAttribute(ctx, path.Root("labels"), &q.labels)...)
		if !diags.HasError() {
			q.each(ctx, func(document *kuma.Document, m model) bool { return yield(queryResult(document, m)) }, diags)
		}
	})
}

// queryResult returns an object as the result of a query, as after an import.
func queryResult(document *kuma.Document, m model) tfkit.QueryResult {
	return tfkit.QueryResult{
		ID:       m.key(),
		Identity: m.identity(),
		State: func(ctx context.Context, state *tfsdk.Resource) (diags diag.Diagnostics) {
			full, err := importFrom(ctx, document, model{Type: m.Type, Mesh: m.Mesh, Name: m.Name, Labels: types.MapNull(types.StringType)})
			if err != nil {
				tfkit.AddUnreadable(&diags, m.String(), err)
				return diags
			}
			return state.Set(ctx, full)
		},
	}
}
