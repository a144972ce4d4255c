package tfkit_test

import (
	"testing"

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
