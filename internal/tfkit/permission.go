package tfkit

// PlanPermission records that this run plans a traffic permission for a mesh.
func (r *Run) PlanPermission(mesh string) { r.Note("plans permission in mesh " + mesh) }

// PlansPermission reports whether this run plans a traffic permission for a
// mesh.
func (r *Run) PlansPermission(mesh string) bool { return r.Noted("plans permission in mesh " + mesh) }
