package provider_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
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
)

// unknown stands for what is known only when the provider runs.
const unknown = "…"

// A diagnostic is one that the source makes.
type diagnostic struct {
	pkg, severity, summary, detail string
	paths                          []string
	variants                       []string // what functions put into the text
}

// source is the source of the provider, tests left out, for what it says.
type source struct {
	*testing.T
	files  *token.FileSet
	funcs  map[string]*function // by package and name
	consts map[string]ast.Expr  // by package and name
}

type function struct {
	*ast.FuncDecl
	pkg     string
	imports map[string]bool // packages of the project
}

// callName is a function as a call in f names it: "tfkit.Named".
func (f *function) callName(call *ast.CallExpr) string {
	switch called := call.Fun.(type) {
	case *ast.Ident:
		return f.pkg + "." + called.Name
	case *ast.SelectorExpr:
		if pkg, ok := called.X.(*ast.Ident); ok && (f.imports[pkg.Name] || pkg.Name == "fmt" || pkg.Name == "diag" || pkg.Name == "function" || pkg.Name == "path") {
			return pkg.Name + "." + called.Sel.Name
		}
		return f.pkg + "." + called.Sel.Name // a method
	}
	return ""
}

func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{T: t, files: token.NewFileSet(), funcs: map[string]*function{}, consts: map[string]ast.Expr{}}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"acctest", "kumatest", "cmd", "testdata"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(s.files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		imports := map[string]bool{}
		for _, spec := range file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.Contains(path, "terraform-provider-kongmesh/internal/") {
				imports[filepath.Base(path)] = true
			}
		}
		pkg := file.Name.Name
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				name := pkg + "." + decl.Name.Name
				for s.funcs[name] != nil { // methods of one name
					name += "'"
				}
				s.funcs[name] = &function{decl, pkg, imports}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if value, ok := spec.(*ast.ValueSpec); ok && decl.Tok == token.CONST && len(value.Values) == len(value.Names) {
						for i, name := range value.Names {
							s.consts[pkg+"."+name.Name] = value.Values[i]
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil || len(s.funcs) == 0 {
		t.Fatalf("the source cannot be read: %v", err)
	}
	return s
}

// sorted are all functions in a stable order.
func (s *source) sorted() []*function {
	var all []*function
	for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
		if s.funcs[name].Body != nil {
			all = append(all, s.funcs[name])
		}
	}
	return all
}

// param is the position of a parameter, -1 if there is none of that name.
func (f *function) param(name string) int {
	i := 0
	for _, field := range f.Type.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

// calls are the calls in f, of name or, for "", all.
func (f *function) calls(name string) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && (name == "" || f.callName(call) == name) {
			found = append(found, call)
		}
		return true
	})
	return found
}

// returned are the results at one position of all returns of f.
func (f *function) returned(i int) []ast.Expr {
	var found []ast.Expr
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && i < len(r.Results) {
			found = append(found, r.Results[i])
		}
		_, inner := n.(*ast.FuncLit)
		return !inner
	})
	return found
}

// assigned is what a name is set to in f, if that is done once: an expression,
// or the i-th result of a call.
func (f *function) assigned(name string) (value ast.Expr, i int) {
	times := 0
	ast.Inspect(f.Body, func(n ast.Node) bool {
		var left, right []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			left, right = n.Lhs, n.Rhs
		case *ast.ValueSpec:
			for _, id := range n.Names {
				left = append(left, id)
			}
			right = n.Values
		}
		for at, l := range left {
			if id, ok := l.(*ast.Ident); ok && id.Name == name && len(right) > 0 {
				times++
				value, i = right[min(at, len(right)-1)], at
				if len(right) == len(left) {
					i = 0
				}
			}
		}
		return true
	})
	if times != 1 {
		return nil, 0
	}
	return value, i
}

var verb = regexp.MustCompile(`%(\[(\d+)\])?[a-zA-Z]|%%`)

