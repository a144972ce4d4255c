package provider_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// errorsGuide is the guide that explains each diagnostic.
var errorsGuide = filepath.Join("..", "..", "templates", "guides", "errors.md.tmpl")

// summaryArgument has the position of the summary in the arguments of each function that takes one.
func summaryArgument() map[string]int {
	return map[string]int{
		"AddError": 0, "AddWarning": 0, "AddAttributeError": 1, "AddAttributeWarning": 1,
		"Check": 0, "CheckSecret": 0, "addInvalid": 2, "addWaitError": 0,
	}
}

// inspect calls visit for each node of the provider's source without tests, with the path of its file.
func inspect(t *testing.T, visit func(file string, node ast.Node) bool) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"acctest", "kumatest", "cmd", "testdata"}, entry.Name()):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			ast.Inspect(file, func(n ast.Node) bool { return visit(path, n) })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]|%%`)

// literal returns the value of a string literal, or of several joined with +, with … in place of everything else.
func literal(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, okLeft := literal(e.X)
		right, okRight := literal(e.Y)
		return left + right, okLeft || okRight
	}
	return "…", false
}

// A summaryFinder collects the summaries of diagnostics, with the file of each, and calls that it cannot read.
type summaryFinder struct {
	found    map[string]string
	problems []string
}

// visit is for [ast.Inspect].
func (s *summaryFinder) visit(file string, node ast.Node) bool {
	switch node := node.(type) {
	case *ast.FuncDecl:
		_, known := summaryArgument()[node.Name.Name]
		if takesSummary(node) && !known {
			s.problems = append(s.problems, file+": "+node.Name.Name+" takes a summary: add it to summaryArgument in diagnostics_test.go")
		}
		if strings.HasPrefix(node.Name.Name, "describe") { // returns summary and detail
			ast.Inspect(node, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 2 {
					s.add(file, r.Results[0])
				}
				return true
			})
		}
	case *ast.ValueSpec:
		if node.Names[0].Name == "summary" && len(node.Values) > 0 {
			s.add(file, node.Values[0])
		}
	case *ast.AssignStmt:
		if isSummary(node.Lhs[0]) {
			s.add(file, node.Rhs[0])
		}
	case *ast.CallExpr:
		name, receiver := called(node)
		at, takes := summaryArgument()[name]
		if !takes || at >= len(node.Args) || name == "AddError" && (receiver == "tfkit" || receiver == "") { // tfkit.AddError takes a task
			return true
		}
		if !s.add(file, node.Args[at]) && strings.HasPrefix(name, "Add") && !isSummary(node.Args[at]) {
			s.problems = append(s.problems, file+": the summary in a call of "+name+" is neither a literal nor called summary")
		}
	}
	return true
}

func (s *summaryFinder) add(file string, e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) > 0 { // fmt.Sprintf
		e = call.Args[0]
	}
	text, ok := literal(e)
	if ok {
		s.found[verb.ReplaceAllString(text, "…")] = file
	}
	return ok
}

// The finder reads each way in which the provider writes a summary, and reports others.
func TestDiagnostics_summaryFinder(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "", `package p
func describeX() (string, string) { return "From a function", "detail" }
func f() {
	const summary = "From a constant"
	diags.AddError(summary, "")
	diags.AddAttributeWarning(at, "From " + "two literals", "")
	diags.AddAttributeError(at, fmt.Sprintf("With a %s", value), "")
	tfkit.AddError(diags, "do a task", err)
	diags.AddError(other, "")
}
func g(summary string) { diags.AddError(summary, "") }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &summaryFinder{found: map[string]string{}}
	ast.Inspect(file, func(n ast.Node) bool { return s.visit("x.go", n) })
	want := []string{"From a constant", "From a function", "From two literals", "With a …"}
	if got := slices.Sorted(maps.Keys(s.found)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if len(s.problems) != 2 || !strings.Contains(s.problems[0], "call of AddError") || !strings.Contains(s.problems[1], "g takes a summary") {
		t.Errorf("the problems are %q", s.problems)
	}
}

// called returns the name of a called function, and its package or receiver if that is a name.
func called(call *ast.CallExpr) (name, receiver string) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name, ""
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return f.Sel.Name, x.Name
		}
		return f.Sel.Name, "…"
	}
	return "", ""
}

// isSummary reports whether an expression is a variable or a field that is called summary.
func isSummary(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "summary"
	case *ast.SelectorExpr:
		return e.Sel.Name == "summary"
	}
	return false
}

// takesSummary reports whether a function has a parameter that is called summary.
func takesSummary(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(field *ast.Field) bool {
		return slices.ContainsFunc(field.Names, func(name *ast.Ident) bool { return name.Name == "summary" })
	})
}

// An entry of the guide has a summary as its heading, the text of the message, and advice.
var entry = regexp.MustCompile("(?ms)^### ([^\n]+)\n\n(?:```text\n(.*?)^```\n\n)?([^\n]*)")

