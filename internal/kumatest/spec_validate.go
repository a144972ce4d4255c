package kumatest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file validates a document against the schema of its type, in the order and with the texts of the library that a
// control plane uses. Documents are values of encoding/json.

// fillDefaults adds the default of each missing member to an object.
func (s *structure) fillDefaults(object map[string]any) {
	for _, m := range s.members {
		value, given := object[m.name]
		if (!given || value == nil) && m.rules.fallback != nil {
			object[m.name] = mustUnmarshal(m.rules.fallback)
		}
		m.fillDefaults(object[m.name])
	}
}

func (s *shape) fillDefaults(value any) {
	switch value := value.(type) {
	case map[string]any:
		if s.structure != nil {
			s.structure.fillDefaults(value)
		}
		if s.kind == "map" {
			for _, element := range value {
				s.elements.fillDefaults(element)
			}
		}
	case []any:
		if s.kind == "list" {
			for _, element := range value {
				s.elements.fillDefaults(element)
			}
		}
	}
}

func mustUnmarshal(raw json.RawMessage) any {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err) // it is part of this package
	}
	return value
}

// validate returns the problems of a value at a path.
func (s *shape) validate(path string, value any) []string {
	if s.kind == "date-time" {
		return timeProblems(path, value)
	}
	var problems []string
	if want := s.schemaType(); want == "intOrString" {
		if value != nil && !isInteger(value) && typeName(value) != "string" {
			problems = []string{fmt.Sprintf("%q must validate at least one schema (anyOf)", path), typeProblem(path, "integer", value)}
			return append(problems, s.rangeProblems(path, value)...)
		}
	} else if want != "" && want != typeName(value) && (want != "integer" || !isInteger(value)) {
		problems = append(problems, s.typeProblem(path, value))
	}
	problems = append(problems, s.rangeProblems(path, value)...)
	switch value := value.(type) {
	case string:
		problems = append(problems, s.rules.checkText(path, value)...)
	case float64:
		problems = append(problems, s.rules.checkNumber(path, value)...)
	case []any:
		problems = append(problems, s.validateList(path, value)...)
	}
	if len(s.rules.enum) > 0 {
		if !slices.Contains(s.rules.enum, fmt.Sprint(value)) || typeName(value) == "string" && s.schemaType() == "integer" {
			problems = append(problems, fmt.Sprintf("%s in body should be one of [%s]", path, strings.Join(s.rules.enum, " ")))
		}
	}
	if object, ok := value.(map[string]any); ok {
		problems = append(problems, s.validateObject(path, object)...)
	}
	return problems
}

// schemaType returns the name in a schema for the kind of a value, or "" for any.
func (s *shape) schemaType() string {
	switch s.kind {
	case "duration", "bytes":
		return "string"
	case "map":
		return "object"
	case "list":
		return "array"
	case "any":
		return ""
	case "string", "boolean", "object", "intOrString":
		return s.kind
	default:
		return "integer"
	}
}

// typeName returns the name in a schema for the type of a value.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// isInteger reports whether a value is an integer that each JSON parser can keep.
func isInteger(value any) bool {
	const largest = 1<<53 - 1
	number, ok := value.(float64)
	return ok && number == math.Trunc(number) && math.Abs(number) <= largest
}

// format returns the format in a schema for the kind of an integer, or "" for none.
func (s *shape) format() string {
	switch s.kind {
	case "int32", "uint32":
		return "int32"
	case "int64":
		return "int64"
	default:
		return ""
	}
}

// rangeProblems returns the problems of a number that is not an integer of the format.
func (s *shape) rangeProblems(path string, value any) []string {
	number, ok := value.(float64)
	if want := s.schemaType(); !ok || !s.ranged || want != "integer" && want != "intOrString" {
		return nil
	}
	bits, described := 64, "(default format)"
	if format := s.format(); format != "" {
		described = "with format " + format
	}
	if s.format() == "int32" {
		bits = 32
	}
	if _, err := strconv.ParseInt(strconv.FormatFloat(number, 'f', -1, 64), 10, bits); err == nil {
		return nil
	}
	return []string{fmt.Sprintf("Checked value must be of type integer %s in %s", described, path)}
}

