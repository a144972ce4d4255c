package kumatest

import (
	"fmt"
	"slices"
	"time"
)

// This file has the MeshServices of proxies. A client asks a server for one of the names that its MeshService lists, and
// that follows the identities at an interval of its own.

// services are the names of proxies by MeshService. They never change; an update replaces them.
type services struct {
	names map[string][]string // as SPIFFE IDs
	ready map[string]bool     // that all proxies accept TLS, which stays so while the mesh has TLS
}

func (s *services) equals(other *services) bool {
	return fmt.Sprint(s.names, s.ready) == fmt.Sprint(other.names, other.ready)
}

// serviceDue schedules the next updates of the MeshServices of a mesh, at the regular moments.
func (z *Zone) serviceDue(mesh string) {
	if z.servicing[mesh] || !z.fleet.cp.generatesServices(mesh) {
		return
	}
	z.servicing[mesh] = true
	z.after(z.untilTick(serviceInterval, z.phase), func() {
		delete(z.servicing, mesh)
		z.updateServices(mesh)
	})
}

// generatesServices reports whether proxies of a mesh get MeshServices, which depends on its mode in some releases.
func (cp *ControlPlane) generatesServices(mesh string) bool {
	m, ok := cp.mesh(mesh)
	if !ok || cp.release.set == in27 {
		return false
	}
	return cp.release.serviceLabels || get[int32](m.document.object("meshServices"), "mode") != 0
}

func (z *Zone) after(d time.Duration, do func()) { z.fleet.after(d, z, do) }

// untilTick returns the time until the next of the moments at an interval since the control plane started.
func (z *Zone) untilTick(interval, phase time.Duration) time.Duration {
	return untilNext(z.fleet.now.Sub(z.fleet.started)+phase, interval)
}

func (z *Zone) updateServices(mesh string) {
	f := z.fleet
	if !z.fleet.cp.generatesServices(mesh) {
		return
	}
	members := map[string][]*Proxy{}
	for _, p := range f.proxies {
		if p.mesh == mesh {
			for _, service := range p.services() {
				members[service] = append(members[service], p)
			}
		}
	}
	was, next := z.services[mesh], &services{names: map[string][]string{}, ready: map[string]bool{}}
	if was == nil {
		was = &services{}
	}
	for service, proxies := range members {
		next.names[service] = f.namesOf(mesh, service, proxies)
		next.ready[service] = z.hasTLS(mesh) && (was.ready[service] || !slices.ContainsFunc(proxies, func(p *Proxy) bool { return !p.acceptsTLS() }))
	}
	if next.equals(was) {
		return
	}
	z.services[mesh] = next
	if !f.cp.global {
		for service, names := range next.names {
			z.showService(mesh, service, names, next.ready[service])
		}
	}
	z.outdated(mesh)
}

// hasTLS reports whether a mesh has a source of certificates.
func (z *Zone) hasTLS(mesh string) bool {
	m, _ := z.fleet.cp.mesh(mesh)
	return enabledBackend(m) != nil || len(z.identities(mesh)) > 0
}

// acceptsTLS reports whether a proxy has a certificate, as far as the control plane knows.
func (p *Proxy) acceptsTLS() bool {
	dataplane, ok := p.dataplane()
	if !ok {
		return false
	}
	if m, _ := p.fleet.cp.mesh(p.mesh); enabledBackend(m) != nil {
		return p.fleet.overviewed(dataplane).MTLS.IssuedBackend != ""
	}
	identity := (&view{identities: p.zone.identities(p.mesh)}).selected(dataplane.labels)
	return identity != nil && identity.ready && p.zone.isTrusted(identity)
}

// isTrusted reports whether there is a MeshTrust for the trust domain of an identity.
func (z *Zone) isTrusted(identity *identityState) bool {
	domain, err := identity.trustDomain(identity.resource, z.name)
	return err == nil && slices.ContainsFunc(z.listed("MeshTrust", identity.resource.mesh), func(trust *resource) bool { return trust.spec["trustDomain"] == domain })
}

// servicesOf returns the MeshServices that a proxy belongs to.
func (cp *ControlPlane) servicesOf(dataplane *resource) []string {
	if !cp.release.serviceLabels {
		return identityTags(dataplane.document)[serviceTag]
	}
	if workload := dataplane.labels[workloadLabel]; workload != "" {
		return []string{workload}
	}
	return nil
}

// namesOf returns the names of a service's proxies: one from its tag, if the release has that, and one from each identity
// that selects a proxy, in whichever order of precedence.
func (f *fleet) namesOf(mesh, service string, proxies []*Proxy) []string {
	var names []string
	for _, p := range proxies {
		dataplane, ok := p.dataplane()
		for _, identity := range p.zone.identities(mesh) {
			if !ok || !identity.ready && !identity.announced {
				continue
			}
			name, err := p.zone.spiffeID(identity, dataplane)
			if _, selects := identity.selects(dataplane.labels); selects && err == nil {
				names = append(names, name.String())
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if !f.cp.release.serviceLabels {
		names = slices.Insert(names, 0, "spiffe://"+mesh+"/"+service)
	}
	return names
}

// showService stores a MeshService, so that requests find it.
func (z *Zone) showService(mesh, service string, names []string, ready bool) {
	f := z.fleet
	kind := f.cp.typeOf("MeshService")
	selector, identities := map[string]any{"dataplaneTags": map[string]any{serviceTag: service}}, []any{}
	if f.cp.release.serviceLabels {
		selector = map[string]any{"dataplaneLabels": map[string]any{"matchLabels": map[string]any{workloadLabel: service}}}
	} else {
		identities = append(identities, map[string]any{"type": "ServiceTag", "value": service})
		names = names[1:]
	}
	for _, name := range names {
		identities = append(identities, map[string]any{"type": "SpiffeID", "value": name})
	}
	tls := "NotReady"
	if ready {
		tls = "Ready"
	}
	spec := map[string]any{
		"state": "Available", "selector": selector, "identities": identities,
		"ports": []any{map[string]any{"name": "8080", "port": float64(8080), "targetPort": float64(8080), "appProtocol": "http"}},
	}
	f.show(&resource{
		kind: kind, mesh: mesh, name: service, spec: spec,
		labels: map[string]string{
			displayLabel: service, envLabel: f.cp.environment(), "kuma.io/managed-by": "meshservice-generator",
			meshLabel: mesh, originLabel: "zone", zoneLabel: z.name,
		},
		content: mustMarshal(map[string]any{"spec": spec, "status": map[string]any{"tls": map[string]any{"status": tls}}}),
	})
}
