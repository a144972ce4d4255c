package casecret

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A waitingClock calls a function whenever somebody waits.
type waitingClock struct {
	kuma.SystemClock
	now  time.Time
	wait func()
}

func (c *waitingClock) Now() time.Time { return c.now }

func (c *waitingClock) Sleep(_ context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	c.wait()
	return nil
}

// A holder that is refreshed later is in the state, and one that is not refreshed
// is not. Only the first refresh waits for it.
func TestRefreshed(t *testing.T) {
	t.Parallel()
	run := &tfkit.Run{}
	clock := &waitingClock{now: time.Now(), wait: func() { holding{IDs: []string{"later"}}.note(run, "ca") }}
	r := &caSecret{Resource: tfkit.Resource{ProviderData: tfkit.ProviderData{Clock: clock, Run: run}}}

	h := r.refreshed(t.Context(), holding{IDs: []string{"own"}, Before: []string{"later", "killed"}}, "ca")
	if !slices.Equal(h.Unseen, []string{"killed"}) || !slices.Equal(h.Before, h.Unseen) {
		t.Errorf("the holding after the first refresh is %+v", h)
	}
	before := clock.now
	if again := r.refreshed(t.Context(), h, "ca"); !slices.Equal(again.Unseen, []string{"killed"}) || !clock.now.Equal(before) {
		t.Errorf("the holding after the second refresh is %+v, after %s", again, clock.now.Sub(before))
	}
}