// text is what an expression says. What functions of the project give, texts
// and errors, become variants.
func (s *source) text(f *function, e ast.Expr, variants *[]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
	case *ast.ParenExpr:
		return s.text(f, e.X, variants)
	case *ast.BinaryExpr:
		return s.text(f, e.X, variants) + s.text(f, e.Y, variants)
	case *ast.Ident:
		if value, i := f.assigned(e.Name); value != nil && f.param(e.Name) < 0 {
			if call, ok := value.(*ast.CallExpr); ok && s.funcs[f.callName(call)] != nil {
				return s.called(f, call, i, variants)
			}
			return s.text(f, value, variants)
		}
		if value := s.consts[f.pkg+"."+e.Name]; value != nil {
			return s.text(f, value, variants)
		}
	case *ast.CallExpr:
		name := f.callName(e)
		method, _ := e.Fun.(*ast.SelectorExpr)
		switch {
		case name == "tfkit.Named":
			return s.text(f, e.Args[1], variants)
		case name == "tfkit.Quote", name == "pki.Quote":
			return `"` + unknown + `"`
		case method != nil && method.Sel.Name == "Error":
			return s.text(f, method.X, variants)
		case printed(e.Fun) == "errors.New":
			return s.text(f, e.Args[0], variants)
		case name == "fmt.Sprintf", name == "fmt.Errorf":
			next := 0
			return verb.ReplaceAllStringFunc(s.text(f, e.Args[0], variants), func(v string) string {
				if v == "%%" {
					return "%"
				}
				if number := verb.FindStringSubmatch(v)[2]; number != "" {
					next, _ = strconv.Atoi(number)
				} else {
					next++
				}
				text := s.text(f, e.Args[next], variants)
				if strings.HasSuffix(v, "q") {
					text = `"` + text + `"`
				}
				return text
			})
		case s.funcs[name] != nil:
			return s.called(f, e, 0, variants)
		}
	}
	return unknown
}

// called is what a function gives: one text, or variants of it.
func (s *source) called(f *function, call *ast.CallExpr, i int, variants *[]string) string {
	callee := s.funcs[f.callName(call)]
	if callee.Type.Results == nil || callee == f {
		return unknown
	}
	var results []string // types
	for _, field := range callee.Type.Results.List {
		for range max(len(field.Names), 1) {
			results = append(results, printed(field.Type))
		}
	}
	if i >= len(results) || results[i] != "string" && results[i] != "error" {
		return unknown
	}
	for _, result := range callee.returned(i) {
		if text := s.text(callee, result, variants); strings.Contains(strings.TrimSpace(text), " ") && !slices.Contains(*variants, text) {
			*variants = append(*variants, text)
		}
	}
	return unknown
}

// paths are the attributes that an expression stands for. What a function is
// given, its callers know.
func (s *source) paths(f *function, e ast.Expr, depth int) []string {
	if depth == 0 {
		return nil
	}
	switch e := e.(type) {
	case *ast.Ident:
		if i := f.param(e.Name); i >= 0 {
			var found []string
			for _, caller := range s.sorted() {
				for _, call := range caller.calls(f.pkg + "." + f.Name.Name) {
					if i < len(call.Args) {
						found = append(found, s.paths(caller, call.Args[i], depth-1)...)
					}
				}
			}
			return found
		}
		if value, i := f.assigned(e.Name); value != nil {
			if call, ok := value.(*ast.CallExpr); ok && s.funcs[f.callName(call)] != nil {
				return s.returnedPaths(f, call, i, depth)
			}
			return s.paths(f, value, depth)
		}
		var found []string // set in several places
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok {
				for i, l := range a.Lhs {
					if id, ok := l.(*ast.Ident); ok && id.Name == e.Name && i < len(a.Rhs) {
						if call, ok := a.Rhs[i].(*ast.CallExpr); ok {
							found = append(found, s.paths(f, call, depth-1)...)
						}
					}
				}
			}
			return true
		})
		return found
	case *ast.CallExpr:
		name := f.callName(e)
		if name == "path.Root" {
			return []string{s.name(f, e.Args[0])}
		}
		if called, ok := e.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"AtName", "AtMapKey", "AtListIndex"}, called.Sel.Name) {
			found := s.paths(f, called.X, depth)
			for i := range found {
				switch called.Sel.Name {
				case "AtName":
					found[i] += "." + s.name(f, e.Args[0])
				case "AtMapKey":
					found[i] += "[" + s.name(f, e.Args[0]) + "]"
				default:
					found[i] += "[" + unknown + "]"
				}
			}
			return found
		}
		if s.funcs[name] != nil {
			return s.returnedPaths(f, e, 0, depth)
		}
	case *ast.SelectorExpr:
		if found := s.used(f.pkg+"."+f.receiver(), depth); e.Sel.Name == "Path" && len(found) > 0 { // of a validator
			return found
		}
		if value, _ := f.assigned(printed(e.X)); e.Sel.Name == "path" && value != nil { // of a setting, which has its name first
			if call, ok := value.(*ast.CallExpr); ok && len(call.Args) > 0 {
				return []string{s.name(f, call.Args[0])}
			}
		}
	}
	return []string{unknown}
}

