package kumatest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// read returns the value as the control plane stores it: without unknown members, with normalized durations, and with
// the empty value of members that it always writes.
func (s *structure) read(path string, object map[string]any) (map[string]any, error) {
	kept := map[string]any{}
	for _, name := range sortedKeys(object) {
		m, known := s.member(name)
		if !known {
			continue
		}
		value, err := m.read(s.name+"."+joinPath(path, m.name), joinPath(path, m.name), object[name])
		if err != nil {
			return nil, err
		}
		kept[m.name] = value
	}
	for _, m := range s.members {
		if _, given := kept[m.name]; !given {
			value, err := m.empty(joinPath(path, m.name))
			if err != nil {
				return nil, err
			}
			kept[m.name] = value
		}
		if m.omitEmpty && m.isEmpty(kept[m.name]) {
			delete(kept, m.name)
		}
	}
	return kept, nil
}

// member returns the member with a name. As in encoding/json, the name may be in another case, in which the schema does
// not know it.
func (s *structure) member(name string) (member, bool) {
	i := slices.IndexFunc(s.members, func(m member) bool { return m.name == name })
	if i < 0 {
		i = slices.IndexFunc(s.members, func(m member) bool { return strings.EqualFold(m.name, name) })
	}
	if i < 0 {
		return member{}, false
	}
	return s.members[i], true
}

// isEmpty reports whether an answer omits a value.
func (s *shape) isEmpty(value any) bool {
	if s.pointer {
		return value == nil
	}
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == "" && s.kind != "duration"
	case bool:
		return !value
	case float64:
		return value == 0 && s.kind != "intOrString"
	case []any:
		return len(value) == 0
	case map[string]any:
		return s.kind == "map" && len(value) == 0
	default:
		return false
	}
}

func (s *shape) read(field, path string, value any) (any, error) {
	if value == nil {
		return s.empty(path)
	}
	if err := s.mistyped(field, value); err != nil {
		return nil, err
	}
	switch s.kind {
	case "object":
		return s.structure.read(path, value.(map[string]any))
	case "list":
		return s.readList(field, path, value.([]any))
	case "map":
		return s.readMap(field, path, value.(map[string]any))
	case "duration":
		d, err := time.ParseDuration(value.(string))
		return d.String(), err
	case "int", "int32", "int64", "uint", "uint32":
		return s.readInteger(field, value.(float64))
	default:
		return value, nil
	}
}

// empty returns the value of a member that is missing in a document.
func (s *shape) empty(path string) (any, error) {
	if s.pointer {
		return nil, nil
	}
	switch s.kind {
	case "object":
		return s.structure.read(path, nil)
	case "string":
		return "", nil
	case "boolean":
		return false, nil
	case "duration":
		return "0s", nil
	case "list", "map", "any", "bytes":
		return nil, nil
	default:
		return float64(0), nil
	}
}

func (s *shape) readList(field, path string, list []any) (any, error) {
	kept := make([]any, len(list))
	for i, element := range list {
		var err error
		if kept[i], err = s.elements.read(field, path, element); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func (s *shape) readMap(field, path string, object map[string]any) (any, error) {
	kept := map[string]any{}
	for _, name := range sortedKeys(object) {
		var err error
		if kept[name], err = s.elements.read(field, path, object[name]); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func (s *shape) readInteger(field string, number float64) (any, error) {
	lowest, highest := float64(math.MinInt32), float64(math.MaxInt32)
	switch s.kind {
	case "uint32":
		lowest, highest = 0, math.MaxUint32
	case "uint":
		lowest, highest = 0, math.MaxInt64
	case "int", "int64":
		lowest, highest = math.MinInt64, math.MaxInt64
	}
	if number < lowest || number > highest {
		return nil, s.unreadable(field, "number "+strconv.FormatFloat(number, 'f', -1, 64))
	}
	return number, nil
}

// mistyped returns an error if a value has another type than the schema wants, which has not seen a member in another case.
func (s *shape) mistyped(field string, value any) error {
	got := typeName(value)
	switch want := s.schemaType(); {
	case want == "", want == got, want == "integer" && got == "number", want == "intOrString" && (got == "number" || got == "string"):
		return nil
	case got == "boolean":
		got = "bool"
	}
	return s.unreadable(field, got)
}

func (s *shape) unreadable(field, what string) error {
	field = field[strings.LastIndex(field[:strings.Index(field, ".spec")], ".")+1:]
	return fmt.Errorf("json: cannot unmarshal %s into Go struct field %s of type %s", what, field, s.goType())
}

// goType returns the name in errors for the type of a value.
func (s *shape) goType() string {
	switch s.kind {
	case "object":
		return "v1alpha1." + s.structure.name[strings.LastIndex(s.structure.name, ".")+1:]
	case "list":
		return "[]" + s.elements.goType()
	case "map":
		return "map[string]" + s.elements.goType()
	case "duration":
		return "string"
	case "boolean":
		return "bool"
	default:
		return s.kind
	}
}

// defaultMesh is the mesh of a document that does not say one.
const defaultMesh = "default"

// knownMembers describes the members of a document of a type with a spec, except the spec.
func (e endpoints) knownMembers() []member {
	text := shape{kind: "string"}
	mesh := text
	if e.release.fullSchema {
		mesh.rules.fallback = json.RawMessage(strconv.Quote(defaultMesh))
	}
	known := []member{
		{shape: shape{kind: "string", rules: limits{enum: []string{e.kind.name}}}, name: "type"}, {shape: text, name: "name"},
	}
	if !e.kind.is(global) {
		known = append(known, member{shape: mesh, name: "mesh"})
	}
	if !e.release.fullSchema {
		return known
	}
	if e.kind.is(hasStatus) {
		known = append(known, member{shape: shape{kind: "object", structure: e.kind.status}, name: "status"})
	}
	return append(known, member{shape: shape{kind: "map", elements: &text}, name: "labels"}, member{shape: text, name: "kri"},
		member{shape: shape{kind: "date-time"}, name: "creationTime"}, member{shape: shape{kind: "date-time"}, name: "modificationTime"})
}

// readSpec validates a document of a type with a spec, and returns the spec as the control plane stores it.
func (e endpoints) readSpec(raw json.RawMessage) (map[string]any, error) {
	var whole map[string]any
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, err
	}
	spec := shape{kind: "object", structure: e.kind.spec}
	if given, ok := whole["spec"].(map[string]any); ok {
		spec.structure.fillDefaults(given)
	}
	var problems []string
	for _, name := range e.release.required {
		if _, ok := whole[name]; !ok {
			problems = append(problems, "."+name+" in body is required")
		}
	}
	for _, known := range append(e.knownMembers(), member{shape: spec, name: "spec"}) {
		value, given := whole[known.name]
		if value == nil && known.rules.fallback != nil {
			continue
		}
		if given {
			problems = append(problems, known.validate(known.name, value)...)
		}
	}
	if err := invalid("Could not process a resource", asViolations(problems)); err != nil {
		return nil, err
	}
	document := structure{name: "Resource", members: []member{{shape: spec, name: "spec"}}}
	read, err := document.read("", whole)
	if err != nil {
		return nil, err
	}
	return read["spec"].(map[string]any), nil
}
