package kumatest

import (
	"encoding/json"
	"slices"
)

// ensureDefaults creates what each new mesh gets: a signing key for tokens of its proxies and, unless the mesh skips
// them, some policies. It fails if there is a secret for the former without a key.
func (cp *ControlPlane) ensureDefaults(mesh *resource) error {
	prefix := "dataplane-token-signing-key-" + mesh.name
	if secret, _ := cp.latestKeySecret(mesh.name, prefix); secret == nil {
		cp.putSecret(mesh.name, signingKeyName(prefix, 1), newSigningKey, mesh.key())
	} else if _, err := signingKeyIn(secret); err != nil { // of an earlier mesh of the name
		return err
	}
	var skipped []string
	for _, name := range get[[]any](mesh.document, "skipCreatingInitialPolicies") {
		skipped = append(skipped, name.(string))
	}
	if slices.Contains(skipped, "*") {
		return nil
	}
	for _, t := range cp.types {
		for _, policy := range t.initial {
			if name := policy.name + "-" + mesh.name; !slices.Contains(skipped, t.name) {
				cp.putDefault(t.name, mesh.name, name, policy.content, cp.computeLabels(t, mesh.name, name, nil, nil))
			}
		}
	}
	return nil
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
	cp.store.put(r, ownedBy(mesh))
	cp.fleet.wrote(r)
}

// putSecret stores a secret of the control plane itself, which has no labels.
func (cp *ControlPlane) putSecret(mesh, name string, data []byte, owner key) {
	kind := "Secret"
	if mesh == "" {
		kind = "GlobalSecret"
	}
	secret := cp.newSecret(kind, mesh, name, data)
	cp.store.put(secret, owner)
	cp.fleet.wrote(secret)
}

func (cp *ControlPlane) newSecret(kind, mesh, name string, data []byte) *resource {
	t := cp.typeOf(kind)
	doc := newDocument(t.schema)
	doc.set("data", data)
	now := cp.now().UTC()
	secret := &resource{kind: t, mesh: mesh, name: name, created: now, modified: now, document: doc, content: doc.encode()}
	if cp.kubernetes && mesh != "" {
		secret.labels = map[string]string{meshLabel: mesh}
	}
	return secret
}

func (cp *ControlPlane) typeOf(name string) *resourceType {
	for _, t := range cp.types {
		if t.name == name {
			return t
		}
	}
	return nil
}

// bootstrap creates what exists before the first request.
func (cp *ControlPlane) bootstrap() {
	for _, name := range initialSecrets(cp.global) {
		cp.putSecret("", name, newSigningKey, key{})
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
	mesh, _ := cp.mesh("default")
	if err := cp.ensureDefaults(mesh); err != nil {
		panic(err) // there is no secret yet
	}
}

func initialSecrets(global bool) []string {
	names := []string{"admin-user-token", "inter-cp-ca", "user-token-signing-key-1", "zone-token-signing-key-1"}
	if !global {
		names = append(names, "envoy-admin-ca")
	}
	return names
}

// hostnameGenerators returns the hostname templates of services: at a zone for its own, at a global control plane for
// those from zones.
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