// receiver is the type whose method f is, without its package.
func (f *function) receiver() string {
	if f.Recv == nil {
		return ""
	}
	return strings.TrimPrefix(printed(f.Recv.List[0].Type), "*")
}

// used are the attributes in whose schemas a function is called or a type is
// made, by the keys around that.
func (s *source) used(name string, depth int) []string {
	if depth == 0 {
		return nil
	}
	var found []string
	for _, f := range s.sorted() {
		var keys []string
		var walk func(ast.Node) bool
		walk = func(n ast.Node) bool {
			here := false
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.BasicLit); ok {
					text, _ := strconv.Unquote(key.Value)
					keys = append(keys, text)
					ast.Inspect(n.Value, walk)
					keys = keys[:len(keys)-1]
					return false
				}
			case *ast.CallExpr:
				here = f.callName(n) == name
			case *ast.CompositeLit:
				here = n.Type != nil && f.pkg+"."+printed(n.Type) == name
			}
			if here {
				found = append(found, s.within(f, strings.Join(keys, "."), depth)...)
			}
			return true
		}
		ast.Inspect(f.Body, walk)
	}
	return found
}

// within are the attributes that a part of a schema, made by f, is used for.
func (s *source) within(f *function, part string, depth int) []string {
	var found []string
	for _, whole := range s.used(f.pkg+"."+f.Name.Name, depth-1) {
		found = append(found, strings.Trim(whole+"."+part, "."))
	}
	if len(found) == 0 && part != "" {
		return []string{part}
	}
	return found
}

// returnedPaths are those that a function of the project gives, which has the
// name of an attribute from its caller.
func (s *source) returnedPaths(f *function, call *ast.CallExpr, i, depth int) []string {
	callee := s.funcs[f.callName(call)]
	var found []string
	for _, result := range callee.returned(i) {
		for _, p := range s.paths(callee, result, depth-1) {
			if rest, is := strings.CutPrefix(p, unknown); is && len(call.Args) > 0 {
				p = s.name(f, call.Args[0]) + rest
			}
			found = append(found, p)
		}
	}
	return found
}

func (s *source) name(f *function, e ast.Expr) string {
	var variants []string
	return s.text(f, e, &variants)
}

// diagnostics are all that the source makes, sorted.
func (s *source) diagnostics() []diagnostic {
	severities := map[string]string{
		"AddError": "error", "AddWarning": "warning", "AddAttributeError": "error", "AddAttributeWarning": "warning",
	}
	var found []diagnostic
	for _, f := range s.sorted() {
		for _, call := range f.calls("") {
			name, args, d := f.callName(call), call.Args, diagnostic{pkg: f.pkg}
			method, _ := call.Fun.(*ast.SelectorExpr)
			switch {
			case name == "function.NewArgumentFuncError": // Terraform makes the summary
				d.severity, d.summary, d.paths = "error", "Invalid function argument", []string{"argument " + printed(args[0])}
				d.detail = s.text(f, args[1], &d.variants)
				found = append(found, d)
				continue
			case strings.HasPrefix(name, "diag.New") || strings.HasPrefix(name, "function.New"):
				s.Errorf("%s: what %s says is not collected", s.files.Position(call.Pos()), name)
				continue
			case method == nil || severities[method.Sel.Name] == "" || name == "tfkit.AddError" && f.pkg != "tfkit":
				continue
			}
			d.severity = severities[method.Sel.Name]
			if strings.HasPrefix(method.Sel.Name, "AddAttribute") {
				d.paths = s.paths(f, args[0], 5)
				args = args[1:]
			}
			found = append(found, s.said(f, call, args[0], args[1], d)...)
		}
	}
	for i, d := range found {
		if strings.HasPrefix(d.summary, unknown) {
			s.Errorf("a summary of %s cannot be read: %s", d.pkg, d.detail)
		}
		slices.Sort(d.paths)
		found[i].paths = slices.Compact(d.paths)
	}
	slices.SortStableFunc(found, func(a, b diagnostic) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.summary, b.summary), cmp.Compare(a.detail, b.detail))
	})
	return slices.CompactFunc(found, func(a, b diagnostic) bool { return a.String() == b.String() })
}

