package identity

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
)

// planRotation reports during plan how the CA of an identity will change, and
// which proxies that leaves behind. It reports nothing if no proxy can notice.
func (r *meshIdentity) planRotation(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	now, wasInSecrets := state.secrets()
	wanted, inSecrets := plan.secrets()
	if r.Client == nil || !plan.Mesh.Equal(state.Mesh) || !plan.Name.Equal(state.Name) || !known(plan.Bundled) ||
		state.issuesNothing() || plan.issuesNothing() || plan.Bundled.Equal(state.Bundled) || wasInSecrets && now == wanted {
		return
	}
	rotation.Plan{
		What: plan.String(), Mesh: plan.Mesh.ValueString(), At: atCertificate(), Rollout: plan.Rollout, Issuer: state.issuer(),
		Now: now, Wanted: wanted, InSecrets: wasInSecrets && inSecrets, Apart: true,
	}.Describe(ctx, &r.ProviderData, diags)
}

// warnNewIDs warns of a change of the SPIFFE IDs of connected proxies.
func (r *meshIdentity) warnNewIDs(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || plan.SpiffeID.IsUnknown() || plan.SpiffeID.Equal(state.SpiffeID) || !plan.Name.Equal(state.Name) || !plan.Mesh.Equal(state.Mesh) || state.issuesNothing() {
		return
	}
	proxies, err := r.Client.DataplanesAsOf(ctx, state.Mesh.ValueString(), kuma.Recent)
	if err != nil || !state.issuer().ServesAny(proxies) {
		return
	}
	diags.AddAttributeWarning(path.Root("spiffe_id"), "SPIFFE IDs of proxies change", fmt.Sprintf(
		"%s issues to connected proxies, and their SPIFFE IDs change in one write. Proxies that still expect the previous IDs refuse these proxies for some "+
			"seconds, or, with another trust domain, until a kongmesh_mesh_trust has that domain. Announce the new IDs first: create a kongmesh_mesh_identity with "+
			"the new spiffe_id, without bundled, for the same proxies, with a name after this one in the alphabet, and wait 15 seconds. Policies that "+
			"name SPIFFE IDs need both forms meanwhile.", plan.String()))
}
