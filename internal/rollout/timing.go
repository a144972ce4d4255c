package rollout

import (
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

const (
	// skew is how far the clocks of a control plane's instances may be apart.
	skew = 10 * time.Second
	// issuing is how long the control plane takes to issue and send a certificate
	// once it has noticed a write (measured: at most 1 s for three proxies).
	issuing = 2 * time.Second
	// margin is for what was measured to come late: a flush 0.1 s, an overview of
	// a global control plane 3.9 s.
	margin       = time.Second
	marginGlobal = 4 * time.Second
)

// Timing is how long it takes until proxies have what was written, and until
// the control plane shows that they do.
type Timing struct {
	// Secrets is how long secrets must exist before a mesh uses them.
	Secrets time.Duration
	// Judge is how long after a write nothing is judged. A certificate that was
	// issued just before the control plane noticed the write is of the CA before,
	// and is replaced, but until then looks like a new one.
	Judge time.Duration
	// Served is how long after a write a proxy that connects is served from it for
	// certain, whichever instance of the control plane it connects to.
	Served time.Duration
	// Connecting is how long a proxy that connects waits for its certificate at
	// most: 2.7 looks at it for the first time when one interval is over (measured:
	// 0.3 s on 2.14.3, 1.4 s on 2.7.29).
	Connecting time.Duration
	// Shown is how long it takes until the control plane shows what a proxy said.
	Shown time.Duration
}

// NewTiming derives the times from the intervals of a control plane. With
// Kuma's defaults Judge is 15 s, and 20 s for a global control plane.
func NewTiming(s kuma.Settings) Timing {
	noticed := s.StoreCache + s.ProxyRefresh
	t := Timing{Secrets: 2 * time.Second, Connecting: s.ProxyRefresh + issuing, Shown: s.StatusFlush + margin}
	if s.Global {
		noticed += s.ZoneRefresh
		t.Secrets += s.ZoneRefresh
		t.Shown += marginGlobal
	}
	t.Judge = noticed + issuing + t.Shown
	t.Served = noticed + skew
	return t
}
