package kumatest

import (
	"maps"
	"slices"
)

// This file has the documents of data plane proxies. A connected proxy is a Proxy (fleet_proxy.go), and its status is
// its DataplaneInsight, which overview shows and Do can also write.

func dataplaneType(set releaseSet) *resourceType {
	return &resourceType{
		name: "Dataplane", path: "dataplanes", overview: "dataplanes+insights", short: "dp", in: inAll,
		traits: byZone | hasOverview, schema: dataplaneSchema(set), inspections: dataplaneInspections(),
		special: special{
			check: (*ControlPlane).checkDataplane, admit: (*ControlPlane).admitDataplane, label: (*ControlPlane).labelProxy,
			filter: (*ControlPlane).proxyFilters, wrote: (*fleet).dataplaneWritten, deleted: (*fleet).dataplaneDeleted,
		},
	}
}

func dataplaneInspections() []inspection {
	return []inspection{
		{path: "_rules", absent: "Could not retrieve Dataplane", in: inAll},
		{path: "_policies", absent: "Could not retrieve Dataplane", in: from214},
		{path: "_config", absent: "Failed to inspect proxy config", in: in27, always: true},
		{path: "_config", absent: "Failed to fetch dataplane insight", in: from214, always: true},
		{path: "_layout", absent: "Failed to retrieve Dataplane", in: from214},
		{path: "rules", absent: "Could not get MatchedPolicies", in: until214},
		{path: "policies", absent: "Could not get MatchedPolicies", in: inAll},
		{path: "{type}", absent: "Could not get dataplane resource", in: inAll},
	}
}

// dataplaneWritten schedules a check of a proxy.
func (f *fleet) dataplaneWritten(r *resource) {
	if p := f.find(r.mesh, r.name); p != nil {
		p.atNextTick(p.consider)
	}
}

// dataplaneDeleted removes a proxy.
func (f *fleet) dataplaneDeleted(r *resource) {
	if p := f.find(r.mesh, r.name); p != nil {
		p.session++
		p.connected, p.gone = false, true
		f.proxies = slices.DeleteFunc(f.proxies, func(other *Proxy) bool { return other == p })
	}
	f.drop("DataplaneInsight", r.mesh, r.name)
}

// admitDataplane adds what the control plane knows of the proxy's zone.
func (cp *ControlPlane) admitDataplane(w write) error {
	networking := w.draft.document.object("networking")
	mesh, _ := cp.mesh(w.draft.mesh)
	for _, inbound := range networking.objects("inbound") {
		tagless := len(inbound.tags("tags")) == 0 && get[int32](mesh.document.object("meshServices"), "mode") == exclusiveServices
		if !cp.global && !tagless {
			addTag(inbound, zoneTag, zoneName)
		}
		if w.current == nil && inbound.has("serviceProbe") {
			inbound.set("state", inboundNotReady)
			inbound.set("health", newDocument(inbound.message.field("health").message))
		}
	}
	if gateway := networking.object("gateway"); gateway != nil && !cp.global {
		addTag(gateway, zoneTag, zoneName)
	}
	w.draft.content = w.draft.document.encode()
	title := cp.release.createTitle
	if w.current != nil {
		title = cp.release.updateTitle
	}
	if !mayJoin(networking, mesh.document.object("constraints").object("dataplaneProxy")) {
		return internal(title)
	}
	if w.current == nil {
		return nil
	}
	return invalid(title, cp.checkDataplane(w.draft.document)) // the tags now include the zone
}

// mayJoin reports whether a mesh accepts a proxy: each of its sets of tags must match one of the requirements, if there
// are any, and none of the restrictions.
func mayJoin(networking, constraints *document) bool {
	meetsOne := func(carrier *document, list string) bool {
		return slices.ContainsFunc(constraints.objects(list), func(rules *document) bool {
			for name, value := range rules.tags("tags") {
				got := carrier.tags("tags")[name]
				if got != value && (value != "*" || got == "") {
					return false
				}
			}
			return true
		})
	}
	for _, carrier := range tagCarriers(networking) {
		required := len(constraints.objects("requirements")) > 0
		if required && !meetsOne(carrier, "requirements") || meetsOne(carrier, "restrictions") {
			return false
		}
	}
	return true
}

// tagCarriers returns the parts of a proxy that have tags.
func tagCarriers(networking *document) []*document {
	carriers := networking.objects("inbound")
	if gateway := networking.object("gateway"); gateway != nil {
		carriers = append(carriers, gateway)
	}
	return carriers
}

// Numbers of enums.
const (
	exclusiveServices int32 = 3
	inboundNotReady   int32 = 1
	gatewayDelegated  int32 = 0
	gatewayBuiltin    int32 = 1
)

func addTag(d *document, name, value string) {
	tags := maps.Clone(d.tags("tags"))
	if tags == nil {
		tags = map[string]string{}
	}
	tags[name] = value
	d.set("tags", tags)
}

// labelProxy sets the labels for the kind of proxy.
func (cp *ControlPlane) labelProxy(labels map[string]string, dataplane *document) {
	networking := dataplane.object("networking")
	if !cp.release.nameLabels {
		labels[proxyLabel] = "sidecar"
		if get[int32](networking.object("gateway"), "type") == gatewayBuiltin {
			labels[proxyLabel] = "gateway"
		}
	} else {
		delete(labels, proxyLabel)
	}
	for number, label := range map[int32]string{1: "kuma.io/listener-zoneingress", 2: "kuma.io/listener-zoneegress"} {
		delete(labels, label)
		for _, listener := range networking.objects("listeners") {
			if get[int32](listener, "type") == number {
				labels[label] = "enabled"
			}
		}
	}
}
