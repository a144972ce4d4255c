package tfkit

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// RemoveAbsent removes an object from the state if the control plane reports
// that it does not exist. On a control plane that does not accept writes of its
// kind, such as that of a zone, this is an error instead: another control plane
// has the authoritative copy.
func (d *ProviderData) RemoveAbsent(ctx context.Context, kind, what string, resp *resource.ReadResponse) {
	err := d.Client.CheckWrites(ctx, kind)
	var readOnly *kuma.ReadOnlyError
	if !errors.As(err, &readOnly) {
		AddError(&resp.Diagnostics, "read "+what, err)
		if err == nil {
			resp.State.RemoveResource(ctx)
		}
		return
	}
	resp.Diagnostics.AddError("Not on this control plane", fmt.Sprintf(
		"The control plane at %s (%s) does not have %s. It also does not accept changes of meshes and secrets. The "+
			"object may exist on another control plane, so Terraform keeps it in the state.\n\n"+
			"%s\n\n"+
			"If the object does not exist any more, remove it with `terraform state rm`.",
		readOnly.Address, readOnly.Origins.Address, what, whereToWrite(readOnly)))
}
