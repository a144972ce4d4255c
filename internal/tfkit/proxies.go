package tfkit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Proxies describes data plane proxies in a message: their number, the number of
// connected ones, and a few names, those of connected proxies first. For
// example `2 data plane proxies (1 connected): "web-1", "db-1"`.
func Proxies(proxies []kuma.Dataplane) string {
	byState := slices.Clone(proxies)
	slices.SortStableFunc(byState, func(a, b kuma.Dataplane) int { return cmp.Compare(rank(a), rank(b)) })
	connected := 0
	names := make([]string, len(byState))
	for i, proxy := range byState {
		names[i] = proxy.Name
		if proxy.Online {
			connected++
		}
	}
	what := "data plane proxies"
	if len(proxies) == 1 {
		what = "data plane proxy"
	}
	return fmt.Sprintf("%d %s (%d connected): %s", len(proxies), what, connected, Few(names))
}

func rank(proxy kuma.Dataplane) int {
	if proxy.Online {
		return 0
	}
	return 1
}

// Few lists the first names in quotation marks, and the number of the others.
func Few(names []string) string {
	const few = 5
	if len(names) <= few {
		return Quote(names...)
	}
	return fmt.Sprintf("%s and %d more", Quote(names[:few]...), len(names)-few)
}
