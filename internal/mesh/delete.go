package mesh

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// checkDelete adds an error to the plan if the control plane would refuse to
// delete a mesh because of its data plane proxies, connected or not. When it
// refuses during apply, the backend and the CA are already deleted.
func (r *meshResource) checkDelete(ctx context.Context, name string, diags *diag.Diagnostics) {
	if r.Client == nil {
		return
	}
	proxies, err := r.Client.DataplanesAsOf(ctx, name, kuma.Recent)
	switch {
	case kuma.Absent(err) || kuma.Forbidden(err): // the control plane reports this when the mesh is deleted
	case kuma.NoAddress(err):
		if err := r.Client.TryDeleteMesh(ctx, name); err != nil {
			r.addRefused(ctx, name, err, diags)
		}
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the data plane proxies of mesh %q", name), err)
	case len(proxies) > 0 && !r.Client.DeletesInUse(ctx):
		if staying := r.StayingProxies(ctx, name, proxies); len(staying) > 0 {
			diags.AddAttributeError(path.Root("name"), "Mesh is still in use", fmt.Sprintf(
				"Mesh %[1]q has %[2]s. The control plane refuses to delete a mesh that has proxies. Terraform would delete the mTLS backend and the CA "+
					"before the mesh, and leave these proxies in plain text."+freeMesh, name, tfkit.Proxies(staying)))
		}
	}
}

// freeMesh is the advice for a mesh in use. Its argument is the name of the
// mesh.
const freeMesh = "\n\nStop the proxies, or move them to another mesh. If a stopped proxy is still listed by `kumactl get dataplanes --mesh %[1]s`, " +
	"delete it with `kumactl delete dataplane NAME --mesh %[1]s`. Then apply again."

// addRefused adds the error for a mesh that the control plane refused to delete.
func (r *meshResource) addRefused(ctx context.Context, name string, refusal error, diags *diag.Diagnostics) {
	has := "data plane proxies"
	if proxies, err := r.Client.Dataplanes(ctx, name); err == nil && len(proxies) > 0 {
		has = tfkit.Proxies(proxies)
	}
	diags.AddAttributeError(path.Root("name"), "Mesh is still in use", fmt.Sprintf(
		"The control plane refuses to delete mesh %[1]q because it has %[2]s:\n\n%[3]s"+freeMesh, name, has, refusal))
}
