package identity

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	query "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/object"
)

// NewListResource returns the query for the identities that
// kongmesh_mesh_identity can manage.
func NewListResource() query.ListResource { return newIdentity() }

// NewTrustListResource returns the query for the trusts that kongmesh_mesh_trust
// can manage.
func NewTrustListResource() query.ListResource { return newTrust() }

func (r *meshIdentity) List(ctx context.Context, req query.ListRequest, stream *query.ListResultsStream) {
	r.Stream(ctx, req, stream, func(ctx context.Context, now object.Content, state *tfsdk.Resource) diag.Diagnostics {
		var blank model
		diags := state.SetAttribute(ctx, path.Root("mesh"), now.Mesh)
		diags.Append(state.Get(ctx, &blank)...)
		blank.ForceDestroy = types.BoolValue(false)
		return append(diags, state.Set(ctx, blank.with(now))...)
	})
}
