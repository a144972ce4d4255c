package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Effects of version 3.0 on a document.
const (
	// dropped: the control plane accepts the document, and ignores the member.
	dropped = "dropped"
	// refused: the control plane rejects a write of the document.
	refused = "refused"
	// changed: the control plane keeps the document, and behaves differently.
	changed = "changed"
	// unchecked: the provider could not find out.
	unchecked = "unchecked"
)

// A problem is what version 3.0 does to one part of a document.
type problem struct {
	path, effect, message string
}

// A difference is a member that version 3.0 treats differently from earlier
// ones. The differences are recorded with the same requests to control planes of
// 2.14.3 and of the 3.0 development branch.
type difference struct {
	path   string          // a pattern, see [node.at]
	is     func(node) bool // nil: a value that is set
	effect string
	advice string // what to do
}

func (d difference) problems(document node) []problem {
	var found []problem
	for _, p := range document.at(d.path) {
		if d.is == nil && p.isSet() || d.is != nil && d.is(p) {
			found = append(found, problem{p.path, d.effect, d.advice})
		}
	}
	return found
}

func isText(words ...string) func(node) bool {
	return func(p node) bool { return slices.Contains(words, p.text()) }
}

// differences returns those of documents of one type.
func differences() map[string][]difference {
	endpoint := "A backend of type OpenTelemetry needs a MeshOpenTelemetryBackend: create one with this endpoint, and refer to it with " +
		"openTelemetry.backendRef."
	return map[string][]difference{
		kuma.MeshType: {
			{"mtls", nil, dropped, "Meshes have no mTLS backends, and a proxy without a MeshIdentity sends and accepts plain text. Create a " +
				"MeshIdentity that selects every proxy, and a MeshTLS with the mode of the backend, wait until each proxy has a certificate of the " +
				"identity, and remove mtls."},
			{"tracing", nil, dropped, "Create a MeshTrace policy, and remove tracing."},
			{"logging", nil, dropped, "Create a MeshAccessLog policy, and remove logging."},
			{"metrics", nil, dropped, "Create a MeshMetric policy, and remove metrics."},
			{"constraints", nil, dropped, "Meshes have no constraints on proxies: limit the tokens of proxies instead, and remove constraints."},
			{"networking.outbound.passthrough", isFalse, dropped, "Proxies pass traffic to unknown addresses. To prevent that, create a " +
				"MeshPassthrough policy with passthroughMode None. Then remove passthrough."},
			{"routing.localityAwareLoadBalancing", isTrue, dropped, "Create a MeshLoadBalancingStrategy policy, and remove " +
				"localityAwareLoadBalancing."},
			{"routing.zoneEgress", isTrue, dropped, "Traffic uses a zone egress wherever there is one. Remove zoneEgress."},
			{"routing.defaultForbidMeshExternalServiceAccess", isTrue, dropped, "Limit the access with MeshTrafficPermission policies, and remove " +
				"defaultForbidMeshExternalServiceAccess."},
		},
		"MeshTrust": {{"spec.origin", nil, dropped, "The control plane keeps the origin in status. Remove spec.origin."}},
		"MeshHealthCheck": {{"spec.to[].default.healthyPanicThreshold", nil, dropped, "Set outlierDetection.healthyPanicThreshold in a " +
			"MeshCircuitBreaker policy, and remove it here."}},
		"MeshLoadBalancingStrategy": {
			{"spec.to[].default.loadBalancer.ringHash.hashPolicies", nil, dropped, "Move it to default.hashPolicies."},
			{"spec.to[].default.loadBalancer.maglev.hashPolicies", nil, dropped, "Move it to default.hashPolicies."},
			{"spec.to[].default.hashPolicies[].type", isText("SourceIP"), refused, "Use type Connection instead."},
		},
		"MeshAccessLog": {
			{"spec.to[].default.backends[].openTelemetry.endpoint", nil, refused, endpoint},
			{"spec.rules[].default.backends[].openTelemetry.endpoint", nil, refused, endpoint},
		},
		"MeshMetric": {{"spec.default.backends[].openTelemetry.endpoint", nil, refused, endpoint}},
		"MeshTrace":  {{"spec.default.backends[].openTelemetry.endpoint", nil, refused, endpoint}},
		"MeshService": {
			{"spec.selector.dataplaneTags", nil, dropped, "The MeshService selects no proxy. Use selector.dataplaneLabels with labels of the Dataplanes."},
			{"spec.identities[].type", isText("ServiceTag"), refused, "Only SPIFFE IDs are allowed. Remove the identity, or use type SpiffeID."},
		},
		"MeshExternalService": {
			{"spec.tls.verification.caCert", isOldSource, refused, oldSource},
			{"spec.tls.verification.clientCert", isOldSource, refused, oldSource},
			{"spec.tls.verification.clientKey", isOldSource, refused, oldSource},
		},
		"Dataplane": {
			{"networking.gateway.type", isText("BUILTIN"), refused, "There are no builtin gateways, and one such Dataplane prevents the control " +
				"plane from listing the Dataplanes of the mesh. Use a delegated gateway, and delete this Dataplane before the upgrade."},
			{"networking.inbound[].tags", nil, dropped, "Policies and services select proxies by the labels of the Dataplane: move the tags there. Set " +
				"protocol of the inbound to the value of the tag kuma.io/protocol."},
			{"networking.outbound[].tags", nil, refused, "An outbound has a backendRef to a MeshService, MeshExternalService or MeshMultiZoneService: " +
				"set it, and remove the tags."},
			{"networking.transparentProxying.reachableServices", isListed, dropped, "Set reachableBackends instead."},
			{"networking.advertisedAddress", nil, dropped, "Other proxies connect to networking.address: make it reachable, and remove advertisedAddress."},
			{"metrics", nil, dropped, "Create a MeshMetric policy, and remove metrics."},
			{"probes", nil, dropped, "Proxies have no virtual probes: remove them."},
		},
	}
}

