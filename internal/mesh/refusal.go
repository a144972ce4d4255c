package mesh

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// addWriteError adds the error of a failed write to the attribute that caused
// it. sent is the document of the last write.
func addWriteError(diags *diag.Diagnostics, task string, plan model, sent *kuma.Mesh, err error) {
	var dropped *kuma.DroppedError
	switch {
	case errors.As(err, &dropped) && !dropped.Contested && len(dropped.Fields) > 0:
		for _, field := range dropped.Fields {
			at := plan.attributeOf(field, sent)
			diags.AddAttributeError(at, "Control plane dropped the change", fmt.Sprintf(
				"Could not %s: the control plane accepted %s, but its document does not contain it. This version does not "+
					"support it: remove %s from the configuration. In Kuma 3, policies replace most sections of a mesh.", task, field, at))
		}
	case tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) { return plan.attributeOf(field, sent), "" }):
	default:
		tfkit.AddError(diags, task, err)
	}
}

// try asks the control plane on Kubernetes whether it accepts the planned mesh. It
// runs after all other checks.
func (r *meshResource) try(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !r.Kubernetes || r.Client == nil || resp.Diagnostics.HasError() || !resp.Plan.Raw.IsFullyKnown() || resp.Plan.Raw.IsNull() || resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	var plan, state model
	prior := &state
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	if req.State.Raw.IsNull() {
		prior = nil
	} else {
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	}
	if resp.Diagnostics.HasError() || prior != nil && !prior.Name.Equal(plan.Name) {
		return
	}
	sent := kuma.NewMesh(plan.Name.ValueString())
	if err := r.Client.TryMesh(ctx, plan.Name.ValueString(), edit(ctx, plan, prior, sent)); err != nil && !needsMTLS(err) {
		addWriteError(&resp.Diagnostics, fmt.Sprintf("plan mesh %q", plan.Name.ValueString()), plan, sent, err)
	}
}

// attributeOf returns the attribute of a field of the document, or the nearest
// one.
func (m model) attributeOf(field string, sent *kuma.Mesh) path.Path {
	steps := tfkit.NewFieldSteps(field)
	if steps.Member() == "mtls" { // because a section requires mTLS: this resource writes no other part of it
		return path.Root("routing").AtName("zone_egress")
	}
	values := part.Values{}
	for name, section := range m.sections() {
		values[name] = *section
	}
	parts := append(sections(), part.Labels(), part.Part{Name: "skip_creating_initial_policies", Member: "skipCreatingInitialPolicies", Kind: part.Text{}})
	if at, found := parts.Follow(path.Empty(), steps, sent.Document, values); found {
		return at
	}
	return path.Root("name")
}
