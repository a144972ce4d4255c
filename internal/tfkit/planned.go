package tfkit

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// PlanBundle records the planned content of a certificate secret, so that a
// backend that refers to it can be planned before the upload.
func (r *Run) PlanBundle(mesh, secret string, bundle pki.Bundle) {
	r.notes.Store(bundleNote{mesh, secret}, bundle)
}

// PlannedBundle returns the content that this run plans for a certificate
// secret.
func (r *Run) PlannedBundle(mesh, secret string) (bundle pki.Bundle, planned bool) {
	noted, _ := r.notes.Load(bundleNote{mesh, secret})
	bundle, planned = noted.(pki.Bundle)
	return bundle, planned
}

type bundleNote struct{ mesh, secret string }
