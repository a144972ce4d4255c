package kumatest

import (
	"encoding/json"
	"time"
)

// systemNamespace is the namespace of a control plane in a cluster for objects without another one.
const systemNamespace = "kuma-system"

// asObject returns a resource in the form that it has in a Kubernetes cluster.
func (e endpoints) asObject(r *resource, namespace string) any {
	if e.kubernetes {
		return e.cluster.show(r)
	}
	type objectMeta struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace,omitempty"`
		Created   string            `json:"creationTimestamp"`
		Labels    map[string]string `json:"labels,omitempty"`
	}
	type object struct {
		Kind       string     `json:"kind"`
		APIVersion string     `json:"apiVersion"`
		Mesh       string     `json:"mesh,omitempty"`
		Metadata   objectMeta `json:"metadata"`

		Spec   json.RawMessage            `json:"spec,omitempty"`
		Status json.RawMessage            `json:"status,omitempty"`
		Data   map[string]json.RawMessage `json:"data,omitempty"`
		Type   string                     `json:"type,omitempty"`
	}
	o := object{
		Kind: r.kind.name, APIVersion: "kuma.io/v1alpha1",
		Metadata: objectMeta{Name: r.name, Created: r.created.Format(time.RFC3339)},
	}
	var content map[string]json.RawMessage
	if err := json.Unmarshal(r.content, &content); err != nil {
		panic(err) // the content of a resource is a JSON object
	}
	secret := r.kind.is(isSecret)
	if r.mesh != "" && (secret || r.kind.is(specified)) {
		o.Metadata.Labels = map[string]string{meshLabel: r.mesh}
	} else {
		o.Mesh = r.mesh
	}
	isProxy := r.kind.is(byZone) && !r.kind.is(byGlobal)
	if secret || isProxy || r.kind.is(specified) {
		o.Metadata.Namespace = firstOf(namespace, systemNamespace)
	}
	switch {
	case secret:
		o.Kind, o.APIVersion, o.Type = "Secret", "v1", "system.kuma.io/secret"
		if r.mesh == "" {
			o.Type = "system.kuma.io/global-secret"
		}
		o.Data = map[string]json.RawMessage{"value": content["data"]}
	case r.kind.is(specified):
		o.Spec, o.Status = content["spec"], content["status"]
	default:
		o.Spec = r.content
	}
	return o
}