// timeProblems returns the problems of a time, which must be RFC 3339. The library does not look into lists.
func timeProblems(path string, value any) []string {
	shown := ""
	switch value := value.(type) {
	case nil:
		return []string{typeProblem(path, "string", value)}
	case string:
		if _, err := time.Parse(time.RFC3339, value); err == nil {
			return nil
		}
		shown = value
	case float64:
		shown = "float64"
	case []any:
		return nil
	}
	return []string{fmt.Sprintf("%s in body must be of type date-time: %q", path, shown)}
}

// typeProblem returns the problem of a value of another type. The library compares formats, if the schema has one, unless
// the value is a string or a list.
func (s *shape) typeProblem(path string, value any) string {
	if format := s.format(); format != "" {
		switch value.(type) {
		case float64:
			return fmt.Sprintf("%s in body must be of type %s: %q", path, format, "float64")
		case bool, map[string]any:
			return fmt.Sprintf("%s in body must be of type %s: %q", path, format, "")
		}
	}
	return typeProblem(path, s.schemaType(), value)
}

func typeProblem(path, want string, value any) string {
	return fmt.Sprintf("%s in body must be of type %s: %q", path, want, typeName(value))
}

func (l *limits) checkText(path, text string) []string {
	length := utf8.RuneCountInString(text)
	switch {
	case l.maxLength != nil && length > *l.maxLength:
		return []string{fmt.Sprintf("%s in body should be at most %d chars long", path, *l.maxLength)}
	case l.minLength != nil && length < *l.minLength:
		return []string{fmt.Sprintf("%s in body should be at least %d chars long", path, *l.minLength)}
	case l.pattern != nil && !l.pattern.MatchString(text):
		return []string{fmt.Sprintf("%s in body should match '%s'", path, l.pattern)}
	}
	return nil
}

func (l *limits) checkNumber(path string, number float64) []string {
	switch {
	case l.min != nil && number < *l.min:
		return []string{fmt.Sprintf("%s in body should be greater than or equal to %v", path, *l.min)}
	case l.max != nil && number > *l.max:
		return []string{fmt.Sprintf("%s in body should be less than or equal to %v", path, *l.max)}
	}
	return nil
}

func (s *shape) validateList(path string, list []any) []string {
	var problems []string
	if s.kind == "list" {
		for i, element := range list {
			problems = append(problems, s.elements.validate(fmt.Sprintf("%s[%d]", path, i), element)...)
		}
	}
	if s.rules.minItems != nil && len(list) < *s.rules.minItems {
		problems = append(problems, fmt.Sprintf("%s in body should have at least %d items", path, *s.rules.minItems))
	}
	if s.rules.maxItems != nil && len(list) > *s.rules.maxItems {
		problems = append(problems, fmt.Sprintf("%s in body should have at most %d items", path, *s.rules.maxItems))
	}
	return problems
}

func (s *shape) validateObject(path string, object map[string]any) []string {
	var problems []string
	if s.kind == "map" {
		for _, name := range sortedKeys(object) {
			problems = append(problems, s.elements.validate(joinPath(path, name), object[name])...)
		}
	}
	if s.structure == nil {
		return problems
	}
	var missing []string
	for _, m := range s.structure.members {
		if value, given := object[m.name]; given {
			problems = append(problems, m.validate(joinPath(path, m.name), value)...)
		} else if m.required {
			missing = append(missing, m.name)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		problems = append(problems, path+"."+name+" in body is required")
	}
	return problems
}

// asViolations returns problems inside a spec with their paths. Other problems have no path.
func asViolations(problems []string) violations {
	var broken violations
	for _, problem := range problems {
		if field, reason, _ := strings.Cut(problem, " "); strings.HasPrefix(field, "spec.") {
			broken = append(broken, violation{field, reason})
		} else {
			broken = append(broken, violation{"", problem})
		}
	}
	return broken
}
