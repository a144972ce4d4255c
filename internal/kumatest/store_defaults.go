package kumatest

import (
	"encoding/json"
	"slices"
	"strings"
)

// ensureDefaults makes what each new mesh gets: a key that tokens of its proxies are signed with, and, unless
// the mesh says otherwise, a few policies.
func (cp *ControlPlane) ensureDefaults(mesh *resource) {
	prefix := "dataplane-token-signing-key-" + mesh.name
	keys := cp.store.list("Secret", mesh.name, func(r *resource) bool { return strings.HasPrefix(r.name, prefix) })
	if len(keys) == 0 {
		_, key := newKey()
		cp.putSecret(mesh.name, prefix+"-1", key, mesh.name)
	}
	var skipped []string
	for _, name := range get[[]any](mesh.document, "skipCreatingInitialPolicies") {
		skipped = append(skipped, name.(string))
	}
	if slices.Contains(skipped, "*") {
		return
	}
	for _, p := range defaultPolicies(cp.release.set) {
		if !slices.Contains(skipped, p.kind) {
			cp.putDefault(p.kind, mesh.name, p.name+"-"+mesh.name, p.spec, cp.computeLabels(cp.typeOf(p.kind), mesh.name, p.name+"-"+mesh.name, nil, nil))
		}
	}
}

func (cp *ControlPlane) putDefault(kind, mesh, name, spec string, labels map[string]string) {
	t := cp.typeOf(kind)
	if _, ok := cp.store.get(kind, mesh, name); ok || t == nil {
		return
	}
	now := cp.now().UTC()
	r := &resource{kind: t, mesh: mesh, name: name, created: now, modified: now, content: json.RawMessage(spec)}
	if t.schema != nil {
		r.document = newDocument(t.schema)
	}
	if cp.release.computeLabels {
		r.labels = labels
	}
	cp.store.put(r, mesh)
	cp.fleet.wrote(r)
}

// putSecret stores a secret of the control plane's own. Such a one has no labels.
func (cp *ControlPlane) putSecret(mesh, name string, data []byte, owner string) {
	kind := "Secret"
	if mesh == "" {
		kind = "GlobalSecret"
	}
	t := cp.typeOf(kind)
	doc := newDocument(t.schema)
	doc.set("data", data)
	now := cp.now().UTC()
	secret := &resource{kind: t, mesh: mesh, name: name, created: now, modified: now, document: doc, content: doc.encode()}
	cp.store.put(secret, owner)
	cp.fleet.wrote(secret)
}

func (cp *ControlPlane) typeOf(name string) *resourceType {
	for _, t := range cp.types {
		if t.name == name {
			return t
		}
	}
	return nil
}

// bootstrap makes what is there before anybody asks for anything.
func (cp *ControlPlane) bootstrap() {
	_, key := newKey()
	for _, name := range initialSecrets(cp.global) {
		cp.putSecret("", name, key, "")
	}
	if !cp.global {
		cp.putDefault("Zone", "", zoneName, "{}", nil)
	}
	labels := map[string]string{originLabel: "zone"}
	if cp.global {
		labels = nil
	}
	for name, spec := range hostnameGenerators(cp.global) {
		cp.putDefault("HostnameGenerator", "", name, spec, labels)
	}
	cp.putDefault("Mesh", "", "default", "{}", nil)
	mesh, _ := cp.store.get("Mesh", "", "default")
	cp.ensureDefaults(mesh)
}

func initialSecrets(global bool) []string {
	names := []string{"admin-user-token", "inter-cp-ca", "user-token-signing-key-1", "zone-token-signing-key-1"}
	if !global {
		names = append(names, "envoy-admin-ca")
	}
	return names
}

