package kumatest

import (
	"slices"
)

// This file has the MeshIdentities of a zone below a global control plane. The zone reconciles them itself, and the
// MeshTrusts that it generates stay there. The global control plane shows neither.

type zoneIdentities struct {
	finds     map[key]find
	generated map[string]map[string]*resource // MeshTrusts by mesh and name
}

// A find is the result of a reconciliation.
type find struct {
	identity         *resource
	ready, announced bool
}

func newZoneIdentities() zoneIdentities {
	return zoneIdentities{finds: map[key]find{}, generated: map[string]map[string]*resource{}}
}

// found returns what the last reconciliation found.
func (z *Zone) found(identity *resource) (ready, announced bool) {
	last := z.finds[identity.key()]
	return last.ready, last.announced
}

// examineDue schedules the next reconciliation of the identities of a mesh.
func (z *Zone) examineDue(mesh string) {
	f := z.fleet
	if !f.cp.global || z.examining[mesh] || len(f.cp.store.list("MeshIdentity", mesh, nil)) == 0 {
		return
	}
	z.examining[mesh] = true
	z.after(z.untilTick(f.cp.every.identityStatus, z.phase), func() {
		delete(z.examining, mesh)
		z.examine(mesh)
	})
}

func (z *Zone) examine(mesh string) {
	changed := false
	for _, state := range z.fleet.cp.identities(mesh) {
		next := find{identity: state.resource, announced: state.Provider == nil}
		if state.Provider != nil && state.Provider.Type == bundledKind {
			next.ready = z.fleet.reconciler.checkAuthority(state.resource, state.identitySpec) == nil
		}
		if next.ready && state.createsTrust() {
			changed = z.keepTrust(&state) || changed
		}
		changed = changed || next != z.finds[state.resource.key()]
		z.finds[state.resource.key()] = next
	}
	if changed {
		z.outdated(mesh)
	}
}

// keepTrust creates the MeshTrust of an identity, or adds its CA.
func (z *Zone) keepTrust(identity *identityState) (changed bool) {
	r := identity.resource
	source, _ := identity.sources(r)
	ca, err := source.read(z.secret(r.mesh))
	domain, failed := identity.trustDomain(r, z.name)
	if err != nil || failed != nil {
		return false
	}
	entry := map[string]any{"type": "Pem", "pem": map[string]any{"value": string(ca)}}
	spec := map[string]any{"trustDomain": domain, "caBundles": []any{entry}}
	if trust := z.generated[r.mesh][r.name]; trust != nil {
		if slices.ContainsFunc(trustedPEM(trust), func(text string) bool { return sameCertificate(text, string(ca)) }) {
			return false
		}
		bundles, _ := trust.spec["caBundles"].([]any)
		spec = map[string]any{"trustDomain": trust.spec["trustDomain"], "caBundles": append(slices.Clone(bundles), entry)}
	}
	if z.generated[r.mesh] == nil {
		z.generated[r.mesh] = map[string]*resource{}
	}
	trust := &resource{kind: z.fleet.cp.typeOf("MeshTrust"), mesh: r.mesh, name: r.name}
	trust.setSpec(spec, nil)
	z.generated[r.mesh][r.name] = trust
	return true
}
