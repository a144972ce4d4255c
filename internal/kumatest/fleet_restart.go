package kumatest

import "time"

// A RestartOption says how a control plane restarts.
type RestartOption func(*restart)

type restart struct {
	within time.Duration
	away   bool
	killed bool
}

// ReconnectWithin lets proxies, and zones of a global control plane, come back up to d after the control plane. The
// default is 1 s; a real Envoy takes up to 30 s.
func ReconnectWithin(d time.Duration) RestartOption {
	return func(r *restart) { r.within = d }
}

// StayAway lets none come back by itself.
func StayAway() RestartOption {
	return func(r *restart) { r.away = true }
}

// Killed lets the control plane end without noting that its connections do. Proxies and zones are shown as online until
// they come back, or for 5 to 10 minutes.
func Killed() RestartOption {
	return func(r *restart) { r.killed = true }
}

// Restart ends the control plane now and starts it again after down, with the same store. Until then requests get no
// answer, and every connection to it has ended: those of its proxies, or of its zones when it is global.
func (cp *ControlPlane) Restart(down time.Duration, opts ...RestartOption) {
	r := restart{within: time.Second}
	for _, opt := range opts {
		opt(&r)
	}
	cp.fleet.look()
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
	for _, mesh := range z.fleet.cp.meshes() {
		z.meshes[mesh.name] = mesh
	}
}

// restarted is what a zone has of the restart of the global control plane.
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

// lose ends the connection of a proxy without a note, until another one begins or none has for long.
func (p *Proxy) lose() {
	p.session++
	p.connected = false
	p.in(p.fleet.between(idleTimeout, 2*idleTimeout), func() {
		p.current().disconnected = p.fleet.now
		p.flush()
	})
}

// comeBack makes the proxy connect after a while, unless something else happens to it before.
func (p *Proxy) comeBack(after time.Duration) { p.in(after, p.connect) }