// hostnameGenerators say by which names services are reached: at a zone its own, at a global control plane those
// that come from zones.
func hostnameGenerators(global bool) map[string]string {
	if !global {
		return map[string]string{
			"local-mesh-external-service":  hostnames("meshExternalService", `"kuma.io/origin":"zone"`, "{{ .DisplayName }}.extsvc.mesh.local"),
			"local-universal-mesh-service": hostnames("meshService", `"kuma.io/origin":"zone"`, "{{ .DisplayName }}.svc.mesh.local"),
		}
	}
	const origin = `"kuma.io/origin":"global"`
	return map[string]string{
		"synced-headless-kube-mesh-service": hostnames("meshService",
			`"k8s.kuma.io/is-headless-service":"true","kuma.io/env":"kubernetes",`+origin,
			`{{ label \"statefulset.kubernetes.io/pod-name\" }}.{{ label \"k8s.kuma.io/service-name\" }}.{{ .Namespace }}.svc.{{ .Zone }}.mesh.local`),
		"synced-kube-mesh-service": hostnames("meshService",
			`"k8s.kuma.io/is-headless-service":"false","kuma.io/env":"kubernetes",`+origin,
			"{{ .DisplayName }}.{{ .Namespace }}.svc.{{ .Zone }}.mesh.local"),
		"synced-mesh-external-service":   hostnames("meshExternalService", origin, "{{ .DisplayName }}.extsvc.mesh.local"),
		"synced-mesh-multi-zone-service": hostnames("meshMultiZoneService", origin, "{{ .DisplayName }}.mzsvc.mesh.local"),
		"synced-universal-mesh-service":  hostnames("meshService", `"kuma.io/env":"universal",`+origin, "{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local"),
	}
}

func hostnames(selector, labels, template string) string {
	return `{"spec":{"selector":{"` + selector + `":{"matchLabels":{` + labels + `}}},"template":"` + template + `"}}`
}

type defaultPolicy struct {
	kind, name, spec string
}

func defaultPolicies(set releaseSet) []defaultPolicy {
	policies := []defaultPolicy{
		{"MeshCircuitBreaker", "mesh-circuit-breaker-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},` +
			`"default":{"connectionLimits":{"maxConnections":1024,"maxPendingRequests":1024,"maxRetries":3,"maxRequests":1024}}}]}}`},
		{"MeshRetry", "mesh-retry-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},"default":{` +
			`"tcp":{"maxConnectAttempt":5},` +
			`"http":{"numRetries":5,"perTryTimeout":"16s","backOff":{"baseInterval":"25ms","maxInterval":"250ms"}},` +
			`"grpc":{"numRetries":5,"perTryTimeout":"16s","backOff":{"baseInterval":"25ms","maxInterval":"250ms"}}}}]}}`},
	}
	if set == in30 {
		return append(policies,
			defaultPolicy{"MeshTimeout", "mesh-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh"},"rules":[{"default":{` +
				`"connectionTimeout":"10s","idleTimeout":"2h0m0s",` +
				`"http":{"requestTimeout":"0s","streamIdleTimeout":"1h0m0s","maxStreamDuration":"0s"}}}]}}`},
			defaultPolicy{"MeshTimeout", "mesh-timeout-to-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},` +
				`"default":{"connectionTimeout":"5s","idleTimeout":"1h0m0s","http":{"requestTimeout":"15s","streamIdleTimeout":"30m0s"}}}]}}`})
	}
	return append(policies,
		defaultPolicy{"MeshTimeout", "mesh-gateways-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh","proxyTypes":["Gateway"]},` +
			`"to":[{"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"1h0m0s","http":{"streamIdleTimeout":"5s"}}}],` +
			`"from":[{"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"5m0s","http":{"streamIdleTimeout":"5s","requestHeadersTimeout":"500ms"}}}]}}`},
		defaultPolicy{"MeshTimeout", "mesh-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh","proxyTypes":["Sidecar"]},` +
			`"to":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"5s","idleTimeout":"1h0m0s",` +
			`"http":{"requestTimeout":"15s","streamIdleTimeout":"30m0s"}}}],` +
			`"from":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"10s","idleTimeout":"2h0m0s",` +
			`"http":{"requestTimeout":"0s","streamIdleTimeout":"1h0m0s","maxStreamDuration":"0s"}}}]}}`})
}
