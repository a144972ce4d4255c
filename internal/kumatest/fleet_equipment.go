package kumatest

import (
	"crypto/x509"
	"slices"
)

// This file has what a proxy itself has, whichever status the control plane reports.

// equipment is what a proxy has. It stays when the proxy disconnects.
type equipment struct {
	latest *setup   // the last configuration that it was sent
	stored material // the last secrets that it was sent
	active *setup   // the configuration that it uses
	held   *material
}

// configure gives the proxy a configuration. It uses the one of before until it has all secrets of the new one.
func (p *Proxy) configure(c setup) {
	p.latest = &c
	p.ask(p.latest, p.active)
	p.activate()
}

// receive gives the proxy secrets. What was not sent stays as it was.
func (p *Proxy) receive(m material) {
	if m.leaf != nil {
		p.stored.leaf = m.leaf
	}
	if m.bundle != nil {
		p.stored.bundle = m.bundle
	}
	p.activate()
}

func (p *Proxy) activate() {
	switch {
	case p.latest == nil:
		return
	case !p.latest.secure():
		p.active, p.held, p.stored = p.latest, nil, material{}
	case p.stored.names() == p.latest.secrets():
		p.active, p.held = p.latest, &material{p.stored.leaf, p.stored.bundle}
	default:
		return
	}
	p.ask(p.active)
}

func (p *Proxy) ask(configs ...*setup) {
	p.current().ask(secretsOf(configs...), p.fleet.cp.release.incremental)
}

// Holds returns the material of the proxy.
func (p *Proxy) Holds() Holding {
	defer p.enter()()
	var h Holding
	if p.held == nil || p.claim != nil {
		return h
	}
	h.Identity, h.Key, h.Bundle = p.held.leaf.cert, p.held.leaf.key, slices.Clone(p.held.bundle.certs)
	for domain, list := range p.held.bundle.domains {
		if h.Domains == nil {
			h.Domains = map[string][]*x509.Certificate{}
		}
		h.Domains[domain] = slices.Clone(list.certs)
	}
	return h
}