// said are the diagnostics of one call: one where the summary is a text, else
// one for each that it is given, by callers or by a function that makes both.
func (s *source) said(f *function, call *ast.CallExpr, summary, detail ast.Expr, d diagnostic) []diagnostic {
	var found []diagnostic
	add := func(in *function, summary, detail ast.Expr, of *function) {
		d := d
		d.pkg, d.summary = in.pkg, s.name(in, summary)
		d.detail = s.text(of, detail, &d.variants)
		found = append(found, d)
	}
	field, isField := summary.(*ast.SelectorExpr)
	id, isName := summary.(*ast.Ident)
	switch {
	case isField && field.Sel.Name == "summary", isName && f.param(id.Name) >= 0:
		for _, maker := range s.sorted() {
			i := maker.param("summary")
			if i < 0 || maker.pkg != f.pkg || isName && maker != f {
				continue
			}
			for _, caller := range s.sorted() {
				for _, made := range caller.calls(maker.pkg + "." + maker.Name.Name) {
					add(caller, made.Args[i], detail, f)
					last := &found[len(found)-1]
					if at := f.param(printed(call.Args[0])); at >= 0 {
						last.paths = s.paths(caller, made.Args[at], 5)
					} else if isField {
						if last.paths = s.used(caller.pkg+"."+caller.Name.Name, 3); last.paths == nil {
							last.paths = []string{unknown}
						}
					}
				}
			}
		}
	case isName:
		value, _ := f.assigned(id.Name)
		if call, ok := value.(*ast.CallExpr); ok && s.funcs[f.callName(call)] != nil {
			for _, pair := range s.pairs(s.funcs[f.callName(call)]) {
				add(pair.f, pair.summary, pair.detail, pair.f)
			}
			break
		}
		fallthrough
	default:
		add(f, summary, detail, f)
	}
	return found
}

type pair struct {
	f               *function
	summary, detail ast.Expr
}

// pairs are the summaries and details that a function returns.
func (s *source) pairs(f *function) []pair {
	var found []pair
	ast.Inspect(f.Body, func(n ast.Node) bool {
		r, ok := n.(*ast.ReturnStmt)
		switch {
		case !ok:
		case len(r.Results) == 2:
			found = append(found, pair{f, r.Results[0], r.Results[1]})
		case len(r.Results) == 1:
			if call, is := r.Results[0].(*ast.CallExpr); is && s.funcs[f.callName(call)] != nil {
				found = append(found, s.pairs(s.funcs[f.callName(call)])...)
			}
		}
		return true
	})
	return found
}

func printed(e ast.Expr) string {
	var text strings.Builder
	if err := printer.Fprint(&text, token.NewFileSet(), e); err != nil {
		return err.Error()
	}
	return text.String()
}

// String is how the golden file has it.
func (d diagnostic) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", d.severity, d.summary)
	if len(d.paths) > 0 {
		fmt.Fprintf(&text, "  at %s\n", strings.Join(d.paths, ", "))
	}
	fmt.Fprintf(&text, "\n%s\n", indented(d.detail, "    "))
	for _, variant := range d.variants {
		fmt.Fprintf(&text, "\n%s\n", indented(strings.TrimSpace(variant), "      | "))
	}
	return text.String()
}

func indented(text, with string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		lines.WriteString(strings.TrimRight(with+line, " \n") + "\n")
	}
	return strings.TrimRight(lines.String(), "\n")
}

