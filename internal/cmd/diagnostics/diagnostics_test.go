package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// readCode reads one file, x.go, that imports nothing.
func readCode(t *testing.T, code string) *source {
	t.Helper()
	fset, info := token.NewFileSet(), &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	file, err := parser.ParseFile(fset, "x.go", code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := new(types.Config).Check("x", fset, []*ast.File{file}, info); err != nil {
		t.Fatal(err)
	}
	s := newSource()
	s.read(fset, info, file)
	return s
}

// These stand for package diag of the framework, and for package fmt.
const declarations = `
func addError(detail, summary string) {}
func Sprintf(format string, args ...any) string { return format }
`

func TestSource_summaries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ code, want string }{
		"argument":           {`func f() { addError("", "One") }`, "One"},
		"constant":           {`const one = "One"; func f() { addError("", one) }`, "One"},
		"joined":             {`const one = "One"; func f() { addError("", one + " of " + "two") }`, "One of two"},
		"joined variable":    {`func f(kind string) { addError("", "One " + kind) }`, "One …"},
		"format":             {`func f(n int) { addError("", Sprintf("%d of %q", n, n)) }`, "… of …"},
		"constant in format": {`const two = "two"; func f(n int) { addError("", Sprintf("%[2]s of %[1]d", n, two)) }`, "two of …"},
		"variable":           {`func f(b bool) { summary := "One"; if b { summary = "Two" }; addError("", summary) }`, "One, Two"},
		"declared variable":  {`func f() { var summary = "One"; addError("", summary) }`, "One"},
		"result":             {`func f() (summary, detail string) { return "One", "" }; func g() { summary, detail := f(); addError(detail, summary) }`, "One"},
		"result passed on":   {`func f() (summary, detail string) { return "One", "" }; func g() (summary, detail string) { return f() }`, "One"},
		"named field":        {`type check struct { detail, summary string }; func f() any { return check{summary: "One"} }`, "One"},
		"field by position":  {`type check struct { detail, summary string }; func f() any { return check{"", "One"} }`, "One"},
		"own function":       {`func f(summary string) { addError("", summary) }; func g() { f("One") }`, "One"},
		"other parameter":    {`func f(task string) {}; func g() { f("One") }`, ""},
		"unknown variable":   {`func f(title string) { addError("", title) }`, "x.go:5: this summary is not readable here"},
		"unknown call":       {`func f() string { return "One" }; func g() { addError("", f()) }`, "x.go:5: this summary is not readable here"},
	} {
		s := readCode(t, "package x\n"+declarations+test.code)
		delete(s.summaries, "Invalid function argument")
		got := strings.Join(append(slices.Sorted(maps.Keys(s.summaries)), s.problems...), ", ")
		if got, _, _ = strings.Cut(got, ": use"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestSource_attributes(t *testing.T) {
	t.Parallel()
	s := readCode(t, `package path
type Path struct{}
func Root(name string) Path { return Path{} }
func (p Path) AtName(name string) Path { return p }
func (p Path) AtMapKey(key string) Path { return p }
const ca = "ca"
func f(name string) { Root("bundled").AtName(ca).AtMapKey("key").AtName(name) }
`)
	if got := slices.Sorted(maps.Keys(s.attributes)); !slices.Equal(got, []string{"bundled", "ca"}) {
		t.Errorf("%q", got)
	}
}

func TestSource_rules(t *testing.T) {
	t.Parallel()
	s := readCode(t, `package pki
type Severity int
type Rule string
const (
	Error Severity = iota
	Warning
)
const (
	RuleExpired Rule = "expired"
	RulePEMLine Rule = "pem-line"
	RuleLabel   Rule = "label"
	RuleKey     Rule = "key"
)
type problem struct { Severity; Rule }
func add(s Severity, r Rule) {}
func f(key Rule) any {
	add(Error, RulePEMLine)
	add(Warning, RuleLabel)
	add(Error, RuleLabel)
	add(Error, RuleLabel)
	add(Error, key)
	return problem{Severity: Warning, Rule: RuleExpired}
}
`)
	want := map[string]string{"expired": "warning", "pem line": "error", "label": "error warning", "key": "error"}
	for name, r := range s.rules {
		if r.severity() != want[name] {
			t.Errorf("rule %q has severity %q, want %q", name, r.severity(), want[name])
		}
	}
	if len(s.rules) != len(want) {
		t.Errorf("rules %v", s.rules)
	}
}

const code = `package path
type Severity int
type Rule string
const Error Severity = 0
const RuleExpired Rule = "expired"
func Root(name string) {}
func Sprintf(format string, args ...any) string { return format }
func addError(summary, detail string) {}
func add(s Severity, r Rule) {}
func f(name string) {
	Root("mesh")
	add(Error, RuleExpired)
	addError("Invalid name", Sprintf("%q has a space in the %s. Remove the " + "space from the name.", name, "name") + name)
}
`

const page = `# Fix an error

### Invalid name

~~~text
"…" has a space in the name. Remove
the space from the name.

(or)

Remove the space from the name.
~~~

Change the name.

### Invalid function argument

A function has another argument.

| rule | severity | cause |
| --- | --- | --- |
| ~expired~ | error | It has expired. |
`

// Each difference between the source and the guide is one problem, with its position.
func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ part, instead, want string }{
		"no difference":      {"", "", ""},
		"no entry":           {"### Invalid name", "#### Invalid name", `x.go:13: the summary "Invalid name" is not in the guide: add the entry "### Invalid name" to guide.md`},
		"no summary":         {"### Invalid func", "### Other\n\nNone.\n\n### Invalid func", `guide.md:16: the entry "Other" is not the summary of a diagnostic: remove it, or correct it`},
		"entry twice":        {"### Invalid func", "### Invalid name\n\nAgain.\n\n### Invalid func", `guide.md:16: the entry "Invalid name" exists twice: remove one`},
		"no advice":          {"Change the name.\n\n", "", `guide.md:3: the entry "Invalid name" has no advice: add the cause and the remedy`},
		"sentence":           {"Remove\nthe", "Delete the", `guide.md:3: the entry "Invalid name" shows "Delete the space from the name", which no message contains: correct it`},
		"path":               {`Root("mesh")`, `Root("mash")`, `x.go:11: no schema has the attribute "mash": correct the path`},
		"severity":           {"~ | error", "~ | warning", `guide.md:22: the rule "expired" has severity "warning" in the table, and "error" in the source: correct the row`},
		"no row":             {"| ~expired~ | error | It has expired. |\n", "", `x.go:5: the rule "expired" is not in the guide: add a row of severity "error" to the table in guide.md`},
		"no rule":            {"| ~expired~", "| ~old~ | error | It is old. |\n| ~expired~", `guide.md:22: the rule "old" does not exist: remove the row`},
		"unreadable summary": {`addError("Inv`, `addError(name, ""); addError("Inv`, `x.go:13: this summary is not readable here: use a constant, or the name summary for the variable, field or result`},
	} {
		s := readCode(t, strings.Replace(code, test.part, test.instead, 1))
		g := parseGuide("guide.md", strings.ReplaceAll(strings.Replace(page, test.part, test.instead, 1), "~", "`"))
		if got := strings.Join(compare(s, g, map[string]bool{"mesh": true}), "\n"); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, test.want)
		}
	}
}

// The names are those of the provider, resources, data sources, ephemeral resources, lists and actions, at any depth.
func TestSchemaAttributes(t *testing.T) {
	t.Parallel()
	names, err := schemaAttributes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config_context", "private_key_wo", "mesh_trust_creation", "valid_for", "invoke", "mesh"} {
		if !names[name] {
			t.Errorf("the attribute %s is missing", name)
		}
	}
	if names["mash"] {
		t.Error("an attribute mash exists")
	}
}
