package tfkit

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// QueryResult is an object that a query finds.
type QueryResult struct {
	ID       string // the import ID, which Terraform shows
	Identity any
	// State sets the state that the object would have after an import. Query
	// removes sensitive values from it.
	State func(context.Context, *tfsdk.Resource) diag.Diagnostics
}

// Query streams the objects that find passes to yield, up to the limit of the
// request: yield reports whether find should continue. Diagnostics that find
// adds come last.
func (d *ProviderData) Query(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream, find func(yield func(QueryResult) bool, diags *diag.Diagnostics)) {
	stream.Results = func(push func(list.ListResult) bool) {
		var diags diag.Diagnostics
		if !d.Ready(&diags) {
			push(list.ListResult{Diagnostics: diags})
			return
		}
		left, open := req.Limit, true
		find(func(f QueryResult) bool {
			result := req.NewListResult(ctx)
			result.DisplayName = f.ID
			result.Diagnostics.Append(result.Identity.Set(ctx, f.Identity)...)
			if req.IncludeResource {
				result.Diagnostics.Append(f.State(ctx, result.Resource)...)
				withoutSensitive(ctx, result.Resource)
			}
			left--
			open = push(result)
			return open && left != 0 // a limit of 0 means no limit
		}, &diags)
		if open && len(diags) > 0 {
			push(list.ListResult{Diagnostics: diags})
		}
	}
}

// withoutSensitive removes the sensitive values from an object, because
// `terraform query -json` and generated configuration show all values.
func withoutSensitive(ctx context.Context, object *tfsdk.Resource) {
	clean, err := tftypes.Transform(object.Raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		attribute, err := object.Schema.AttributeAtTerraformPath(ctx, at)
		if err == nil && attribute.IsSensitive() {
			return tftypes.NewValue(value.Type(), nil), nil
		}
		return value, nil // for an element that is not an attribute, such as an item of a list, its attribute decides
	})
	if err != nil { // no value is better than a key
		clean = tftypes.NewValue(object.Raw.Type(), nil)
	}
	object.Raw = clean
}

// QueriedMeshes returns the mesh with this name, or all meshes sorted by name.
func (d *ProviderData) QueriedMeshes(ctx context.Context, name types.String, diags *diag.Diagnostics) []*kuma.Mesh {
	if name.IsNull() {
		meshes, err := d.Client.Meshes(ctx)
		if err != nil {
			AddError(diags, "list the meshes", err)
		}
		return meshes
	}
	mesh, err := d.Client.Mesh(ctx, name.ValueString())
	switch {
	case kuma.Absent(err):
		AddNoMeshToQuery(diags, name.ValueString())
	case err != nil:
		AddError(diags, fmt.Sprintf("read mesh %q", name.ValueString()), err)
	default:
		return []*kuma.Mesh{mesh}
	}
	return nil
}

// AddNoMeshToQuery adds the error for a mesh that a query names and that does not
// exist.
func AddNoMeshToQuery(diags *diag.Diagnostics, mesh string) {
	diags.AddAttributeError(path.Root("mesh"), "No such mesh", fmt.Sprintf(
		"There is no mesh %q on the control plane. Check the name, or remove mesh to query all meshes.", mesh))
}

// QuerySecrets calls each with every mesh of a query and its secrets by name,
// until each returns false.
func (d *ProviderData) QuerySecrets(ctx context.Context, req list.ListRequest, diags *diag.Diagnostics, each func(name string, mesh *kuma.Mesh, secrets map[string]*kuma.Secret) bool) {
	var only types.String
	diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &only)...)
	if diags.HasError() {
		return
	}
	for _, mesh := range d.QueriedMeshes(ctx, only, diags) {
		name, err := mesh.Name()
		var secrets map[string]*kuma.Secret
		if err == nil {
			secrets, err = d.Client.Secrets(ctx, name)
		}
		if kuma.Absent(err) {
			continue // another client has deleted it in the meantime
		}
		if err != nil {
			AddError(diags, fmt.Sprintf("list the secrets of mesh %q", name), err)
			return
		}
		if !each(name, mesh, secrets) {
			return
		}
	}
}

// MeshQuery returns the schema of a query for objects of meshes.
func MeshQuery(description string) listschema.Schema {
	return listschema.Schema{
		MarkdownDescription: description,
		Attributes: map[string]listschema.Attribute{
			"mesh": listschema.StringAttribute{
				MarkdownDescription: "Only objects of this mesh. By default, objects of all meshes.",
				Optional:            true,
				Validators:          []validator.String{MeshReference()},
			},
		},
	}
}
