package kumatest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (cp *ControlPlane) checkDataplane(dataplane *document) violations {
	networking := dataplane.object("networking")
	if networking == nil {
		return violations{{"networking", "must be defined"}}
	}
	broken := checkAdminPort(networking)
	gateway := networking.object("gateway")
	refuse := func(what, of string, given bool) {
		if given {
			broken.add("networking."+what, "%s cannot be defined for %s gateways", what, of)
		}
	}
	hasInbound, hasListeners := len(networking.objects("inbound")) > 0, len(networking.objects("listeners")) > 0
	switch {
	case gateway != nil && get[int32](gateway, "type") == gatewayBuiltin && cp.release.meshTLS:
		refuse("inbound", "builtin", hasInbound)
		refuse("outbound", "builtin", len(networking.objects("outbound")) > 0)
		refuse("listeners", "builtin", hasListeners)
		refuse("probes", "builtin", dataplane.has("probes"))
		broken = append(broken, cp.checkGateway(gateway).under("networking.gateway")...)
		broken = append(broken, cp.checkNetworking(networking).under("networking")...)
	case gateway != nil && get[int32](gateway, "type") == gatewayDelegated:
		refuse("inbound", "delegated", hasInbound)
		refuse("listeners", "delegated", hasListeners)
		broken = append(broken, cp.checkGateway(gateway).under("networking.gateway")...)
		broken = append(broken, cp.checkNetworking(networking).under("networking")...)
		broken = append(broken, checkProbes(dataplane.object("probes")).under("probes")...)
	default:
		if cp.release.set == in27 && !hasInbound {
			broken.add("networking", "has to contain at least one inbound interface or gateway")
		}
		broken = append(broken, cp.checkNetworking(networking).under("networking")...)
		broken = append(broken, checkProbes(dataplane.object("probes")).under("probes")...)
		if dataplane.has("metrics") {
			broken = append(broken, checkMetricsBackend(dataplane.object("metrics")).under("metrics")...)
		}
		broken = append(broken, checkListeners(networking).under("networking.listeners")...)
	}
	return broken
}

// checkAdminPort checks that the port of the proxy's own API differs from those of the traffic.
func checkAdminPort(networking *document) violations {
	var broken violations
	if !networking.has("admin") {
		return nil
	}
	port := networking.object("admin").number("port")
	taken := func(usedPort uint32, address string) bool {
		return usedPort == port && slices.Contains([]string{"127.0.0.1", "0.0.0.0", "::"}, address)
	}
	for _, inbound := range networking.objects("inbound") {
		address := firstOf(inbound.text("address"), networking.text("address"))
		behind := firstOf(inbound.text("serviceAddress"), address)
		behindPort := inbound.number("servicePort")
		if behindPort == 0 {
			behindPort = inbound.number("port")
		}
		if taken(inbound.number("port"), address) || taken(behindPort, behind) {
			broken.add("networking.admin.port", "must differ from inbound")
			break
		}
	}
	for _, outbound := range networking.objects("outbound") {
		if taken(outbound.number("port"), firstOf(outbound.text("address"), "127.0.0.1")) {
			broken.add("networking.admin.port", "must differ from outbound")
			break
		}
	}
	return broken
}

func (cp *ControlPlane) checkNetworking(networking *document) violations {
	broken := checkAddress("address", networking.text("address"))
	for i, inbound := range networking.objects("inbound") {
		path := fmt.Sprintf("inbound[%d]", i)
		broken = append(broken, cp.checkInbound(inbound, networking.text("address")).under(path)...)
		tags := inbound.tags("tags")
		if _, ok := tags[serviceTag]; !ok && (len(tags) > 0 && cp.release.set == in214 || cp.release.set == in27) {
			broken.add(path+".tags"+keyPath(serviceTag), "tag has to exist")
		}
	}
	for i, outbound := range networking.objects("outbound") {
		broken = append(broken, cp.checkOutbound(outbound).under(fmt.Sprintf("outbound[%d]", i))...)
	}
	refs := networking.object("transparentProxying").object("reachableBackends").objects("refs")
	for i, ref := range refs { // the spelling of the control plane
		broken = append(broken, checkReachable(ref).under(fmt.Sprintf("transparentProxing.reachableBackends.refs[%d]", i))...)
	}
	return broken
}

