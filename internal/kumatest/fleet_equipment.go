package kumatest

import (
	"crypto/x509"
	"encoding/pem"
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

// dump returns the secrets of a connected proxy, as the configuration dump of an Envoy shows them.
func (f *fleet) dump(mesh, resource string) (dump map[string]any, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.find(mesh, resource)
	if p == nil || !p.connected || p.hangs {
		return nil, false
	}
	secrets := []any{}
	if p.stored.bundle != nil {
		name := trustBundle
		if p.stored.bundle.domains == nil {
			name = meshBundle + ":secret:" + mesh
		}
		secrets = append(secrets, dumpedSecret(name, "validation_context", p.stored.bundle.dump()))
	}
	if p.stored.leaf != nil && p.stored.leaf.cert != nil {
		name := p.stored.leaf.secret
		if name == meshLeaf {
			name += ":secret:" + mesh
		}
		chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.stored.leaf.cert.Raw})
		secrets = append(secrets, dumpedSecret(name, "tls_certificate", map[string]any{
			"certificate_chain": inline(chain), "private_key": inline([]byte("[redacted]")),
		}))
	}
	return map[string]any{"configs": []any{map[string]any{
		"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump", "dynamic_active_secrets": secrets,
	}}}, true
}

func dumpedSecret(name, member string, content any) map[string]any {
	return map[string]any{"name": name, "secret": map[string]any{
		"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "name": name, member: content,
	}}
}

func inline(content []byte) map[string]any { return map[string]any{"inline_bytes": content} }

// dump returns the bundle as a validation context.
func (b *bundle) dump() map[string]any {
	if b.domains == nil {
		return map[string]any{"trusted_ca": inline([]byte(b.text))}
	}
	domains := []any{}
	for _, domain := range sortedKeys(b.domains) {
		domains = append(domains, map[string]any{"name": domain, "trust_bundle": inline([]byte(b.domains[domain].text))})
	}
	return map[string]any{"custom_validator_config": map[string]any{
		"name": "envoy.tls.cert_validator.spiffe",
		"typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig", "trust_domains": domains,
		},
	}}
}
