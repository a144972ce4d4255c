package rollout

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// A Pair is a CA as the control plane uses it: what the certificate secret
// holds, and the private key of the issuer in PEM, nil where it is not known.
type Pair struct {
	Bundle pki.Bundle
	Key    []byte
}

// A Step is one write that brings another pair into use.
type Step string

// The steps of a rollout in their order.
const (
	// Repeat is an interrupted step once more.
	Repeat Step = "repeat"
	// Trust: the current CA issues, and the new CA is trusted as well.
	Trust Step = "trust"
	// Issue: the new CA issues, and the current CA is still trusted.
	Issue Step = "issue"
	// Final: the pair of the configuration.
	Final Step = "final"
)

// Next returns the step that leads from the pair in use to the one that is
// wanted, so that at no moment one proxy refuses another (contract, rotation,
// section 6). It depends on nothing but the two pairs: an interrupted rollout
// continues where it stopped, and one back is one like any other.
func Next(from, to Pair) Step {
	switch {
	case pki.SameCA(from.Bundle.Issuer(), to.Bundle.Issuer()):
		return Final // certificates of both pass everywhere
	case !from.trusts(to):
		return Trust
	case to.trusts(from):
		return Final // the wanted pair itself still trusts the current CA
	default:
		return Issue
	}
}

// At returns the pair that a step brings into use.
func (s Step) At(from, to Pair) Pair {
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

// Remaining returns the steps from one pair to another, in their order.
func Remaining(from, to Pair) []Step {
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

// trusts reports whether proxies with this pair accept certificates from that one.
func (p Pair) trusts(other Pair) bool { return p.Bundle.Trusts(other.Bundle.Issuer()) }

// join returns the pair that issues like this one and trusts what both trust.
func (p Pair) join(trusted Pair) Pair {
	return Pair{Bundle: p.Bundle.Join(trusted.Bundle), Key: p.Key}
}