func checkAddress(field, address string) violations {
	var broken violations
	if address == "" {
		broken.add(field, "address can't be empty")
		return broken
	}
	if address == "0.0.0.0" || address == "::" {
		broken.add(field, "must not be 0.0.0.0 or ::")
	}
	if !isIP(address) && !isDNSName(address) {
		broken.add(field, "address has to be valid IP address or domain name")
	}
	return broken
}

func (cp *ControlPlane) checkInbound(inbound *document, proxyAddress string) violations {
	broken := checkPort("port", inbound.number("port"))
	port, servicePort := inbound.number("port"), inbound.number("servicePort")
	if servicePort != 0 {
		broken = append(broken, checkPort("servicePort", servicePort)...)
	}
	samePort := servicePort == 0 || servicePort == port
	const mustDiffer = "serviceAddress and servicePort has to differ from address and port"
	address, serviceAddress := inbound.text("address"), inbound.text("serviceAddress")
	if serviceAddress != "" {
		if !isIP(serviceAddress) {
			broken.add("serviceAddress", "serviceAddress has to be valid IP address")
		}
		if serviceAddress == proxyAddress && samePort {
			broken.add("serviceAddress", mustDiffer)
		}
	}
	if address != "" {
		if !isIP(address) {
			broken.add("address", "address has to be valid IP address")
		}
		if address == serviceAddress && samePort {
			broken.add("serviceAddress", mustDiffer)
		}
	}
	if cp.release.meshTLS {
		tags := inbound.tags("tags")
		if protocol, ok := tags[protocolTag]; ok && !cp.isProtocol(protocol) {
			broken.add("tags"+keyPath(protocolTag), "tag %q has an invalid value %q. %s", protocolTag, protocol, cp.knownProtocols())
		}
		broken = append(broken, checkTags(tags, plainValue()).under("tags")...)
	}
	if protocol := inbound.text("protocol"); protocol != "" && !cp.isProtocol(protocol) {
		broken.add("protocol", "has an invalid value %q. %s", protocol, cp.knownProtocols())
	}
	return append(broken, checkServiceProbe(inbound.object("serviceProbe")).under("serviceProbe")...)
}

func (cp *ControlPlane) isProtocol(name string) bool {
	name = strings.ToLower(name)
	return name != "kafka" && slices.Contains([]string{"http", "http2", "tcp", "tls", "grpc", "mysql"}, name) ||
		name == "kafka" && cp.release.meshTLS
}

func (cp *ControlPlane) knownProtocols() string {
	if !cp.release.meshTLS {
		return "Allowed values: grpc, http, http2, tcp"
	}
	return "Allowed values: grpc, http, http2, kafka, tcp"
}

func checkServiceProbe(probe *document) violations {
	var broken violations
	for _, name := range []string{"interval", "timeout"} {
		if probe.has(name) && get[time.Duration](probe, name) == 0 {
			broken.add(name, "must have a positive value")
		}
	}
	for _, name := range []string{"unhealthyThreshold", "healthyThreshold"} {
		if probe.has(name) && probe.number(name) == 0 {
			broken.add(name, "must have a positive value")
		}
	}
	return broken
}

const knownBackends = "invalid value. Available values are: MeshExternalService,MeshMultiZoneService,MeshService"

func isBackend(kind string) bool {
	return slices.Contains([]string{"MeshExternalService", "MeshMultiZoneService", "MeshService"}, kind)
}

func (cp *ControlPlane) checkOutbound(outbound *document) violations {
	broken := checkPort("port", outbound.number("port"))
	if address := outbound.text("address"); address != "" && !isIP(address) {
		broken.add("address", "address has to be valid IP address")
	}
	tags := outbound.tags("tags")
	if !outbound.has("backendRef") {
		switch _, hasService := tags[serviceTag]; {
		case !cp.release.meshTLS:
			broken.add("backendRef", "must be defined")
		case len(tags) == 0:
			broken.add("tags", "mandatory tag %q is missing", serviceTag)
		default:
			broken = append(broken, checkTags(tags, plainValue()).under("tags")...)
			if !hasService {
				broken.add("tags", "mandatory tag %q is missing", serviceTag)
			}
		}
		return broken
	}
	broken = append(broken, cp.checkBackendRef(outbound.object("backendRef"))...)
	if len(tags) > 0 {
		broken.add("backendRef", "both backendRef and tags/service cannot be defined")
	}
	return broken
}

