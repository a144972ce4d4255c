package action

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ action.ActionWithConfigure = (*await)(nil)

// NewAwait returns kongmesh_await_certificates.
func NewAwait() action.Action { return &await{tfkit.Action{TypeName: "await_certificates"}} }

type await struct {
	tfkit.Action
}

type awaitModel struct {
	Mesh     types.String   `tfsdk:"mesh"`
	Backend  types.String   `tfsdk:"backend"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (a *await) Schema(ctx context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Waits until each connected proxy of a mesh has accepted a valid certificate. Use it before a change that " +
			"needs the certificates, for example from `PERMISSIVE` to `STRICT`. Disconnected proxies are ignored.",
		Attributes: map[string]schema.Attribute{
			"mesh":     meshAttribute(),
			"backend":  backendAttribute(),
			"timeouts": tfkit.ActionTimeouts(ctx, "Maximum duration of the wait. Defaults to `10m`."),
		},
	}
}

func (a *await) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	config := tfkit.Get[awaitModel](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !a.Ready(&resp.Diagnostics) {
		return
	}
	s := &session{ProviderData: a.ProviderData, mesh: config.Mesh.ValueString(), progress: resp.SendProgress, diags: &resp.Diagnostics}
	ctx, cancel := s.limited(ctx, config.Timeouts)
	defer cancel()
	certificates := rollout.Certificates{Timing: s.timing(ctx), Backend: config.Backend.ValueString()}
	enabled := ""
	err := s.wait(ctx, 0, "have a certificate", func(v rollout.View) []rollout.Pending {
		enabled, _ = v.Mesh.EnabledBackend() // only for a message
		return append(certificates.Observe(a.Clock.Now(), v.Proxies), rollout.PendingZones(nil, v.Zones, false)...)
	})
	if err == nil {
		return
	}
	advice := ""
	if enabled == "" {
		advice = fmt.Sprintf(" Mesh %q has no enabled mTLS backend, so only a MeshIdentity can issue certificates in it.", s.mesh)
	}
	s.addWaitError("Proxies have no certificate", fmt.Sprintf("await the certificates of mesh %q", s.mesh), advice, err)
}
