package tfkit

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Preflight adds the error for what the control plane reports before a write that it
// would refuse: writes of a type of resource (kuma.MeshType and the like), or
// secrets to this caller. It asks where something is created or changed, and once
// in a run, for any number of resources. A destroy may be of what another client
// has deleted. Defer it where a plan is still being computed.
func (d *ProviderData) Preflight(ctx context.Context, kind string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if d.Client == nil || resp.Diagnostics.HasError() || resp.Plan.Raw.IsNull() || resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	task, err := "write meshes", d.Client.CheckWrites(ctx, kind)
	if kind != kuma.MeshType {
		task = "write secrets"
	}
	if creates := req.State.Raw.IsNull(); creates && err == nil { // else a refresh has read the secret
		switch kind {
		case kuma.SecretType:
			var mesh types.String
			resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("mesh"), &mesh)...)
			err = d.Client.CheckSecretWrites(ctx, mesh.ValueString())
		case kuma.GlobalSecretType:
			err = d.Client.CheckGlobalSecretWrites(ctx)
		}
	}
	d.AddErrorOnce(&resp.Diagnostics, task, err)
}

// AddErrorOnce is [AddError] for what is said once in a run, on the resource that
// comes first: it is as true of all others.
func (d *ProviderData) AddErrorOnce(diags *diag.Diagnostics, task string, err error) {
	var found diag.Diagnostics
	AddError(&found, task, err)
	for _, problem := range found {
		if d.Run.Note(problem.Summary() + "\n" + problem.Detail()) {
			diags.Append(problem)
		}
	}
}
