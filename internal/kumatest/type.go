package kumatest

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// A resourceType is a type of resource of the control plane: a row of the table below.
type resourceType struct {
	name     string
	path     string // below /meshes/{mesh}/, or below / for a global type
	oldPath  string // a second path with the same meaning
	overview string // the path of the overview before it was <path>/_overview
	short    string // its name in a resource identifier; a type without it has no identifiers
	in       releaseSet
	traits   trait
	schema   *message   // nil if the document is stored as it is
	spec     *structure // of "spec", nil if that is stored as it is
	status   *structure // of "status" in a request, nil if it may be any object
	rules    rule       // further rules for a document, nil if there are none

	inspections []inspection
	initial     []initialPolicy // created with each mesh, unless the mesh skips them
	special
}

// special has the functions of a type with special behavior. Each may be nil; most types have none.
type special struct {
	// check validates a document by itself.
	check func(*ControlPlane, *document) violations
	// admit adds defaults to a document and validates it against other resources.
	admit func(*ControlPlane, write) error
	// label adds the labels that depend on the document.
	label func(*ControlPlane, map[string]string, *document)
	// established creates what a new resource needs. The resource stays when that fails.
	established func(*ControlPlane, *resource) error
	// warn returns the warnings in the answer to a write.
	warn func(*ControlPlane, *resource) []string
	// checkDelete returns the reasons why a resource cannot be deleted.
	checkDelete func(*ControlPlane, *resource) violations
	// filter returns the filters of a list that only this type has.
	filter func(cp *ControlPlane, query url.Values, pattern string) ([]func(*resource) bool, violations)
	// wrote and deleted schedule what the control plane does after a write.
	wrote, deleted func(*fleet, *resource)
}

// A write is a request that creates or replaces a resource.
type write struct {
	call    *call
	current *resource // nil for a new resource
	draft   *resource
	given   map[string]string // the labels of the request
}

type trait uint32

const (
	global      trait = 1 << iota // does not belong to a mesh
	made                          // only the control plane itself may write it
	adminOnly                     // only administrators read and write it
	synced                        // a global control plane sends it to its zones
	byGlobal                      // it can be written at a global control plane
	byZone                        // it can be written at a zone
	specified                     // has "spec"
	hasStatus                     // has "status"
	hasOverview                   // has an overview, the object together with its insight
	relayed                       // a global control plane sends it from zone to zone
	isMesh                        // deleting it deletes the resources in it
	isSecret                      // read through a cache, kept when its mesh is deleted, a Secret on Kubernetes
	nameless                      // it has no display name
	policy
	targetRef
	from
	to
	fromAsRules

	down   = synced | byGlobal
	both   = down | byZone
	modern = both | specified | policy | targetRef
	legacy = down | policy
)

func (t *resourceType) is(all trait) bool { return t.traits&all == all }

// meshOf returns the name of the mesh itself, or of the mesh that a resource belongs to.
func (t *resourceType) meshOf(mesh, name string) string {
	if t.is(isMesh) {
		return name
	}
	return mesh
}