// All that the provider says of errors and warnings, to be read in one go.
// "…" is what only a run knows; behind "|" are the forms that a part can have.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	pkg := ""
	for _, d := range readSource(t).diagnostics() {
		if d.pkg != pkg {
			pkg = d.pkg
			fmt.Fprintf(&text, "=== internal/%s\n\n", pkg)
		}
		text.WriteString(d.String() + "\n")
	}
	golden(t, filepath.Join("testdata", "diagnostics.golden"), text.String())
}

var update = flag.Bool("update", false, "write golden files anew")

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; if that is intended, run the test with -update and read the diff. Got:\n%s", file, got)
	}
}

var (
	entry   = regexp.MustCompile("(?ms)^### ([^\n]+)\n\n(?:```text\n.*?^```\n\n)?([^\n]*)")
	ruleRow = regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\| (error|warning|error warning) \\| ")
)

// The guide has an entry for each summary, with what the provider says there.
func TestDiagnostics_guide(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "templates", "guides", "errors.md.tmpl")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][]string{} // by summary
	for _, d := range readSource(t).diagnostics() {
		if shown := wrapped(d.shown()); !slices.Contains(said[d.summary], shown) {
			said[d.summary] = append(said[d.summary], shown)
		}
	}
	missing := maps.Clone(said)
	guide := entry.ReplaceAllStringFunc(string(content), func(text string) string {
		parts := entry.FindStringSubmatch(text)
		heading, advice := parts[1], parts[2]
		texts, there := said[heading]
		if !there {
			t.Errorf("nothing says %q, and there is an entry for it", heading)
		}
		if advice == "" || strings.HasPrefix(advice, "#") {
			t.Errorf("the entry %q does not say what to do", heading)
		}
		if _, once := missing[heading]; there && !once {
			t.Errorf("there are two entries %q", heading)
		}
		delete(missing, heading)
		block := strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "\n(or)\n\n")
		if block != "" {
			block = "```text\n" + block + "```\n\n"
		}
		return "### " + heading + "\n\n" + block + advice
	})
	for _, summary := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("there is no entry %q", summary)
	}
	golden(t, file, guide)
}

// The guide has each rule of CA material, with its severity; "error warning" is now one, now the other.
func TestDiagnostics_rules(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "errors.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range ruleRow.FindAllStringSubmatch(string(content), -1) {
		rows[row[1]] = row[2]
	}
	s := readSource(t)
	rules := map[string]string{}
	for name, value := range s.consts {
		if strings.HasPrefix(name, "pki.Rule") {
			rules[name] = strings.ReplaceAll(s.text(&function{pkg: "pki"}, value, nil), "-", " ")
		}
	}
	want := map[string]string{}
	for _, f := range s.sorted() {
		for _, call := range slices.Concat(f.calls("pki.add"), f.calls("pki.addFor")) {
			if f.pkg == "pki" && rules["pki."+printed(call.Args[1])] != "" {
				rule, severity := rules["pki."+printed(call.Args[1])], strings.ToLower(printed(call.Args[0]))
				if !strings.Contains(want[rule], severity) {
					want[rule] = strings.Join(slices.Sorted(slices.Values(append(strings.Fields(want[rule]), severity))), " ")
				}
			}
		}
	}
	for _, rule := range rules {
		if want[rule] == "" {
			want[rule] = "error" // of a key: chosen where it is found
		}
	}
	if !maps.Equal(rows, want) {
		t.Errorf("the guide has the rules\n%v\nnot\n%v", rows, want)
	}
}

// shown is what the guide has of it: the text, or, where a function makes all
// of it, what that can be, and nothing where the text says nothing by itself.
func (d diagnostic) shown() string {
	if words := regexp.MustCompile(`[a-z]+`).FindAllString(d.detail, -1); len(words) < 5 {
		return strings.Join(d.variants, "\n\n")
	}
	return d.detail
}

// wrapped breaks lines as Terraform does, those that are indented left as they are.
func wrapped(text string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if strings.HasPrefix(line, " ") {
			out.WriteString(strings.TrimRight(line, " \n") + "\n")
			continue
		}
		length := 0
		for i, word := range strings.Fields(line) {
			switch {
			case i == 0:
			case length+len(word) > 98:
				out.WriteString("\n")
				length = 0
			default:
				out.WriteString(" ")
			}
			out.WriteString(word)
			length += len(word) + 1
		}
		out.WriteString("\n")
	}
	return out.String()
}
