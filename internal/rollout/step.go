package rollout

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// A CA is what proxies get from a mesh: the content of the certificate secret,
// and the private key of the issuer in PEM, nil if unknown.
type CA struct {
	Bundle pki.Bundle
	Key    []byte
	// Apart reports whether the chain says nothing of what proxies trust: only its
	// issuer and the trusted certificates count.
	Apart bool
}

// A Step is one write that makes the mesh use another CA.
type Step string

// The steps of a rollout in order.
const (
	// Repeat repeats an interrupted step.
	Repeat Step = "repeat"
	// Trust: the current CA issues, and the new CA is trusted as well.
	Trust Step = "trust"
	// Issue: the new CA issues, and the current CA is still trusted.
	Issue Step = "issue"
	// Final: the CA in the configuration.
	Final Step = "final"
)

// Next returns the step from the current to the wanted CA, so that no handshake
// ever fails (contract, rotation, section 6). It depends only on the two CAs:
// an interrupted rollout continues where it stopped, and a rollback is a
// rollout like any other.
func Next(from, to CA) Step {
	switch {
	case pki.SameCA(from.Bundle.Issuer(), to.Bundle.Issuer()):
		return Final // proxies accept certificates of both
	case !from.trusts(to):
		return Trust
	case to.trusts(from):
		return Final // the wanted CA itself still trusts the current one
	default:
		return Issue
	}
}

// At returns the CA that a step makes the mesh use.
func (s Step) At(from, to CA) CA {
	switch s {
	case Repeat:
		return from
	case Trust:
		return from.join(to)
	case Issue:
		return to.join(from)
	default:
		return to
	}
}

// Remaining returns the steps from one CA to another, in order.
func Remaining(from, to CA) []Step {
	var steps []Step
	for len(steps) < 3 {
		s := Next(from, to)
		steps = append(steps, s)
		if s == Final {
			break
		}
		from = s.At(from, to)
	}
	return steps
}

// trusts reports whether proxies with this CA accept certificates from the
// other one.
func (ca CA) trusts(other CA) bool {
	bundle := ca.Bundle
	if ca.Apart {
		bundle.Chain = bundle.Chain[:min(1, len(bundle.Chain))]
	}
	return bundle.Trusts(other.Bundle.Issuer())
}

// join returns the CA that issues like this one, and trusts the CAs of both.
func (ca CA) join(trusted CA) CA {
	return CA{Bundle: ca.Bundle.Join(trusted.Bundle), Key: ca.Key, Apart: ca.Apart}
}
