package rollout

import (
	"fmt"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Certificates observes the proxies of a mesh until each connected one has a
// valid certificate.
type Certificates struct {
	Timing Timing
	// Backend is the name of the backend that must have issued the certificate,
	// or "" for any.
	Backend string

	seen Proxies
}

// Observe updates the proxies and returns those that are still pending.
func (c *Certificates) Observe(now time.Time, dataplanes []kuma.Dataplane) []Pending {
	c.seen.Timing = c.Timing
	c.seen.proxies = c.seen.observed(now, dataplanes)
	var pending []Pending
	for _, d := range dataplanes {
		f := c.seen.proxies[proxyID{d.Zone, d.Name}]
		if !d.Online {
			continue
		}
		waiting := Pending{Name: d.Name, Since: d.Connected, Connected: true}
		switch {
		case f.rejection.since.IsZero():
			waiting.Why = LacksCertificate(now, d, c.Backend)
			if waiting.Why == "" && !Foreign(d) {
				waiting.Why = unacknowledged(d, 0, 0)
			}
		default:
			waiting.reject(now, f)
		}
		if waiting.Why != "" {
			pending = append(pending, waiting)
		}
	}
	return pending
}

// LacksCertificate returns why a connected proxy has no valid certificate, or
// none of a backend unless that is "". It returns "" if the proxy has one.
func LacksCertificate(now time.Time, d kuma.Dataplane, backend string) string {
	switch {
	case d.Certificate == nil:
		return noCertificate
	case backend != "" && d.Certificate.Backend != backend:
		return fmt.Sprintf("its certificate is from %q", d.Certificate.Backend)
	case !d.Certificate.Expires.After(now):
		return "its certificate expired at " + d.Certificate.Expires.UTC().Format(time.RFC3339)
	}
	return ""
}