const oldSource = "Certificates and keys have another form: `type: Secret` with `secretRef: {kind: Secret, name: NAME}`, or `type: InsecureInline` with " +
	"`insecureInline: {value: PEM}`. Version 2.14 does not know it: write it with the upgrade."

func isTrue(p node) bool   { return p.value == true }
func isFalse(p node) bool  { return p.value == false }
func isListed(p node) bool { list, _ := p.value.([]any); return len(list) > 0 }

// isOldSource reports whether a source of a certificate has the form of version
// 2.
func isOldSource(p node) bool { return p.isSet() && !p.to("type").isSet() }

// replacements returns the types that version 3.0 does not have, with what
// replaces them.
func replacements() map[string]string {
	gateway := "There are no builtin gateways. Use a delegated gateway"
	zoneProxy := "A zone proxy is a Dataplane with networking.listeners. Replace the proxy"
	return map[string]string{
		"CircuitBreaker":    "MeshCircuitBreaker replaces it. Create one",
		"ExternalService":   "MeshExternalService replaces it. Create one",
		"FaultInjection":    "MeshFaultInjection replaces it. Create one",
		"HealthCheck":       "MeshHealthCheck replaces it. Create one",
		"MeshGateway":       gateway,
		"MeshGatewayRoute":  gateway,
		"ProxyTemplate":     "MeshProxyPatch replaces it. Create one",
		"RateLimit":         "MeshRateLimit replaces it. Create one",
		"Retry":             "MeshRetry replaces it. Create one",
		"Timeout":           "MeshTimeout replaces it. Create one",
		"TrafficLog":        "MeshAccessLog replaces it. Create one",
		"TrafficPermission": "MeshTrafficPermission replaces it. Create one with rules",
		"TrafficRoute":      "MeshHTTPRoute and MeshTCPRoute replace it. Create them where they are needed",
		"TrafficTrace":      "MeshTrace replaces it. Create one",
		"VirtualOutbound":   "HostnameGenerator replaces it. Create one",
		"ZoneEgress":        zoneProxy,
		"ZoneIngress":       zoneProxy,
	}
}

