package kumatest

import "slices"

// This file has the resources in the store of a zone below a global control plane: those that have arrived, under the
// names that they have there, and those that the zone generates.

// keptKinds returns the types in the store of a zone.
func keptKinds() []string { return append(viewed(), "Secret") }

// written makes the zone notice a write or a deletion, once it has arrived.
func (z *Zone) written(r *resource) {
	switch {
	case !slices.Contains(keptKinds(), r.kind.name):
	case z.fleet.cp.global:
		if !isFromZone(r) {
			z.sync(r.kind.name, func() {
				z.receive(r.key())
				z.note(r)
			})
		}
	default:
		z.note(r)
	}
}

// note makes the zone look at what it has after a change.
func (z *Zone) note(r *resource) {
	z.reconciler.wake()
	if slices.Contains(viewed(), r.kind.name) {
		z.outdated(r.mesh)
	}
}

// isFromZone reports whether a resource at a global control plane belongs to a zone.
func isFromZone(r *resource) bool { return r.labels[originLabel] == "zone" }

// receive makes a resource of the zone what it is at the global control plane.
func (z *Zone) receive(k key) {
	source, ok := z.fleet.cp.store.get(k.kind, k.mesh, k.name)
	if !ok {
		z.drop(k)
		return
	}
	r := z.localized(source)
	z.arrived[k] = r.key()
	z.store.put(r, key{})
}

// drop deletes the resource of the zone that has arrived as k.
func (z *Zone) drop(k key) {
	local, ok := z.arrived[k]
	if !ok {
		return
	}
	delete(z.arrived, k)
	if r, ok := z.store.get(local.kind, local.mesh, local.name); ok {
		z.store.delete(r)
	}
}

// receiveAll makes the zone's store what the global control plane has, and sends it what the zone has generated.
func (z *Zone) receiveAll() {
	for k := range z.arrived {
		if _, ok := z.fleet.cp.store.get(k.kind, k.mesh, k.name); !ok {
			z.drop(k)
		}
	}
	for _, kind := range keptKinds() {
		for _, source := range z.fleet.cp.store.list(kind, "", nil) {
			if !isFromZone(source) {
				z.receive(source.key())
			}
		}
	}
	for _, trust := range z.store.list("MeshTrust", "", z.isOwn) {
		z.sendUp(trust)
	}
	z.reconciler.wake()
}

// localized returns a resource of the global control plane as it is in the zone. Its status is that of the zone.
func (z *Zone) localized(source *resource) *resource {
	r := *source
	if r.kind.is(isSecret) {
		return &r
	}
	shown := displayName(source.name, source.labels)
	r.name = syncedName(source.mesh, shown, "")
	r.labels = cloneLabels(source.labels)
	r.labels[displayLabel], r.labels[originLabel] = shown, "global"
	status := source.status
	if current, ok := z.store.get(r.kind.name, r.mesh, r.name); ok {
		status = current.status
	}
	r.setSpec(source.spec, status)
	return &r
}

// isOwn reports whether the zone has generated a resource.
func (z *Zone) isOwn(r *resource) bool { return r.labels[originLabel] != "global" }

// sendUp makes a MeshTrust that the zone has generated arrive at the global control plane, which keeps it with the mesh.
func (z *Zone) sendUp(trust *resource) {
	f, s := z.fleet, z.current()
	f.after(f.between(syncedUpLeast, syncedUpMost), z, func() {
		current, ok := z.store.get(trust.kind.name, trust.mesh, trust.name)
		if _, hasMesh := f.cp.mesh(trust.mesh); !ok || !hasMesh || !s.open {
			return
		}
		r := *current
		r.name = syncedName(trust.mesh, trust.name, z.name)
		r.labels = map[string]string{displayLabel: trust.name, originLabel: "zone", zoneLabel: z.name}
		f.show(&r)
	})
}

// meshDeleted deletes what a mesh owns in the zone. Its secrets stay, as they do at the global control plane.
func (z *Zone) meshDeleted(mesh string) {
	if !z.fleet.cp.global {
		return
	}
	for _, kind := range viewed() {
		for _, r := range z.store.list(kind, mesh, nil) {
			z.store.delete(r)
		}
	}
	for k := range z.arrived {
		if k.mesh == mesh && k.kind != "Secret" {
			delete(z.arrived, k)
		}
	}
}
