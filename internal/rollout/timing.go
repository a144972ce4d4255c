package rollout

import (
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

const (
	// skew is the maximum difference between the clocks of a control plane's
	// instances.
	skew = 10 * time.Second
	// issuing is how long the control plane takes to issue and send a
	// certificate after it has noticed a write (measured: at most 1 s for three
	// proxies).
	issuing = 2 * time.Second
	// margin covers measured delays: of a flush by 0.1 s, of an overview on a
	// global control plane by 3.9 s.
	margin       = time.Second
	marginGlobal = 4 * time.Second
)

// Timing has the times until proxies have the result of a write, and until the
// control plane shows that.
type Timing struct {
	// Secrets is how long secrets must exist before a mesh uses them.
	Secrets time.Duration
	// Trusts is how long a MeshTrust must exist before proxies get a certificate, so
	// that they get both together.
	Trusts time.Duration
	// Judge is the time after a write in which no proxy is judged. A
	// certificate that was issued just before the control plane noticed the
	// write is from the previous CA. It is replaced, but looks like a new one
	// until then.
	Judge time.Duration
	// Served is the time after a write from which every proxy that connects
	// gets the result, on any instance of the control plane.
	Served time.Duration
	// Connecting is the maximum time until a proxy that connects gets its
	// certificate: 2.7 checks it for the first time after one interval
	// (measured: 0.3 s on 2.14.3, 1.4 s on 2.7.29).
	Connecting time.Duration
	// Shown is the time until the control plane shows the status of a proxy.
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
		t.Trusts += marginGlobal
	}
	t.Trusts += noticed + margin
	t.Judge = noticed + issuing + t.Shown
	t.Served = noticed + skew
	return t
}
