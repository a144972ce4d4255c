package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/types/typeutil"
)

// A source is what the provider's code says about diagnostics. Positions have the form FILE:LINE.
type source struct {
	summaries  map[string]string // to the position of one use; … replaces variable parts
	attributes map[string]string // in paths, to the position of one use
	rules      map[string]*rule  // for CA material
	texts      string            // all constant strings, on a line each
	problems   []string          // what cannot be read
	folder     string            // to which names of files are relative
}

// A rule is one that CA material can break.
type rule struct {
	at         string
	severities []string
}

// severity returns "error", "warning" or "error warning". The source also passes the rules for keys in a variable, and
// these are errors.
func (r *rule) severity() string {
	if len(r.severities) == 0 {
		return "error"
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(r.severities))), " ")
}

func newSource() *source {
	// Terraform writes this summary for the errors of functions.
	summaries := map[string]string{"Invalid function argument": "Terraform"}
	return &source{summaries: summaries, attributes: map[string]string{}, rules: map[string]*rule{}}
}

// readProvider reads the packages of this module that the provider consists of.
func readProvider() (*source, error) {
	s := newSource()
	var err error
	if s.folder, err = os.Getwd(); err != nil {
		return nil, err
	}
	roots, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedModule}, ".")
	if err != nil {
		return nil, err
	}
	var paths []string
	packages.Visit(roots, nil, func(p *packages.Package) {
		if p.Module != nil && p.Module.Main {
			paths = append(paths, p.PkgPath)
		}
	})
	all, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo,
	}, paths...)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		for _, problem := range p.Errors {
			err = errors.Join(err, problem)
		}
		for _, file := range p.Syntax {
			s.read(p.Fset, p.TypesInfo, file)
		}
	}
	return s, err
}

// A reader adds what one file says to the source.
type reader struct {
	*source

	fset *token.FileSet
	info *types.Info
}

func (s *source) read(fset *token.FileSet, info *types.Info, file *ast.File) {
	ast.Inspect(file, reader{s, fset, info}.visit)
}

