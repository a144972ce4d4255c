package kumatest

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// This file reads the descriptions of documents in types/. In spec-VERSION.txt, a line without indentation begins a
// structure, and each line below it is a member:
//
//	name[!][?] type [rule=value ...]
//
// ! means that the member is required, ? that an answer omits it if it is empty. A type is the name of a structure or
// string, boolean, duration, intOrString, any, bytes or a kind of integer, after [] for a list, map: for a map and *
// for a member whose empty value differs from none. Rules that begin with "items." apply to the elements.

//go:embed types
var typeDescriptions embed.FS

// A shape describes a value of a spec.
type shape struct {
	kind      string
	pointer   bool       // an empty value differs from none
	elements  *shape     // of a list or map
	structure *structure // of an object
	rules     limits
	ranged    bool // the schema also checks the size of an integer
}

// limits are the requirements of a schema for a value, each nil or empty if there is none.
type limits struct {
	enum                 []string
	fallback             json.RawMessage
	min, max             *float64
	minItems, maxItems   *int
	minLength, maxLength *int
	pattern              *regexp.Regexp
}

// A structure is an object with known members.
type structure struct {
	name    string
	members []member
}

type member struct {
	shape
	name      string
	required  bool
	omitEmpty bool
}

// specSchemas returns the structures of a release by name. The structure of a type's spec has the type's name.
func specSchemas(set releaseSet) map[string]*structure {
	file := map[releaseSet]string{in27: "2.7", in214: "2.14", in30: "3.0"}[set]
	all := map[string]*structure{}
	named := func(name string) *structure {
		if all[name] == nil {
			all[name] = &structure{name: name}
		}
		return all[name]
	}
	readSections("types/spec-"+file+".txt", func(name string, lines [][]string) {
		s := named(name)
		for _, words := range lines {
			m := readMember(words, named)
			for part := &m.shape; part != nil; part = part.elements {
				part.ranged = set != in27
			}
			s.members = append(s.members, m)
		}
	})
	return all
}

// readSections calls section for each unindented line of a file with the words of the lines below it.
func readSections(file string, section func(name string, lines [][]string)) {
	raw, err := typeDescriptions.ReadFile(file)
	if err != nil {
		panic(err) // the file is part of this package
	}
	var name string
	var lines [][]string
	flush := func() {
		if name != "" {
			section(name, lines)
		}
		lines = nil
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, " ") {
			lines = append(lines, strings.Fields(line))
			continue
		}
		flush()
		name = strings.TrimSpace(line)
	}
	flush()
}

func readMember(words []string, named func(string) *structure) member {
	m := member{name: strings.TrimRight(words[0], "!?"), required: strings.Contains(words[0], "!"), omitEmpty: strings.HasSuffix(words[0], "?")}
	m.shape = readShape(words[1], named)
	for _, word := range words[2:] {
		rule, value, _ := strings.Cut(word, "=")
		target := &m.shape
		for strings.HasPrefix(rule, "items.") {
			rule, target = strings.TrimPrefix(rule, "items."), target.elements
		}
		target.rules.read(rule, value)
	}
	return m
}

func readShape(text string, named func(string) *structure) shape {
	var s shape
	text, s.pointer = strings.CutPrefix(text, "*")
	if rest, isList := strings.CutPrefix(text, "[]"); isList {
		element := readShape(rest, named)
		s.kind, s.elements = "list", &element
		return s
	}
	if rest, isMap := strings.CutPrefix(text, "map:"); isMap {
		element := readShape(rest, named)
		s.kind, s.elements = "map", &element
		return s
	}
	s.kind = text
	if text[0] >= 'A' && text[0] <= 'Z' {
		s.kind, s.structure = "object", named(text)
	}
	return s
}

func (l *limits) read(rule, value string) {
	number := func() *int {
		n, err := strconv.Atoi(value)
		if err != nil {
			panic(err) // the file is part of this package
		}
		return &n
	}
	switch rule {
	case "enum":
		l.enum = strings.Split(value, "|")
	case "default":
		l.fallback = json.RawMessage(value)
	case "min":
		n := float64(*number())
		l.min = &n
	case "max":
		n := float64(*number())
		l.max = &n
	case "minItems":
		l.minItems = number()
	case "maxItems":
		l.maxItems = number()
	case "minLength":
		l.minLength = number()
	case "maxLength":
		l.maxLength = number()
	case "pattern":
		l.pattern = regexp.MustCompile(value)
	case "format": // the kind already implies it
	default:
		panic(fmt.Sprintf("kumatest: unknown rule %q", rule))
	}
}