// sufficient returns, for each policy with from, the lists of which version 3.0
// needs one. Without any, it accepts a policy with from alone, which does nothing.
func sufficient() map[string][]string {
	either := []string{"to", "rules"}
	return map[string][]string{
		"MeshAccessLog": either, "MeshCircuitBreaker": either, "MeshRateLimit": either, "MeshTimeout": either,
		"MeshTrafficPermission": {"rules"}, "MeshTLS": nil, "MeshFaultInjection": nil,
	}
}

// checkFrom checks the list from of a policy.
func checkFrom(kind string, document node) []problem {
	lists, has := sufficient()[kind]
	spec := document.to("spec")
	if !has || !isListed(spec.to("from")) {
		return nil
	}
	effect, advice := dropped, "Write it as rules: an entry for kind Mesh is a rule without matches."
	if kind == "MeshTrafficPermission" {
		advice = "Write it as rules, which match clients by SPIFFE ID."
	}
	if len(lists) > 0 && !slices.ContainsFunc(lists, func(list string) bool { return isListed(spec.to(list)) }) {
		effect = refused
	}
	return []problem{{spec.to("from").path, effect, advice}}
}

// A reference is a node in a policy that selects other objects, and the kinds
// that version 3.0 allows there.
type reference struct {
	path  string
	kinds []string
}

// references returns those of a policy, the same for each type: a policy without
// a node has no value there.
func references() []reference {
	destinations := []string{"MeshService", "MeshExternalService", "MeshMultiZoneService"}
	return []reference{
		{"spec.targetRef", []string{"Mesh", "Dataplane"}},
		{"spec.to[].targetRef", append([]string{"Mesh", "MeshHTTPRoute"}, destinations...)},
		{"spec.to[].rules[].default.backendRefs[]", destinations},
		{"spec.to[].rules[].default.filters[].requestMirror.backendRef", destinations},
	}
}

// checkReferences checks the references of a policy.
func checkReferences(document node) []problem {
	var found []problem
	for _, reference := range references() {
		for _, p := range document.at(reference.path) {
			found = append(found, reference.problems(p)...)
		}
	}
	return found
}

func (r reference) problems(p node) []problem {
	kind := p.to("kind")
	switch {
	case !slices.Contains(r.kinds, kind.text()):
		return []problem{{kind.path, refused, unknownKind(kind.text(), r.kinds)}}
	case kind.text() == "Mesh", kind.text() == "Dataplane":
		return droppedSelectors(p)
	}
	for _, member := range []string{"name", "namespace"} {
		if name := p.to(member); name.isSet() {
			return []problem{{name.path, refused, fmt.Sprintf("A %s is selected by its labels alone. Replace name and namespace with labels, such as "+
				"kuma.io/display-name = %s.", kind.text(), tfkit.Quote(p.to("name").text()))}}
		}
	}
	return nil
}

// droppedSelectors returns the members that limit a reference to a part of the
// mesh, and that version 3.0 ignores.
func droppedSelectors(p node) []problem {
	var found []problem
	for _, member := range []string{"name", "namespace", "tags", "proxyTypes"} {
		if selector := p.to(member); selector.isSet() {
			advice := "The policy applies to more proxies than now. Select them with kind Dataplane and labels, and remove " + member + "."
			if member == "proxyTypes" {
				advice = "The policy applies to sidecars and gateways. Select the proxies with kind Dataplane and labels, or remove proxyTypes."
			}
			found = append(found, problem{selector.path, dropped, advice})
		}
	}
	return found
}

func unknownKind(kind string, known []string) string {
	said := fmt.Sprintf("Kind %s is not allowed here, only %s. ", kind, strings.Join(known, ", "))
	switch kind {
	case "MeshSubset", "MeshService", "MeshServiceSubset":
		return said + "Select proxies with kind Dataplane and labels, and destinations with kind MeshService and labels."
	case "MeshHTTPRoute":
		return said + "Refer to the route in to[].targetRef instead."
	case "MeshGateway":
		return said + "There are no builtin gateways: delete the policy together with the gateway."
	default:
		return said + "Use one of them."
	}
}
