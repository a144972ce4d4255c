package main

import (
	"fmt"
	"regexp"
	"strings"
)

// longest is the number of words that a sentence may have.
const longest = 35

// A passage is a paragraph, an item of a list, a cell of a table, a comment or a message.
type passage struct {
	line int    // where it starts, from 1
	text string // with its line breaks
}

// A problem is something to write differently.
type problem struct {
	line int
	text string
}

// problems returns the terms in the passage that the project does not use, and its long sentences.
func (p passage) problems(rules []rule) []problem {
	var found []problem
	text := plain(p.text)
	for _, r := range rules {
		for _, at := range r.bad.FindAllStringIndex(text, -1) {
			match := strings.Join(strings.Fields(text[at[0]:at[1]]), " ")
			if r.accepted == nil || !r.accepted.MatchString(match) {
				found = append(found, problem{p.at(text, at[0]), fmt.Sprintf("%q: write %s", match, r.write)})
			}
		}
	}
	for _, s := range sentences(text) {
		if words := len(strings.Fields(text[s[0]:s[1]])); words > longest {
			found = append(found, problem{p.at(text, s[0]), fmt.Sprintf("a sentence of %d words: write at most %d", words, longest)})
		}
	}
	return found
}

func (p passage) at(text string, offset int) int {
	return p.line + strings.Count(text[:offset], "\n")
}

// plain replaces markup by what a reader sees of it, and keeps line breaks. Code and template actions count as a word.
func plain(text string) string {
	text = regexp.MustCompile(`\{\{.*?\}\}`).ReplaceAllString(text, "X")
	text = regexp.MustCompile("`[^`]*`").ReplaceAllStringFunc(text, func(code string) string {
		return "X" + strings.Repeat("\n", strings.Count(code, "\n"))
	})
	text = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile(`<[^>\n]*>`).ReplaceAllString(text, " ")
	return strings.NewReplacer("**", "", "->", "", "~>", "", "!>", "").Replace(text)
}

// sentences returns where each sentence starts and ends. A sentence ends with ".", "!", "?" or ":" before white space.
func sentences(text string) [][2]int {
	var all [][2]int
	start := 0
	for _, end := range regexp.MustCompile(`[.!?:][)"*]*\s`).FindAllStringIndex(text, -1) {
		all = append(all, [2]int{start, end[1]})
		start = end[1]
	}
	return append(all, [2]int{start, len(text)})
}
