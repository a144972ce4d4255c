package kumatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Labels that the control plane gives a meaning.
const (
	originLabel  = "kuma.io/origin"
	zoneLabel    = "kuma.io/zone"
	envLabel     = "kuma.io/env"
	meshLabel    = "kuma.io/mesh"
	displayLabel = "kuma.io/display-name"
	proxyLabel   = "kuma.io/proxy-type"
)

// zoneName is the name of the only zone.
const zoneName = "default"

// metadata is the part of a document that all types have in common.
type metadata struct {
	Type             string            `json:"type"`
	Mesh             string            `json:"mesh,omitempty"`
	Name             string            `json:"name"`
	CreationTime     time.Time         `json:"creationTime"`
	ModificationTime time.Time         `json:"modificationTime"`
	Labels           map[string]string `json:"labels,omitempty"`
}

func decodeMetadata(body []byte) (metadata, error) {
	type ResourceMeta metadata // the name of this type is in what a client is told about a document of the wrong shape
	var meta ResourceMeta
	if err := json.Unmarshal(body, &meta); err != nil {
		return metadata{}, errors.New(strings.ReplaceAll(err.Error(), "kumatest.ResourceMeta", "v1alpha1.ResourceMeta"))
	}
	return metadata(meta), nil
}

var (
	nameSyntax     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	looseSyntax    = regexp.MustCompile(`^[0-9a-z-_.]*$`)
	dnsLabelSyntax = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
)

