package identity

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

var (
	_ query.ListResourceWithConfigure = (*meshIdentity)(nil)
	_ query.ListResourceWithConfigure = (*meshTrust)(nil)
)

// NewListResource returns the query for the identities that
// kongmesh_mesh_identity can manage.
func NewListResource() query.ListResource { return newIdentity() }

// NewTrustListResource returns the query for the trusts that kongmesh_mesh_trust
// can manage.
func NewTrustListResource() query.ListResource { return newTrust() }

func (r *meshIdentity) ListResourceConfigSchema(_ context.Context, _ query.ListResourceSchemaRequest, resp *query.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The identities of meshes.")
}

func (r *meshTrust) ListResourceConfigSchema(_ context.Context, _ query.ListResourceSchemaRequest, resp *query.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The trusts of meshes, except those that the control plane generates for identities.")
}

func (r *meshIdentity) List(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream) {
	r.list(ctx, req, stream, func(*kuma.Document) bool { return true }, func(ctx context.Context, document *kuma.Document, id identifier, state *tfsdk.Resource) diag.Diagnostics {
		var blank model
		diags := state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)
		diags.Append(state.Get(ctx, &blank)...)
		blank.ForceDestroy = types.BoolValue(false)
		full, more := r.read(ctx, document, content{envelope{id.Mesh, id.Name, types.MapNull(types.StringType)}, nil}, true)
		return append(append(diags, more...), state.Set(ctx, blank.with(full))...)
	})
}

func (r *meshTrust) List(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream) {
	own := func(document *kuma.Document) bool {
		is, err := trustFrom(document)
		return err == nil && is.origin == "" && !is.isInterim()
	}
	r.list(ctx, req, stream, own, func(ctx context.Context, document *kuma.Document, id identifier, state *tfsdk.Resource) diag.Diagnostics {
		full, diags := r.read(ctx, document, content{envelope{id.Mesh, id.Name, types.MapNull(types.StringType)}, nil}, true)
		return append(diags, state.Set(ctx, trustModel{}.with(full))...)
	})
}

// list streams the objects that match, with the state that set sets.
func (o *object) list(
	ctx context.Context, req query.ListRequest, stream *query.ListResultsStream, matches func(*kuma.Document) bool,
	set func(context.Context, *kuma.Document, identifier, *tfsdk.Resource) diag.Diagnostics,
) {
	o.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		var mesh types.String
		diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &mesh)...)
		of := o.key(mesh.ValueString(), "")
		if err := o.Client.CheckIdentities(ctx); err != nil {
			tfkit.AddError(diags, "list the objects of type "+of.Type.Name, err)
		}
		if diags.HasError() {
			return
		}
		documents, err := o.Client.Objects(ctx, of.Type, of.Mesh)
		if kuma.Absent(err) {
			tfkit.AddNoMeshToQuery(diags, of.Mesh)
			return
		}
		if err != nil {
			tfkit.AddError(diags, "list the objects of type "+of.Type.Name, err)
			return
		}
		for _, document := range documents {
			var id struct{ mesh, name string }
			if err := document.Decode("mesh", &id.mesh); err != nil || document.Decode("name", &id.name) != nil {
				continue
			}
			is := identifier{types.StringValue(id.mesh), types.StringValue(id.name)}
			found := tfkit.QueryResult{
				ID: id.mesh + "/" + id.name, Identity: is,
				State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
					return set(ctx, document, is, state)
				},
			}
			if matches(document) && !yield(found) {
				return
			}
		}
	})
}
