package kumatest

import "fmt"

// A claim is the identity of a proxy from a MeshIdentity that the control plane does not have.
type claim struct {
	name string
	told bool // the insight shows it
}

// considerClaim checks what a proxy with a claim needs. A change of mtls affects only its trust bundle, which also
// contains the CA of the mesh.
func (p *Proxy) considerClaim(mesh *resource) {
	f, was := p.fleet, p.issued
	next := &issued{
		made: f.now, expires: f.now.Add(defaultLifetime),
		backend:   fmt.Sprintf("kri_mid_%s_%s__%s_", p.mesh, p.zone.name, p.claim.name),
		supported: []string{fmt.Sprintf("kri_mtrust_%s___%s_", p.mesh, p.claim.name)},
	}
	next.leaf = &leaf{secret: next.backend}
	if enabledBackend(mesh) != nil {
		var err error
		if next.bundle, _, err = p.zone.trust(p.mesh, mesh); err != nil {
			return
		}
	}
	renewed := was == nil || f.now.After(renewal(was.made, was.expires))
	if !renewed {
		next.made, next.expires, next.leaf = was.made, was.expires, was.leaf
	}
	if !renewed && next.bundle == was.bundle {
		return
	}
	p.issued = next
	p.goal = goal{setup: setup{leaf: next.leaf.secret, bundle: meshBundle, claimed: true}, material: next.material, known: true}
	if renewed {
		p.flush() // unlike a change of mtls, this is reported at once
		p.in(renewal(next.made, next.expires).Sub(f.now)+f.tick(), p.consider)
	}
	p.within(sendLeast, sendMost, p.send)
}
