package kumatest

import "time"

// This file has the communication between a connected proxy and its control plane.

// A stream is the connection of a proxy from the view of the control plane.
type stream struct {
	subscriptions []*subscription // the last two, of which the last may be the current one
	outstanding   *material       // sent and not answered yet
	waiting       bool            // a rejected response must be sent again
	reporting     bool            // the insight is about to report a change
}

func (p *Proxy) connect() {
	p.session++
	p.zone.polled(p.mesh, true)
	p.connected = true
	p.record = record{}
	p.outstanding, p.waiting, p.reporting = nil, false, false
	p.subscribe()
	p.zone.serviceDue(p.mesh)
	p.flush()
	p.beat()
	first := time.Duration(0)
	if p.fleet.cp.release.looksLate {
		first = p.fleet.cp.every.proxyRefresh
	}
	p.within(first+connectLeast, first+connectMost, p.consider)
}

func (p *Proxy) disconnect() {
	if !p.connected {
		return
	}
	p.session++
	p.connected = false
	p.zone.polled(p.mesh, false)
	p.current().disconnected = p.fleet.now
	if p.fleet.random.IntN(2) == 0 {
		p.issued = nil // it is dropped before or after the insight reports it
	}
	session := p.session
	p.fleet.after(lastFlush, p.zone, func() {
		if p.session == session {
			p.flush()
			p.issued = nil
		}
	})
}

// within schedules an event from least to most from now, unless the proxy disconnects before.
func (p *Proxy) within(least, most time.Duration, do func()) { p.in(p.fleet.between(least, most), do) }

func (p *Proxy) in(d time.Duration, do func()) {
	session := p.session
	p.fleet.after(d, p.zone, func() {
		if p.session == session {
			do()
		}
	})
}

// atNextTick schedules an event for the time at which the control plane checks the proxy next.
func (p *Proxy) atNextTick(do func()) { p.within(0, p.fleet.tick(), do) }

// report schedules a report of what changed, at the next of the regular moments since the proxy connected.
func (p *Proxy) report() {
	if p.reporting {
		return
	}
	p.reporting = true
	p.in(untilNext(p.fleet.now.Sub(p.current().connected), p.fleet.cp.every.proxyFlush), func() {
		p.reporting = false
		p.flush()
	})
}

// beat increments the generation of the subscription.
func (p *Proxy) beat() {
	p.in(heartbeat, func() {
		p.report()
		p.beat()
	})
}

// send sends what the proxy does not have yet, unless an answer is outstanding.
func (p *Proxy) send() {
	s := p.current()
	if p.outstanding != nil || p.waiting || !p.goal.known {
		return
	}
	p.report()
	s.configure(&p.goal.setup, p.fleet.now)
	p.configure(p.goal.setup)
	if !p.goal.secure() {
		p.sent = material{} // the proxy drops what it does not use
		return
	}
	next, differs := p.unsent()
	if !differs {
		return
	}
	p.sent = p.goal.material
	p.outstanding = &next
	s.total.sent++
	s.updated = p.fleet.now
	p.within(sendLeast+p.late, sendMost+p.late, p.answer)
}

// unsent returns what to send: with state-of-the-world xDS all secrets if any has changed, otherwise those that have.
func (p *Proxy) unsent() (material, bool) {
	next := p.goal.material
	if next == p.sent {
		return next, false
	}
	if p.fleet.cp.release.incremental {
		if next.leaf == p.sent.leaf {
			next.leaf = nil
		}
		if next.bundle == p.sent.bundle {
			next.bundle = nil
		}
	}
	return next, next != material{}
}

// answer handles the proxy's answer to a response.
func (p *Proxy) answer() {
	if p.hangs || p.outstanding == nil {
		return
	}
	s, answered := p.current(), p.outstanding
	p.outstanding = nil
	s.updated = p.fleet.now
	p.report()
	if p.refuses() || answered.bundle != nil && answered.bundle.broken != nil {
		s.total.rejected++
		if p.fleet.cp.release.incremental { // and never sends this again
			p.send()
			return
		}
		p.waiting, p.sent = true, material{}
		p.in(resendTime, func() {
			p.waiting = false
			p.send()
		})
		return
	}
	s.total.acknowledged++
	p.receive(*answered)
	p.send() // what was issued in the meantime
}
