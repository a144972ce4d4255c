// Package rollout brings a mesh from its current CA to a new one while its
// proxies go on talking to one another: one decision about the steps, and one
// proof that every proxy has what a step brought.
package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

const (
	// grace is how long a proxy that was connected and is not any more is waited
	// for: a control plane that restarts loses all of them for some seconds.
	grace = time.Minute
	// rejecting is how long a proxy may reject what it is sent before the rollout
	// stops: the control plane sends again every 5 s.
	rejecting = 30 * time.Second
	// serving is how long a proxy that connects waits for its certificate at most
	// (measured: 0.3 s).
	serving = time.Second
)

// Proxies follows the proxies of a mesh through the writes of a rollout. What a
// single look shows is not enough: a proxy may reconnect every few seconds, or
// reject once and then accept.
type Proxies struct {
	Timing Timing
	// WaitForOffline makes each step wait for proxies that are not connected.
	WaitForOffline bool

	modified time.Time // of the last write, by the control plane's clock
	written  time.Time // the same by the provider's clock
	proxies  map[proxyID]*proxy
	zones    []kuma.Zone           // as they were just before the last write
	missed   map[proxyID]time.Time // since when those are disconnected that missed a write
}

type proxyID struct{ zone, name string }

// A proxy is what was seen of one since the last write.
type proxy struct {
	kuma.Dataplane // as it was last seen

	subscribed   time.Time      // when its subscription was first seen, by the provider's clock
	before       kuma.Responses // of its subscription, as of the write
	issuedBefore time.Time      // its certificate as of the write, zero if unknown
	done         bool           // it was seen to have what was written
	lostAt       time.Time      // when it was first seen disconnected after it was connected
	rejection    rejection
}

// A rejection is what is known of responses with secrets that a proxy rejected
// and has not accepted since.
type rejection struct {
	since        time.Time // zero: none
	last         time.Time // when the number of rejected ones last grew
	acknowledged uint64    // how many were acknowledged then
	ambiguous    bool      // both numbers grew, and it is not known which did last
}

// Pending is a proxy, or a zone, that is not seen to have what was written.
type Pending struct {
	Name, Why string
	Since     time.Time // zero if not known
	Rejects   bool
	Connected bool // it is a connected proxy
}

// Begin notes a write that makes the control plane issue certificates: its
// modification time, read back, and the view of just before it.
func (p *Proxies) Begin(modified, now time.Time, before View) {
	p.zones = before.Zones
	served := p.modified.Add(p.Timing.Served)
	p.modified, p.written = modified, now
	known := p.proxies
	p.proxies = map[proxyID]*proxy{}
	for _, d := range before.Proxies {
		f := &proxy{Dataplane: d, before: d.Secrets, subscribed: now}
		if d.Certificate != nil {
			f.issuedBefore = d.Certificate.Issued
		}
		id := proxyID{d.Zone, d.Name}
		if d.Online && d.Connected.After(served) {
			delete(p.missed, id) // it came back before the step after the one it missed
		}
		switch was := known[id]; {
		case d.Online:
		case was != nil && !was.lostAt.IsZero():
			f.lostAt = was.lostAt
		case was != nil && was.Online, d.Disconnected.After(modified.Add(-grace)):
			f.lostAt = now
		}
		p.proxies[id] = f
	}
}

// Judge returns the proxies and zones of a view that are waited for.
func (p *Proxies) Judge(now time.Time, v View) []Pending {
	return append(p.Look(now, v.Proxies), PendingZones(p.zones, v.Zones)...)
}

// Look takes the proxies as they are now and returns those that are waited for.
func (p *Proxies) Look(now time.Time, dataplanes []kuma.Dataplane) []Pending {
	p.proxies = afterLook(p.proxies, now, dataplanes, p.Timing)
	var pending []Pending
	for _, d := range dataplanes {
		if waiting, is := p.pending(now, p.proxies[proxyID{d.Zone, d.Name}]); is {
			pending = append(pending, waiting)
		}
	}
	return pending
}

// afterLook returns what is known of proxies after a look. One that is gone for good
// is not among them.
func afterLook(known map[proxyID]*proxy, now time.Time, dataplanes []kuma.Dataplane, timing Timing) map[proxyID]*proxy {
	seen := map[proxyID]*proxy{}
	for _, d := range dataplanes {
		id := proxyID{d.Zone, d.Name}
		f := known[id]
		if f == nil {
			f = &proxy{subscribed: now}
		}
		f.update(now, d, timing)
		seen[id] = f
	}
	return seen
}

// Pass ends a step: proxies that are disconnected and do not have what it
// brought have missed it, also when they come back later.
func (p *Proxies) Pass() {
	for id, f := range p.proxies {
		if f.Online || f.Subscription == "" || f.holds(p) || Foreign(f.Dataplane) {
			continue
		}
		if p.missed == nil {
			p.missed = map[proxyID]time.Time{}
		}
		p.missed[id] = f.Disconnected
	}
}

// Missed returns the proxies that have missed a step, by name.
func (p *Proxies) Missed() []Pending {
	var missed []Pending
	for id, since := range p.missed {
		missed = append(missed, Pending{Name: id.name, Since: since})
	}
	slices.SortFunc(missed, func(a, b Pending) int { return cmp.Compare(a.Name, b.Name) })
	return missed
}

