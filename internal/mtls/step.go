package mtls

import (
	"bytes"
	"crypto/x509"
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// A pair is the content of a certificate secret and a key secret.
type pair struct {
	bundle []*x509.Certificate // the issuing chain, and behind it what is trusted besides
	key    []byte              // PEM
}

// issuer is the certificate that proxies get theirs from.
func (p pair) issuer() *x509.Certificate { return p.bundle[0] }

// sameCA tells whether certificates from one issuer pass for those of the
// other: same key, same name, same key identifier.
func sameCA(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) && bytes.Equal(a.RawSubject, b.RawSubject) &&
		bytes.Equal(a.SubjectKeyId, b.SubjectKeyId)
}

// trusts tells whether proxies with this bundle accept certificates from that
// pair. A proxy presents its own certificate alone, so that only the issuer
// itself counts, not what is above it.
func (p pair) trusts(other pair) bool {
	return slices.ContainsFunc(p.bundle, func(c *x509.Certificate) bool { return sameCA(c, other.issuer()) })
}

// A step is one write of the mesh in a rollout.
type step string

const (
	// stepTrust: what issued before still issues, and the new CA is trusted as well.
	stepTrust step = "trust"
	// stepIssue: the new CA issues, and the one before is still trusted.
	stepIssue step = "issue"
	// stepFinal: the pair of the configuration.
	stepFinal step = "final"
)

// next is the step that leads from the pair which a mesh uses to the one it is
// to use, so that at no moment one proxy refuses another (contract, the
// procedure that nobody notices). It depends on nothing but the two pairs: an
// interrupted rollout goes on where it stopped, and one back is one like any
// other.
func next(from, to pair) step {
	switch {
	case sameCA(from.issuer(), to.issuer()):
		return stepFinal // certificates of both pass everywhere
	case !from.trusts(to):
		return stepTrust
	case to.trusts(from):
		return stepFinal // the new pair itself still trusts the old CA
	default:
		return stepIssue
	}
}

// at is the pair that a step puts into place.
func (s step) at(from, to pair) pair {
	switch s {
	case stepTrust:
		return join(from, to)
	case stepIssue:
		return join(to, from)
	default:
		return to
	}
}

// join is a pair that issues like the first, and trusts what both trust.
func join(issuing, trusted pair) pair {
	chain, more := pki.SplitBundle(issuing.bundle)
	return pair{bundle: pki.Canonical(chain, slices.Concat(more, trusted.bundle)), key: issuing.key}
}

// remaining are the steps of a rollout, in their order.
func remaining(from, to pair) []step {
	var steps []step
	for len(steps) < 3 {
		s := next(from, to)
		steps = append(steps, s)
		if s == stepFinal {
			break
		}
		from = s.at(from, to)
	}
	return steps
}
