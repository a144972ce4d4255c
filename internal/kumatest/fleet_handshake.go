package kumatest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file has the handshakes between proxies.

var (
	errHoldsNothing = errors.New("it has no identity or no trust bundle")
	errSpeaksPlain  = errors.New("it speaks plaintext as a client, and the server accepts only TLS")
	errSpeaksTLS    = errors.New("it speaks TLS as a client, and the server accepts only plaintext")
)

// Accepts returns why the proxy would reject another one at a time, as its client and as its server, or nil if it
// accepts it. Both use their current material.
func (p *Proxy) Accepts(other *Proxy, at time.Time) error {
	defer p.enter()()
	if !p.takesPart() || !other.takesPart() || p.held == nil && !p.active.hasIdentity && !other.active.hasIdentity || other.held == nil && !p.active.hasIdentity {
		return errHoldsNothing
	}
	_, err := p.handshake(other, at)
	return err
}

// Plaintext reports whether the proxy has a configuration without TLS.
func (p *Proxy) Plaintext() bool {
	defer p.enter()()
	return p.active != nil && !p.active.secure()
}

// takesPart reports whether a proxy has what it needs for handshakes, or speaks plaintext.
func (p *Proxy) takesPart() bool { return p.active != nil && p.claim == nil }

// mixes reports whether one of two proxies speaks plaintext while the CA of the mesh issues for the other one. The control
// plane turns that on and off in an order of its own, which is not simulated.
func (p *Proxy) mixes(other *Proxy) bool {
	return (p.held == nil) != (other.held == nil) && !p.active.hasIdentity && !other.active.hasIdentity
}

// handshake returns why a proxy rejects another one, as its server or as its client. It reports whether there is a
// handshake at all, and not only plaintext in both directions.
func (p *Proxy) handshake(other *Proxy, at time.Time) (tried bool, err error) {
	in, out := other.speaksTLS(p), p.speaksTLS(other)
	switch {
	case p.mixes(other):
		return false, nil
	case in && p.held == nil:
		return true, errSpeaksTLS
	case !in && p.held != nil && !p.active.permissive:
		return true, errSpeaksPlain
	}
	if in {
		err = p.verify(other, p.active.rejectsClient, at)
	}
	if err == nil && out && other.held != nil {
		err = p.verify(other, func(name string) error { return p.active.rejectsServer(name, other.services) }, at)
	}
	return in || out, err
}

// speaksTLS reports whether a proxy uses TLS as a client of another one. Some releases wait until its MeshService is ready.
func (p *Proxy) speaksTLS(other *Proxy) bool {
	if p.held == nil || !p.active.hasIdentity || !p.fleet.cp.release.clientsWait {
		return p.held != nil
	}
	asks := p.active.asks
	return asks != nil && !slices.ContainsFunc(other.services(), func(service string) bool { return !asks.ready[service] })
}

// verify returns why the proxy rejects the certificate of another one, or its name.
func (p *Proxy) verify(other *Proxy, rejects func(name string) error, at time.Time) error {
	leaf := other.held.leaf.cert
	if err := p.held.bundle.verify(leaf, at); err != nil {
		return err
	}
	if len(leaf.URIs) == 0 {
		return errors.New("its certificate has no name")
	}
	return rejects(leaf.URIs[0].String())
}

// rejectsClient returns why the listener rejects the name of a client.
func (c *setup) rejectsClient(name string) error {
	if len(c.prefixes) == 0 || slices.ContainsFunc(c.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return nil
	}
	return fmt.Errorf("its name is %s, and the server accepts %s", name, strings.Join(c.prefixes, " or "))
}

// rejectsServer returns why a cluster rejects the name of a server.
func (c *setup) rejectsServer(name string, services func() []string) error {
	if c.asks == nil {
		return nil
	}
	for _, service := range services() {
		if names := c.asks.names[service]; len(names) > 0 && !slices.Contains(names, name) {
			return fmt.Errorf("its name is %s, and the client asked for %s", name, strings.Join(names, " or "))
		}
	}
	return nil
}

