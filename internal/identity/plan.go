package identity

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func (r *meshIdentity) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	r.checkOutage(ctx, req, resp)
	if diags.HasError() || req.Plan.Raw.IsNull() {
		return
	}
	var plan, state model
	diags.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		diags.Append(req.State.Get(ctx, &state)...)
	}
	if diags.HasError() {
		return
	}
	if plan.HasKnownNames() && !plan.Bundled.IsUnknown() {
		r.Run.PlanIdentity(plan.Mesh.ValueString(), plan.Name.ValueString(), plan.generatesTrust())
	}
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.CheckWrites(ctx, req, resp); diags.HasError() {
		return
	}
	warnSelectsNobody(plan, diags)
	if changesCA(plan, state) {
		r.planCA(ctx, plan, diags)
	}
	if plan.HasKnownNames() {
		r.planMeshServices(ctx, plan, diags)
		r.checkTrust(ctx, plan, kuma.Recent, diags)
	}
	r.planMove(ctx, plan, diags)
	if !req.State.Raw.IsNull() && !diags.HasError() {
		r.planRotation(ctx, state, plan, diags)
		r.warnNewIDs(ctx, state, plan, diags)
	}
}

// provides reports whether an identity has a provider, which issues
// certificates.
func (m model) provides() bool {
	return !m.Bundled.IsNull() || !m.Spire.IsNull() || !m.Extension.IsNull()
}

// selectsNobody reports whether an identity selects no proxy.
func (m model) selectsNobody() bool {
	return !m.Selector.IsUnknown() && (m.Selector.IsNull() || part.AttributesOf(m.Selector)["dataplane"].IsNull())
}

// issuesNothing reports whether no proxy gets a certificate from an identity.
func (m model) issuesNothing() bool { return m.selectsNobody() || !m.provides() }

// generatesTrust reports whether the control plane generates a MeshTrust for an
// identity.
func (m model) generatesTrust() bool {
	return !m.Bundled.IsNull() && part.TextOf(part.AttributesOf(m.Bundled)["mesh_trust_creation"]) != trustDisabled
}

// warnSelectsNobody warns of an identity without a selector. `selector = {}` is
// how a configuration says that it selects no proxy yet.
func warnSelectsNobody(plan model, diags *diag.Diagnostics) {
	if !plan.Selector.IsNull() {
		return
	}
	diags.AddAttributeWarning(path.Root("selector"), "Identity selects no proxy", fmt.Sprintf(
		"Identity %s has no selector, so no proxy gets it. For all proxies of the mesh, set selector = { dataplane = { match_labels = {} } }. To "+
			"prepare an identity, set selector = {}.", tfkit.Quote(plan.Name.ValueString())))
}

// planMeshServices is [checkMeshServices] with the mode that the run plans.
func (r *meshIdentity) planMeshServices(ctx context.Context, plan model, diags *diag.Diagnostics) {
	mesh := plan.Mesh.ValueString()
	mode, planned := r.Run.PlannedMeshServices(mesh)
	switch {
	case r.Client == nil || !r.Client.NeedsMeshServices(ctx):
	case planned && mode != "":
		addMeshServices(mesh, mode, diags)
	case !r.Run.CreatesMesh(mesh):
		r.checkMeshServices(ctx, plan, kuma.Recent, diags)
	}
}

// checkMeshServices adds an error for a mesh in which Kuma 2 issues nothing: its
// services are not MeshServices.
func (r *meshIdentity) checkMeshServices(ctx context.Context, plan model, age kuma.MaxAge, diags *diag.Diagnostics) {
	if !r.Client.NeedsMeshServices(ctx) {
		return
	}
	name := plan.Mesh.ValueString()
	mesh, err := r.Client.MeshAsOf(ctx, name, age)
	if err != nil {
		return // the write reports it
	}
	if mode, err := mesh.MeshServicesMode(); err == nil {
		addMeshServices(name, mode, diags)
	}
}

func addMeshServices(mesh, mode string, diags *diag.Diagnostics) {
	if mode == kuma.MeshServicesExclusive {
		return
	}
	diags.AddAttributeError(path.Root("mesh"), "Identity needs MeshServices", fmt.Sprintf(
		"Mesh %q has mesh_services mode %s. In Kuma 2, an identity has no effect unless the mode is Exclusive: the control plane accepts it, and "+
			"issues nothing. In the kongmesh_mesh, set `mesh_services = { mode = \"Exclusive\" }`, and refer to its name in `mesh`. Proxies then "+
			"reach services by the names of their MeshService, and not by kuma.io/service.", mesh, tfkit.Quote(mode)))
}

// checkTrust adds an error for a MeshTrust with the name of an identity for which
// the control plane generates one: it would change that MeshTrust.
func (r *meshIdentity) checkTrust(ctx context.Context, plan model, age kuma.MaxAge, diags *diag.Diagnostics) {
	mesh, name := plan.Mesh.ValueString(), plan.Name.ValueString()
	if !plan.generatesTrust() || plan.Bundled.IsUnknown() {
		return
	}
	if r.Run.PlansTrust(mesh, name) {
		addSharedTrust(path.Root("bundled").AtName("mesh_trust_creation"), mesh, name, diags)
		return
	}
	trust := r.Peek(ctx, kuma.MeshTrustKey(mesh, name), age)
	if trust == nil {
		return
	}
	if origin, err := trust.OriginKRI(); err == nil && !kuma.IsIdentity(origin, mesh, name) {
		addSharedTrust(path.Root("bundled").AtName("mesh_trust_creation"), mesh, name, diags)
	}
}

// addSharedTrust adds the error for a MeshTrust that a resource and the control
// plane would both write.
func addSharedTrust(at path.Path, mesh, name string, diags *diag.Diagnostics) {
	diags.AddAttributeError(at, "MeshTrust has two owners", tfkit.WithPath(at, fmt.Sprintf(
		"MeshIdentity %[1]q of mesh %[2]q has mesh_trust_creation %[3]q, and there is a MeshTrust %[1]q that it did not generate. The control plane would "+
			"append the CA of the identity to that MeshTrust, and each plan would show a difference. Set mesh_trust_creation = %[4]q in the identity, "+
			"or use another name for one of them.", name, mesh, trustEnabled, trustDisabled)))
}
