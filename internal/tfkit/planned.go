package tfkit

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// PlanBundle notes what a certificate secret will hold, so that a backend that
// refers to it can be planned before it is uploaded.
func (r *Run) PlanBundle(mesh, secret string, bundle pki.Bundle) {
	r.notes.Store(bundleNote{mesh, secret}, bundle)
}

// PlannedBundle returns what a certificate secret will hold, if this run plans that.
func (r *Run) PlannedBundle(mesh, secret string) (bundle pki.Bundle, planned bool) {
	noted, _ := r.notes.Load(bundleNote{mesh, secret})
	bundle, planned = noted.(pki.Bundle)
	return bundle, planned
}

type bundleNote struct{ mesh, secret string }
