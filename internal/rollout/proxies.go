// Package rollout replaces the CA of a mesh while its proxies continue to
// communicate. It decides the steps, and when every proxy has the result of a
// step.
package rollout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

const (
	// grace is the time that a disconnected proxy has to reconnect: a control
	// plane that restarts loses all proxies for some seconds.
	grace = time.Minute
	// rejecting is how long a proxy may reject responses before the rollout
	// stops: the control plane sends them again every 5 s.
	rejecting = 30 * time.Second
)

// Proxies observes the proxies of a mesh through the writes of a rollout. A
// single read is not enough: a proxy may reconnect every few seconds, or reject
// once and then accept.
type Proxies struct {
	Timing Timing
	// WaitForOffline makes each step wait for disconnected proxies.
	WaitForOffline bool
	// TwoClocks tells that the time of a write is by another clock than that of a
	// certificate.
	TwoClocks bool
	// Issuer says which proxies get their certificates from the CA.
	Issuer Issuer

	modified   time.Time // of the last write, by the control plane's clock
	written    time.Time // the same time by the provider's clock
	observedAt time.Time // time of the last read
	proxies    map[proxyID]*proxy
	zones      []kuma.Zone           // just before the last write
	missed     map[proxyID]time.Time // proxies that missed a write, with the time at which each disconnected
}

type proxyID struct{ zone, name string }

// A proxy has the observations of a proxy since the last write.
type proxy struct {
	kuma.Dataplane // at the last read

	subscribed   time.Time      // beginning of its subscription, by the provider's clock
	before       kuma.Responses // of its subscription, at the time of the write
	balance      int64          // of all its responses, at the time of the write
	issuedBefore time.Time      // of its certificate at the time of the write, zero if unknown
	done         bool           // whether a read has shown that it has the result
	lostAt       time.Time      // since when it has not been connected for long enough to be served, zero if it has been
	rejection    rejection
}

// A rejection has the observations of responses with secrets that a proxy
// rejected and has not accepted since.
type rejection struct {
	since        time.Time // zero if there is none
	last         time.Time // time of the last rejection
	acknowledged uint64    // number of acknowledgments at that time
	ambiguous    bool      // both numbers grew in one read, so the last response may be either
}

// Pending is a proxy or a zone that does not have the result of a write yet, as
// far as the control plane shows.
type Pending struct {
	Name, Why string
	Since     time.Time // zero if unknown
	Rejects   bool
	Connected bool // whether it is a connected proxy
}

// Begin records a write after which the control plane issues certificates: its
// modification time, read back, and the view just before it.
func (p *Proxies) Begin(modified, now time.Time, before View) {
	back := func(d kuma.Dataplane) bool { // connected again before the step that follows the missed one
		return d.Online && p.servedFrom(d.Connected) && now.Sub(p.written)-d.Connected.Sub(p.modified) >= p.Timing.Connecting
	}
	maps.DeleteFunc(p.missed, func(id proxyID, _ time.Time) bool {
		return slices.ContainsFunc(before.Proxies, func(d kuma.Dataplane) bool { return id == proxyID{d.Zone, d.Name} && back(d) })
	})
	p.zones = before.Zones
	p.modified, p.written, p.observedAt = modified, now, now
	known := p.proxies
	p.proxies = map[proxyID]*proxy{}
	for _, d := range before.Proxies {
		f := &proxy{Dataplane: d, before: d.Secrets, balance: balance(d), subscribed: now}
		if d.Certificate != nil {
			f.issuedBefore = d.Certificate.Issued
		}
		id := proxyID{d.Zone, d.Name}
		switch was := known[id]; {
		case was != nil && !was.lostAt.IsZero():
			f.lostAt = was.lostAt
		case d.Online:
		case was != nil && was.Online, d.Disconnected.After(modified.Add(-grace)):
			f.lostAt = now
		}
		p.proxies[id] = f
	}
}

// Judge returns the pending proxies and zones of a view.
func (p *Proxies) Judge(now time.Time, v View) []Pending {
	return append(p.Observe(now, v.Proxies), PendingZones(p.zones, v.Zones, p.Issuer.Identity != "")...)
}

