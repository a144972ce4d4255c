package kumatest

import "slices"

// A view is what a zone control plane knows of a mesh when it checks the proxies. It never changes; a write replaces it.
type view struct {
	mesh       *resource
	identities []*identityState // in the order of their names, as the trusts
	trusts     []*resource
	policies   []*resource // MeshTLS
	services   *services
	bundle     *bundle // of all trusts, nil without any
}

// viewed are the types besides Mesh whose changes a zone notices.
func viewed() []string { return []string{"MeshIdentity", "MeshTrust", "MeshTLS"} }

// viewOf returns the current view of a mesh, or nil if there is no such mesh.
func (z *Zone) viewOf(name string) *view {
	mesh, ok := z.fleet.cp.mesh(name)
	if !ok {
		return nil
	}
	v := &view{
		mesh: mesh, identities: z.identities(name), trusts: z.listed("MeshTrust", name),
		policies: z.listed("MeshTLS", name), services: z.services[name],
	}
	if before := z.meshes[name]; before != nil && v.sees(before) {
		return before
	}
	v.bundle = z.bundleOf(v)
	return v
}

// listed returns the resources of a kind that the zone has.
func (z *Zone) listed(kind, mesh string) []*resource { return z.store.list(kind, mesh, nil) }

func (v *view) sees(other *view) bool {
	return v.mesh == other.mesh && v.services == other.services && slices.EqualFunc(v.identities, other.identities, (*identityState).equals) &&
		slices.Equal(v.trusts, other.trusts) && slices.Equal(v.policies, other.policies)
}

// bundleOf returns the CAs of each trust domain. While mtls is on, its CA is that of the domain with the name of the
// mesh, unless there is no trust at all.
func (z *Zone) bundleOf(v *view) *bundle {
	if len(v.trusts) == 0 {
		return nil
	}
	domains := map[string]string{}
	add := func(domain, text string) { domains[domain] += text + "\n" } // a missing end of line does not matter
	for _, trust := range v.trusts {
		domain, _ := trust.spec["trustDomain"].(string)
		for _, text := range trustedPEM(trust) {
			add(domain, text)
		}
	}
	if enabledBackend(v.mesh) != nil {
		if own, _, err := z.trust(v.mesh.name, v.mesh); err == nil {
			add(v.mesh.name, own.text)
		}
	}
	return z.fleet.bundleByDomain(domains)
}

// identities returns the state of each MeshIdentity of a mesh, sorted by name.
func (z *Zone) identities(mesh string) []*identityState {
	var all []*identityState
	for _, identity := range z.listed("MeshIdentity", mesh) {
		state := identityStateOf(identity)
		all = append(all, &state)
	}
	return all
}

func (s *identityState) equals(other *identityState) bool {
	return s.resource == other.resource && s.ready == other.ready && s.announced == other.announced
}

// selected returns the MeshIdentity that issues for a Dataplane with these labels, or nil: the one with the most labels in
// its selector, and of several of those the first one by name.
func (v *view) selected(labels map[string]string) *identityState {
	var best *identityState
	most := -1
	for _, identity := range v.identities {
		if specificity, yes := identity.selects(labels); yes && specificity > most {
			best, most = identity, specificity
		}
	}
	return best
}

func contains(labels map[string]string, wanted map[string]any) bool {
	for name, value := range wanted {
		if got, ok := labels[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// isPermissive reports whether the inbound of a proxy accepts plaintext besides TLS. The policy for the fewest proxies
// decides. Without any, a proxy with an identity is strict, and the mode of the backend decides for the others.
func (v *view) isPermissive(dataplane *resource, hasIdentity bool) bool {
	mode, rank := "", -1
	for _, policy := range v.policies {
		for _, rules := range []string{"from", "rules"} {
			for _, entry := range (place{value: policy.spec}).to(rules).list() {
				got := entry.to("default").to("mode").text()
				if at := rankOf(policy, dataplane); got != "" && at > rank {
					mode, rank = got, at
				}
			}
		}
	}
	if mode != "" || hasIdentity {
		return mode == "Permissive"
	}
	backend := enabledBackend(v.mesh)
	return backend != nil && get[int32](backend, "mode") == permissiveBackend
}

// permissiveBackend is the number of a mode.
const permissiveBackend int32 = 1

// rankOf returns how specific the policy is for a proxy: -1 if it is not for it.
func rankOf(policy, dataplane *resource) int {
	target := place{value: policy.spec}.to("targetRef")
	if target.to("kind").text() != "Dataplane" {
		return 0
	}
	labels, _ := target.to("labels").value.(map[string]any)
	if !contains(dataplane.labels, labels) {
		return -1
	}
	if name := target.to("name").text(); name != "" && name != dataplane.name {
		return -1
	}
	return 1 + len(labels)
}
