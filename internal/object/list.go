package object

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	query "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ query.ListResourceWithConfigure = (*Resource)(nil)

// ListResourceConfigSchema returns the schema of the query.
func (r *Resource) ListResourceConfigSchema(_ context.Context, _ query.ListResourceSchemaRequest, resp *query.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery(r.QueryDescription)
}

// List streams the objects that the resource can manage.
func (r *Resource) List(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream) {
	r.Stream(ctx, req, stream, func(ctx context.Context, now Content, state *tfsdk.Resource) diag.Diagnostics {
		return state.Set(ctx, now.object(ctx))
	})
}

// Stream streams the objects that the resource can manage, with the state that
// set sets.
func (r *Resource) Stream(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream, set func(context.Context, Content, *tfsdk.Resource) diag.Diagnostics) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		var mesh types.String
		diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &mesh)...)
		of := r.Key(mesh.ValueString(), "")
		tfkit.AddError(diags, "list the objects of type "+of.Type.Name, r.check(ctx, r.Client))
		if diags.HasError() {
			return
		}
		documents, err := r.Client.Objects(ctx, of.Type, of.Mesh)
		if kuma.Absent(err) {
			tfkit.AddNoMeshToQuery(diags, of.Mesh)
			return
		}
		if err != nil {
			tfkit.AddError(diags, "list the objects of type "+of.Type.Name, err)
			return
		}
		for _, document := range documents {
			var mesh, name string
			if err := document.Decode("mesh", &mesh); err != nil || document.Decode("name", &name) != nil {
				continue
			}
			blank := Content{Envelope: Envelope{types.StringValue(mesh), types.StringValue(name), types.MapNull(types.StringType)}}
			result := tfkit.QueryResult{
				ID: mesh + "/" + name, Identity: blank.Identifier(),
				State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
					now, diags := r.ReadDocument(ctx, document, blank, true)
					return append(diags, set(ctx, now, state)...)
				},
			}
			if (r.Lists == nil || r.Lists(document)) && !yield(result) {
				return
			}
		}
	})
}
