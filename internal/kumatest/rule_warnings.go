package kumatest

import (
	"fmt"
	"slices"
	"strings"
)

// warnings returns the control plane's warnings about an accepted document.
func (cp *ControlPlane) warnings(r *resource) []string {
	var warnings []string
	if r.kind.warn != nil {
		warnings = r.kind.warn(cp, r)
	}
	if r.kind.spec == nil {
		return warnings
	}
	p := place{path: "spec", value: r.spec, spec: r.spec, set: cp.release.set}
	switch cp.release.set {
	case in27:
		if w := serviceWarnings(p); len(w) > 0 && r.kind.is(from) {
			warnings = append(warnings, w[0])
		}
		return warnings
	case in214:
		if p.listed("from") {
			warnings = append(warnings, fromWarning(r.kind.name))
		}
	}
	switch r.kind.name {
	case "MeshTrafficPermission":
		warnings = append(warnings, serviceWarnings(p)...)
	case "MeshRateLimit":
		warnings = append(warnings, statusWarnings(p)...)
	case "MeshLoadBalancingStrategy":
		if cp.release.set == in214 {
			warnings = append(warnings, hashWarnings(p)...)
		}
	case "MeshAccessLog", "MeshMetric", "MeshTrace":
		if cp.release.set == in214 && hasInlineEndpoint(p.value) {
			warnings = append(warnings, "openTelemetry.endpoint is deprecated, use openTelemetry.backendRef with a MeshOpenTelemetryBackend resource instead")
		}
	case "MeshService", "MeshMultiZoneService", "MeshExternalService":
		warnings = append(warnings, cp.nameWarnings(r)...)
	}
	if cp.release.set == in214 && r.kind.is(targetRef) {
		warnings = append(warnings, topWarnings(p)...)
	}
	if cp.release.set == in214 && r.kind.name == "MeshHealthCheck" {
		warnings = append(warnings, panicWarnings(p)...)
	}
	return warnings
}

func fromWarning(kind string) string {
	switch kind {
	case "MeshTrafficPermission":
		return "'from' field is deprecated and will be removed in 3.0, use 'rules' with MeshIdentity (spiffeId) instead"
	case "MeshFaultInjection":
		return "'from' field is deprecated, use 'rules' with SPIFFE-based 'matches' instead"
	default:
		return "'from' field is deprecated, use 'rules' instead"
	}
}

func topWarnings(p place) []string {
	switch kind := p.to("targetRef").to("kind").text(); kind {
	case "MeshService", "MeshServiceSubset", "MeshSubset":
		return []string{kind + " value for 'targetRef.kind' is deprecated, use Dataplane with labels instead"}
	case "MeshHTTPRoute":
		return []string{"MeshHTTPRoute value for 'targetRef.kind' is deprecated, use MeshHTTPRoute in spec.to[].targetRef"}
	default:
		return nil
	}
}

func serviceWarnings(p place) []string {
	var warnings []string
	for _, from := range p.to("from").list() {
		if from.to("targetRef").to("kind").text() == "MeshService" {
			warnings = append(warnings, "MeshService value for 'from[].targetRef.kind' is deprecated, use MeshSubset with 'kuma.io/service' instead")
		}
	}
	return warnings
}

func panicWarnings(p place) []string {
	var warnings []string
	for _, to := range p.to("to").list() {
		if to.to("default").has("healthyPanicThreshold") {
			warnings = append(warnings, "healthyPanicThreshold for 'to[].default' is deprecated. "+
				"The setting has been moved to MeshCircuitBreaker policy, please use MeshCircuitBreaker policy instead.")
		}
	}
	return warnings
}

func statusWarnings(p place) []string {
	var warnings []string
	for _, section := range []string{"from", "rules", "to"} {
		for _, one := range p.to(section).list() {
			status := one.to("default").to("local").to("http").to("onRateLimit").to("status")
			if number, ok := status.value.(float64); ok && number < 400 {
				warnings = append(warnings, fmt.Sprintf("'%s.default.local.http.requestRate.status' must be 400 or higher. Please update your configuration.", one.path))
			}
		}
	}
	return warnings
}

func hashWarnings(p place) []string {
	var warnings []string
	kinds := map[string]string{"RingHash": "ringHash", "Maglev": "maglev"}
	for _, to := range p.to("to").list() {
		balancer := to.to("default").to("loadBalancer")
		policies := balancer.to(kinds[balancer.to("type").text()]).to("hashPolicies")
		if policies.value == nil {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("configuration '%s' is deprecated, use '%s.default.hashPolicies' instead", policies.path, to.path))
		for _, policy := range policies.list() {
			if policy.to("type").text() == "SourceIP" {
				warnings = append(warnings, fmt.Sprintf("SourceIP type for '%s.type' is deprecated, use Connection instead", policy.path))
			}
		}
	}
	return warnings
}

// hasInlineEndpoint reports whether a value sends telemetry to an inline endpoint.
func hasInlineEndpoint(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, hasInlineEndpoint)
	case map[string]any:
		backend := place{value: value}.to("openTelemetry")
		if backend.isSet("endpoint") && !backend.has("backendRef") {
			return true
		}
		for _, member := range value {
			if hasInlineEndpoint(member) {
				return true
			}
		}
	}
	return false
}

// nameWarnings returns warnings about names that cannot be part of a host name.
func (cp *ControlPlane) nameWarnings(r *resource) []string {
	name := displayName(r.name, r.labels)
	if problems := dnsLabelProblems(name); len(problems) > 0 {
		return []string{fmt.Sprintf("Invalid %s resource name: '%s'. It does not conform to the DNS format (RFC 1035). This is deprecated. Errors: %s",
			r.kind.name, name, strings.Join(problems, "; "))}
	}
	return nil
}
