package provider

import (
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Noticed adds warnings about the writes of this run: the changes that another
// client has overwritten since, which no conditional write of the control plane
// can prevent, and the warnings of the control plane itself.
func (p *kongmesh) Noticed(diags *diag.Diagnostics) {
	client := p.client.Load()
	if client == nil {
		return
	}
	for _, o := range client.Overwritten() {
		diags.AddWarning("Change was overwritten", fmt.Sprintf(
			"Terraform changed mesh %q at %s. At %s, another client had changed or removed a part of that change: %s.\n\n"+
				"This happens when two clients change one mesh at the same time: each writes the whole mesh, and the control "+
				"plane keeps the later write. Run `terraform plan` to see what is missing, and apply again. To prevent it, do "+
				"not apply two workspaces that change the same mesh at the same time.",
			o.Mesh, o.Written.UTC().Format(time.RFC3339), o.Seen.UTC().Format(time.RFC3339), tfkit.Quote(o.Fields...)))
	}
	for _, w := range client.Warnings() {
		diags.AddWarning("Control plane warns of "+w.Path, fmt.Sprintf("The control plane accepted a write of %s, and warns: %s", tfkit.Quote(w.Path), w.Text))
	}
}