// resourceTypes returns the types of a release, sorted by name.
func resourceTypes(set releaseSet) []*resourceType {
	hostName := special{admit: (*ControlPlane).admitHostName}
	all := []*resourceType{
		{name: "CircuitBreaker", path: "circuit-breakers", in: until214, traits: legacy},
		dataplaneType(set),
		{name: "DataplaneInsight", path: "dataplane-insights", in: inAll, traits: byZone | made},
		{name: "ExternalService", path: "external-services", in: until214, traits: down},
		{name: "FaultInjection", path: "fault-injections", in: until214, traits: legacy},
		{name: "GlobalSecret", path: "global-secrets", in: in27, traits: global | both | adminOnly | isSecret | nameless, schema: secretSchema()},
		{name: "GlobalSecret", path: "globalsecrets", oldPath: "global-secrets", in: from214, traits: global | both | adminOnly | isSecret, schema: secretSchema()},
		{name: "HealthCheck", path: "health-checks", in: until214, traits: legacy},
		{name: "HostnameGenerator", path: "hostnamegenerators", short: "hg", in: from214, traits: global | both | specified},
		meshType(set),
		{name: "MeshAccessLog", path: "meshaccesslogs", short: "mal", in: in27, traits: modern | from | to | fromAsRules},
		{name: "MeshAccessLog", path: "meshaccesslogs", short: "mal", in: from214, traits: modern | hasStatus | from | to | fromAsRules},
		{name: "MeshCircuitBreaker", path: "meshcircuitbreakers", short: "mcb", in: inAll, traits: modern | from | to | fromAsRules, initial: initialCircuitBreakers()},
		{name: "MeshExternalService", path: "meshexternalservices", short: "extsvc", in: from214, traits: both | specified | hasStatus, special: hostName},
		{name: "MeshFaultInjection", path: "meshfaultinjections", short: "mfi", in: inAll, traits: modern | from | to},
		{name: "MeshGateway", path: "meshgateways", short: "mgw", in: until214, traits: both, inspections: gatewayInspections()},
		{name: "MeshGatewayRoute", path: "meshgatewayroutes", in: until214, traits: legacy},
		{name: "MeshHTTPRoute", path: "meshhttproutes", short: "mhttpr", in: inAll, traits: modern | to},
		{name: "MeshHealthCheck", path: "meshhealthchecks", short: "mhc", in: inAll, traits: modern | to},
		identityType(),
		{name: "MeshInsight", path: "mesh-insights", in: inAll, traits: global | byGlobal | made},
		{name: "MeshLoadBalancingStrategy", path: "meshloadbalancingstrategies", short: "mlbs", in: inAll, traits: modern | to},
		{name: "MeshMetric", path: "meshmetrics", short: "mm", in: in27, traits: modern},
		{name: "MeshMetric", path: "meshmetrics", short: "mm", in: from214, traits: modern | hasStatus},
		{name: "MeshMultiZoneService", path: "meshmultizoneservices", short: "mzsvc", in: from214, traits: down | specified | hasStatus, special: hostName},
		{name: "MeshOpenTelemetryBackend", path: "meshopentelemetrybackends", short: "motb", in: from214, traits: both | specified | hasStatus},
		{name: "MeshPassthrough", path: "meshpassthroughs", short: "mp", in: from214, traits: modern},
		{name: "MeshProxyPatch", path: "meshproxypatches", short: "mpp", in: inAll, traits: modern},
		{name: "MeshRateLimit", path: "meshratelimits", short: "mrl", in: inAll, traits: modern | from | to | fromAsRules},
		{name: "MeshRetry", path: "meshretries", short: "mr", in: inAll, traits: modern | to, initial: initialRetries()},
		{name: "MeshService", path: "meshservices", short: "msvc", in: in27, traits: both | specified},
		{name: "MeshService", path: "meshservices", short: "msvc", in: from214, traits: byZone | specified | hasStatus | relayed, special: hostName},
		{name: "MeshTCPRoute", path: "meshtcproutes", short: "mtcpr", in: inAll, traits: modern | to},
		{name: "MeshTLS", path: "meshtlses", short: "mtls", in: from214, traits: modern | from | fromAsRules},
		{name: "MeshTimeout", path: "meshtimeouts", short: "mt", in: inAll, traits: modern | from | to | fromAsRules, initial: initialTimeouts(set)},
		{name: "MeshTrace", path: "meshtraces", short: "mtr", in: in27, traits: modern},
		{name: "MeshTrace", path: "meshtraces", short: "mtr", in: from214, traits: modern | hasStatus},
		{name: "MeshTrafficPermission", path: "meshtrafficpermissions", short: "mtp", in: inAll, traits: modern | from},
		trustType(),
		{name: "MeshZoneAddress", path: "meshzoneaddresses", short: "mza", in: from214, traits: byZone | specified | relayed},
		{name: "ProxyTemplate", path: "proxytemplates", in: until214, traits: legacy},
		{name: "RateLimit", path: "rate-limits", in: until214, traits: legacy},
		{name: "Retry", path: "retries", in: until214, traits: legacy},
		secretType(),
		{name: "ServiceInsight", path: "service-insights", in: inAll, traits: synced | made},
		{name: "Timeout", path: "timeouts", in: until214, traits: legacy},
		{name: "TrafficLog", path: "traffic-logs", in: until214, traits: legacy},
		{name: "TrafficPermission", path: "traffic-permissions", in: until214, traits: legacy},
		{name: "TrafficRoute", path: "traffic-routes", in: until214, traits: legacy},
		{name: "TrafficTrace", path: "traffic-traces", in: until214, traits: legacy},
		{name: "VirtualOutbound", path: "virtual-outbounds", in: until214, traits: legacy},
		{name: "Workload", path: "workloads", short: "wl", in: from214, traits: byZone | specified | hasStatus},
		{name: "Zone", path: "zones", overview: "zones+insights", short: "z", in: inAll, traits: global | byGlobal | byZone | hasOverview, special: hostName},
		{name: "ZoneEgress", path: "zoneegresses", overview: "zoneegressoverviews", short: "ze", in: until214, traits: global | byZone | hasOverview, inspections: zoneProxyInspections()},
		{name: "ZoneEgressInsight", path: "zoneegressinsights", in: until214, traits: global | byZone | made},
		{name: "ZoneIngress", path: "zone-ingresses", overview: "zoneingresses+insights", short: "zi", in: in27, traits: global | byZone | hasOverview | relayed, inspections: zoneProxyInspections()},
		{name: "ZoneIngress", path: "zoneingresses", oldPath: "zone-ingresses", overview: "zoneingresses+insights", short: "zi", in: in214, traits: global | byZone | hasOverview | relayed, inspections: zoneProxyInspections()},
		{name: "ZoneIngressInsight", path: "zone-ingress-insights", in: until214, traits: global | byZone | made},
		{name: "ZoneInsight", path: "zone-insights", in: inAll, traits: global | byGlobal | byZone | made},
	}
	all = slices.DeleteFunc(all, func(t *resourceType) bool { return t.in&set == 0 })
	specs, messages := specSchemas(set), legacySchemas()
	modern, older := specRules(), legacyRules()
	for _, t := range all {
		switch {
		case t.is(specified):
			t.spec, t.status, t.rules = specs[t.name], specs[t.name+"Status"], modern[t.name]
		case t.schema == nil:
			t.schema, t.rules = messages[t.name], older[t.name]
		}
	}
	return all
}

