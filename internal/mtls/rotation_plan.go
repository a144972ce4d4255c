package mtls

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
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
	p := rotation.Plan{
		What: plan.what(), Mesh: state.Mesh.ValueString(), At: path.Root("cert"), Rollout: plan.Rollout,
		InSecrets: inSecrets(state) && inSecrets(plan), Interrupted: rotation.Interrupted(secretsOf(state.backend())),
		Refreshed: r.Run.Noted(state.refreshed()),
	}
	proxies, err := r.Client.Dataplanes(ctx, p.Mesh)
	if kuma.NoAddress(err) {
		p.DescribeBlind(diags)
		return
	}
	if err != nil || len(proxies) == 0 {
		return // the apply reports the problem
	}
	p.Sort(proxies, rollout.Issuer{})
	if from, err := rotation.ReadCA(ctx, r.Client, p.Mesh, secretsOf(state.backend())); err == nil {
		p.From = &from
	}
	if bundle, planned := r.Run.PlannedBundle(p.Mesh, plan.Cert.Secret.ValueString()); planned {
		p.To = &rollout.CA{Bundle: bundle}
	} else if to, err := rotation.ReadCA(ctx, r.Client, p.Mesh, secretsOf(plan.backend())); err == nil {
		p.To = &to
	}
	p.Settings = r.Client.Settings(ctx)
	p.Timing = rollout.NewTiming(p.Settings)
	p.Describe(diags)
}

func inSecrets(m model) bool {
	return !m.Cert.Secret.IsNull() && !m.Key.Secret.IsNull()
}

// refreshed returns the note that this run has read a backend.
func (m model) refreshed() string {
	return "refreshed mTLS backend " + m.Mesh.ValueString() + "/" + m.Name.ValueString()
}