const (
	nameRule = "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, " +
		"'-' or '.', and must start and end with an alphanumeric character"
	looseRule    = "invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."
	dnsLabelRule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
		"and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)

func checkName(field, name string, syntax *regexp.Regexp, rule string) violations {
	var broken violations
	switch {
	case name == "":
		broken.add(field, "cannot be empty")
	case len(name) > 253:
		broken.add(field, "value length must less or equal 253")
	case !syntax.MatchString(name):
		broken.add(field, "%s", rule)
	}
	return broken
}

// dnsLabelProblems says what keeps a name from being a DNS label.
func dnsLabelProblems(name string) []string {
	var problems []string
	if len(name) > 63 {
		problems = append(problems, "must be no more than 63 characters")
	}
	if !dnsLabelSyntax.MatchString(name) {
		problems = append(problems, dnsLabelRule)
	}
	return problems
}

// checkDocument checks what a request says about itself: that it is about what its URL names.
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

func (cp *ControlPlane) checkLabels(meta metadata) violations {
	var broken violations
	origin := meta.Labels[originLabel]
	if origin != "" && origin != "zone" && origin != "global" {
		broken.add(keyPath(originLabel), "unknown resource origin %q", origin)
	}
	if cp.release.computeLabels {
		broken = append(broken, cp.checkOrigin(meta.Labels)...)
		if !cp.global && origin != "global" {
			if zone, ok := meta.Labels[zoneLabel]; ok && zone != zoneName {
				broken.add(keyPath(zoneLabel), "%s label should have %s value", zoneLabel, zoneName)
			}
			if mesh, ok := meta.Labels[meshLabel]; ok && mesh != meta.Mesh {
				broken.add(keyPath(meshLabel), "%s label must not differ from mesh set on resource", meshLabel)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(meta.Labels)) {
		for _, problem := range append(labelNameProblems(name), labelValueProblems(meta.Labels[name])...) {
			broken.add(keyPath(name), "%s", problem)
		}
	}
	return broken
}

// checkOrigin keeps what came from a zone from being written at the global control plane.
func (cp *ControlPlane) checkOrigin(labels map[string]string) violations {
	var broken violations
	if origin := labels[originLabel]; cp.global && origin != "" && origin != "global" {
		broken.add(keyPath(originLabel), "the origin label must be set to 'global'")
	}
	return broken
}

func keyPath(name string) string { return fmt.Sprintf("[%q]", name) }

var (
	labelNameSyntax  = regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	labelValueSyntax = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`)
)

func labelNameProblems(label string) []string {
	const rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
	const example = " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
	prefix, name, hasPrefix := strings.Cut(label, "/")
	if !hasPrefix {
		prefix, name = "", label
	}
	if strings.Contains(name, "/") {
		return []string{"a valid label key " + rule + example + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"}
	}
	var problems []string
	switch {
	case hasPrefix && prefix == "":
		problems = append(problems, "prefix part must be non-empty")
	case hasPrefix:
		for _, problem := range subdomainProblems(prefix) {
			problems = append(problems, "prefix part "+problem)
		}
	}
	switch {
	case name == "":
		problems = append(problems, "name part must be non-empty")
	case len(name) > 63:
		problems = append(problems, "name part must be no more than 63 bytes")
	}
	if !labelNameSyntax.MatchString(name) {
		problems = append(problems, "name part "+rule+example)
	}
	return problems
}

func subdomainProblems(name string) []string {
	var problems []string
	if len(name) > 253 {
		problems = append(problems, "must be no more than 253 bytes")
	}
	if !nameSyntax.MatchString(name) {
		problems = append(problems, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "+
			"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "+
			`'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`)
	}
	return problems
}

func labelValueProblems(value string) []string {
	var problems []string
	if len(value) > 63 {
		problems = append(problems, "must be no more than 63 bytes")
	}
	if !labelValueSyntax.MatchString(value) {
		problems = append(problems, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "+
			"and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "+
			"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
	}
	return problems
}

// computeLabels completes the labels of a document by those that the control plane adds.
func (cp *ControlPlane) computeLabels(t *resourceType, mesh, name string, given map[string]string, doc *document) map[string]string {
	labels := cloneLabels(given)
	setIfAbsent := func(label, value string) {
		if _, ok := labels[label]; !ok {
			labels[label] = value
		}
	}
	origin := "zone"
	if cp.global {
		origin = "global"
	}
	if cp.release.nameLabels {
		labels[displayLabel] = name
		labels[originLabel] = origin
	}
	if !t.is(global) {
		setIfAbsent(meshLabel, mesh)
	}
	if !cp.global && t.is(byZone) {
		setIfAbsent(originLabel, origin)
		if labels[originLabel] != "global" {
			setIfAbsent(zoneLabel, zoneName)
			setIfAbsent(envLabel, "universal")
		}
	}
	if t.name == "Dataplane" {
		cp.labelProxy(labels, doc)
	}
	return labels
}

// checkLabelChange refuses that a label which says where an object comes from is changed.
func (cp *ControlPlane) checkLabelChange(before, after map[string]string) violations {
	var broken violations
	fixed := []string{originLabel, zoneLabel, displayLabel}
	if cp.release.nameLabels {
		fixed = []string{zoneLabel}
	}
	for _, label := range fixed {
		was, had := before[label]
		is, has := after[label]
		switch {
		case had && !has:
			broken.add(keyPath(label), "is immutable, cannot be removed (was %q)", was)
		case had && was != is:
			broken.add(keyPath(label), "is immutable, cannot be changed from %q to %q", was, is)
		}
	}
	return broken
}

// displayName returns the name that a resource is shown by.
func displayName(name string, labels map[string]string) string {
	if shown := labels[displayLabel]; shown != "" {
		return shown
	}
	return name
}

// metadata returns the common part of r.
func (r *resource) metadata() metadata {
	return metadata{
		Type: r.kind.name, Mesh: r.mesh, Name: r.name,
		CreationTime: r.created, ModificationTime: r.modified, Labels: r.labels,
	}
}

// kri returns the resource identifier of r, or nothing when its type has none.
func (r *resource) kri() string {
	if r.kind.short == "" {
		return ""
	}
	return strings.Join([]string{
		"kri", r.kind.short, r.mesh, r.labels[zoneLabel], r.labels["k8s.kuma.io/namespace"], displayName(r.name, r.labels), "",
	}, "_")
}

// render writes the whole document of r.
func (cp *ControlPlane) render(r *resource) json.RawMessage {
	return cp.renderAs(r, r.metadata(), r.content)
}

func (cp *ControlPlane) renderAs(r *resource, meta metadata, content json.RawMessage) json.RawMessage {
	head := struct {
		metadata
		KRI string `json:"kri,omitempty"`
	}{metadata: meta}
	if cp.release.kri {
		head.KRI = r.kri()
	}
	return joinObjects(mustMarshal(head), content)
}

// joinObjects makes one JSON object of the members of two.
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
		panic(err) // only for types of this package that have a JSON form
	}
	return raw
}
