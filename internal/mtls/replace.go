package mtls

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// warnReplaced tells beforehand which enabled backend this one takes the place
// of. What cannot be read is told when it is applied.
func (r *backend) warnReplaced(ctx context.Context, state *model, plan model, diags *diag.Diagnostics) {
	same := state != nil && plan.Mesh.Equal(state.Mesh) && plan.Name.Equal(state.Name)
	if r.Client == nil || !plan.Enabled.ValueBool() || plan.Mesh.IsUnknown() || plan.Name.IsUnknown() || same && state.Enabled.ValueBool() {
		return
	}
	mesh, name := plan.Mesh.ValueString(), plan.Name.ValueString()
	document, err := r.Client.MeshAsOf(ctx, mesh, kuma.Recent)
	if err != nil {
		return
	}
	enabled, err := document.EnabledBackend()
	if err != nil || enabled == "" || enabled == name {
		return
	}
	other, _, err := document.Backend(enabled)
	if err != nil {
		return
	}
	advice := "Kuma changes the enabled backend only while mTLS is off; Kong Mesh does it in one write."
	if listed, there, err := document.Backend(name); err != nil || !there || listed.Type != kuma.Provided {
		advice += " There, list this one first, with `enabled = false` in an apply of its own: proxies that do not trust its CA yet refuse those that have a certificate of it."
	}
	diags.AddAttributeWarning(path.Root("enabled"), "Another backend is enabled", fmt.Sprintf(
		"Mesh %q now uses its backend %q of type %s. Enabling %q takes its place: proxies get their next certificate from another CA. "+
			"Backend %q stays in the mesh as it is, and is only listed.\n\n%s", mesh, enabled, other.Type, name, enabled, advice))
}
