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
	controlPlane := "The embedded control plane answers at once"
	switch {
	case r.Settings.Address != "":
		controlPlane = "The control plane is the one at " + r.Settings.Address
	case r.Settings.Latency > 0:
		controlPlane = "The embedded control plane answers after " + r.Settings.Latency.String()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %d cores. %s.\n", r.Terraform, r.Go, r.Cores, controlPlane)
	fmt.Fprintf(&text, "Medians of %d runs (lowest..highest); ratios are those of kongmesh, run by run.\n", r.Settings.Runs)
	fmt.Fprint(&text, "hollow has the schemas of kongmesh and nothing behind them: no rule, no request. requests are those without which\n"+
		"there is no triple, ten at a time, without Terraform.\n")

	rounds := r.Settings.rounds()
	for _, of := range rounds {
		r.table(&text, of.title(), r.times(of))
	}
	r.table(&text, "CPU of the provider", r.cpus(rounds[0]))
	if r.Settings.Address == "" {
		r.table(&text, "Requests a triple", r.requests())
		r.table(&text, "The provider itself", r.provider())
	}
	r.table(&text, "Goals", r.goals())

	_, err := io.WriteString(out, text.String())
	return err
}

// title returns the heading of the table of a round.
func (r round) title() string {
	switch r.Name {
	case "reads":
		return fmt.Sprintf("%d proxy certificates", r.size)
	case "large":
		return fmt.Sprintf("%d triples, once", r.size)
	}
	return fmt.Sprintf("%d triples", r.size)
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
func (r *report) times(of round) [][]string {
	heading := append([]string{""}, of.subjects...)
	for _, subject := range of.others() {
		heading = append(heading, "to "+subject)
	}
	rows := [][]string{heading}
	for _, m := range r.Steps {
		if m.Round != of.Name {
			continue
		}
		row := []string{m.Step}
		for _, subject := range of.subjects {
			row = append(row, spreadOf(m.of(subject, seconds)).text("%.2f", " s"))
		}
		for _, subject := range of.others() {
			row = append(row, m.ratio(kongmesh, subject).text("%.2f", ""))
		}
		rows = append(rows, row)
	}
	return rows
}

// others returns the subjects to compare with.
func (r round) others() []string { return r.subjects[:len(r.subjects)-1] }

// cpus returns the rows with the CPU of the providers in a round.
func (r *report) cpus(of round) [][]string {
	subjects := slices.DeleteFunc(slices.Clone(of.subjects), func(s string) bool { return s == requests })
	rows := [][]string{append([]string{""}, subjects...)}
	for _, m := range r.Steps {
		row := []string{fmt.Sprintf("%s, %d", m.Step, m.Size)}
		for _, subject := range subjects {
			row = append(row, spreadOf(m.of(subject, cpu)).text("%.2f", " s"))
		}
		rows = append(rows, row)
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
		{"", nothing, kongmesh, "to nothing"},
		{"start to schema", milliseconds(nothing), milliseconds(kongmesh), ratios(r.Starts[kongmesh], r.Starts[nothing]).text("%.2f", "")},
		{fmt.Sprintf("peak memory, %d", r.Settings.Large), mib(r.peak(nothing)), mib(r.peak(kongmesh)), ""},
		{"binary", mib(float64(r.Binaries[nothing])), mib(float64(r.Binaries[kongmesh])), ""},
	}
}

func (r *report) goals() [][]string {
	rows := [][]string{{"", "is", "at most", "reached"}}
	for _, g := range r.Goals {
		rows = append(rows, []string{g.Name, fmt.Sprintf("%.2f", g.Value), fmt.Sprintf("%.2f", g.Limit), map[bool]string{true: "yes", false: "no"}[g.Met]})
	}
	return rows
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
