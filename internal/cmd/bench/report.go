//go:build unix

package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A report has all measurements.
type report struct {
	Settings  settings             `json:"settings"`
	Terraform string               `json:"terraform"`
	Go        string               `json:"go"`
	Cores     int                  `json:"cores"`
	Steps     []*measured          `json:"steps"`
	Starts    map[string][]float64 `json:"start_seconds"` // until the schema is available, by subject
	Binaries  map[string]int64     `json:"binary_bytes"`
	Goals     []goal               `json:"goals"`
}

// A measured step has a cost for each run of each subject.
type measured struct {
	Round string            `json:"round"`
	Size  int               `json:"size"`
	Step  string            `json:"step"`
	Costs map[string][]cost `json:"costs"`
}

// A goal is a value with an upper limit.
type goal struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Met   bool    `json:"met"`
}

func (r *report) binary(subject string, size int64) {
	if r.Binaries == nil {
		r.Binaries = make(map[string]int64)
	}
	r.Binaries[subject] = size
}

func (r *report) start(subject string, took time.Duration) {
	if r.Starts == nil {
		r.Starts = make(map[string][]float64)
	}
	r.Starts[subject] = append(r.Starts[subject], took.Seconds())
}

func (r *report) add(of round, s step, subject string, c cost) {
	found := r.step(of.Name, s.Name)
	if found == nil {
		found = &measured{Round: of.Name, Size: of.size, Step: s.Name, Costs: make(map[string][]cost)}
		r.Steps = append(r.Steps, found)
	}
	found.Costs[subject] = append(found.Costs[subject], c)
}

func (r *report) step(round, name string) *measured {
	for _, m := range r.Steps {
		if m.Round == round && m.Step == name {
			return m
		}
	}
	return nil
}

// judge compares the measurements with the goals.
func (r *report) judge() {
	type limits = map[string]float64 // by step
	to, most := hollow, limits{"apply": 1.15, "plan": 1.15, "destroy": 1.15}
	switch {
	case r.Settings.Address != "":
		to, most = requests, limits{"apply": 1.2}
	case r.Settings.Latency > 0:
		most = limits{"apply": 1.35, "plan": 1.2}
	}
	for _, m := range r.Steps {
		what := fmt.Sprintf("%s, %d", m.Step, m.Size)
		if limit := most[m.Step]; limit > 0 && m.Round != "reads" {
			r.hold(what+", to "+to, m.ratio(kongmesh, to).median, limit)
		}
		switch {
		case r.Settings.Address != "":
		case m.Round == "triples" && m.Step == "plan":
			r.hold(what+", "+hollow+" to "+nothing, m.ratio(hollow, nothing).median, 1.35)
		case m.Round == "triples" && m.Step == "destroy":
			r.hold(what+", requests a triple", float64(sum(m.methods()))/float64(m.Size), 7)
		case m.Round == "reads":
			r.hold(what+", to "+nothing, m.ratio(kongmesh, nothing).median, 1.5)
		}
	}
	if r.Settings.Address == "" {
		r.hold("start, to nothing", ratios(r.Starts[kongmesh], r.Starts[nothing]).median, 1.3)
		r.hold(fmt.Sprintf("peak memory in MiB, %d", r.Settings.Large), r.peak(kongmesh)/mebibyte, 60)
	}
	r.hold("binary in MiB", float64(r.Binaries[kongmesh])/mebibyte, 24)
}

const mebibyte = 1 << 20

func (r *report) hold(name string, value, limit float64) {
	r.Goals = append(r.Goals, goal{name, value, limit, value <= limit})
}

// peak returns the maximum memory in bytes of a process of the provider, in the large round.
func (r *report) peak(subject string) float64 {
	var peak int64
	for _, m := range r.Steps {
		for _, c := range m.Costs[subject] {
			if m.Round == "large" {
				peak = max(peak, c.Peak)
			}
		}
	}
	return float64(peak)
}

// of returns one figure of each run.
func (m *measured) of(subject string, figure func(cost) float64) []float64 {
	var all []float64
	for _, c := range m.Costs[subject] {
		all = append(all, figure(c))
	}
	return all
}

func seconds(c cost) float64 { return c.Seconds }
func cpu(c cost) float64     { return c.CPU }

// ratio returns the ratio of the times of two subjects.
func (m *measured) ratio(subject, to string) spread {
	return ratios(m.of(subject, seconds), m.of(to, seconds))
}

// methods returns the maximum number of requests of this step in any run, by method.
func (m *measured) methods() map[string]int {
	most := make(map[string]int)
	for _, c := range m.Costs[kongmesh] {
		for method, n := range c.Requests {
			most[method] = max(most[method], n)
		}
	}
	return most
}

// A spread has the median of some values, and their range.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

// ratios compares each run with the concurrent one: other load on the machine affects both.
func ratios(values, to []float64) spread {
	var all []float64
	for i := range min(len(values), len(to)) {
		if to[i] > 0 {
			all = append(all, values[i]/to[i])
		}
	}
	return spreadOf(all)
}

func sum(m map[string]int) int {
	total := 0
	for n := range maps.Values(m) {
		total += n
	}
	return total
}
