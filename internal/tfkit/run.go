package tfkit

import (
	"sync"
)

// Run has what the resources of one run of the provider share. The name of an
// object is the same for all of them. The zero value is an empty run. It is
// safe for concurrent use.
type Run struct {
	ZoneEgress ZoneEgress

	notes, begun, created, deposed sync.Map
}

// SecretRunName returns the name of a secret of a mesh in a run, for each type of
// resource that can manage it.
func SecretRunName(mesh, name string) string { return "secret " + mesh + "/" + name }

// Note makes a note, and reports whether it is the first one with this text.
func (r *Run) Note(note string) (first bool) { return add(&r.notes, note) }

// Noted reports whether a note exists.
func (r *Run) Noted(note string) bool { return has(&r.notes, note) }

// NoteMesh records that this run creates a mesh, so that the provider does not
// read its content before.
func (r *Run) NoteMesh(name string) { r.Note("creates mesh " + name) }

// CreatesMesh reports whether this run creates a mesh.
func (r *Run) CreatesMesh(name string) bool { return r.Noted("creates mesh " + name) }

// PlanSecret records that the run writes a secret of a mesh, so that its content is
// another one when a resource that depends on it is written.
func (r *Run) PlanSecret(mesh, name string) { r.Note("writes " + SecretRunName(mesh, name)) }

// PlansSecret reports whether the run writes a secret of a mesh, as far as it is
// planned.
func (r *Run) PlansSecret(mesh, name string) bool {
	return r.Noted("writes " + SecretRunName(mesh, name))
}

// DeleteProxy notes that the run deletes a data plane proxy.
func (r *Run) DeleteProxy(mesh, name string) { r.Note("deletes proxy " + mesh + "/" + name) }

// DeletesProxy reports whether the run deletes a data plane proxy.
func (r *Run) DeletesProxy(mesh, name string) bool {
	return r.Noted("deletes proxy " + mesh + "/" + name)
}

// Begin records that a resource is about to create an object. It returns false
// if another resource of this run has done so before.
func (r *Run) Begin(object string) (first bool) { return add(&r.begun, object) }

// Create records that this run created an object.
func (r *Run) Create(object string) { add(&r.created, object) }

// Created reports whether this run created an object. A delete is then a delete
// of its predecessor, which a replacement with create_before_destroy has under
// the same name: the new object stays.
func (r *Run) Created(object string) bool { return has(&r.created, object) }

// Depose records that Terraform plans to delete an object. In a run that also
// creates the object, it deletes only an object that another one has replaced.
func (r *Run) Depose(object string) {
	if r != nil { // r is nil during the plan of a complete destroy, because the provider is not configured then
		add(&r.deposed, object)
	}
}

// Deposed reports whether an object to delete was replaced by another one.
func (r *Run) Deposed(object string) bool { return has(&r.deposed, object) }

func add(to *sync.Map, name string) (first bool) {
	_, before := to.LoadOrStore(name, true)
	return !before
}

func has(in *sync.Map, name string) bool {
	_, is := in.Load(name)
	return is
}
