package tfkit

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// IdentitySchema returns the schema of an identity that consists of names. Its
// arguments are the attributes, each followed by its description.
func IdentitySchema(names ...string) identityschema.Schema {
	schema := identityschema.Schema{Attributes: map[string]identityschema.Attribute{}}
	for i := 0; i < len(names); i += 2 {
		schema.Attributes[names[i]] = identityschema.StringAttribute{RequiredForImport: true, Description: names[i+1]}
	}
	return schema
}

// Import imports an object by the attributes with these names: from an ID with
// their values in this order, separated by slashes, or from an identity. It
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

// ImportedIdentity returns the values of an identity that an import has instead
// of an ID, or nil with an error. It checks them as [SplitID] does.
func ImportedIdentity(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics, names ...string) []string {
	if pki.MayHoldKey(req.Identity.Raw.String()) {
		diags.AddError("Invalid import ID", "The identity is not shown, because it may contain a private key. An identity consists of names.")
		return nil
	}
	values := make([]string, len(names))
	for i, name := range names {
		var value types.String
		diags.Append(req.Identity.GetAttribute(ctx, path.Root(name), &value)...)
		values[i] = value.ValueString()
		if err := checkPart(name, values[i]); err != nil {
			diags.AddError("Invalid import ID", fmt.Sprintf("The identity has %s = %s, which is not a valid name: %s.", name, Quote(values[i]), err))
		}
	}
	if diags.HasError() {
		return nil
	}
	return values
}
