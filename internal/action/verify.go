package action

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ action.ActionWithConfigure = (*verify)(nil)

// NewVerify returns kongmesh_verify_proxies.
func NewVerify() action.Action { return &verify{tfkit.Action{TypeName: "verify_proxies"}} }

type verify struct {
	tfkit.Action
}

type verifyModel struct {
	Mesh         types.String `tfsdk:"mesh"`
	Backend      types.String `tfsdk:"backend"`
	MaxAge       types.String `tfsdk:"max_age"`
	MinRemaining types.String `tfsdk:"min_remaining"`
}

func (a *verify) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Fails if a connected proxy of a mesh has no valid certificate, and names the proxies. Disconnected proxies are " +
			"ignored. The action waits only for proxies that connected some seconds ago, because the control plane does not report their " +
			"certificates yet.",
		Attributes: map[string]schema.Attribute{
			"mesh":    meshAttribute(),
			"backend": backendAttribute(),
			"max_age": schema.StringAttribute{
				MarkdownDescription: "Maximum time since a certificate was issued, such as `20h`. By default, any.",
				Optional:            true,
				Validators:          []validator.String{tfkit.PositiveDuration()},
			},
			"min_remaining": schema.StringAttribute{
				MarkdownDescription: "Minimum time until a certificate expires, such as `1h`. By default, a certificate must not have expired.",
				Optional:            true,
				Validators:          []validator.String{tfkit.PositiveDuration()},
			},
		},
	}
}

func (a *verify) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	config := tfkit.Get[verifyModel](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !a.Ready(&resp.Diagnostics) {
		return
	}
	s := &session{ProviderData: a.ProviderData, mesh: config.Mesh.ValueString(), progress: resp.SendProgress, diags: &resp.Diagnostics}
	v, err := s.readView(ctx)
	if shown := s.timing(ctx).Shown; err == nil && justConnected(v, a.Clock.Now().Add(-shown)) {
		s.report("waiting %s for proxies that have just connected", shown)
		if err = a.Clock.Sleep(ctx, shown); err == nil {
			v, err = s.readView(ctx)
		}
	}
	if err != nil {
		s.addWaitError("Proxies failed verification", fmt.Sprintf("read the proxies of mesh %q", s.mesh), "", err)
		return
	}
	failed := config.failures(a.Clock.Now(), v)
	done, total := rollout.Count(v.Proxies, failed)
	s.report("%d of %d connected proxies have a certificate as required", done, total)
	if len(failed) == 0 {
		return
	}
	resp.Diagnostics.AddError("Proxies failed verification", fmt.Sprintf(
		"%d of %d connected proxies of mesh %q have a certificate as required. The others:\n  %s\n\n"+
			"Check the logs of these proxies and of the control plane. The action kongmesh_reissue_certificates makes the control plane "+
			"issue a new certificate to each connected proxy.",
		done, total, s.mesh, rollout.Describe(failed)))
}

// justConnected reports whether a view has a proxy without a certificate that
// connected after a time.
func justConnected(v rollout.View, after time.Time) bool {
	for _, d := range v.Proxies {
		if d.Online && d.Certificate == nil && d.Connected.After(after) {
			return true
		}
	}
	return false
}

// failures returns the connected proxies without the required certificate, and
// the zones whose proxies are not visible.
func (m verifyModel) failures(now time.Time, v rollout.View) []rollout.Pending {
	var failed []rollout.Pending
	for _, d := range v.Proxies {
		if !d.Online {
			continue
		}
		if why := m.failure(now, d); why != "" {
			failed = append(failed, rollout.Pending{Name: d.Name, Why: why, Connected: true})
		}
	}
	for _, zone := range v.Zones {
		if !zone.Online {
			failed = append(failed, rollout.Pending{Name: "zone " + zone.Name, Why: "it is not connected to the global control plane", Since: zone.Disconnected})
		}
	}
	return failed
}

func (m verifyModel) failure(now time.Time, d kuma.Dataplane) string {
	if why := rollout.LacksCertificate(now, d, m.Backend.ValueString()); why != "" {
		return why
	}
	var why []string
	if most, is := duration(m.MaxAge); is && now.Sub(d.Certificate.Issued) > most {
		why = append(why, fmt.Sprintf("its certificate was issued at %s, more than %s ago", d.Certificate.Issued.UTC().Format(time.RFC3339), m.MaxAge.ValueString()))
	}
	if least, is := duration(m.MinRemaining); is && d.Certificate.Expires.Sub(now) < least {
		why = append(why, fmt.Sprintf("its certificate expires at %s, in less than %s", d.Certificate.Expires.UTC().Format(time.RFC3339), m.MinRemaining.ValueString()))
	}
	return strings.Join(why, ", and ")
}

// duration converts a validated duration; is is false for null.
func duration(text types.String) (d time.Duration, is bool) {
	d, err := time.ParseDuration(text.ValueString())
	return d, err == nil
}
