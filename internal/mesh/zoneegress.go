package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
)

// zoneEgress is the attribute of routing that the control plane accepts only
// while the mesh has mTLS, which a run that creates the mesh enables later.
const zoneEgress = "zone_egress"

func (m model) zoneEgress() bool { return part.IsTrue(part.AttributesOf(m.Routing)[zoneEgress]) }

func (m model) withoutZoneEgress(ctx context.Context) model {
	routing := part.AttributesOf(m.Routing)
	routing[zoneEgress] = types.BoolValue(false)
	m.Routing = types.ObjectValueMust(m.Routing.AttributeTypes(ctx), routing)
	return m
}

// write writes a planned mesh with one of the client's two methods. It writes a
// mesh without mTLS without zone egress, which the resource of the mTLS backend
// turns on later.
func (r *meshResource) write(
	ctx context.Context, by func(context.Context, string, func(*kuma.Mesh) error) (*kuma.Mesh, error), plan model, prior *model, sent *kuma.Mesh,
) (*kuma.Mesh, error) {
	name := plan.Name.ValueString()
	if !part.IsNull(plan.Routing) || prior != nil && !part.IsNull(prior.Routing) {
		r.Run.AwaitZoneEgress(name, false)
	}
	mesh, err := by(ctx, name, edit(ctx, plan, prior, sent))
	if !plan.zoneEgress() || !needsMTLS(err) {
		return mesh, err
	}
	r.Run.AwaitZoneEgress(name, true)
	return by(ctx, name, edit(ctx, plan.withoutZoneEgress(ctx), prior, sent))
}

// needsMTLS reports whether the control plane rejected a mesh because it lacks
// mTLS.
func needsMTLS(err error) bool {
	var refusal *kuma.Error
	return errors.As(err, &refusal) && refusal.Refused() &&
		slices.ContainsFunc(refusal.Parameters, func(p kuma.InvalidParameter) bool { return p.Field == "mtls" })
}

// stateAfter returns the state after a write. Zone egress that waits for mTLS
// is in it as planned, because Terraform requires that; the next refresh reads
// the actual value.
func (r *meshResource) stateAfter(ctx context.Context, mesh *kuma.Mesh, plan model) (model, diag.Diagnostics) {
	state, diags := stateFrom(ctx, mesh, plan, false)
	if r.Run.AwaitsZoneEgress(plan.Name.ValueString()) && plan.zoneEgress() {
		state.Routing = plan.Routing
	}
	return state, diags
}

// warnZoneEgressWaits warns that zone egress of an existing mesh waits for
// mTLS. Otherwise, a configuration without a backend would show the same change
// in each plan, without an explanation.
func warnZoneEgressWaits(mesh *kuma.Mesh, plan model, diags *diag.Diagnostics) {
	enabled, err := mesh.EnabledBackend()
	if err != nil || enabled != "" || !plan.zoneEgress() {
		return
	}
	diags.AddAttributeWarning(path.Root("routing").AtName(zoneEgress), "Zone egress waits for mTLS", fmt.Sprintf(
		"Mesh %q has no mTLS, and the control plane accepts zone_egress only with mTLS. If this run enables a "+
			"kongmesh_mtls_provided_backend of the mesh, the provider turns on zone egress with it. Otherwise, zone egress "+
			"stays off, and the next plan shows the same change: enable a backend, or set zone_egress = false.",
		plan.Name.ValueString()))
}
