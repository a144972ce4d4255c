package kumatest

import (
	"regexp"
	"strings"
)

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

// dnsLabelProblems returns why a name is not a DNS label.
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

// displayName returns the display name of a resource.
func displayName(name string, labels map[string]string) string {
	if shown := labels[displayLabel]; shown != "" {
		return shown
	}
	return name
}

// admitHostName validates the name of a new resource that becomes part of host names.
func (cp *ControlPlane) admitHostName(w write) error {
	problems := dnsLabelProblems(displayName(w.draft.name, w.given))
	if w.current != nil || !cp.release.dnsLabelNames || len(problems) == 0 {
		return nil
	}
	return invalid(cp.release.createTitle, violations{{"name", strings.Join(problems, ", ")}})
}
