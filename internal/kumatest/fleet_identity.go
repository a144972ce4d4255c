package kumatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// This file issues certificates from MeshIdentities.

// A workload is what was last issued for a proxy from a MeshIdentity.
type workload struct {
	leaf    *leaf
	kri     string
	made    time.Time
	expires time.Time
}

// considerIdentity checks whether a proxy needs a certificate from a MeshIdentity, and reports whether that decides all
// that it gets for now: if it is being issued, or if that fails, the proxy gets nothing else.
func (p *Proxy) considerIdentity(v *view) (decided bool) {
	dataplane, ok := p.dataplane()
	if !ok {
		return true
	}
	identity := v.selected(dataplane.labels)
	cause := p.zone.causeOf(identity)
	due := p.workload != nil && p.fleet.now.After(renewal(p.workload.made, p.workload.expires))
	if cause == p.cause && !due {
		return false
	}
	if identity == nil || !identity.ready {
		p.cause = cause
		if p.workload != nil {
			p.workload = nil
			p.flush()
		}
		return false
	}
	issuer := identity.resource.kri()
	if p.putOff(issuer) {
		return true
	}
	next, cost, err := p.zone.issueFor(identity, dataplane)
	if err != nil {
		p.failed(issuer)
		return true
	}
	p.working = true
	p.in(p.zone.reserve(cost)+cost, func() { p.endow(v, issuer, cause, next) })
	return true
}

// endow issues a certificate for a proxy. The trust bundle is that of the time at which the issuance began.
func (p *Proxy) endow(v *view, issuer, cause string, issue func(time.Time) (*workload, error)) {
	f := p.fleet
	p.working = false
	next, err := issue(f.now)
	if err != nil {
		p.failed(issuer)
		return
	}
	first := p.workload == nil && p.current().lds.sent == 0
	p.workload, p.cause = next, cause
	p.succeeded(issuer)
	p.flush() // unlike a change of mtls, this is reported at once
	if first {
		p.goal = p.goalOf(v)
		p.within(firstSecretsLeast, firstSecretsMost, p.send)
	} else {
		p.aim(v)
	}
	p.atNextTick(p.consider) // the identity may have changed in the meantime
	p.in(renewal(next.made, next.expires).Sub(f.now)+f.between(time.Millisecond, f.tick()), p.consider)
}

// causeOf returns a string whose change makes the control plane issue from an identity, which is nil if none is selected.
// It changes with any write of the identity or, in later releases, with its content and with whether it is ready.
func (z *Zone) causeOf(identity *identityState) string {
	if identity == nil {
		return "none"
	}
	r := identity.resource
	if z.fleet.cp.release.comparesIdentities {
		return fmt.Sprintf("%s %v %s %t", r.name, r.labels, mustMarshal(r.spec), identity.ready)
	}
	return fmt.Sprintf("%s %p %t", r.name, r, identity.ready)
}

// issueFor returns a function that issues a certificate for a proxy, and how long that takes. It reads the CA now.
func (z *Zone) issueFor(identity *identityState, dataplane *resource) (issue func(time.Time) (*workload, error), cost time.Duration, err error) {
	ca, err := z.identityPair(identity)
	if err != nil {
		return nil, 0, err
	}
	name, err := z.spiffeID(identity, dataplane)
	if err != nil {
		return nil, 0, err
	}
	cost = issueTimeEC
	switch ca.key.(type) {
	case *rsa.PrivateKey:
		cost = issueTimeRSA
	case ed25519.PrivateKey:
		if z.fleet.cp.release.refusesEd25519 {
			return nil, 0, errUnknownKey
		}
	}
	kri, lifetime := identity.resource.kri(), identity.lifetime(z.fleet.cp.release)
	return func(now time.Time) (*workload, error) {
		key, err := z.fleet.keyLike(ca.key)
		if err != nil {
			return nil, err
		}
		cert, err := ca.sign([]*url.URL{name}, key.Public(), now, lifetime)
		if err != nil {
			return nil, err
		}
		return &workload{leaf: &leaf{kri, cert, key}, kri: kri, made: now, expires: now.Add(lifetime)}, nil
	}, cost, nil
}

var errUnknownKey = errors.New("unknown type of key")

// keyLike returns a key of the kind of a CA's key. An RSA key is the same each time, because to create one takes longer
// than a test should.
func (f *fleet) keyLike(ca any) (crypto.Signer, error) {
	switch ca := ca.(type) {
	case *ecdsa.PrivateKey:
		return ecdsa.GenerateKey(ca.Curve, rand.Reader)
	case ed25519.PrivateKey:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case *rsa.PrivateKey:
		if f.rsaKey == nil {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				return nil, err
			}
			f.rsaKey = key
		}
		return f.rsaKey, nil
	default:
		return nil, errUnknownKey
	}
}

// A cachedPair is the CA of an identity as it was read.
type cachedPair struct {
	cert, key []byte
	loaded    time.Time
}

// identityPair reads the CA of an identity. It is cached under the name of the identity, not of its secrets: after a
// switch to other secrets, the control plane may still issue from the previous ones.
func (z *Zone) identityPair(identity *identityState) (pair, error) {
	r := identity.resource
	name := r.mesh + "/" + displayName(r.name, r.labels)
	cached, ok := z.pairs[name]
	if !ok || z.fleet.now.Sub(cached.loaded) > identityCacheAge {
		cert, key, err := z.readPair(identity)
		if err != nil {
			return pair{}, err
		}
		cached = cachedPair{cert, key, z.fleet.now}
		z.pairs[name] = cached
	}
	return parsePair(cached.cert, cached.key)
}

// readPair reads the CA of an identity. Unlike those of mtls, its secrets are not cached.
func (z *Zone) readPair(identity *identityState) (cert, key []byte, err error) {
	if identity.Provider == nil || identity.Provider.Type != bundledKind {
		return nil, nil, errors.New("the control plane has no CA for this identity")
	}
	certSource, keySource := identity.sources(identity.resource)
	if cert, err = certSource.read(z.secret(identity.resource.mesh)); err != nil {
		return nil, nil, err
	}
	key, err = keySource.read(z.secret(identity.resource.mesh))
	return cert, key, err
}

// secret returns a function that reads secrets of a mesh as the zone has them.
func (z *Zone) secret(mesh string) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		secret, ok := z.store.get("Secret", mesh, name)
		if !ok {
			return nil, fmt.Errorf(`%s: type="Secret" name=%q mesh=%q`, z.fleet.cp.release.missing, name, mesh)
		}
		return get[[]byte](secret.document, "data"), nil
	}
}

// spiffeID returns the name that an identity gives a proxy.
func (z *Zone) spiffeID(identity *identityState, dataplane *resource) (*url.URL, error) {
	domain, err := identity.trustDomain(identity.resource, z.name)
	if err != nil {
		return nil, err
	}
	id, err := identity.spiffeID(domain, dataplane.labels, z.fleet.cp.kubernetes)
	if err != nil {
		return nil, err
	}
	return id.URL(), nil
}
