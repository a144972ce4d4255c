package upgrade

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// structures are the members of each structure of the documents of one version,
// as the embedded control plane describes them.
type structures map[string]map[string]memberType

type memberType struct {
	kind   string // a structure, or another type
	isList bool
	enum   []string
}

func readSchema(t *testing.T, version string) structures {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "kumatest", "types", "spec-"+version+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := structures{}
	var current map[string]memberType
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if !strings.HasPrefix(line, " ") {
			current = map[string]memberType{}
			all[words[0]] = current
			continue
		}
		kind, isList := strings.CutPrefix(strings.TrimPrefix(words[1], "*"), "[]")
		member := memberType{kind: kind, isList: isList}
		for _, rule := range words[2:] {
			if values, is := strings.CutPrefix(rule, "enum="); is {
				member.enum = strings.Split(values, "|")
			}
		}
		current[strings.TrimRight(words[0], "!?")] = member
	}
	return all
}

// A lost is what only the earlier version has: a member, or a value of one.
type lost struct {
	pattern, value string
}

// losses returns what a structure of the earlier version has, and the later one
// does not have.
func losses(older, newer structures, was, is, pattern string) []lost {
	var all []lost
	for _, name := range slices.Sorted(maps.Keys(older[was])) {
		member := older[was][name]
		at := pattern + "." + name
		if member.isList {
			at += "[]"
		}
		next, kept := newer[is][name]
		if !kept {
			all = append(all, lost{at, ""})
			continue
		}
		for _, value := range member.enum {
			if !slices.Contains(next.enum, value) {
				all = append(all, lost{at, value})
			}
		}
		if _, isStructure := older[member.kind]; isStructure {
			all = append(all, losses(older, newer, member.kind, next.kind, at)...)
		}
	}
	return all
}

// documentWith returns a document with one value, and with the kind that a
// reference on the way to it needs.
func documentWith(l lost) map[string]any {
	steps := strings.Split(l.pattern, ".")
	var value any = "x"
	if l.value != "" {
		value = l.value
	}
	for i, step := range slices.Backward(steps) {
		name, isList := strings.CutSuffix(step, "[]")
		if isList {
			value = []any{value}
		}
		object := map[string]any{name: value}
		if i > 0 && name != "kind" {
			switch parent := strings.TrimSuffix(steps[i-1], "[]"); parent {
			case "targetRef":
				object["kind"] = "Mesh"
			case "backendRefs", "backendRef":
				object["kind"] = "MeshService"
			}
		}
		value = object
	}
	return value.(map[string]any)
}

// Each member and each value that the schemas of 2.14 have, and those of 3.0 do
// not have, is a problem.
func TestCheck_schemas(t *testing.T) {
	t.Parallel()
	older, newer := readSchema(t, "2.14"), readSchema(t, "3.0")
	before := newServer(t, "2.14.3")
	count := 0
	for kind := range older {
		of, isType := before.types[kind]
		if !isType {
			continue
		}
		for _, l := range losses(older, newer, kind, kind, "spec") {
			if refusedBefore(l.pattern) {
				continue
			}
			count++
			found := check(kuma.Type{Name: kind, Policy: of.Policy}, node{"", documentWith(l)})
			covers := func(p problem) bool { return strings.HasPrefix(l.pattern, strings.TrimSuffix(asPattern(p.path), "[]")) }
			if !slices.ContainsFunc(found, covers) {
				text, _ := json.Marshal(documentWith(l))
				t.Errorf("%s: no problem at %s: %s has %v", kind, l.pattern, text, found)
			}
		}
	}
	t.Logf("%d members and values", count)
	if count < 100 {
		t.Errorf("%d members and values", count)
	}
}

// refusedBefore reports whether version 2.14 rejects a member in this node
// already (recorded).
func refusedBefore(pattern string) bool {
	member := pattern[strings.LastIndex(pattern, ".")+1:]
	ofBackend := strings.Contains(pattern, "backendRef") && !strings.Contains(pattern, "openTelemetry")
	return member == "mesh" && strings.Contains(pattern, "Ref") || ofBackend && slices.Contains([]string{"tags", "proxyTypes[]"}, member)
}