// services returns the MeshServices of the proxy.
func (p *Proxy) services() []string {
	dataplane, ok := p.dataplane()
	if !ok {
		return nil
	}
	if p.member.of != dataplane {
		p.member = membership{dataplane, p.fleet.cp.servicesOf(dataplane)}
	}
	return p.member.services
}

// A membership is in which MeshServices a Dataplane is, which takes some time to find out.
type membership struct {
	of       *resource
	services []string
}

// enter runs due events and locks the fleet.
func (p *Proxy) enter() (leave func()) {
	p.fleet.runDue()
	p.fleet.mu.Lock()
	return p.fleet.mu.Unlock
}

// A Refusal is a failed handshake: one proxy rejects another one.
type Refusal struct {
	Time time.Time
	By   string // the names of the proxies
	Of   string
	Err  error
}

func (r Refusal) String() string {
	return fmt.Sprintf("%s: %s refuses %s: %v", r.Time.Format("15:04:05.000"), r.By, r.Of, r.Err)
}

// Handshakes lets each connected proxy of a mesh verify every other one now. It returns the number of handshakes, and
// those that failed. A proxy without any material takes no part. One that speaks plaintext fails with those that accept or
// speak only TLS because of a MeshIdentity; two of them need no handshake.
func (cp *ControlPlane) Handshakes(mesh string) (tried int, refused []Refusal) {
	return cp.handshakes(mesh, func(p *Proxy) bool { return p.connected })
}

// HandshakesOfAll is Handshakes with disconnected proxies, which continue to serve traffic with their material.
func (cp *ControlPlane) HandshakesOfAll(mesh string) (tried int, refused []Refusal) {
	return cp.handshakes(mesh, func(*Proxy) bool { return true })
}

func (cp *ControlPlane) handshakes(mesh string, includes func(*Proxy) bool) (tried int, refused []Refusal) {
	f := cp.fleet
	f.runDue()
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*Proxy
	for _, p := range f.proxies {
		if p.mesh == mesh && p.takesPart() && includes(p) {
			all = append(all, p)
		}
	}
	if !slices.ContainsFunc(all, func(p *Proxy) bool { return !p.isPlain() }) {
		return len(all) * max(len(all)-1, 0), refusedByBundle(all, f.now)
	}
	for _, p := range all {
		for _, other := range all {
			if p == other {
				continue
			}
			done, err := p.handshake(other, f.now)
			if done {
				tried++
			}
			if err != nil {
				refused = append(refused, Refusal{f.now, p.name, other.name, err})
			}
		}
	}
	return tried, refused
}

// isPlain reports whether the proxy has a certificate from the CA of its mesh and verifies no names.
func (p *Proxy) isPlain() bool {
	return p.held != nil && !p.active.hasIdentity && p.active.asks == nil && p.held.bundle.domains == nil
}

// refusedByBundle is the same for proxies that verify only whether a certificate is trusted. Many have the same bundle.
func refusedByBundle(all []*Proxy, now time.Time) (refused []Refusal) {
	rejected := map[*bundle]map[*Proxy]error{}
	for _, p := range all {
		if _, known := rejected[p.held.bundle]; !known {
			rejected[p.held.bundle] = map[*Proxy]error{}
			for _, other := range all {
				if err := p.held.bundle.verify(other.held.leaf.cert, now); err != nil {
					rejected[p.held.bundle][other] = err
				}
			}
		}
		if len(rejected[p.held.bundle]) == 0 {
			continue
		}
		for _, other := range all {
			if err := rejected[p.held.bundle][other]; err != nil && p != other {
				refused = append(refused, Refusal{now, p.name, other.name, err})
			}
		}
	}
	return refused
}

// Refusals returns the failed handshakes of Handshakes.
func (cp *ControlPlane) Refusals(mesh string) []Refusal {
	_, refused := cp.Handshakes(mesh)
	return refused
}
