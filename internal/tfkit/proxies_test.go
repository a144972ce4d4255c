package tfkit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func TestProxies(t *testing.T) {
	t.Parallel()
	proxies := func(states string) (all []kuma.Dataplane) { // c: connected, d: disconnected
		for i, state := range states {
			all = append(all, kuma.Dataplane{Name: string(rune('a' + i)), Online: state == 'c'})
		}
		return all
	}
	for states, want := range map[string]string{
		"c":       `1 data plane proxy (1 connected): "a"`,
		"d":       `1 data plane proxy (0 connected): "a"`,
		"dcdc":    `4 data plane proxies (2 connected): "b", "d", "a", "c"`,
		"ddddd":   `5 data plane proxies (0 connected): "a", "b", "c", "d", "e"`,
		"ddddddc": `7 data plane proxies (1 connected): "g", "a", "b", "c", "d" and 2 more`,
	} {
		if got := tfkit.Proxies(proxies(states)); got != want {
			t.Errorf("%s: %s, want %s", states, got, want)
		}
	}
	if got := tfkit.Proxies([]kuma.Dataplane{{Name: "a\x1b[31m"}}); got != `1 data plane proxy (0 connected): "a\x1b[31m"` {
		t.Errorf("a terminal would obey %s", got)
	}
}

// Proxies whose deletion is planned later do not stay, and those whose deletion is
// not planned do.
func TestStayingProxies(t *testing.T) {
	t.Parallel()
	run := &tfkit.Run{}
	run.DeleteProxy("m", "before")
	run.DeleteProxy("other", "stays")
	start := time.Now()
	clock := acctest.NewClock(start)
	data := tfkit.ProviderData{Clock: acctest.Waiting{Clock: clock, Happens: func() { run.DeleteProxy("m", "later") }}, Run: run}
	staying := func(names ...string) (left []string) {
		var proxies []kuma.Dataplane
		for _, name := range names {
			proxies = append(proxies, kuma.Dataplane{Name: name})
		}
		for _, proxy := range data.StayingProxies(t.Context(), "m", proxies) {
			left = append(left, proxy.Name)
		}
		return left
	}
	if left := staying("before"); len(left) > 0 || !clock.Now().Equal(start) {
		t.Errorf("%v stay after %s, although their deletion is planned", left, clock.Now().Sub(start))
	}
	if left := staying("before", "later"); len(left) > 0 {
		t.Errorf("%v stay, although their deletion is planned later", left)
	}
	if left := staying("before", "stays"); !slices.Equal(left, []string{"stays"}) || clock.Now().Sub(start) > 10*time.Second {
		t.Errorf("%v stay after %s", left, clock.Now().Sub(start))
	}
}
