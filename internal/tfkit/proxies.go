package tfkit

import (
	"fmt"

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
