//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

	const seconds, ratio = ` +\d+\.\d\d s`, ` +\d+\.\d\d`
	const reached = ratio + ratio + ` +(yes|no)`
	for _, line := range []string{
		`2 triples +nothing +requests +hollow +kongmesh +to nothing +to requests +to hollow`,
		`(?:apply|plan|plan with one change|refresh-only|destroy)` + strings.Repeat(seconds, 4) + strings.Repeat(ratio, 3),
		`2 proxy certificates +nothing +kongmesh +to nothing`,
		`read` + strings.Repeat(seconds, 2) + ratio,
		`3 triples, once +nothing +hollow +kongmesh +to nothing +to hollow`,
		`CPU of the provider +nothing +hollow +kongmesh`,
		`apply, 3` + strings.Repeat(seconds, 3),
		`Requests a triple +GET +PUT +DELETE +all`,
		`apply, 2 +\d+\.\d\d +4\.00 +0\.00 +\d+\.\d\d`,
		`plan, 2 +\d+\.\d\d +0\.00 +0\.00 +\d+\.\d\d`,
		`destroy, 2 +\d+\.\d\d +1\.00 +3\.00 +\d+\.\d\d`,
		`start to schema +\d+\.\d ms .* ms .*`,
		`peak memory, 3 +\d+\.\d MiB +\d+\.\d MiB *`,
		`binary +\d+\.\d MiB +\d+\.\d MiB *`,
		`Goals +is +at most +reached`,
		`plan, 2, to hollow` + reached,
		`plan, 2, hollow to nothing` + reached,
		`destroy, 2, requests a triple` + reached,
		`apply, 3, to hollow` + reached,
		`peak memory in MiB, 3` + reached,
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
				if measured := c.CPU > 0 && c.Peak > 1<<20; measured != (subject != requests) {
					t.Errorf("%s of %s: its provider used %.3f s and %d bytes", m.Step, subject, c.CPU, c.Peak)
				}
				if asked := len(c.Requests) > 0; asked != ((subject == kongmesh || subject == requests) && m.Round != "reads") {
					t.Errorf("%s of %s: requests %v", m.Step, subject, c.Requests)
				}
			}
		}
	}
	if puts := r.step("large", "apply").methods()[http.MethodPut]; puts != 4*3 {
		t.Errorf("%d PUT of three triples: a mesh, two secrets and a mesh again are four each", puts)
	}
	for name, want := range map[string]string{"apply": "map[PUT:8]", "plan": "map[GET:4]", "destroy": "map[DELETE:6 PUT:2]"} {
		if bare := r.step("triples", name).Costs[requests][0].Requests; fmt.Sprint(bare) != want {
			t.Errorf("the bare requests of the %s of two triples are %v", name, bare)
		}
	}
}

// Ratios are made run by run, and a goal is met up to its limit.
func TestReport(t *testing.T) {
	t.Parallel()
	r := report{Settings: settings{Runs: 3, Triples: 1, Large: 1}}
	add := func(name, subject string, seconds ...float64) {
		for _, s := range seconds {
			r.add(round{Name: name, size: map[string]int{"triples": 1, "large": 9}[name]}, step{Name: "apply"}, subject, cost{Seconds: s, Peak: 60 << 20})
		}
	}
	add("triples", hollow, 1, 2, 4)
	add("triples", kongmesh, 1.5, 2.3, 4)
	add("large", hollow, 10)
	add("large", kongmesh, 17)
	for _, s := range []time.Duration{4, 1, 3, 2} {
		r.start(nothing, s)
		r.start(kongmesh, 2*s)
	}
	r.binary(kongmesh, 24<<20+1)
	r.judge()
	for name, want := range map[string]goal{
		"apply, 1, to hollow":   {"", 1.15, 1.15, true},
		"apply, 9, to hollow":   {"", 1.7, 1.15, false},
		"start, to nothing":     {"", 2, 1.3, false},
		"peak memory in MiB, 1": {"", 60, 60, true},
	} {
		want.Name = name
		if !slices.Contains(r.Goals, want) {
			t.Errorf("no %+v in %+v", want, r.Goals)
		}
	}
	if slices.ContainsFunc(r.Goals, func(g goal) bool { return g.Name == "binary in MiB" && g.Met }) {
		t.Error("a binary that is too large is not")
	}
	if got := r.step("triples", "apply").ratio(kongmesh, hollow); got.low != 1 || got.high != 1.5 {
		t.Errorf("ratios reach from %f to %f", got.low, got.high)
	}
	if got := spreadOf([]float64{4, 1, 3, 2}); got != (spread{1, 2.5, 4}) {
		t.Errorf("spread %+v", got)
	}
}

// Calls that overlap are in different lanes, and the time without a call is that of Terraform.
func TestTimeline(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	line := func(call string, from, to int, asked ...int) string {
		at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
		s := map[string]any{"call": call, "resource": "kongmesh_mesh", "start": at(from), "end": at(to)}
		if len(asked) > 0 {
			s["requests"] = []map[string]any{{"what": "GET /meshes/<a>", "start": at(asked[0]), "end": at(asked[1])}}
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + "\n"
	}
	for file, content := range map[string]string{"spans-1": line("read", 20, 50, 25, 45) + line("plan", 60, 70), "spans-2": line("read", 0, 40, 10, 40)} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls, err := readTimeline(filepath.Join(folder, "spans-*"))
	if err != nil {
		t.Fatal(err)
	}
	lanes, count := calls.lanes()
	if calls.length() != 70*time.Millisecond || calls.idle() != 10*time.Millisecond || count != 2 || !slices.Equal(lanes, []int{0, 1, 0}) {
		t.Errorf("length %s, idle %s, lanes %v", calls.length(), calls.idle(), lanes)
	}
	var printed bytes.Buffer
	calls.summary(&printed, "plan")
	for _, want := range []string{"plan: 70.0 ms", "no call in 10.0 ms", `read kongmesh_mesh +2 +70\.0 ms +50\.0 ms +2 +40\.0 ms`, `plan kongmesh_mesh +1 +10\.0 ms +0\.0 ms +0 +10\.0 ms`} {
		if !regexp.MustCompile(want).MatchString(printed.String()) {
			t.Errorf("no %q in\n%s", want, printed.String())
		}
	}
	picture := calls.svg("plan")
	if bars := strings.Count(picture, "<title>"); bars != 5 || !strings.Contains(picture, "GET /meshes/&lt;a&gt;: 30.0 ms") {
		t.Errorf("%d bars in\n%s", bars, picture)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(left) > 0 {
		t.Errorf("files that the next run would read: %v, %v", left, err)
	}
}