func (r reader) visit(node ast.Node) bool {
	if e, ok := node.(ast.Expr); ok {
		if text, ok := r.text(e); ok {
			r.texts += strings.Join(strings.Fields(text), " ") + "\n"
		}
	}
	switch node := node.(type) {
	case *ast.FuncDecl:
		r.results(node)
	case *ast.CallExpr:
		r.call(node)
	case *ast.CompositeLit:
		r.fields(node)
	case *ast.AssignStmt:
		for i, left := range node.Lhs {
			if i < len(node.Rhs) && isSummary(left) {
				r.summary(node.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i, name := range node.Names {
			if i < len(node.Values) && isSummary(name) {
				r.summary(node.Values[i])
			}
			r.declaration(name)
		}
	}
	return true
}

// results reads the summaries that a function returns.
func (r reader) results(f *ast.FuncDecl) {
	if f.Type.Results == nil || len(f.Type.Results.List[0].Names) == 0 || !isSummary(f.Type.Results.List[0].Names[0]) {
		return
	}
	ast.Inspect(f.Body, func(node ast.Node) bool {
		if back, ok := node.(*ast.ReturnStmt); ok && len(back.Results) > 0 {
			r.summary(back.Results[0])
		}
		return true
	})
}

// call reads the arguments of a call: summaries, names of attributes, and rules with their severities.
func (r reader) call(call *ast.CallExpr) {
	signature := r.signature(call)
	if signature == nil {
		return
	}
	for i := range min(signature.Params().Len(), len(call.Args)) {
		if signature.Params().At(i).Name() == "summary" {
			r.summary(call.Args[i])
		}
	}
	if f := typeutil.StaticCallee(r.info, call); f != nil && f.Pkg().Name() == "path" && (f.Name() == "Root" || f.Name() == "AtName") {
		if name, ok := r.constant(call.Args[0]); ok {
			r.attributes[name] = r.at(call)
		}
	}
	r.severity(call.Args)
}

// fields reads the fields of a struct: summaries, and a rule with its severity.
func (r reader) fields(literal *ast.CompositeLit) {
	fields, ok := r.info.TypeOf(literal).Underlying().(*types.Struct)
	if !ok {
		return
	}
	var values []ast.Expr
	for i, value := range literal.Elts {
		name := fields.Field(i).Name()
		if pair, ok := value.(*ast.KeyValueExpr); ok {
			name, value = pair.Key.(*ast.Ident).Name, pair.Value
		}
		if name == "summary" {
			r.summary(value)
		}
		values = append(values, value)
	}
	r.severity(values)
}

// declaration reads a constant that is a rule.
func (r reader) declaration(name *ast.Ident) {
	if c, ok := r.info.Defs[name].(*types.Const); ok && isType(c.Type(), "Rule") {
		r.rule(constant.StringVal(c.Val())).at = r.at(name)
	}
}

// severity reads a rule and its severity, if the values contain both as constants.
func (r reader) severity(values []ast.Expr) {
	var rule, severity string
	for _, value := range values {
		typed := r.info.Types[value]
		switch {
		case typed.Value == nil:
		case isType(typed.Type, "Rule"):
			rule = constant.StringVal(typed.Value)
		case isType(typed.Type, "Severity"):
			severity = strings.ToLower(nameOf(value))
		}
	}
	if rule != "" && severity != "" {
		found := r.rule(rule)
		found.severities = append(found.severities, severity)
	}
}

// rule returns the rule with this value, whose name in messages has spaces.
func (r reader) rule(value string) *rule {
	name := strings.ReplaceAll(value, "-", " ")
	if r.rules[name] == nil {
		r.rules[name] = &rule{}
	}
	return r.rules[name]
}

// summary reads an expression that is a summary.
func (r reader) summary(e ast.Expr) {
	text, ok := r.text(e)
	call, isCall := e.(*ast.CallExpr)
	switch {
	case ok:
		r.summaries[text] = r.at(e)
	case isSummary(e): // read where it gets its value
	case isCall && r.signature(call).Results().At(0).Name() == "summary":
	default:
		r.problems = append(r.problems, r.at(e)+": this summary is not readable here: use a constant, or the name summary for the variable, field or result")
	}
}

// verb matches a verb of package fmt, with the number of its argument.
var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[a-z]`)

// text returns the value of a string with … for its variable parts: a constant, a format with arguments, or these
// joined with +. It reports false if no part is constant.
func (r reader) text(e ast.Expr) (string, bool) {
	if text, ok := r.constant(e); ok {
		return text, true
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		left, okLeft := r.text(e.X)
		right, okRight := r.text(e.Y)
		return left + right, okLeft || okRight
	case *ast.CallExpr:
		signature := r.signature(e)
		if signature != nil && signature.Params().Len() > 0 && signature.Params().At(0).Name() == "format" {
			format, ok := r.text(e.Args[0])
			return r.format(format, e.Args[1:]), ok
		}
	}
	return "…", false
}

// format returns a formatted string, with … for each argument that is not a constant string.
func (r reader) format(format string, args []ast.Expr) string {
	next := 0
	return verb.ReplaceAllStringFunc(format, func(v string) string {
		if number, err := strconv.Atoi(verb.FindStringSubmatch(v)[1]); err == nil {
			next = number - 1
		}
		next++
		if next <= len(args) {
			if text, ok := r.constant(args[next-1]); ok {
				return fmt.Sprintf("%"+v[len(v)-1:], text)
			}
		}
		return "…"
	})
}

func (r reader) constant(e ast.Expr) (string, bool) {
	value := r.info.Types[e].Value
	if value == nil || value.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(value), true
}

// signature returns that of the called function, or nil for a conversion.
func (r reader) signature(call *ast.CallExpr) *types.Signature {
	signature, _ := r.info.TypeOf(call.Fun).Underlying().(*types.Signature)
	return signature
}

func (r reader) at(node ast.Node) string {
	position := r.fset.Position(node.Pos())
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(position.Filename, r.folder+string(filepath.Separator)), position.Line)
}

func isType(t types.Type, name string) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == name
}

func isSummary(e ast.Expr) bool { return nameOf(e) == "summary" }

// nameOf returns the name of a variable, a constant or a field, or "".
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
