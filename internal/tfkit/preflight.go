package tfkit

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Preflight adds an error if the control plane would refuse a planned write:
// any write of a type of resource (kuma.MeshType and the like), or access to
// secrets by this user. It sends requests only for a create or an update, and
// only once in a run. It skips a destroy, because another client may have
// deleted the object. Call it with defer if the plan is not complete yet.
func (d *ProviderData) Preflight(ctx context.Context, kind string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if d.Client == nil || resp.Diagnostics.HasError() || resp.Plan.Raw.IsNull() || resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	task, err := "write a "+kind, d.Client.CheckWrites(ctx, kind)
	switch kind {
	case kuma.MeshType:
		task = "write meshes"
	case kuma.SecretType, kuma.GlobalSecretType:
		task = "write secrets"
	}
	if creates := req.State.Raw.IsNull(); creates && err == nil { // otherwise, a refresh has read the secret
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

// AddErrorOnce is [AddError] for an error that concerns all resources. It adds
// the error only to the first one in a run.
func (d *ProviderData) AddErrorOnce(diags *diag.Diagnostics, task string, err error) {
	var found diag.Diagnostics
	AddError(&found, task, err)
	for _, problem := range found {
		if d.Run.Note(problem.Summary() + "\n" + problem.Detail()) {
			diags.Append(problem)
		}
	}
}
