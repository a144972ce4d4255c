package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// reader returns the function that finds the passages of a file, or nil if the file has no prose.
func reader(file string) func(string) ([]passage, error) {
	switch filepath.Ext(strings.TrimSuffix(file, ".tmpl")) {
	case ".md":
		return markdown
	case ".go":
		return golang
	case ".tf", ".hcl", ".tofu", ".rc", ".sh", ".yml", ".yaml":
		return hashComments
	case "":
		if base := filepath.Base(file); base == "GNUmakefile" || filepath.Base(filepath.Dir(file)) == "scripts" {
			return hashComments
		}
	}
	return nil
}

// stringReader is [reader] for the strings of Go files that are not tests.
func stringReader(file string) func(string) ([]passage, error) {
	if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
		return nil
	}
	return golangStrings
}

// commentReader is [reader] for the comments of Go files that are not tests.
func commentReader(file string) func(string) ([]passage, error) {
	if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
		return nil
	}
	return golangComments
}

// markdown finds paragraphs, items, headings and cells, the comments in blocks of HCL and shell, and in the front
// matter the title and the description.
func markdown(content string) ([]passage, error) {
	var all []passage
	var open *passage // the paragraph or item that the next line may continue
	item := regexp.MustCompile(`^\s*([-*]|\d+\.) `)
	title := regexp.MustCompile(`^page_title: "(.*)"`)
	fence, front := "", strings.HasPrefix(content, "---\n")
	block := passage{}
	for i, line := range strings.Split(content, "\n") {
		at, trimmed := i+1, strings.TrimSpace(line)
		switch {
		case fence != "" && trimmed == "```":
			if fence == "terraform" || fence == "shell" {
				comments, _ := hashComments(block.text)
				for _, c := range comments {
					all = append(all, passage{block.line + c.line - 1, c.text})
				}
			}
			fence = ""
		case fence != "":
			block.text += line + "\n"
		case strings.HasPrefix(trimmed, "```"):
			fence, open, block = strings.TrimPrefix(trimmed, "```")+" ", nil, passage{line: at + 1}
			fence = strings.TrimSuffix(fence, " ")
		case front && i > 0 && line == "---":
			front, open = false, nil
		case front && title.MatchString(line):
			all = append(all, passage{at, title.FindStringSubmatch(line)[1]})
		case front && !strings.HasPrefix(line, "  "): // another key
		case trimmed == "":
			open = nil
		case strings.HasPrefix(trimmed, "#"):
			all, open = append(all, passage{at, strings.TrimLeft(trimmed, "# ")}), nil
		case strings.HasPrefix(trimmed, "|"):
			open = nil
			for cell := range strings.SplitSeq(strings.Trim(trimmed, "|"), "|") {
				all = append(all, passage{at, strings.TrimSpace(cell)})
			}
		case open == nil || item.MatchString(line):
			all = append(all, passage{at, item.ReplaceAllString(line, "")})
			open = &all[len(all)-1]
		default:
			open.text += "\n" + strings.TrimLeft(line, "> ")
		}
	}
	return all, nil
}

// hashComments finds comments that begin with "#", and joins those that follow one another.
func hashComments(content string) ([]passage, error) {
	var all []passage
	whole := regexp.MustCompile(`^\s*#+@?\s?(.*)$`)
	behind := regexp.MustCompile(`\s##? (.*)$`)
	last := -2 // line of the comment that the next line may continue
	for i, line := range strings.Split(content, "\n") {
		if found := whole.FindStringSubmatch(line); found != nil {
			if strings.HasPrefix(line, "#!") {
				continue
			}
			if last == i-1 && found[1] != "" {
				all[len(all)-1].text += "\n" + found[1]
			} else {
				all = append(all, passage{i + 1, found[1]})
			}
			last = i
		} else if found := behind.FindStringSubmatch(line); found != nil {
			all = append(all, passage{i + 1, found[1]})
		}
	}
	return all, nil
}

// golang finds the comments and the strings of a Go file.
func golang(content string) ([]passage, error) {
	comments, err := golangComments(content)
	if err != nil {
		return nil, err
	}
	messages, err := golangStrings(content)
	return append(comments, messages...), err
}

// declared matches the name at the beginning of a doc comment, which can be any word.
var declared = regexp.MustCompile(`^(An? )?\w+ `)

// golangComments finds the comments of a Go file. It omits the name at the beginning of a doc comment.
func golangComments(content string) ([]passage, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", content, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	docs := map[*ast.CommentGroup]bool{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			docs[node.Doc] = true
		case *ast.GenDecl:
			docs[node.Doc] = true
		case *ast.ValueSpec:
			docs[node.Doc] = true
		case *ast.TypeSpec:
			docs[node.Doc] = true
		}
		return true
	})
	var all []passage
	for _, group := range parsed.Comments {
		text := group.Text()
		if docs[group] {
			text = declared.ReplaceAllString(text, "")
		}
		all = append(all, passage{files.Position(group.Pos()).Line, text})
	}
	return all, nil
}

// golangStrings finds strings of at least four words: descriptions and messages. Strings that are put together with "+"
// are one passage.
func golangStrings(content string) ([]passage, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", content, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var all []passage
	ast.Inspect(parsed, func(node ast.Node) bool {
		expression, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		text, ok := literal(expression)
		if ok && len(strings.Fields(text)) >= 4 {
			all = append(all, passage{files.Position(node.Pos()).Line, text})
		}
		return !ok
	})
	return all, nil
}

// literal returns the value of a string, or of strings that are put together. What is not a literal counts as a word.
func literal(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, isLeft := literal(e.X)
		right, isRight := literal(e.Y)
		if e.Op != token.ADD || !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = "X"
		}
		if !isRight {
			right = "X"
		}
		return left + right, true
	}
	return "", false
}