// displayName splits a type's name into words: MeshHTTPRoute becomes Mesh HTTP Route.
func (t *resourceType) displayName() string {
	const oneWord = "OpenTelemetry"
	var words strings.Builder
	letters := []rune(strings.Replace(t.name, oneWord, "Opentelemetry", 1))
	for i, letter := range letters {
		startsWord := unicode.IsUpper(letter) && i > 0 &&
			(unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if startsWord {
			words.WriteByte(' ')
		}
		words.WriteRune(letter)
	}
	return strings.Replace(words.String(), "Opentelemetry", oneWord, 1)
}

func (t *resourceType) pluralName() string {
	name := t.displayName()
	switch {
	case strings.HasSuffix(name, "Retry"), strings.HasSuffix(name, "Strategy"), strings.HasSuffix(name, "Identity"):
		return strings.TrimSuffix(name, "y") + "ies"
	case strings.HasSuffix(name, "s"), strings.HasSuffix(name, "S"), strings.HasSuffix(name, "sh"), strings.HasSuffix(name, "ch"):
		return name + "es"
	default:
		return name + "s"
	}
}

func gatewayInspections() []inspection {
	return []inspection{{path: "_rules", absent: "Could not retrieve MeshGateway", in: until214}}
}

// zoneProxyInspections returns the routes of a zone ingress or egress. The control plane calls both an ingress.
func zoneProxyInspections() []inspection {
	return []inspection{{path: "{type}", absent: "Could not get zone ingress resource", in: until214}}
}
