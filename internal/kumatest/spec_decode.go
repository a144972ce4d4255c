package kumatest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// read returns the value as the control plane stores it: without unknown members, with normalized durations, and with
// the empty value of members that it always writes.
func (s *structure) read(path string, object map[string]any) (map[string]any, error) {
	kept := map[string]any{}
	for _, m := range s.members {
		value, err := m.read(s.name+"."+joinPath(path, m.name), joinPath(path, m.name), object[m.name])
		if err != nil {
			return nil, err
		}
		if !m.omitEmpty || !m.isEmpty(value) {
			kept[m.name] = value
		}
	}
	return kept, nil
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
		field = field[strings.LastIndex(field[:strings.Index(field, ".spec")], ".")+1:]
		return nil, fmt.Errorf("json: cannot unmarshal number %s into Go struct field %s of type %s",
			strconv.FormatFloat(number, 'f', -1, 64), field, s.kind)
	}
	return number, nil
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
		{shape: shape{kind: "map", elements: &text}, name: "labels"},
	}
	if !e.kind.is(global) {
		known = append(known, member{shape: mesh, name: "mesh"})
	}
	if !e.release.fullSchema {
		return known
	}
	if e.kind.is(hasStatus) {
		known = append(known, member{shape: shape{kind: "object"}, name: "status"})
	}
	return append(known, member{shape: text, name: "kri"},
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
	given, _ := whole["spec"].(map[string]any)
	return spec.structure.read("spec", given)
}