// Observe updates the proxies and returns the pending ones.
func (p *Proxies) Observe(now time.Time, dataplanes []kuma.Dataplane) []Pending {
	p.proxies = p.observed(now, dataplanes)
	p.observedAt = now
	var pending []Pending
	for _, d := range dataplanes {
		if waiting, is := p.pending(now, p.proxies[proxyID{d.Zone, d.Name}]); is {
			pending = append(pending, waiting)
		}
	}
	return pending
}

// observed returns the observations of proxies after a read, without proxies
// that were removed.
func (p *Proxies) observed(now time.Time, dataplanes []kuma.Dataplane) map[proxyID]*proxy {
	seen := map[proxyID]*proxy{}
	for _, d := range dataplanes {
		id := proxyID{d.Zone, d.Name}
		f := p.proxies[id]
		if f == nil {
			f = &proxy{subscribed: now}
		}
		p.update(f, now, d)
		seen[id] = f
	}
	return seen
}

// Pass ends a step: proxies without its result that are disconnected, or have
// never been connected for long, have missed it, even if they reconnect later.
func (p *Proxies) Pass() {
	for id, f := range p.proxies {
		if !f.away() || f.done || !p.Issuer.Serves(f.Dataplane) {
			continue
		}
		if p.missed == nil {
			p.missed = map[proxyID]time.Time{}
		}
		p.missed[id] = f.Disconnected
		if f.Online {
			p.missed[id] = f.lostAt
		}
	}
}