// Foreign reports whether a proxy has its certificate from a MeshIdentity, and
// so never gets one of a backend's CA (contract, identity rotation:
// issuedBackend is then the identity's resource identifier).
func Foreign(d kuma.Dataplane) bool {
	return d.Certificate != nil && strings.HasPrefix(d.Certificate.Backend, "kri_")
}

// update takes a proxy as it is now.
func (f *proxy) update(now time.Time, d kuma.Dataplane, timing Timing) {
	if d.Subscription != f.Subscription {
		f.before, f.Secrets, f.rejection = kuma.Responses{}, kuma.Responses{}, rejection{}
		f.subscribed, f.done = now, false
	}
	switch {
	case d.Online:
		f.lostAt = time.Time{}
	case f.Online && f.lostAt.IsZero():
		f.lostAt = now
	}
	f.rejection.update(now, f.Secrets, d.Secrets, timing)
	f.Dataplane = d
}

// update judges by what came last: a proxy that rejected once may have accepted
// since. Where one look shows both, whether the control plane sends again tells.
func (r *rejection) update(now time.Time, before, responses kuma.Responses, timing Timing) {
	switch {
	case responses.Rejected > before.Rejected:
		if r.since.IsZero() {
			r.since = now
		}
		r.last, r.acknowledged, r.ambiguous = now, responses.Acknowledged, responses.Acknowledged > before.Acknowledged
	case responses.Acknowledged > r.acknowledged, r.ambiguous && now.Sub(r.last) > timing.Shown:
		*r = rejection{}
	}
}

// holds reports whether a proxy that is disconnected has what was written: it
// was seen to have it, or was connected to a control plane that served it.
func (f *proxy) holds(p *Proxies) bool {
	return f.done || f.Connected.After(p.modified.Add(p.Timing.Served)) && f.Disconnected.Sub(f.Connected) > serving
}

// pending tells whether a proxy is waited for, and why.
func (p *Proxies) pending(now time.Time, f *proxy) (waiting Pending, is bool) {
	waiting = Pending{Name: f.Name, Since: p.written, Connected: f.Online}
	switch {
	case Foreign(f.Dataplane), f.Subscription == "", f.done && f.rejection.since.IsZero(), !f.Online && f.holds(p):
		return waiting, false
	case !f.Online:
		waiting.Since, waiting.Why = f.Disconnected, "it is disconnected"
		lost := !f.lostAt.IsZero() && now.Sub(f.lostAt) < grace
		if lost {
			waiting.Why = "it disconnected, and has one minute to reconnect"
		}
		return waiting, lost || p.WaitForOffline
	case !f.rejection.since.IsZero():
		waiting.reject(now, f)
		return waiting, true
	case p.servedByConnecting(now, f):
		return waiting, false
	}
	waiting.Why = p.lacks(f)
	f.done = waiting.Why == ""
	return waiting, !f.done
}

// reject notes that a proxy rejects, and whether that is for too long.
func (p *Pending) reject(now time.Time, f *proxy) {
	p.Since, p.Why, p.Rejects = f.rejection.since, "it rejects its new certificate", now.Sub(f.rejection.since) >= rejecting
}

// servedByConnecting reports whether a proxy connected so long after the write
// that it was served from it, and so short a time ago that the control plane
// cannot show its certificate yet.
func (p *Proxies) servedByConnecting(now time.Time, f *proxy) bool {
	return f.Connected.After(p.modified.Add(p.Timing.Served)) && now.Sub(f.subscribed) < p.Timing.Judge
}

// lacks says what keeps a connected proxy from being seen to have the identity
// and the trust bundle of the write, which travel together. It has them when all
// hold (contract, what a client can be sure of): a certificate was issued to it
// after the write, the control plane has noted what the proxy said since, and
// the proxy acknowledged secrets.
func (p *Proxies) lacks(f *proxy) string {
	switch {
	case f.Certificate == nil:
		return noCertificate
	case !p.issuedAfter(f):
		return fmt.Sprintf("its certificate was issued at %s, before the change", f.Certificate.Issued.UTC().Format(time.RFC3339))
	}
	return unacknowledged(f.Dataplane, f.before.Acknowledged)
}

const noCertificate = "the control plane does not report its certificate yet"

// unacknowledged says what keeps a proxy from being seen to have accepted its
// certificate. before is how many secrets it acknowledged before that.
func unacknowledged(d kuma.Dataplane, before uint64) string {
	switch {
	case d.LastUpdate.Before(d.Certificate.Issued):
		return "the control plane does not report yet whether it accepted its new certificate"
	case d.Total.Sent != d.Total.Acknowledged+d.Total.Rejected:
		return fmt.Sprintf("it has acknowledged %d of %d messages", d.Total.Acknowledged, d.Total.Sent)
	case d.Secrets.Acknowledged <= before:
		return "it has not acknowledged its new certificate"
	}
	return ""
}

// issuedAfter reports whether a proxy's certificate was issued after the write.
// By another instance's clock it may look somewhat older, but then it must at
// least have changed.
func (p *Proxies) issuedAfter(f *proxy) bool {
	issued := f.Certificate.Issued
	changed := !f.issuedBefore.IsZero() && !f.issuedBefore.Equal(issued)
	return issued.After(p.modified) || changed && issued.After(p.modified.Add(-skew))
}
