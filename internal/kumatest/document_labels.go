package kumatest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Labels with a meaning for the control plane.
const (
	originLabel  = "kuma.io/origin"
	zoneLabel    = "kuma.io/zone"
	envLabel     = "kuma.io/env"
	meshLabel    = "kuma.io/mesh"
	displayLabel = "kuma.io/display-name"
	proxyLabel   = "kuma.io/proxy-type"

	workloadLabel  = "kuma.io/workload"
	namespaceLabel = "k8s.kuma.io/namespace"
)

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

// checkOrigin rejects a write at the global control plane of an object that comes from a zone.
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

// computeLabels adds the labels of the control plane to those of a document.
func (cp *ControlPlane) computeLabels(t *resourceType, mesh, name string, given map[string]string, doc *document) map[string]string {
	labels := cloneLabels(given)
	if cp.kubernetes && (t.is(isSecret) || t.is(isMesh)) {
		delete(labels, displayLabel)
		if !t.is(global) {
			labels[meshLabel] = mesh
		}
		return labels
	}
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
			setIfAbsent(envLabel, cp.environment())
		}
	}
	if cp.kubernetes && t.is(specified) {
		setIfAbsent(namespaceLabel, cp.systemNamespace)
		if t.is(policy) {
			setIfAbsent("kuma.io/policy-role", "system")
		}
	}
	if t.label != nil {
		t.label(cp, labels, doc)
	}
	return labels
}

// environment is where the control plane runs.
func (cp *ControlPlane) environment() string {
	if cp.kubernetes {
		return "kubernetes"
	}
	return "universal"
}

// checkLabelChange rejects a change of a label that shows the origin of an object.
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
