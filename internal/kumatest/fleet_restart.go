package kumatest

import "time"

// A RestartOption configures the restart of a control plane.
type RestartOption func(*restart)

type restart struct {
	within time.Duration
	away   bool
	killed bool
}

// ReconnectWithin makes proxies, or the zones of a global control plane, reconnect within d after the control plane is
// available again. The default is 1 s; a real Envoy takes up to 30 s.
func ReconnectWithin(d time.Duration) RestartOption {
	return func(r *restart) { r.within = d }
}

// StayAway prevents proxies and zones from reconnecting.
func StayAway() RestartOption {
	return func(r *restart) { r.away = true }
}

// Killed ends the control plane before it can record the end of its connections. Overviews show proxies and zones as
// online until they reconnect. Proxies that do not are shown as offline after 5 to 10 minutes.
func Killed() RestartOption {
	return func(r *restart) { r.killed = true }
}

// Restart stops the control plane now and starts it again after down, with the same store. It closes the connections of
// its proxies, or of its zones if it is global. In the meantime, requests fail without an answer.
func (cp *ControlPlane) Restart(down time.Duration, opts ...RestartOption) {
	r := restart{within: time.Second}
	for _, opt := range opts {
		opt(&r)
	}
	cp.fleet.runDue()
	cp.Inject(Fault{Kinds: []FaultKind{Refuse}, For: down})
	cp.secrets.empty()
	f := cp.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.eachZone(func(z *Zone) {
		if cp.global {
			z.restarted(r, down)
		} else {
			z.restart(r, down)
		}
	})
}

// restart ends the zone control plane and starts it again.
func (z *Zone) restart(r restart, down time.Duration) {
	for _, p := range z.proxies() {
		if r.killed {
			p.lose()
		} else {
			p.disconnect()
		}
		if !r.away {
			p.comeBack(down + z.fleet.between(0, r.within))
		}
	}
	z.forget()
	z.reconciler.restart(z.fleet.now.Add(down))
	for _, mesh := range z.fleet.cp.meshes() {
		z.meshes[mesh.name] = z.viewOf(mesh.name)
	}
}

// restarted closes the connection of a zone to a global control plane that restarts.
func (z *Zone) restarted(r restart, down time.Duration) {
	if z.state == zoneKilled {
		return
	}
	s := z.current()
	z.disconnect(!r.killed)
	if r.away {
		return
	}
	z.fleet.after(down+z.fleet.between(0, r.within), z, func() {
		if z.current() == s {
			z.connect()
		}
	})
}

// lose closes the connection of a proxy without recording that. A garbage collector records it if the proxy does not
// reconnect.
func (p *Proxy) lose() {
	p.session++
	p.connected = false
	p.in(p.fleet.between(idleTimeout, 2*idleTimeout), func() {
		p.current().disconnected = p.fleet.now
		p.flush()
	})
}

// comeBack connects the proxy after a while, unless another event happens to it before.
func (p *Proxy) comeBack(after time.Duration) { p.in(after, p.connect) }
