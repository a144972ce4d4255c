package kumatest

import (
	"maps"
	"regexp"
	"slices"
)

// Tags with a meaning for the control plane.
const (
	serviceTag  = "kuma.io/service"
	protocolTag = "kuma.io/protocol"
	zoneTag     = "kuma.io/zone"
)

var tagNameSyntax = regexp.MustCompile(`^[a-zA-Z0-9.\-_:/]*$`)

// A tagValue is the rule for the values of tags.
type tagValue struct {
	syntax *regexp.Regexp
	rule   string
}

// plainValue returns the rule for the tags of a proxy.
func plainValue() tagValue {
	return tagValue{regexp.MustCompile(`^[a-zA-Z0-9.\-_:]*$`), "tag value must consist of alphanumeric characters, dots, dashes and underscores"}
}

// selectorValue returns the rule for tags that select proxies.
func selectorValue() tagValue {
	return tagValue{
		regexp.MustCompile(`^([a-zA-Z0-9.\-_:/]*|\*)$`),
		`tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores or be "*"`,
	}
}

// checkTags checks names and values of tags.
func checkTags(tags map[string]string, value tagValue) violations {
	var broken violations
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if name == "" {
			broken.add("", "tag name must be non-empty")
		}
		if !tagNameSyntax.MatchString(name) {
			broken.add(keyPath(name), "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores")
		}
		if tags[name] == "" {
			broken.add(keyPath(name), "tag value must be non-empty")
		}
		if !value.syntax.MatchString(tags[name]) {
			broken.add(keyPath(name), "%s", value.rule)
		}
	}
	return broken
}
