package kumatest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A record is what the control plane knows of a connected proxy. It ends with the connection.
type record struct {
	issued   *issued
	working  bool // the control plane is issuing for it
	failures int
	retryAt  time.Time
}

// An issued is what was last issued for a proxy, and from what. Nothing compares it with the content of secrets.
type issued struct {
	material
	mtls      []byte // the section of the mesh
	tags      map[string][]string
	made      time.Time
	expires   time.Time
	backend   string
	supported []string
}

// What must be issued again.
type need int

const (
	nothing need = iota
	identityOnly
	everything
)

// consider checks whether a proxy needs anything, as the control plane does once a second.
func (p *Proxy) consider() {
	f := p.fleet
	if !p.connected || p.working || f.now.Before(p.retryAt) {
		return
	}
	mesh := p.zone.meshes[p.mesh]
	if mesh == nil {
		return // each proxy is checked when the change is noticed
	}
	if p.identity != nil {
		p.considerIdentity(mesh)
		return
	}
	backend := enabledBackend(mesh)
	if backend == nil {
		p.issued = nil
		p.send()
		return
	}
	if p.needs(mesh) == nothing {
		return
	}
	if open := p.zone.limiter(p.mesh, backend).openAt; f.now.Before(open) {
		p.retry(open.Sub(f.now) + f.between(0, f.tick()))
		return
	}
	p.working = true
	p.in(p.zone.reserve(), func() { p.read(p.zone.meshes[p.mesh]) })
}

// needs returns what does not match the issued material any more.
func (p *Proxy) needs(mesh *resource) need {
	switch was := p.issued; {
	case was == nil || !bytes.Equal(was.mtls, mtlsOf(mesh)):
		return everything
	case p.fleet.now.After(p.renewal(was)):
		return identityOnly
	case !equalTags(was.tags, p.tags()):
		return identityOnly
	default:
		return nothing
	}
}

// read reads the CA from which the control plane will issue once the key of the identity exists.
func (p *Proxy) read(mesh *resource) {
	backend := enabledBackend(mesh)
	if backend == nil {
		p.working = false
		p.consider()
		return
	}
	ca, err := p.zone.pair(p.mesh, backend)
	if err != nil {
		p.failed(backend)
		return
	}
	needs := p.needs(mesh)
	p.in(issueTime, func() { p.make(ca, mesh, needs) })
}

// make issues an identity and, if the mesh has changed, reads the trust bundle, a moment after the CA.
func (p *Proxy) make(ca pair, mesh *resource, needs need) {
	f := p.fleet
	backend := enabledBackend(mesh)
	next := &issued{
		mtls: mtlsOf(mesh), tags: p.tags(), made: f.now, backend: backend.text("name"),
	}
	var err error
	next.identity, next.key, err = ca.issue(p.mesh, next.tags, f.now, lifetimeOf(backend))
	if err == nil {
		next.expires = next.identity.NotAfter
		if needs == identityOnly {
			next.bundle, next.supported = p.issued.bundle, p.issued.supported
		} else {
			next.bundle, next.supported, err = p.zone.trust(p.mesh, mesh)
		}
	}
	if err != nil {
		p.failed(backend)
		return
	}
	p.issued, p.working, p.failures, p.retryAt = next, false, 0, time.Time{}
	p.zone.limiter(p.mesh, backend).succeeded(p)
	p.report()
	p.within(sendLeast, sendMost, p.send)
	p.atNextTick(p.consider) // the mesh may have changed in the meantime
	p.in(p.renewal(next).Sub(f.now)+f.between(time.Millisecond, f.tick()), p.consider)
}

// renewal returns the time at which an identity is renewed.
func (p *Proxy) renewal(i *issued) time.Time { return i.made.Add(i.expires.Sub(i.made) / 5 * 4) }

