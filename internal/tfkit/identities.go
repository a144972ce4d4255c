package tfkit

// A run plans identities, trusts and the mesh that they need in an order that
// depends only on their references.

type meshServicesNote struct{ mesh string }

// PlanMeshServices records that this run writes a mesh, and the mode of its
// MeshServices, or "" if that is unknown or the run does not change it.
func (r *Run) PlanMeshServices(mesh, mode string) { r.notes.Store(meshServicesNote{mesh}, mode) }

// PlannedMeshServices returns the mode that this run plans for the MeshServices
// of a mesh, or "" if that is unknown. planned is false if the run does not write
// the mesh.
func (r *Run) PlannedMeshServices(mesh string) (mode string, planned bool) {
	noted, _ := r.notes.Load(meshServicesNote{mesh})
	mode, planned = noted.(string)
	return mode, planned
}

type trustNote struct{ mesh, name string }

// PlanTrust records that the run manages a MeshTrust.
func (r *Run) PlanTrust(mesh, name string) { r.notes.Store(trustNote{mesh, name}, true) }

// PlansTrust reports whether the run manages a MeshTrust.
func (r *Run) PlansTrust(mesh, name string) bool {
	_, is := r.notes.Load(trustNote{mesh, name})
	return is
}

type identityNote struct{ mesh, name string }

// PlanIdentity records that the run manages a MeshIdentity, and whether the
// control plane generates a MeshTrust for it.
func (r *Run) PlanIdentity(mesh, name string, generates bool) {
	r.notes.Store(identityNote{mesh, name}, generates)
}

// PlannedIdentity reports whether the control plane generates a MeshTrust for a
// MeshIdentity of this run. planned is false if the run does not manage it.
func (r *Run) PlannedIdentity(mesh, name string) (generates, planned bool) {
	noted, _ := r.notes.Load(identityNote{mesh, name})
	generates, planned = noted.(bool)
	return generates, planned
}
