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
	workload *workload
	cause    string // of the workload, and of its absence
	working  bool   // the control plane is issuing for it
	failing  map[string]failing
	sent     material // the last secrets that it was sent
	goal     goal     // what it should have
}

// A failing is the delay of a proxy for which an issuer has failed.
type failing struct {
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
	if !p.connected || p.working {
		return
	}
	v := p.zone.meshes[p.mesh]
	if v == nil {
		return // each proxy is checked when the change is noticed
	}
	if p.claim != nil {
		p.considerClaim(v.mesh)
		return
	}
	if p.considerIdentity(v) {
		return
	}
	if p.workload != nil {
		p.aim(v)
		return
	}
	backend := enabledBackend(v.mesh)
	if backend == nil {
		p.issued = nil
		p.goal = p.goalOf(v)
		p.send()
		return
	}
	if p.needs(v.mesh) == nothing {
		p.aim(v)
		return
	}
	if p.putOff(p.issuer(backend)) {
		return
	}
	p.working = true
	p.in(p.zone.reserve(issueTime), func() { p.read(p.zone.meshes[p.mesh].mesh) })
}

// putOff reports whether a proxy has to wait until it is issued to again, because that has failed for it, or for others.
func (p *Proxy) putOff(issuer string) bool {
	f := p.fleet
	if f.now.Before(p.failing[issuer].retryAt) {
		return true
	}
	open := p.zone.limiter(issuer).openAt
	if !f.now.Before(open) {
		return false
	}
	p.retry(issuer, open.Sub(f.now)+f.between(0, f.tick()))
	return true
}

// issuer returns the name under which failures of a backend are counted.
func (p *Proxy) issuer(backend *document) string { return p.mesh + "/" + backend.text("name") }

// needs returns what does not match the issued material any more.
func (p *Proxy) needs(mesh *resource) need {
	switch was := p.issued; {
	case was == nil || !bytes.Equal(was.mtls, mtlsOf(mesh)):
		return everything
	case p.fleet.now.After(renewal(was.made, was.expires)):
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
		p.failed(p.issuer(backend))
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
	next.leaf, err = ca.issue(p.mesh, next.tags, f.now, lifetimeOf(backend))
	if err == nil {
		next.expires = next.leaf.cert.NotAfter
		if needs == identityOnly {
			next.bundle, next.supported = p.issued.bundle, p.issued.supported
		} else {
			next.bundle, next.supported, err = p.zone.trust(p.mesh, mesh)
		}
	}
	if err != nil {
		p.failed(p.issuer(backend))
		return
	}
	p.issued, p.working = next, false
	p.succeeded(p.issuer(backend))
	p.report()
	if v := p.zone.meshes[p.mesh]; v != nil {
		p.aim(v)
	}
	p.atNextTick(p.consider) // the mesh may have changed in the meantime
	p.in(renewal(next.made, next.expires).Sub(f.now)+f.between(time.Millisecond, f.tick()), p.consider)
}

// renewal returns the time at which a certificate is renewed.
func renewal(made, expires time.Time) time.Time { return made.Add(expires.Sub(made) / 5 * 4) }

// failed delays a proxy for which the issuance failed.
func (p *Proxy) failed(issuer string) {
	f := p.fleet
	p.working = false
	if p.failing == nil {
		p.failing = map[string]failing{}
	}
	failures := p.failing[issuer].failures + 1
	p.failing[issuer] = failing{failures: failures}
	if !f.cp.release.backsOff {
		p.retry(issuer, retryOld)
		return
	}
	p.zone.limiter(issuer).failed(p)
	wait := min(retryTime<<min(failures-1, 10), retryMost)
	p.retry(issuer, f.between(wait*6/10, wait*14/10))
}

func (p *Proxy) retry(issuer string, wait time.Duration) {
	if p.failing == nil {
		p.failing = map[string]failing{}
	}
	p.failing[issuer] = failing{p.failing[issuer].failures, p.fleet.now.Add(wait)}
	p.in(wait, p.consider)
}

func (p *Proxy) succeeded(issuer string) {
	delete(p.failing, issuer)
	p.zone.limiter(issuer).succeeded(p)
}

// A limiter stops the issuance for one backend or identity after it failed for too many proxies.
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

func (p *Proxy) dataplane() (*resource, bool) {
	return p.fleet.cp.store.get("Dataplane", p.mesh, p.resource)
}

// tags returns the current tags of a proxy's Dataplane.
func (p *Proxy) tags() map[string][]string {
	dataplane, ok := p.dataplane()
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
