//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The whole bench, with little of everything: each table has its lines, and the requests are those of a triple.
func TestAccBench(t *testing.T) {
	if os.Getenv("TF_ACC") == "" {
		t.Skip("Acceptance tests skipped unless env 'TF_ACC' set")
	}
	t.Chdir(filepath.Join("..", "..", ".."))
	result := filepath.Join(t.TempDir(), "bench.json")
	var printed bytes.Buffer
	if err := run(t.Context(), []string{"-short", "-json", result}, &printed); err != nil {
		t.Fatal(err)
	}

	const seconds, verdict = ` +\d+\.\d\d s`, ` +(-|≤ \d+\.\d\d: (yes|no))`
	for _, line := range []string{
		`2 triples +nothing +terraform_data +hollow +kongmesh +ratio +goal +to hollow`,
		`(?:apply|plan|plan with one change|refresh-only|destroy)` + strings.Repeat(seconds, 4) + ` +\d+\.\d\d` + verdict + ` +\d+\.\d\d`,
		`3 triples, once +nothing +hollow +kongmesh +ratio +goal +to hollow`,
		`2 proxy certificates +nothing +kongmesh +ratio +goal`,
		`read` + strings.Repeat(seconds, 2) + ` +\d+\.\d\d` + verdict,
		`CPU of the provider +nothing +hollow +kongmesh +ratio`,
		`apply, 3` + strings.Repeat(seconds, 3) + ` +\d+\.\d\d`,
		`Requests a triple +GET +PUT +DELETE +all`,
		`apply, 2 +\d+\.\d\d +4\.00 +0\.00 +\d+\.\d\d`,
		`plan, 2 +\d+\.\d\d +0\.00 +0\.00 +\d+\.\d\d`,
		`destroy, 2 +\d+\.\d\d +1\.00 +3\.00 +\d+\.\d\d`,
		`start to schema +\d+\.\d ms .* ms .*` + verdict,
		`peak memory, 3 +\d+\.\d MiB +\d+\.\d MiB +≤ 60 MiB: (yes|no)`,
		`binary +\d+\.\d MiB +\d+\.\d MiB +≤ 24 MiB: (yes|no)`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(printed.String()) {
			t.Errorf("no line %q", line)
		}
	}
	if t.Failed() {
		t.Log("\n" + printed.String())
	}

	content, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Steps {
		for subject, costs := range m.Costs {
			for _, c := range costs {
				if measured := c.CPU > 0 && c.Peak > 1<<20; measured != (subject != builtin) {
					t.Errorf("%s of %s: its provider used %.3f s and %d bytes", m.Step, subject, c.CPU, c.Peak)
				}
				if asked := len(c.Requests) > 0; asked != (subject == kongmesh && m.Round != "reads") {
					t.Errorf("%s of %s: requests %v", m.Step, subject, c.Requests)
				}
			}
		}
	}
	if puts := r.step("large", "apply").methods()[http.MethodPut]; puts != 4*3 {
		t.Errorf("%d PUT of three triples: a mesh, two secrets and a mesh again are four each", puts)
	}
}

// Ratios are made run by run, and a goal is met up to its limit.
func TestReport(t *testing.T) {
	t.Parallel()
	r := report{Settings: settings{Runs: 3, Triples: 1, Large: 1}}
	add := func(name, subject string, seconds ...float64) {
		for _, s := range seconds {
			r.add(round{Name: name, size: 1}, step{Name: "apply"}, subject, cost{Seconds: s, Peak: 60 << 20})
		}
	}
	add("triples", nothing, 1, 2, 4)
	add("triples", kongmesh, 1.5, 3.2, 12)
	add("large", nothing, 10)
	add("large", kongmesh, 17)
	for _, s := range []time.Duration{4, 1, 3, 2} {
		r.start(nothing, s)
		r.start(kongmesh, 2*s)
	}
	r.binary(kongmesh, 24<<20+1)
	r.judge()
	for name, want := range map[string]goal{
		"triples apply":      {"", 1.6, 1.6, true},
		"large apply":        {"", 1.7, 1.6, false},
		"start":              {"", 2, 1.3, false},
		"peak memory in MiB": {"", 60, 60, true},
	} {
		want.Name = name
		if got := r.goal(name); got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if g := r.goal("binary in MiB"); g == nil || g.Met {
		t.Errorf("a binary that is too large: %+v", g)
	}
	if got := r.step("triples", "apply").ratio(); got.low != 1.5 || got.high != 3 {
		t.Errorf("ratios reach from %f to %f", got.low, got.high)
	}
	if got := spreadOf([]float64{4, 1, 3, 2}); got != (spread{1, 2.5, 4}) {
		t.Errorf("spread %+v", got)
	}
}
