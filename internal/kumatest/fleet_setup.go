package kumatest

import (
	"fmt"
	"slices"
	"strings"
)

// Names of secrets that do not depend on the identity.
const (
	meshLeaf    = "identity_cert"       // issued by the CA of the mesh
	meshBundle  = "mesh_ca"             // the CA of the mesh
	trustBundle = "system_trust_bundle" // one list for each trust domain
)

// A setup has the listener and the clusters of a proxy: how it speaks with others. The zero value is that of a proxy that
// speaks plaintext.
type setup struct {
	leaf, bundle string // secrets that it names, empty for plaintext
	hasIdentity  bool   // from a MeshIdentity
	claimed      bool   // from one that the control plane does not have
	permissive   bool   // the inbound accepts plaintext too
	// prefixes of the names that the inbound accepts, all if there are none.
	prefixes []string
	// asks has the names that a client accepts, by service. Without names, it accepts all.
	asks *services
}

func (c *setup) secure() bool { return c.leaf != "" }

// inbound and outbound describe the listener and the clusters, so that a change is seen.
func (c *setup) inbound() string {
	return fmt.Sprint(c.leaf, c.bundle, c.permissive && c.hasIdentity, c.prefixes)
}

func (c *setup) outbound() string {
	text := fmt.Sprint(c.leaf, c.bundle)
	if c.asks != nil {
		text += fmt.Sprint(c.asks.names, c.asks.ready)
	}
	return text
}

// secrets are the names of the secrets of a configuration.
func (c *setup) secrets() string { return c.leaf + " " + c.bundle }

// names are the names of secrets in the same form.
func (m material) names() string {
	if m.leaf == nil || m.bundle == nil {
		return ""
	}
	name := meshBundle
	if m.bundle.domains != nil {
		name = trustBundle
	}
	return m.leaf.secret + " " + name
}

// secretsOf returns the names to which a proxy subscribes for configurations.
func secretsOf(configs ...*setup) string {
	var names []string
	for _, c := range configs {
		if c != nil && c.secure() {
			names = append(names, c.leaf, c.bundle)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// A goal is what a proxy should have.
type goal struct {
	setup
	material
	known bool // the control plane has ever had it
}

// aim decides what a proxy should have, from what was issued for it, and sends that if it differs.
func (p *Proxy) aim(v *view) {
	next := p.goalOf(v)
	if next.equals(&p.goal) {
		return
	}
	p.goal = next
	p.within(sendLeast, sendMost, p.send)
}

func (t *goal) equals(other *goal) bool {
	return t.known == other.known && t.material == other.material && t.inbound() == other.inbound() && t.outbound() == other.outbound()
}

func (p *Proxy) goalOf(v *view) goal {
	t := goal{known: true}
	dataplane, ok := p.dataplane()
	if !ok {
		return t
	}
	switch {
	case p.workload != nil:
		t.material = material{p.workload.leaf, v.bundle}
		t.setup = setup{leaf: p.workload.leaf.secret, bundle: trustBundle, hasIdentity: true, asks: v.services, prefixes: v.bundle.prefixes()}
	case p.issued != nil:
		t.material = p.issued.material
		t.setup = setup{leaf: meshLeaf, bundle: meshBundle, prefixes: []string{"spiffe://" + p.mesh + "/"}}
		if v.bundle != nil { // whose domains take the place of the names
			t.material.bundle, t.setup.bundle, t.setup.prefixes = v.bundle, trustBundle, nil
		} else {
			t.setup.asks = v.services
		}
	}
	t.permissive = v.isPermissive(dataplane, t.hasIdentity)
	return t
}

// prefixes returns the prefixes of the names in the trust domains of a bundle.
func (b *bundle) prefixes() []string {
	if b == nil {
		return nil
	}
	var all []string
	for _, domain := range sortedKeys(b.domains) {
		all = append(all, "spiffe://"+domain+"/")
	}
	return all
}