// away reports whether a proxy that has connected before is disconnected, or
// not connected for long enough to be served.
func (f *proxy) away() bool {
	return f.Subscription != "" && (!f.Online || !f.lostAt.IsZero())
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

// update updates the observations of a proxy.
func (p *Proxies) update(f *proxy, now time.Time, d kuma.Dataplane) {
	if d.Subscription != f.Subscription {
		if f.Subscription != "" && f.lostAt.IsZero() {
			f.lostAt = p.observedAt
		}
		f.before, f.balance, f.Secrets, f.rejection = kuma.Responses{}, 0, kuma.Responses{}, rejection{}
		f.subscribed, f.done = p.began(d.Connected, now), f.done && p.servedFrom(d.Connected)
	}
	switch {
	case d.Online && now.Sub(f.subscribed) >= p.Timing.Connecting:
		f.lostAt = time.Time{}
	case !d.Online && f.Online && f.lostAt.IsZero():
		f.lostAt = now
	}
	f.rejection.update(now, f.Secrets, d.Secrets, p.Timing, p.Issuer.resends())
	f.Dataplane = d
	f.done = f.done || p.servedOver(d.Ended)
}

// began returns when a new connection began, by the provider's clock: after the
// last read, regardless of the clock of the control plane's instance.
func (p *Proxies) began(connected, now time.Time) time.Time {
	by := p.written.Add(connected.Sub(p.modified))
	switch {
	case by.Before(p.observedAt):
		return p.observedAt
	case by.After(now):
		return now
	}
	return by
}

// servedFrom reports whether a connection began so long after the write that it
// brings the result.
func (p *Proxies) servedFrom(connected time.Time) bool {
	return connected.After(p.modified.Add(p.Timing.Served))
}

// servedOver reports whether an ended connection has brought the result: the
// control plane records acknowledgments at its end (measured).
func (p *Proxies) servedOver(c *kuma.EndedConnection) bool {
	return c != nil && p.servedFrom(c.Connected) && c.Secrets.Acknowledged > 0 && c.Secrets.Rejected == 0
}

// update decides by the last response: a proxy that rejected once may have
// accepted since. If one read shows both, it depends on whether the control
// plane sends the response again. If resends is false it may never do that, and
// an acknowledgment may be of something else.
func (r *rejection) update(now time.Time, before, responses kuma.Responses, timing Timing, resends bool) {
	switch {
	case responses.Rejected > before.Rejected:
		if r.since.IsZero() {
			r.since = now
		}
		r.last, r.acknowledged, r.ambiguous = now, responses.Acknowledged, responses.Acknowledged > before.Acknowledged
	case !resends:
	case responses.Acknowledged > r.acknowledged, r.ambiguous && now.Sub(r.last) > timing.Shown:
		*r = rejection{}
	}
}

// pending reports whether a proxy is pending, and why.
func (p *Proxies) pending(now time.Time, f *proxy) (waiting Pending, is bool) {
	waiting = Pending{Name: f.Name, Since: p.written, Connected: f.Online}
	switch {
	case !p.Issuer.Serves(f.Dataplane), f.Subscription == "", f.done && f.rejection.since.IsZero():
		return waiting, false
	case !f.rejection.since.IsZero() && f.Online:
		waiting.reject(now, f)
		return waiting, true
	case f.Online && p.lacks(f) == "":
		f.done, f.lostAt = true, time.Time{}
		return waiting, false
	case f.away():
		return waiting, p.absent(&waiting, now, f)
	case p.servedByConnecting(now, f):
		return waiting, false
	}
	waiting.Why = p.lacks(f)
	return waiting, true
}

// absent sets why a disconnected proxy is pending, and reports whether it is.
func (p *Proxies) absent(waiting *Pending, now time.Time, f *proxy) bool {
	lost := !f.lostAt.IsZero() && now.Sub(f.lostAt) < grace
	switch {
	case f.Online:
		waiting.Since, waiting.Why = f.lostAt, "it reconnects, and no connection has lasted long enough to bring its certificate"
	case lost:
		waiting.Since, waiting.Why = f.Disconnected, "it disconnected, and has one minute to reconnect"
	default:
		waiting.Since, waiting.Why = f.Disconnected, "it is disconnected"
	}
	return lost || p.WaitForOffline
}

// reject records that a proxy rejects, and whether it has done so for too long.
func (p *Pending) reject(now time.Time, f *proxy) {
	p.Since, p.Why, p.Rejects = f.rejection.since, "it rejects its new certificate", now.Sub(f.rejection.since) >= rejecting
}

// servedByConnecting reports whether a proxy connected so long after the write
// that it gets the result, and so recently that the control plane cannot show
// its certificate yet.
func (p *Proxies) servedByConnecting(now time.Time, f *proxy) bool {
	return p.servedFrom(f.Connected) && now.Sub(f.subscribed) < p.Timing.Judge
}

// lacks returns what is missing to know that a connected proxy has the identity
// and the trust bundle of the write, which are sent together. It has them if
// all of this is true (measured): its certificate was issued after the write,
// the control plane has recorded the status of the proxy since then, and the
// proxy has acknowledged secrets.
func (p *Proxies) lacks(f *proxy) string {
	switch {
	case f.Certificate == nil:
		return noCertificate
	case !p.Issuer.issued(f.Dataplane):
		return fmt.Sprintf("its certificate is from %q", f.Certificate.Backend)
	case !p.issuedAfter(f):
		return fmt.Sprintf("its certificate was issued at %s, before the change", f.Certificate.Issued.UTC().Format(time.RFC3339))
	}
	return unacknowledged(f.Dataplane, f.before.Acknowledged, f.balance)
}

const noCertificate = "the control plane does not report its certificate yet"

// unacknowledged returns what is missing to know that a proxy has accepted its
// certificate. before is the number of secrets that it had acknowledged before,
// and balanced the balance of all its responses then.
func unacknowledged(d kuma.Dataplane, before uint64, balanced int64) string {
	switch {
	case d.LastUpdate.Before(d.Certificate.Issued):
		return "the control plane does not report yet whether it accepted its new certificate"
	case balance(d) < max(0, balanced):
		return fmt.Sprintf("it has acknowledged %d of %d messages", d.Total.Acknowledged, d.Total.Sent)
	case d.Secrets.Acknowledged <= before:
		return "it has not acknowledged its new certificate"
	}
	return ""
}

// balance returns the number of responses that a proxy has answered, less that
// of those sent to it. In a mesh with identities it may be positive: 2.14 counts
// an acknowledgment of every change of the names that a proxy subscribes to
// (contract, identity rotation 5).
func balance(d kuma.Dataplane) int64 {
	return int64(d.Total.Acknowledged+d.Total.Rejected) - int64(d.Total.Sent) //nolint:gosec // a proxy has far fewer responses
}

// issuedAfter reports whether a proxy's certificate was issued after the write.
// By the clock of another instance, it may look slightly older, but it must at
// least have changed. With two clocks it must have changed in any case, unless it
// was unknown before.
func (p *Proxies) issuedAfter(f *proxy) bool {
	issued := f.Certificate.Issued
	changed := !f.issuedBefore.IsZero() && !f.issuedBefore.Equal(issued)
	if p.TwoClocks {
		return (changed || f.issuedBefore.IsZero()) && issued.After(p.modified.Add(-skew))
	}
	return issued.After(p.modified) || changed && issued.After(p.modified.Add(-skew))
}
