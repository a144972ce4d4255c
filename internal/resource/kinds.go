package resource

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// owner returns the resource of this provider that manages a type, or "".
func owner(kind string) string {
	switch kind {
	case kuma.MeshType:
		return "kongmesh_mesh"
	case kuma.SecretType:
		return "kongmesh_mesh_ca_secret or kongmesh_mesh_secret"
	case kuma.GlobalSecretType:
		return "kongmesh_global_secret"
	case kuma.MeshIdentityType:
		return "kongmesh_mesh_identity"
	case kuma.MeshTrustType:
		return "kongmesh_mesh_trust"
	}
	return ""
}

// moveAdvice returns the advice for a type that this resource managed before it
// had a resource of its own.
func moveAdvice(kind string) string {
	if kind == kuma.MeshIdentityType || kind == kuma.MeshTrustType {
		return ". A moved block moves it there without a change"
	}
	return ""
}

func unownedType() validator.String {
	return tfkit.Check("Invalid type", "a type of resource that has no resource of its own", func(kind string) error {
		switch use := owner(kind); {
		case use != "":
			return fmt.Errorf("use %s instead, which manages this type%s", use, moveAdvice(kind))
		case kind == "" || strings.ContainsAny(kind, "/ "):
			return fmt.Errorf("a type is a name such as MeshTimeout")
		}
		return nil
	})
}

// objectOf returns the object of a model. It adds an error if the control plane
// does not have the type, or if its scope does not match the model.
func objectOf(ctx context.Context, client *kuma.Client, m model, diags *diag.Diagnostics) (of kuma.ObjectKey, ok bool) {
	t, ok := findType(ctx, client, m.Type.ValueString(), diags)
	switch {
	case !ok:
		return of, false
	case t.InMesh() && m.Mesh.IsNull():
		diags.AddAttributeError(path.Root("mesh"), "Mesh is missing", fmt.Sprintf(
			"A %s belongs to a mesh. Set mesh to the name of the mesh, as in `mesh = kongmesh_mesh.this.name`. An import ID has the form type/mesh/name.", t.Name))
		return of, false
	case !t.InMesh() && !m.Mesh.IsNull():
		diags.AddAttributeError(path.Root("mesh"), "Mesh is not allowed", fmt.Sprintf(
			"A %s does not belong to a mesh. Remove mesh. An import ID has the form type/name.", t.Name))
		return of, false
	}
	return kuma.ObjectKey{Type: t, Mesh: m.Mesh.ValueString(), Name: m.Name.ValueString()}, true
}

// findType returns the type of the control plane with this name.
func findType(ctx context.Context, client *kuma.Client, name string, diags *diag.Diagnostics) (t kuma.Type, ok bool) {
	all, err := client.Types(ctx)
	if err != nil {
		tfkit.AddError(diags, "list the types of resources", err)
		return t, false
	}
	i := slices.IndexFunc(all, func(t kuma.Type) bool { return t.Name == name })
	if i < 0 {
		diags.AddAttributeError(path.Root("type"), "Unknown type", fmt.Sprintf(
			"The control plane at version %s has no type %s. The nearest names are: %s. The data source "+
				"kongmesh_control_plane lists all types of the control plane.", client.Version(ctx), tfkit.Quote(name), tfkit.Quote(nearest(name, all)...)))
		return t, false
	}
	return all[i], true
}

// checkWritable adds an error for a type that cannot be written: each type on a
// control plane that accepts no meshes, or, on Kubernetes, one to which the user has no
// permission.
func (r *anyResource) checkWritable(ctx context.Context, t kuma.Type, diags *diag.Diagnostics) {
	kind := t.Name
	if t.ReadOnly {
		kind = kuma.MeshType
	}
	if err := r.Client.CheckWrites(ctx, kind); err != nil {
		r.AddErrorOnce(diags, "write a "+t.Name, err)
		return
	}
	if !t.ReadOnly {
		return
	}
	diags.AddAttributeError(path.Root("type"), "Type is read-only", fmt.Sprintf(
		"The control plane at %s (version %s) does not accept changes of a %s. Either it writes this type itself, or it is the zone "+
			"of a global control plane that manages the type: then set the provider's address to the global one. "+
			"To read it, use the data source kongmesh_resource.", r.Client.Address(), r.Client.Version(ctx), t.Name))
}

// nearest returns the three names of types that are most similar to a name.
func nearest(name string, all []kuma.Type) []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
	return names[:min(3, len(names))]
}

// distance returns the number of letters to add, remove or replace to convert
// one word to the other, ignoring case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
