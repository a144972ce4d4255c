package rotation

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	strategyOverlap = "overlap"
	strategySwitch  = "switch"

	offlineReport = "report"
	offlineWait   = "wait"
)

// A Model is the attribute rollout of a resource. nil is its default.
type Model struct {
	Strategy       types.String `tfsdk:"strategy"`
	OfflineProxies types.String `tfsdk:"offline_proxies"`
}

// Switches reports whether another CA replaces the current one in one write.
func (m *Model) Switches() bool { return m != nil && m.Strategy.ValueString() == strategySwitch }

// WaitsForOffline reports whether each step waits for disconnected proxies.
func (m *Model) WaitsForOffline() bool {
	return m != nil && m.OfflineProxies.ValueString() == offlineWait
}

// Attribute returns the schema of a [Model].
func Attribute() schema.SingleNestedAttribute {
	return tfkit.SingleNested(schema.SingleNestedAttribute{
		MarkdownDescription: "How the mesh moves to a new CA while proxies are connected.",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"strategy": schema.StringAttribute{
				MarkdownDescription: "`overlap`: the mesh trusts the new CA, then issues from it, then stops trusting the current CA, in up to " +
					"three writes. After each write, the provider waits until every connected proxy has the result, so that no " +
					"handshake fails. `switch`: one write, during which some handshakes fail. Defaults to `overlap`.",
				Optional:   true,
				Validators: []validator.String{tfkit.OneOf(strategyOverlap, strategySwitch)},
			},
			"offline_proxies": schema.StringAttribute{
				MarkdownDescription: "`report`: a warning names the disconnected proxies. `wait`: the rotation waits for them, up to " +
					"`timeouts.update`. Defaults to `report`.",
				Optional:   true,
				Validators: []validator.String{tfkit.OneOf(offlineReport, offlineWait)},
			},
		},
	})
}
