package tfkit

import (
	"context"
	"sync"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// Run has what the resources of one run of the provider share. Terraform plans
// and writes them in an order that depends only on their references. The zero
// value is an empty run. It is safe for concurrent use.
type Run struct {
	notes, begun, created, deposed sync.Map
}

// A note is the key of a note about an object of a mesh, or, without a name, about
// the mesh.
type note struct{ what, mesh, name string }

// noted returns the value of a note. ok is false if there is none.
func noted[T any](r *Run, about note) (value T, ok bool) {
	noted, _ := r.notes.Load(about)
	value, ok = noted.(T)
	return value, ok
}

// SecretRunName returns the name of a secret of a mesh in a run, for each type of
// resource that can manage it.
func SecretRunName(mesh, name string) string { return "secret " + mesh + "/" + name }

// Note makes a note, and reports whether it is the first one with this text.
func (r *Run) Note(text string) (first bool) { return add(&r.notes, text) }

// Noted reports whether a note exists.
func (r *Run) Noted(text string) bool { return has(&r.notes, text) }

// NoteMesh records that this run creates a mesh, so that the provider does not
// read its content before.
func (r *Run) NoteMesh(name string) { add(&r.notes, note{"new mesh", name, ""}) }

// CreatesMesh reports whether this run creates a mesh.
func (r *Run) CreatesMesh(name string) bool { return has(&r.notes, note{"new mesh", name, ""}) }

// PlanSecret records that the run writes a secret of a mesh, so that its content is
// another one when a resource that depends on it is written.
func (r *Run) PlanSecret(mesh, name string) { add(&r.notes, note{"secret", mesh, name}) }

// PlansSecret reports whether the run writes a secret of a mesh, as far as it is
// planned.
func (r *Run) PlansSecret(mesh, name string) bool { return has(&r.notes, note{"secret", mesh, name}) }

// PlanBundle records the planned content of a certificate secret, so that a
// backend that refers to it can be planned before the upload.
func (r *Run) PlanBundle(mesh, secret string, bundle pki.Bundle) {
	r.notes.Store(note{"bundle", mesh, secret}, bundle)
}

// PlannedBundle returns the content that this run plans for a certificate
// secret.
func (r *Run) PlannedBundle(mesh, secret string) (bundle pki.Bundle, planned bool) {
	return noted[pki.Bundle](r, note{"bundle", mesh, secret})
}

// PlanKey records the certificates that belong to the planned content of a key
// secret.
func (r *Run) PlanKey(mesh, secret string, of pki.Bundle) {
	r.notes.Store(note{"key", mesh, secret}, of)
}

// PlannedKey returns the certificates that belong to the content that this run
// plans for a key secret.
func (r *Run) PlannedKey(mesh, secret string) (of pki.Bundle, planned bool) {
	return noted[pki.Bundle](r, note{"key", mesh, secret})
}

// PlanMeshServices records that this run writes a mesh, and the mode of its
// MeshServices, or "" if that is unknown or the run does not change it.
func (r *Run) PlanMeshServices(mesh, mode string) {
	r.notes.Store(note{"MeshServices", mesh, ""}, mode)
}

// PlannedMeshServices returns the mode that this run plans for the MeshServices
// of a mesh, or "" if that is unknown. planned is false if the run does not write
// the mesh.
func (r *Run) PlannedMeshServices(mesh string) (mode string, planned bool) {
	return noted[string](r, note{"MeshServices", mesh, ""})
}

// PlanTrust records that the run manages a MeshTrust.
func (r *Run) PlanTrust(mesh, name string) { add(&r.notes, note{"MeshTrust", mesh, name}) }

// PlansTrust reports whether the run manages a MeshTrust.
func (r *Run) PlansTrust(mesh, name string) bool { return has(&r.notes, note{"MeshTrust", mesh, name}) }

// PlanIdentity records that the run manages a MeshIdentity, and whether the
// control plane generates a MeshTrust for it.
func (r *Run) PlanIdentity(mesh, name string, generates bool) {
	r.notes.Store(note{"MeshIdentity", mesh, name}, generates)
}

// PlannedIdentity reports whether the control plane generates a MeshTrust for a
// MeshIdentity of this run. planned is false if the run does not manage it.
func (r *Run) PlannedIdentity(mesh, name string) (generates, planned bool) {
	return noted[bool](r, note{"MeshIdentity", mesh, name})
}

// PlanPermission records that this run plans a traffic permission for a mesh.
func (r *Run) PlanPermission(mesh string) { add(&r.notes, note{"permission", mesh, ""}) }

// PlansPermission reports whether this run plans a traffic permission for a
// mesh.
func (r *Run) PlansPermission(mesh string) bool { return has(&r.notes, note{"permission", mesh, ""}) }

// NoteRefresh records that this run has read an object.
func (r *Run) NoteRefresh(what string) { add(&r.notes, note{"refreshed", "", what}) }

// Refreshed reports whether this run has read an object.
func (r *Run) Refreshed(what string) bool { return has(&r.notes, note{"refreshed", "", what}) }

// DeleteProxy notes that the run deletes a data plane proxy.
func (r *Run) DeleteProxy(mesh, name string) { add(&r.notes, note{"deleted proxy", mesh, name}) }

// DeletesProxy reports whether the run deletes a data plane proxy.
func (r *Run) DeletesProxy(mesh, name string) bool {
	return has(&r.notes, note{"deleted proxy", mesh, name})
}

// AwaitZoneEgress records whether a mesh needs zone egress once it has mTLS: the
// control plane accepts routing.zoneEgress only with mTLS, and a run writes a mesh
// before it enables the mTLS backend. The next run detects a missing zone egress
// in the mesh.
func (r *Run) AwaitZoneEgress(mesh string, needed bool) {
	r.notes.Store(note{"zone egress", mesh, ""}, needed)
}

// AwaitsZoneEgress reports whether a mesh needs zone egress.
func (r *Run) AwaitsZoneEgress(mesh string) bool {
	needed, _ := noted[bool](r, note{"zone egress", mesh, ""})
	return needed
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

func add(to *sync.Map, name any) (first bool) {
	_, before := to.LoadOrStore(name, true)
	return !before
}

func has(in *sync.Map, name any) bool {
	_, is := in.Load(name)
	return is
}

// How long an object waits for notes of others.
const (
	notesTime = 5 * time.Second
	notesPoll = 100 * time.Millisecond
)

// AwaitNotes calls complete until it reports that the run has all notes that an
// object needs, for a few seconds. Terraform reads and plans several objects at a
// time, in any order, so that others may make theirs meanwhile.
func (d *ProviderData) AwaitNotes(ctx context.Context, complete func() bool) {
	until := d.Clock.Now().Add(notesTime)
	for !complete() {
		if !d.Clock.Now().Before(until) || d.Clock.Sleep(ctx, notesPoll) != nil {
			return
		}
	}
}
