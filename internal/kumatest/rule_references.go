package kumatest

import (
	"regexp"
	"slices"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// anyTop returns the kinds that a whole policy may refer to. The schema of a release rejects those that it does not
// know.
func anyTop() []string {
	return []string{"Mesh", "MeshSubset", "MeshGateway", "MeshService", "MeshServiceSubset", "Dataplane"}
}

func topOrRoute() []string { return append(anyTop(), "MeshHTTPRoute") }

// outbound returns the kinds that a client may refer to.
func outbound() []string {
	return []string{"Mesh", "MeshService", "MeshExternalService", "MeshMultiZoneService"}
}

// outboundOrRoute adds HTTP routes, which 2.7 does not accept there.
func outboundOrRoute(p place) []string {
	if p.set == in27 {
		return outbound()
	}
	return append(outbound(), "MeshHTTPRoute")
}

func backends() []string {
	return []string{"MeshService", "MeshServiceSubset", "MeshExternalService", "MeshMultiZoneService"}
}

// top checks the reference of the whole policy.
func top(kinds ...string) rule { return given("targetRef", refersTo(kinds...)) }

// target checks the reference of an element.
func target(kinds ...string) rule { return at("targetRef", refersTo(kinds...)) }

// targetOf is target for kinds that depend on the rest of the policy.
func targetOf(kinds func(place) []string) rule {
	return at("targetRef", func(p place) violations { return refersTo(kinds(p)...)(p) })
}

// refersTo checks a reference to an object of one of these kinds.
func refersTo(kinds ...string) rule {
	return func(p place) violations {
		switch kind := p.to("kind").text(); {
		case kind == "":
			return p.to("kind").refuse("must be defined")
		case !slices.Contains(kinds, kind) && p.set == in27:
			return p.to("kind").refuse("value is not supported")
		case !slices.Contains(kinds, kind):
			return p.to("kind").refuse("value '%s' is not supported", kind)
		case p.set == in27:
			return all(referenceRules27()[kind]...)(p)
		case p.set == in30:
			return all(referenceRules30()[kind]...)(p)
		default:
			return all(referenceRules214()[kind]...)(p)
		}
	}
}

func referenceRules27() map[string][]rule {
	named := []rule{isRequired("name"), properName, unwanted("mesh"), unwanted("tags"), unwanted("proxyTypes")}
	subset := []rule{isRequired("name"), properName, unwanted("mesh"), unwanted("proxyTypes"), at("tags", tagsAre(plainValue()))}
	return map[string][]rule{
		"Mesh":              {noMeshName, unwanted("mesh"), unwanted("tags")},
		"MeshSubset":        {unwanted("name"), unwanted("mesh"), at("tags", tagsAre(plainValue()))},
		"MeshService":       named,
		"MeshHTTPRoute":     named,
		"MeshServiceSubset": subset,
		"MeshGateway":       subset,
	}
}

func referenceRules214() map[string][]rule {
	const either = "either labels or name and namespace must be specified"
	types := at("proxyTypes", when(func(p place) bool { return p.value != nil && len(p.list()) == 0 }, refuse("must be undefined or have at least one element")))
	named := []rule{properName, unwanted("mesh"), unwanted("tags"), unwanted("proxyTypes")}
	subset := []rule{
		isRequired("name"), properName, unwanted("mesh"), unwanted("proxyTypes"), at("tags", tagsAre(selectorValue())),
		unwanted("labels"), unwanted("namespace"), unwanted("sectionName"),
	}
	return map[string][]rule{
		"Mesh": {noMeshName, unwanted("mesh"), unwanted("tags"), unwanted("labels"), unwanted("namespace"), unwanted("sectionName"), types},
		"Dataplane": {
			unwanted("tags"), unwanted("mesh"), unwanted("proxyTypes"), labelsOrName(either),
			onlyInbound,
		},
		"MeshSubset": {
			unwanted("name"), unwanted("mesh"), at("tags", tagsAre(plainValue())), unwanted("labels"), unwanted("namespace"),
			unwanted("sectionName"), types,
		},
		"MeshService":         slices.Concat(named, []rule{nameOrLabels, labelsOrName(either)}),
		"MeshHTTPRoute":       slices.Concat(named, []rule{unwanted("sectionName"), nameOrLabels, labelsOrName(either)}),
		"MeshExternalService": slices.Concat(named, []rule{nameOrLabels, labelsOrName("either labels or name must be specified"), unwanted("sectionName")}),
		"MeshServiceSubset":   subset,
		"MeshGateway":         subset,
	}
}

func referenceRules30() map[string][]rule {
	return map[string][]rule{
		"Mesh":                 {unwanted("labels"), unwanted("sectionName")},
		"Dataplane":            {onlyInbound},
		"MeshService":          {isRequired("labels")},
		"MeshHTTPRoute":        {unwanted("sectionName"), isRequired("labels")},
		"MeshExternalService":  {unwanted("sectionName"), isRequired("labels")},
		"MeshMultiZoneService": {isRequired("labels")},
	}
}

// isSet reports whether a member of a reference is set.
func (p place) isSet(name string) bool {
	switch value := p.to(name).value.(type) {
	case string:
		return value != ""
	case []any:
		return len(value) > 0
	case map[string]any:
		return len(value) > 0
	default:
		return false
	}
}

func unwanted(name string) rule {
	return func(p place) violations {
		if !p.isSet(name) {
			return nil
		}
		return p.to(name).refuse("must not be set with kind %s", p.to("kind").text())
	}
}

func isRequired(name string) rule {
	return func(p place) violations {
		if p.isSet(name) {
			return nil
		}
		if p.set == in27 {
			return p.to(name).refuse("must be set with kind %s", p.to("kind").text())
		}
		return p.to(name).refuse("must be set when kind is %s", p.to("kind").text())
	}
}

func noMeshName(p place) violations {
	if !p.isSet("name") {
		return nil
	}
	return p.to("name").refuse("using name with kind Mesh is not yet supported")
}

var referenceName = regexp.MustCompile(`^[0-9a-z.\-_]*$`)

func properName(p place) violations {
	if name := p.to("name").text(); referenceName.MatchString(name) {
		return nil
	}
	return p.to("name").refuse("invalid characters: must consist of lower case alphanumeric characters, '-', '.' and '_'.")
}

func nameOrLabels(p place) violations {
	if p.isSet("name") || p.isSet("labels") {
		return nil
	}
	return p.refuse("name or labels must be set when kind is %s", p.to("kind").text())
}

func labelsOrName(reason string) rule {
	return func(p place) violations {
		if !p.isSet("labels") || !p.isSet("name") && !p.isSet("namespace") {
			return nil
		}
		return p.to("labels").refuse("%s", reason)
	}
}

func onlyInbound(p place) violations {
	spec := place{value: p.spec}
	if !p.isSet("sectionName") || spec.listed("rules") || spec.listed("from") {
		return nil
	}
	return p.to("sectionName").refuse("can only be used with inbound policies")
}

func tagsAre(value tagValue) rule {
	return func(p place) violations {
		tags := map[string]string{}
		object, _ := p.value.(map[string]any)
		for name, tag := range object {
			tags[name], _ = tag.(string)
		}
		return checkTags(tags, value).under(p.path)
	}
}

// matchedClient checks a match for a client and its requests.
func matchedClient(p place) violations {
	var broken violations
	if id := p.to("spiffeID"); id.value != nil {
		if _, err := spiffeid.FromString(id.to("value").text()); err != nil {
			broken = append(broken, id.refuse("must be a valid Spiffe ID: %s", err)...)
		}
	}
	sni := p.to("sni")
	if sni.value == nil {
		return broken
	}
	switch kind := sni.to("type"); kind.text() {
	case "Exact":
	case "":
		broken = append(broken, kind.refuse("must be set")...)
	default:
		broken = append(broken, kind.refuse("unrecognized type %q, supported values are: Exact", kind.text())...)
	}
	name := sni.to("value")
	if name.text() == "" {
		return append(broken, name.refuse("must be set")...)
	}
	for _, problem := range subdomainProblems(name.text()) {
		broken = append(broken, name.refuse("%s", problem)...)
	}
	return broken
}

// clientKnown checks that a match identifies a client.
func clientKnown(p place) violations {
	if !p.has("spiffeID") && !p.has("sni") {
		return p.refuse("must specify at least one of 'spiffeID' or 'sni'")
	}
	kind := p.to("spiffeID").to("type")
	switch {
	case !p.has("spiffeID") || kind.text() == "Exact" || kind.text() == "Prefix":
		return nil
	case kind.text() == "":
		return kind.refuse("must be set")
	default:
		return kind.refuse("unrecognized type %q, supported values are: Exact, Prefix", kind.text())
	}
}

// bySpiffeID reports whether a rule applies to some clients only.
func bySpiffeID(p place) bool {
	return slices.ContainsFunc(p.to("matches").list(), func(match place) bool { return match.has("spiffeID") })
}
