package kumatest

import "fmt"

// A meshIdentity is the source of a proxy's identity instead of the CA of its mesh.
type meshIdentity struct {
	name string
	told bool // the insight shows it
}

// considerIdentity checks what a proxy with an identity from a MeshIdentity needs. A change of mtls affects only its
// trust bundle, which also contains the CA of the mesh.
func (p *Proxy) considerIdentity(mesh *resource) {
	f, was := p.fleet, p.issued
	next := &issued{
		made: f.now, expires: f.now.Add(defaultLifetime),
		backend:   fmt.Sprintf("kri_mid_%s_%s__%s_", p.mesh, p.zone.name, p.identity.name),
		supported: []string{fmt.Sprintf("kri_mtrust_%s___%s_", p.mesh, p.identity.name)},
	}
	if enabledBackend(mesh) != nil {
		var err error
		if next.bundle, _, err = p.zone.trust(p.mesh, mesh); err != nil {
			return
		}
	}
	renewed := was == nil || f.now.After(p.renewal(was))
	if !renewed {
		next.made, next.expires = was.made, was.expires
	}
	if !renewed && next.bundle == was.bundle {
		return
	}
	p.issued = next
	if renewed {
		p.flush() // unlike a change of mtls, this is reported at once
		p.in(p.renewal(next).Sub(f.now)+f.tick(), p.consider)
	}
	p.within(sendLeast, sendMost, p.send)
}