func (cp *ControlPlane) checkBackendRef(ref *document) violations {
	var broken violations
	kind, port := ref.text("kind"), checkPort("backendRef.port", ref.number("port"))
	if cp.release.set == in27 {
		if kind != "MeshService" {
			broken.add("backendRef.kind", "invalid value. Available values are: MeshService")
		}
		if ref.text("name") == "" {
			broken.add("backendRef.name", "cannot be empty")
		}
		return append(broken, port...)
	}
	if !isBackend(kind) {
		broken.add("backendRef.kind", knownBackends)
	}
	if ref.text("name") == "" && len(ref.tags("labels")) == 0 {
		broken.add("backendRef", "either 'name' or 'labels' should be specified")
	}
	if kind != "MeshExternalService" {
		broken = append(broken, port...)
	}
	return broken
}

func checkReachable(ref *document) violations {
	var broken violations
	name, namespace, labels := ref.text("name"), ref.text("namespace"), ref.tags("labels")
	if !isBackend(ref.text("kind")) {
		broken.add("kind", knownBackends)
	}
	if name != "" {
		broken = append(broken, checkName("name", name, nameSyntax, nameRule)...)
	}
	if name == "" && namespace == "" && len(labels) == 0 {
		broken.add("name", "name or labels are required")
	}
	if name == "" && namespace != "" {
		broken.add("name", "name is required, when namespace is defined")
	}
	if (name != "" || namespace != "") && len(labels) > 0 {
		broken.add("labels", "labels cannot be defined when name is specified")
	}
	return broken
}

func checkProbes(probes *document) violations {
	if probes == nil {
		return nil
	}
	broken := checkPort("port", probes.number("port"))
	for i, endpoint := range probes.objects("endpoints") {
		path := fmt.Sprintf("endpoints[%d].", i)
		broken = append(broken, checkPort(path+"inboundPort", endpoint.number("inboundPort"))...)
		for _, name := range []string{"inboundPath", "path"} {
			if _, err := url.ParseRequestURI(endpoint.text(name)); err != nil {
				broken.add(path+name, "should be a valid URL Path")
			}
		}
	}
	return broken
}

func (cp *ControlPlane) checkGateway(gateway *document) violations {
	var broken violations
	tags := gateway.tags("tags")
	if protocol, ok := tags[protocolTag]; ok && strings.ToLower(protocol) != "tcp" {
		broken.add("tags"+keyPath(protocolTag), "other values than tcp are not allowed, provided value %q", protocol)
	}
	broken = append(broken, checkTags(tags, plainValue()).under("tags")...)
	if _, ok := tags[serviceTag]; !ok && (len(tags) > 0 || cp.release.set == in27) {
		broken.add("tags", "mandatory tag %q is missing", serviceTag)
	}
	return broken
}

func checkListeners(networking *document) violations {
	var broken violations
	names := map[string]bool{}
	for _, inbound := range networking.objects("inbound") {
		names[sectionName(inbound)] = true
	}
	types := map[string]int32{}
	for i, listener := range networking.objects("listeners") {
		path := fmt.Sprintf("[%d]", i)
		address, port, name := listener.text("address"), listener.number("port"), listener.text("name")
		kind := get[int32](listener, "type")
		if kind == 0 {
			broken.add(path+".type", "type must be ZoneIngress or ZoneEgress")
		}
		broken = append(broken, checkAddress(path+".address", address)...)
		broken = append(broken, checkPort(path+".port", port)...)
		if name != "" && names[name] {
			broken.add(path+".name", "name %q must be unique across inbounds and listeners", name)
		}
		names[name] = true
		endpoint := fmt.Sprintf("%s:%d", address, port)
		switch other, taken := types[endpoint]; {
		case taken && other == kind:
			broken.add(path, "address:port %s is already used by another listener", endpoint)
		case taken:
			broken.add(path, "address:port %s is used by listeners of different types", endpoint)
		default:
			types[endpoint] = kind
		}
		for _, inbound := range networking.objects("inbound") {
			if fmt.Sprintf("%s:%d", firstOf(inbound.text("address"), networking.text("address")), inbound.number("port")) == endpoint {
				broken.add(path, "address:port %s collides with an inbound listener", endpoint)
				break
			}
		}
	}
	return broken
}

// sectionName returns the name of an inbound in references.
func sectionName(inbound *document) string {
	return firstOf(inbound.text("name"), fmt.Sprint(inbound.number("port")))
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