// Each summary has one entry in the guide, with advice, and each entry belongs to a summary.
func TestDiagnostics_haveEntries(t *testing.T) {
	t.Parallel()
	s, seen := &summaryFinder{found: map[string]string{"Invalid function argument": "Terraform"}}, map[string]bool{}
	inspect(t, s.visit)
	for _, problem := range s.problems {
		t.Error(problem)
	}
	for _, e := range entry.FindAllStringSubmatch(errorsGuideText(t), -1) {
		heading, advice := e[1], e[3]
		if s.found[heading] == "" {
			t.Errorf("%s: the entry %q is not the summary of a diagnostic", errorsGuide, heading)
		}
		if seen[heading] {
			t.Errorf("%s: the entry %q exists twice", errorsGuide, heading)
		}
		if advice == "" || strings.HasPrefix(advice, "#") {
			t.Errorf("%s: the entry %q has no advice", errorsGuide, heading)
		}
		seen[heading] = true
	}
	for _, summary := range slices.Sorted(maps.Keys(s.found)) {
		if !seen[summary] {
			t.Errorf("%s: add an entry %q, the summary of a diagnostic in %s", errorsGuide, "### "+summary, s.found[summary])
		}
	}
}

// sentenceEnd separates the parts of a message that are in the source as a whole. … stands for a value.
var (
	sentenceEnd = regexp.MustCompile(`[.:] |…`)
	idForm      = regexp.MustCompile(`[a-z-]+(/[a-z-]+)+`) // of an ID, which is a value in the source
)

// Each sentence in the text of a message in the guide is in the source.
func TestDiagnostics_textsAreCurrent(t *testing.T) {
	t.Parallel()
	flat := func(text string) string {
		text = strings.ReplaceAll(idForm.ReplaceAllString(text, "…"), `"…"`, "…")
		return strings.Join(strings.Fields(text), " ")
	}
	var source strings.Builder
	inspect(t, func(_ string, node ast.Node) bool {
		if e, ok := node.(ast.Expr); ok {
			if text, ok := literal(e); ok {
				source.WriteString(flat(verb.ReplaceAllString(text, "…")) + "\n")
			}
		}
		return true
	})
	for _, e := range entry.FindAllStringSubmatch(errorsGuideText(t), -1) {
		for _, sentence := range sentenceEnd.Split(flat(strings.ReplaceAll(strings.ReplaceAll(e[2], "\n(or)\n", "\n\n"), "\n\n", " … ")), -1) {
			if sentence = strings.Trim(sentence, ".:,;()\" "); len(strings.Fields(sentence)) > 3 && !strings.Contains(source.String(), sentence) {
				t.Errorf("%s: the entry %q shows %q, which is in no message of the source", errorsGuide, e[1], sentence)
			}
		}
	}
}

// Each attribute that a diagnostic names in its path exists in a schema.
func TestDiagnostics_pathsExist(t *testing.T) {
	t.Parallel()
	answer, names := acctest.New(t).Protocol().Schemas, map[string]bool{}
	collect := func(schema *tfprotov6.Schema) {
		for _, attribute := range acctest.Attributes(schema) {
			for name := range strings.SplitSeq(attribute.Path, ".") {
				names[name] = true
			}
		}
	}
	collect(answer.Provider)
	for _, schemas := range []map[string]*tfprotov6.Schema{answer.ResourceSchemas, answer.DataSourceSchemas, answer.EphemeralResourceSchemas, answer.ListResourceSchemas} {
		for schema := range maps.Values(schemas) {
			collect(schema)
		}
	}
	for action := range maps.Values(answer.ActionSchemas) {
		collect(action.Schema)
	}
	inspect(t, func(file string, node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && len(call.Args) == 1 {
			name, _ := called(call)
			if attribute, ok := literal(call.Args[0]); ok && (name == "Root" || name == "AtName") && !names[attribute] {
				t.Errorf("%s: %s(%q): no schema has this attribute", file, name, attribute)
			}
		}
		return true
	})
}

// A row of the table of rules has the rule and its severity: "error warning" depends on the certificate.
var ruleRow = regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\| (error|warning|error warning) \\| ")

// The guide has each rule for CA material, with the severities that the source uses.
func TestDiagnostics_rules(t *testing.T) {
	t.Parallel()
	rules, used := map[string]string{}, map[string][]string{} // by the name of the constant
	inspect(t, func(file string, node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ValueSpec:
			if name := node.Names[0].Name; strings.HasPrefix(name, "Rule") && len(node.Values) == 1 && strings.Contains(file, "pki") {
				text, _ := literal(node.Values[0])
				rules[name] = strings.ReplaceAll(text, "-", " ")
			}
		case *ast.CallExpr:
			if name, _ := called(node); (name == "add" || name == "addFor") && len(node.Args) > 2 && strings.Contains(file, "pki") {
				severity, okSeverity := node.Args[0].(*ast.Ident)
				rule, okRule := node.Args[1].(*ast.Ident)
				if okSeverity && okRule {
					used[rule.Name] = append(used[rule.Name], strings.ToLower(severity.Name))
				}
			}
		}
		return true
	})
	rows := map[string]string{}
	for _, row := range ruleRow.FindAllStringSubmatch(errorsGuideText(t), -1) {
		rows[row[1]] = row[2]
	}
	for name, rule := range rules {
		severities := slices.Compact(slices.Sorted(slices.Values(used[name])))
		want := strings.Join(severities, " ")
		if want == "" {
			want = "error" // of a key: the rule is an argument there
		}
		if rows[rule] != want {
			t.Errorf("%s: the row of rule %q has the severity %q, and the source (pki.%s) has %q", errorsGuide, rule, rows[rule], name, want)
		}
		delete(rows, rule)
	}
	for rule := range rows {
		t.Errorf("%s: remove the row of rule %q, which does not exist", errorsGuide, rule)
	}
}

func errorsGuideText(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(errorsGuide)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
