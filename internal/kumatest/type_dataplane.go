package kumatest

import (
	"maps"
	"slices"
)

// This file is about the data plane proxies as documents. What connects is a Proxy (proxy.go), and what comes of that
// is its DataplaneInsight, which overview shows and Do can put as well.

// admitDataplane completes a proxy by what the control plane knows of its zone.
func (e endpoints) admitDataplane(current, draft *resource) error {
	networking := draft.document.object("networking")
	mesh, _ := e.store.get("Mesh", "", draft.mesh)
	for _, inbound := range networking.objects("inbound") {
		tagless := len(inbound.tags("tags")) == 0 && get[int32](mesh.document.object("meshServices"), "mode") == exclusiveServices
		if !e.global && !tagless {
			addTag(inbound, zoneTag, zoneName)
		}
		if current == nil && inbound.has("serviceProbe") {
			inbound.set("state", inboundNotReady)
			inbound.set("health", newDocument(inbound.message.field("health").message))
		}
	}
	if gateway := networking.object("gateway"); gateway != nil && !e.global {
		addTag(gateway, zoneTag, zoneName)
	}
	draft.content = draft.document.encode()
	title := e.release.createTitle
	if current != nil {
		title = e.release.updateTitle
	}
	if !mayJoin(networking, mesh.document.object("constraints").object("dataplaneProxy")) {
		return internal(title)
	}
	if current == nil {
		return nil
	}
	return invalid(title, e.checkDataplane(draft.document)) // the zone's tag is among the tags now
}

// mayJoin reports whether a mesh takes a proxy in: each of its sets of tags has to meet one of the requirements,
// if there are any, and none of the restrictions.
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

// labelProxy sets the labels that say what kind of proxy it is.
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
