package tfkit

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// IdentitySchema returns the schema of an identity that consists of names, each
// with its description.
func IdentitySchema(names map[string]string) identityschema.Schema {
	schema := identityschema.Schema{Attributes: map[string]identityschema.Attribute{}}
	for name, about := range names {
		schema.Attributes[name] = identityschema.StringAttribute{RequiredForImport: true, Description: about}
	}
	return schema
}

// Import imports an object by the attributes with these names: from an ID that
// has their values in this order, separated by slashes, or from an identity. It
// returns the values, or nil with an error.
func Import(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse, names ...string) []string {
	values := importedValues(ctx, req, &resp.Diagnostics, names)
	if resp.Diagnostics.HasError() {
		return nil
	}
	for i, name := range names {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), values[i])...)
		resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root(name), values[i])...)
	}
	return values
}

func importedValues(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics, names []string) []string {
	if req.ID != "" {
		return SplitID(diags, req.ID, strings.Join(names, "/"))
	}
	return ImportedIdentity(ctx, req, diags, names...)
}

// ImportedIdentity returns the values of an identity that an import has in place
// of an ID.
func ImportedIdentity(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics, names ...string) []string {
	values := make([]string, len(names))
	for i, name := range names {
		var value types.String
		diags.Append(req.Identity.GetAttribute(ctx, path.Root(name), &value)...)
		values[i] = value.ValueString()
	}
	if pki.MayHoldKey(req.Identity.Raw.String()) {
		diags.AddError("Invalid import ID", "The identity is not shown, because it may contain a private key. An identity consists of names.")
	}
	return values
}
