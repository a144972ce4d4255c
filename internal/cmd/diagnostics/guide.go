package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A guide has an entry for each diagnostic, and a table with a row for each rule for CA material.
type guide struct {
	file    string
	entries []entry
	rows    []row
}

type entry struct {
	at      string // the position, as FILE:LINE
	heading string // the summary, with … for variable parts
	text    string // the detail that the guide shows, or ""
	advice  string // the first line of it, or ""
}

type row struct {
	at       string
	rule     string
	severity string
}

var (
	entryForm = regexp.MustCompile("(?m)^### (.+)\n\n(?:```text\n((?s:.*?))^```\n\n)?((?:[^#\n].*)?)")
	rowForm   = regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\| (error|warning|error warning) \\| ")
)

func parseGuide(file, content string) guide {
	g := guide{file: file}
	at := func(offset int) string {
		return fmt.Sprintf("%s:%d", file, 1+strings.Count(content[:offset], "\n"))
	}
	for _, m := range entryForm.FindAllStringSubmatchIndex(content, -1) {
		text := ""
		if m[4] >= 0 {
			text = content[m[4]:m[5]]
		}
		g.entries = append(g.entries, entry{at(m[0]), content[m[2]:m[3]], text, content[m[6]:m[7]]})
	}
	for _, m := range rowForm.FindAllStringSubmatchIndex(content, -1) {
		g.rows = append(g.rows, row{at(m[0]), content[m[2]:m[3]], content[m[4]:m[5]]})
	}
	return g
}

// sentenceEnd separates the parts of a message that the source has in one string: sentences, paragraphs, and what is
// between variable parts.
var sentenceEnd = regexp.MustCompile(`[.:]\s|…|\n\n`)

// sentences returns the parts of the text that have at least four words.
func (e entry) sentences() []string {
	var all []string
	for _, sentence := range sentenceEnd.Split(e.text, -1) {
		words := strings.Fields(strings.Trim(sentence, ".:,;()\"\n "))
		if len(words) >= 4 {
			all = append(all, strings.Join(words, " "))
		}
	}
	return all
}
