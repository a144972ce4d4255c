//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// write prints everything as tables.
func (r *report) write(out io.Writer) error {
	latency := "at once"
	if r.Settings.Latency > 0 {
		latency = "after " + r.Settings.Latency.String()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %d cores. The control plane answers %s.\n", r.Terraform, r.Go, r.Cores, latency)
	fmt.Fprintf(&text, "Medians of %d runs (lowest..highest); ratios are those of kongmesh to nothing, run by run.\n", r.Settings.Runs)
	fmt.Fprint(&text, "hollow has the schemas of kongmesh and nothing behind them: no rule, no request.\n")

	r.table(&text, fmt.Sprintf("%d triples", r.Settings.Triples), r.times("triples", nothing, builtin, hollow, kongmesh))
	r.table(&text, fmt.Sprintf("%d triples, once", r.Settings.Large), r.times("large", nothing, hollow, kongmesh))
	r.table(&text, fmt.Sprintf("%d proxy certificates", r.Settings.Reads), r.times("reads", nothing, kongmesh))
	r.table(&text, "CPU of the provider", r.cpus())
	r.table(&text, "Requests a triple", r.requests())
	r.table(&text, "The provider itself", r.provider())

	_, err := io.WriteString(out, text.String())
	return err
}

func (r *report) table(out io.Writer, title string, rows [][]string) {
	_, _ = fmt.Fprintln(out) // out is memory
	writer := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	rows[0][0] = title
	for _, row := range rows {
		_, _ = fmt.Fprintln(writer, strings.Join(row, "\t"))
	}
	_ = writer.Flush()
}

// times returns the rows of a round, the heading first.
func (r *report) times(round string, subjects ...string) [][]string {
	rows := [][]string{append(append([]string{""}, subjects...), "ratio", "goal")}
	beside := slices.Contains(subjects, hollow)
	if beside {
		rows[0] = append(rows[0], "to hollow")
	}
	for _, m := range r.Steps {
		if m.Round != round {
			continue
		}
		row := []string{m.Step}
		for _, subject := range subjects {
			row = append(row, spreadOf(m.of(subject, seconds)).text("%.2f", " s"))
		}
		row = append(row, m.ratio().text("%.2f", ""), r.verdict(round+" "+m.Step, "%.2f"))
		if beside {
			row = append(row, m.ratioTo(hollow).text("%.2f", ""))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *report) cpus() [][]string {
	rows := [][]string{{"", nothing, hollow, kongmesh, "ratio"}}
	for _, m := range r.Steps {
		rows = append(rows, []string{
			fmt.Sprintf("%s, %d", m.Step, m.Size),
			spreadOf(m.of(nothing, cpu)).text("%.2f", " s"), spreadOf(m.of(hollow, cpu)).text("%.2f", " s"), spreadOf(m.of(kongmesh, cpu)).text("%.2f", " s"),
			ratios(m.of(kongmesh, cpu), m.of(nothing, cpu)).text("%.2f", ""),
		})
	}
	return rows
}

func (r *report) requests() [][]string {
	methods := []string{http.MethodGet, http.MethodPut, http.MethodDelete}
	rows := [][]string{append(append([]string{""}, methods...), "all")}
	for _, m := range r.Steps {
		if m.Round == "reads" {
			continue
		}
		made := m.methods()
		row := []string{fmt.Sprintf("%s, %d", m.Step, m.Size)}
		for _, method := range methods {
			row = append(row, perTriple(made[method], m.Size))
		}
		rows = append(rows, append(row, perTriple(sum(made), m.Size)))
	}
	return rows
}

func perTriple(n, size int) string { return fmt.Sprintf("%.2f", float64(n)/float64(max(size, 1))) }

func (r *report) provider() [][]string {
	milliseconds := func(subject string) string {
		var all []float64
		for _, s := range r.Starts[subject] {
			all = append(all, s*float64(time.Second/time.Millisecond))
		}
		return spreadOf(all).text("%.1f", " ms")
	}
	mib := func(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/mebibyte) }
	return [][]string{
		{"", nothing, kongmesh, "ratio", "goal"},
		{"start to schema", milliseconds(nothing), milliseconds(kongmesh), ratios(r.Starts[kongmesh], r.Starts[nothing]).text("%.2f", ""), r.verdict("start", "%.2f")},
		{fmt.Sprintf("peak memory, %d", r.Settings.Large), mib(r.peak(nothing)), mib(r.peak(kongmesh)), "", r.verdict("peak memory in MiB", "%.0f MiB")},
		{"binary", mib(float64(r.Binaries[nothing])), mib(float64(r.Binaries[kongmesh])), "", r.verdict("binary in MiB", "%.0f MiB")},
	}
}

// verdict returns a goal, and whether it was reached.
func (r *report) verdict(name, format string) string {
	g := r.goal(name)
	if g == nil {
		return "-"
	}
	return "≤ " + fmt.Sprintf(format, g.Limit) + map[bool]string{true: ": yes", false: ": no"}[g.Met]
}

// text returns the median, followed by the range if there is more than one value, or a dash if nothing was measured.
func (s spread) text(format, unit string) string {
	if s == (spread{}) {
		return "-"
	}
	middle := fmt.Sprintf(format+unit, s.median)
	if s.low == s.high {
		return middle
	}
	return fmt.Sprintf("%s ("+format+".."+format+")", middle, s.low, s.high)
}
