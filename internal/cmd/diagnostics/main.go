// Command diagnostics compares the errors and warnings in the provider's source with the guide that explains them. It
// prints each problem as FILE:LINE: PROBLEM, and exits with status 1 if there are any.
//
// Each summary must have one entry in the guide, with advice, and each entry a summary. Each sentence that the guide
// shows as the text of a message must be in the source. The guide's table must have each rule for CA material, with its
// severities. Each attribute in the path of a diagnostic must be in a schema.
//
// A summary is the value of anything with the name summary: a parameter, a result, a variable or a field.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

const guideFile = "templates/guides/errors.md.tmpl"

func main() {
	problems, err := run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "diagnostics:", err)
		os.Exit(2)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		fmt.Fprintf(os.Stderr, "diagnostics: %d problems\n", len(problems))
		os.Exit(1)
	}
}

func run(ctx context.Context) ([]string, error) {
	s, err := readProvider()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(guideFile)
	if err != nil {
		return nil, err
	}
	attributes, err := schemaAttributes(ctx)
	if err != nil {
		return nil, err
	}
	return compare(s, parseGuide(guideFile, string(content)), attributes), nil
}

// compare returns the problems of the source and the guide. attributes has the names of all attributes.
func compare(s *source, g guide, attributes map[string]bool) []string {
	problems := slices.Clone(s.problems)
	report := func(at, format string, args ...any) {
		problems = append(problems, at+": "+fmt.Sprintf(format, args...))
	}

	explained := map[string]bool{}
	for _, e := range g.entries {
		switch {
		case s.summaries[e.heading] == "":
			report(e.at, "the entry %q is not the summary of a diagnostic: remove it, or correct it", e.heading)
		case explained[e.heading]:
			report(e.at, "the entry %q exists twice: remove one", e.heading)
		case e.advice == "":
			report(e.at, "the entry %q has no advice: add the cause and the remedy", e.heading)
		}
		explained[e.heading] = true
		for _, sentence := range e.sentences() {
			if !strings.Contains(s.texts, sentence) {
				report(e.at, "the entry %q shows %q, which no message contains: correct it", e.heading, sentence)
			}
		}
	}
	for _, summary := range slices.Sorted(maps.Keys(s.summaries)) {
		if !explained[summary] {
			report(s.summaries[summary], "the summary %q is not in the guide: add the entry %q to %s", summary, "### "+summary, g.file)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(s.attributes)) {
		if !attributes[name] {
			report(s.attributes[name], "no schema has the attribute %q: correct the path", name)
		}
	}

	listed := map[string]bool{}
	for _, row := range g.rows {
		r := s.rules[row.rule]
		switch {
		case r == nil:
			report(row.at, "the rule %q does not exist: remove the row", row.rule)
		case r.severity() != row.severity:
			report(row.at, "the rule %q has severity %q in the table, and %q in the source: correct the row", row.rule, row.severity, r.severity())
		}
		listed[row.rule] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.rules)) {
		if !listed[name] {
			report(s.rules[name].at, "the rule %q is not in the guide: add a row of severity %q to the table in %s", name, s.rules[name].severity(), g.file)
		}
	}
	return problems
}
