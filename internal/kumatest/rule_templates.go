package kumatest

import (
	"strings"
	"text/template"
)

// hostnameTemplate checks that a value is a template that results in a host name.
func hostnameTemplate(p place) violations {
	label := func(string) string { return "label" }
	parsed, err := template.New("").Funcs(template.FuncMap{"label": label}).Parse(p.text())
	if err != nil {
		return p.refuse("couldn't parse template: %s", err)
	}
	var name strings.Builder
	sample := struct{ Name, DisplayName, Namespace, Mesh, Zone string }{"name", "displayname", "namespace", "mesh", "zone"}
	if err := parsed.Execute(&name, sample); err != nil {
		return p.refuse("couldn't render template with stub values: %s", err)
	}
	if problems := subdomainProblems(name.String()); len(problems) > 0 {
		return p.refuse("template renders to %q which is not a valid DNS name: %s", name.String(), strings.Join(problems, ", "))
	}
	return nil
}
