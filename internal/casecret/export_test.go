package casecret

import (
	"context"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Holding is what an object knows of the holders of its CA secret.
type Holding = holding

// Refreshed is the holding of an object after its refresh in a run.
func Refreshed(ctx context.Context, clock kuma.Clock, run *tfkit.Run, h Holding) Holding {
	r := &caSecret{Resource: tfkit.Resource{ProviderData: tfkit.ProviderData{Clock: clock, Run: run}}}
	return r.refreshed(ctx, h, "ca")
}

// Refresh is the refresh of another object of the same CA secret.
func Refresh(run *tfkit.Run, h Holding) { h.note(run, "ca") }
