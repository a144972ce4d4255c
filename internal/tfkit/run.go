package tfkit

import (
	"sync"
)

// Run is what the resources of one run of the provider tell one another. Names of
// objects are the same in all of them. The zero value knows nothing. Safe for
// concurrent use.
type Run struct {
	ZoneEgress ZoneEgress

	notes, begun, created, deposed sync.Map
}

// SecretClaim is the name of a secret of a mesh among the objects of a run,
// whichever resource manages it.
func SecretClaim(mesh, name string) string { return "secret " + mesh + "/" + name }

// Note makes a note, and tells whether there was none like it.
func (r *Run) Note(note string) (first bool) { return add(&r.notes, note) }

// Noted tells whether there is a note.
func (r *Run) Noted(note string) bool { return has(&r.notes, note) }

// NoteMesh notes that the run creates a mesh, so that there is nothing to read of
// what is in it before.
func (r *Run) NoteMesh(name string) { r.Note("creates mesh " + name) }

// CreatesMesh tells whether the run creates a mesh.
func (r *Run) CreatesMesh(name string) bool { return r.Noted("creates mesh " + name) }

// DeleteProxy notes that the run deletes a data plane proxy.
func (r *Run) DeleteProxy(mesh, name string) { r.Note("deletes proxy " + mesh + "/" + name) }

// DeletesProxy tells whether the run deletes a data plane proxy.
func (r *Run) DeletesProxy(mesh, name string) bool {
	return r.Noted("deletes proxy " + mesh + "/" + name)
}

// Begin notes that a resource is about to create an object. It is false where
// another resource of this run was before it.
func (r *Run) Begin(object string) (first bool) { return add(&r.begun, object) }

// Create notes that this run created an object.
func (r *Run) Create(object string) { add(&r.created, object) }

// Created tells whether this run created an object. To delete it then is to
// delete its predecessor, which a replacement with create_before_destroy has
// under the same name: the object that was just created stays.
func (r *Run) Created(object string) bool { return has(&r.created, object) }

// Depose notes that Terraform plans to delete an object. In the run that deletes
// it, Terraform does so for an object alone that another one has replaced.
func (r *Run) Depose(object string) {
	if r != nil { // no provider is configured where a destroy of everything is planned
		add(&r.deposed, object)
	}
}

// Deposed tells whether an object that is deleted was replaced by another one.
func (r *Run) Deposed(object string) bool { return has(&r.deposed, object) }

func add(to *sync.Map, name string) (first bool) {
	_, before := to.LoadOrStore(name, true)
	return !before
}

func has(in *sync.Map, name string) bool {
	_, is := in.Load(name)
	return is
}
