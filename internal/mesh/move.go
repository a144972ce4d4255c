package mesh

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// vendorMesh has the values in the state of Kong's resource that the mesh
// itself does not have.
type vendorMesh struct {
	Name string
	MTLS struct {
		Backends []struct{ Name, Type string }
	}
}

// MoveState converts the state of Kong's resource as an import would: the read
// that follows takes all parts of the mesh.
func (r *meshResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{tfkit.MoveFromVendor("kong-mesh_mesh", func(ctx context.Context, source vendorMesh, resp *resource.MoveStateResponse) {
		name := types.StringValue(source.Name)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), name)...)
		resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, identity{name})...)
		tfkit.KeepPrivate(ctx, resp.TargetPrivate, imported, true, &resp.Diagnostics)
		if advice := source.backendsAdvice(); advice != "" {
			resp.Diagnostics.AddWarning("mTLS backends are not moved", fmt.Sprintf(
				"Mesh %q has mTLS backends, which kongmesh_mesh does not manage. They stay in the mesh unchanged. %s", source.Name, advice))
		}
	})}
}

// backendsAdvice describes what happens to the backends in Kong's resource, or
// returns "" if it had none.
func (m vendorMesh) backendsAdvice() string {
	var blocks, others []string
	for _, backend := range m.MTLS.Backends {
		if backend.Type == kuma.Provided {
			blocks = append(blocks, tfkit.ImportBlock("kongmesh_mtls_provided_backend", m.Name+"/"+backend.Name))
		} else {
			others = append(others, fmt.Sprintf("%q of type %s", backend.Name, backend.Type))
		}
	}
	var advice []string
	if len(blocks) > 0 {
		advice = append(advice, "To manage them, add this block for each backend. Replace NAME with the name of its resource:\n\n"+
			strings.Join(blocks, "\n"))
	}
	if len(others) > 0 {
		advice = append(advice, fmt.Sprintf("This provider does not have a resource for %s.", strings.Join(others, ", ")))
	}
	return strings.Join(advice, "\n")
}
