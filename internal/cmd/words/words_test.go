package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each term is found in its sample, and the term to write instead is not a problem itself.
func TestTerms_findTheirSamples(t *testing.T) {
	t.Parallel()
	rules := compile(terms())
	for _, term := range terms() {
		found := passage{1, term.sample}.problems(rules)
		if !slices.ContainsFunc(found, func(p problem) bool { return strings.HasSuffix(p.text, "write "+term.write) }) {
			t.Errorf("%q is not found in %q: %v", term.pattern, term.sample, found)
		}
		if found := (passage{1, term.write}).problems(rules); len(found) > 0 {
			t.Errorf("the replacement %q has problems: %v", term.write, found)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	rules := compile(terms())
	long := strings.Repeat("word ", longest) + "word."
	for name, test := range map[string]struct {
		text string
		want []problem
	}{
		"accepted match":        {"A key pair.", nil},
		"across a line break":   {"First line.\nIt is in\nno plan.", []problem{{2, `"in no plan": write not stored in plan or state`}}},
		"code is not read":      {"Run `whatever it is`.", nil},
		"link text is read":     {"See [whatever](a-page.md).", []problem{{1, `"whatever": write name the objects`}}},
		"link address is not":   {"See [a page](whatever.md).", nil},
		"template is not":       {"{{ whatever }} is fine.", nil},
		"part of a word is not": {"A repair.", nil},
		"long sentence":         {"Short.\n" + long, []problem{{2, "a sentence of 36 words: write at most 35"}}},
		"longest sentence":      {strings.TrimPrefix(long, "word "), nil},
		"code is one word":      {strings.Replace(long, "word word ", "`several words as code` ", 1), nil},
	} {
		if got := (passage{1, test.text}).problems(rules); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestReaders(t *testing.T) {
	t.Parallel()
	for file, test := range map[string]struct {
		content string
		want    []passage
	}{
		"page.md.tmpl": {
			"---\npage_title: \"Title\"\nsubcategory: \"\"\ndescription: |-\n  About it.\n---\n\n# Heading\n\nOne\nparagraph.\n- item\n  goes on\n- next\n\n" +
				"| a | b |\n\n```terraform\n# comment\na = 1 # behind\n```\n```text\nnot prose\n```\n> quoted\n> twice\n",
			[]passage{
				{2, "Title"}, {5, "  About it."}, {8, "Heading"}, {10, "One\nparagraph."}, {12, "item\ngoes on"}, {14, "next"},
				{16, "a"}, {16, "b"}, {19, "comment"}, {20, "behind"}, {25, "> quoted\ntwice"},
			},
		},
		"main.tf":             {"# one\n# two\na = \"#not\" # three\n\n# four\n", []passage{{1, "one\ntwo"}, {3, "three"}, {5, "four"}}},
		"GNUmakefile":         {"##@ Group\ntarget: x ## Help text\n", []passage{{1, "Group"}, {2, "Help text"}}},
		"scripts/run":         {"#!/bin/sh\n# Usage\n", []passage{{2, "Usage"}}},
		"x.go":                {"// Package x is one.\npackage x\n\nvar a = \"three short words\"\n\nvar b = \"a message in \" + a +\n\t\" two parts\"\n", []passage{{1, "Package x is one.\n"}, {6, "a message in X two parts"}}},
		"doc.go":              {"package x\n\n// A pair is two.\ntype pair struct{} // behind\n\n// In no function.\n", []passage{{3, "is two.\n"}, {4, "behind\n"}, {6, "In no function.\n"}}},
		"certificate.pem":     {"", nil},
		"testdata/state.json": {"", nil},
	} {
		read := reader(file)
		if read == nil {
			if test.want != nil {
				t.Errorf("%s is not read", file)
			}
			continue
		}
		got, err := read(test.content)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%q, want\n%q", file, got, test.want)
		}
	}
}

func TestCheck_namesFileAndLine(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{"good.md": "# Good\n", "bad.md": "# Bad\n\nIt is in no plan.\n", "bad.json": "in no plan"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	problems, err := check([]string{folder}, reader, &out)
	want := filepath.Join(folder, "bad.md") + ":3: \"in no plan\": write not stored in plan or state\n"
	if err != nil || problems != 1 || out.String() != want {
		t.Errorf("%d problems, %v:\n%s\nwant\n%s", problems, err, out.String(), want)
	}
	if _, err := check([]string{filepath.Join(folder, "absent")}, reader, &out); err == nil {
		t.Error("no error for a file that does not exist")
	}
}

// With -strings, comments, tests and other files are not read.
func TestCheck_onlyStrings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, content := range map[string]string{
		"a.go":      "// It is in no plan.\npackage a\n\nconst b = \"The key is in no plan.\"\n",
		"a_test.go": "package a\n\nconst c = \"The key is in no plan.\"\n",
		"bad.md":    "It is in no plan.\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	problems, err := check([]string{folder}, stringReader, &out)
	want := filepath.Join(folder, "a.go") + ":4: \"in no plan\": write not stored in plan or state\n"
	if err != nil || problems != 1 || out.String() != want {
		t.Errorf("%d problems, %v:\n%s\nwant\n%s", problems, err, out.String(), want)
	}
}
