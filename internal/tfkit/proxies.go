package tfkit

import (
	"context"
	"fmt"
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Proxies describes data plane proxies in a message: their number, the number of
// connected ones, and a few names, those of connected proxies first. For
// example `2 data plane proxies (1 connected): "web-1", "db-1"`.
func Proxies(proxies []kuma.Dataplane) string {
	var connected, others []string
	for _, proxy := range proxies {
		if proxy.Online {
			connected = append(connected, proxy.Name)
		} else {
			others = append(others, proxy.Name)
		}
	}
	what := "data plane proxies"
	if len(proxies) == 1 {
		what = "data plane proxy"
	}
	return fmt.Sprintf("%d %s (%d connected): %s", len(proxies), what, len(connected), Few(append(connected, others...)))
}

// Few lists the first names in quotation marks, and the number of the others.
func Few(names []string) string {
	const few = 5
	if len(names) <= few {
		return Quote(names...)
	}
	return fmt.Sprintf("%s and %d more", Quote(names[:few]...), len(names)-few)
}

// StayingProxies returns the proxies that a plan does not delete. Terraform plans
// deletions in any order, so it waits for those that are not planned yet.
func (d *ProviderData) StayingProxies(ctx context.Context, mesh string, proxies []kuma.Dataplane) []kuma.Dataplane {
	d.AwaitNotes(ctx, func() bool {
		proxies = slices.DeleteFunc(slices.Clone(proxies), func(p kuma.Dataplane) bool { return d.Run.DeletesProxy(mesh, p.Name) })
		return len(proxies) == 0
	})
	return proxies
}
