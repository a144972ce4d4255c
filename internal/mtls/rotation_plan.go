package mtls

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
)

// planRotation reports during plan how the CA of an enabled backend will
// change, and which proxies that leaves behind. It reports nothing if no proxy
// can notice.
func (r *backend) planRotation(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || !state.Enabled.ValueBool() || !plan.Enabled.ValueBool() || plan.Enabled.IsUnknown() ||
		!plan.Mesh.Equal(state.Mesh) || !plan.Name.Equal(state.Name) || *plan.Cert == *state.Cert && *plan.Key == *state.Key {
		return
	}
	rotation.Plan{
		What: plan.String(), Mesh: state.Mesh.ValueString(), At: path.Root("cert"), Rollout: plan.Rollout,
		Now: secretsOf(state.backend()), Wanted: secretsOf(plan.backend()), InSecrets: inSecrets(state) && inSecrets(plan),
	}.Describe(ctx, &r.ProviderData, diags)
}

func inSecrets(m model) bool {
	return !m.Cert.Secret.IsNull() && !m.Key.Secret.IsNull()
}