// failed delays a proxy for which the issuance failed.
func (p *Proxy) failed(backend *document) {
	f := p.fleet
	p.working = false
	p.failures++
	if !f.cp.release.backsOff {
		p.retry(retryOld)
		return
	}
	p.zone.limiter(p.mesh, backend).failed(p)
	wait := min(retryTime<<min(p.failures-1, 10), retryMost)
	p.retry(f.between(wait*6/10, wait*14/10))
}

func (p *Proxy) retry(wait time.Duration) {
	p.retryAt = p.fleet.now.Add(wait)
	p.in(wait, p.consider)
}

// A limiter stops the issuance for one backend after it failed for too many proxies.
type limiter struct {
	failing []*Proxy
	openAt  time.Time
}

func (l *limiter) failed(p *Proxy) {
	if !slices.Contains(l.failing, p) {
		l.failing = append(l.failing, p)
	}
	if len(l.failing) >= failuresMost {
		l.failing = nil
		l.openAt = p.fleet.now.Add(limiterTime)
	}
}

func (l *limiter) succeeded(p *Proxy) {
	l.failing = slices.DeleteFunc(l.failing, func(other *Proxy) bool { return other == p })
}

// tags returns the current tags of a proxy's Dataplane.
func (p *Proxy) tags() map[string][]string {
	dataplane, ok := p.fleet.cp.store.get("Dataplane", p.mesh, p.resource)
	if !ok {
		return nil
	}
	return identityTags(dataplane.document)
}

func equalTags(a, b map[string][]string) bool {
	return fmt.Sprint(a) == fmt.Sprint(b) // maps are printed in the order of their keys
}

// mtlsOf returns the section of a mesh whose change is noticed.
func mtlsOf(mesh *resource) []byte {
	if mesh == nil || !mesh.document.has("mtls") {
		return nil
	}
	return mesh.document.object("mtls").encode()
}

// enabledBackend returns the enabled backend of a mesh, or nil.
func enabledBackend(mesh *resource) *document {
	if mesh == nil {
		return nil
	}
	mtls := mesh.document.object("mtls")
	for _, backend := range mtls.objects("backends") {
		if backend.text("name") == mtls.text("enabledBackend") {
			return backend
		}
	}
	return nil
}

// lifetimeOf returns the lifetime of the identities of a backend.
func lifetimeOf(backend *document) time.Duration {
	lifetime, err := parseLifetime(backend.object("dpCert").object("rotation").text("expiration"))
	if err != nil || lifetime == 0 {
		return defaultLifetime
	}
	return lifetime
}

// pair reads the CA of a backend: certificate and key each through the cache.
func (z *Zone) pair(mesh string, backend *document) (pair, error) {
	key, err := z.half(mesh, backend, "key")
	if err != nil {
		return pair{}, err
	}
	cert, err := z.half(mesh, backend, "cert")
	if err != nil {
		return pair{}, err
	}
	return parsePair(cert, key)
}

// trust reads the CAs that the proxies of a mesh trust: the chain of the enabled backend, or of each backend if several
// are allowed.
func (z *Zone) trust(mesh string, r *resource) (*bundle, []string, error) {
	backends := []*document{enabledBackend(r)}
	if z.fleet.cp.kongMesh {
		backends = r.document.object("mtls").objects("backends")
	}
	var text []byte
	var names []string
	for _, backend := range backends {
		cert, err := z.half(mesh, backend, "cert")
		if err != nil {
			return nil, nil, err
		}
		text = append(append(text, bytes.TrimSpace(cert)...), '\n')
		names = append(names, backend.text("name"))
	}
	return z.fleet.bundleOf(string(text)), names, nil
}

func (z *Zone) half(mesh string, backend *document, half string) ([]byte, error) {
	secret := func(name string) ([]byte, error) { return z.cache.load(mesh, name, false, z.fleet.now) }
	switch backend.text("type") {
	case "builtin":
		return secret(builtinSecret(mesh, half, backend.text("name")))
	case "provided":
		conf, err := typed(backend.conf(), providedSchema())
		if err != nil {
			return nil, err
		}
		return loadSource(conf.object(half), secret)
	default:
		return nil, errors.New("unknown type of backend")
	}
}
