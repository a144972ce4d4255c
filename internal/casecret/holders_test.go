package casecret_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/casecret"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A holder that is refreshed later is in the state, and one that is not refreshed
// is not. Only the first refresh waits for it.
func TestRefreshed(t *testing.T) {
	t.Parallel()
	run, clock := &tfkit.Run{}, acctest.NewClock(time.Now())
	waiting := acctest.Waiting{Clock: clock, Happens: func() { casecret.Refresh(run, casecret.Holding{IDs: []string{"later"}}) }}

	h := casecret.Refreshed(t.Context(), waiting, run, casecret.Holding{IDs: []string{"own"}, Before: []string{"later", "killed"}})
	if !slices.Equal(h.Unseen, []string{"killed"}) || !slices.Equal(h.Before, h.Unseen) {
		t.Errorf("the holding after the first refresh is %+v", h)
	}
	before := clock.Now()
	if again := casecret.Refreshed(t.Context(), waiting, run, h); !slices.Equal(again.Unseen, []string{"killed"}) || !clock.Now().Equal(before) {
		t.Errorf("the holding after the second refresh is %+v, after %s", again, clock.Now().Sub(before))
	}
}
