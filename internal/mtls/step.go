package mtls

import (
	"crypto/x509"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// A pair is the content of a certificate secret and a key secret.
type pair struct {
	bundle pki.Bundle
	key    []byte // PEM
}

// issuer is the certificate that proxies get theirs from.
func (p pair) issuer() *x509.Certificate { return p.bundle.Issuer() }

// trusts tells whether proxies with this pair accept certificates from that one.
func (p pair) trusts(other pair) bool { return p.bundle.Trusts(other.issuer()) }

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
	case pki.SameCA(from.issuer(), to.issuer()):
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
	return pair{bundle: issuing.bundle.Join(trusted.bundle), key: issuing.key}
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
