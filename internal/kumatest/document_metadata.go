package kumatest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// zoneName is the name of the only zone.
const zoneName = "default"

// metadata is the part of a document that all types share.
type metadata struct {
	Type             string            `json:"type"`
	Mesh             string            `json:"mesh,omitempty"`
	Name             string            `json:"name"`
	CreationTime     time.Time         `json:"creationTime"`
	ModificationTime time.Time         `json:"modificationTime"`
	Labels           map[string]string `json:"labels,omitempty"`
}

func decodeMetadata(body []byte) (metadata, error) {
	type ResourceMeta metadata // errors about a document of the wrong shape contain the name of this type
	var meta ResourceMeta
	if err := json.Unmarshal(body, &meta); err != nil {
		return metadata{}, errors.New(strings.ReplaceAll(err.Error(), "kumatest.ResourceMeta", "v1alpha1.ResourceMeta"))
	}
	return metadata(meta), nil
}

// checkDocument checks that a document matches the URL of the request.
func (cp *ControlPlane) checkDocument(t *resourceType, mesh, name string, meta metadata, exists bool) violations {
	var broken violations
	if meta.Name != name {
		broken.add("name", "name from the URL has to be the same as in body")
	}
	if meta.Type != t.name {
		broken.add("type", "type from the URL has to be the same as in body")
	}
	if !t.is(global) && meta.Mesh != mesh {
		broken.add("mesh", "mesh from the URL has to be the same as in body")
	}
	broken = append(broken, cp.checkLabels(meta).under("labels")...)
	syntax, rule := nameSyntax, nameRule
	if exists && cp.release.keepsNames {
		syntax, rule = looseSyntax, looseRule
	}
	broken = append(broken, checkName("name", meta.Name, syntax, rule)...)
	if !t.is(global) {
		broken = append(broken, checkName("mesh", meta.Mesh, looseSyntax, looseRule)...)
	}
	return broken
}

// metadataOf returns the common part of r.
func (cp *ControlPlane) metadataOf(r *resource) metadata {
	meta := metadata{
		Type: r.kind.name, Mesh: r.mesh, Name: r.name,
		CreationTime: r.created, ModificationTime: r.modified, Labels: r.labels,
	}
	if cp.kubernetes { // which keeps one time and the name as an annotation
		meta.ModificationTime, meta.Labels = r.created, cloneLabels(r.labels)
		if meta.Labels[displayLabel] == "" {
			meta.Labels[displayLabel] = r.name
		}
		meta.Name = cp.nameInCluster(r)
	}
	return meta
}

// nameInCluster is the name over HTTP of what is in a namespace on Kubernetes.
func (cp *ControlPlane) nameInCluster(r *resource) string {
	if !cp.kubernetes || !r.kind.is(specified) {
		return r.name
	}
	namespace := firstOf(r.labels[namespaceLabel], cp.systemNamespace)
	if strings.HasSuffix(r.name, "."+namespace) {
		return r.name
	}
	return r.name + "." + namespace
}

// kri returns the resource identifier of r, or "" if its type has none.
func (r *resource) kri() string {
	if r.kind.short == "" {
		return ""
	}
	return strings.Join([]string{
		"kri", r.kind.short, r.mesh, r.labels[zoneLabel], r.labels[namespaceLabel], displayName(r.name, r.labels), "",
	}, "_")
}

// render returns the complete document of r.
func (cp *ControlPlane) render(r *resource) json.RawMessage {
	return cp.renderAs(r, cp.metadataOf(r), r.content)
}

func (cp *ControlPlane) renderAs(r *resource, meta metadata, content json.RawMessage) json.RawMessage {
	head := struct {
		metadata
		KRI  string       `json:"kri,omitempty"`
		SNIs []serverName `json:"snis,omitempty"`
	}{metadata: meta}
	if cp.release.kri {
		head.KRI, head.SNIs = r.kri(), r.serverNames()
	}
	return joinObjects(mustMarshal(head), content)
}

// joinObjects returns a JSON object with the members of two.
func joinObjects(a, b json.RawMessage) json.RawMessage {
	if len(b) == 0 || string(b) == "{}" {
		return a
	}
	joined := slices.Concat(a[:len(a)-1], []byte(","), b[1:])
	return joined
}

func mustMarshal(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // all types of this package have a JSON form
	}
	return raw
}
