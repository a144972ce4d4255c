//go:build unix

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A span is a call of Terraform to the provider, or a request that was sent for it. The program "profiled" writes it.
type span struct {
	Call, Resource string // of a call
	What           string // of a request: method and path
	Start, End     time.Time
	Requests       []span
}

func (s span) took() time.Duration { return s.End.Sub(s.Start) }

// A timeline has the calls of one command, in the order in which they began.
type timeline []span

// readTimeline reads the calls of all processes of a provider, and deletes the files.
func readTimeline(pattern string) (timeline, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var all timeline
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(content) {
			var s span
			if err := json.Unmarshal(line, &s); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, s)
		}
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b span) int { return a.Start.Compare(b.Start) })
	return all, nil
}

// length returns the time from the first call to the end of the last one.
func (t timeline) length() time.Duration {
	if len(t) == 0 {
		return 0
	}
	return slices.MaxFunc(t, func(a, b span) int { return a.End.Compare(b.End) }).End.Sub(t[0].Start)
}

// idle returns the part of the length in which no call runs: Terraform works, or starts another process.
func (t timeline) idle() time.Duration {
	var idle time.Duration
	var until time.Time
	for i, s := range t {
		if i > 0 && s.Start.After(until) {
			idle += s.Start.Sub(until)
		}
		if s.End.After(until) {
			until = s.End
		}
	}
	return idle
}

// lanes assigns each call the first lane that is free: as many as run at the same time.
func (t timeline) lanes() (of []int, count int) {
	var free []time.Time // when each lane becomes free
	for _, s := range t {
		lane := slices.IndexFunc(free, func(end time.Time) bool { return !end.After(s.Start) })
		if lane < 0 {
			lane = len(free)
			free = append(free, time.Time{})
		}
		free[lane] = s.End
		of = append(of, lane)
	}
	return of, len(free)
}

// summary prints what the calls of each kind took: in all, in requests, and at most.
func (t timeline) summary(out io.Writer, title string) {
	type total struct {
		name                      string
		calls, requests           int
		took, inRequests, longest time.Duration
	}
	var kinds []*total
	for _, s := range t {
		name := strings.TrimSpace(s.Call + " " + s.Resource)
		i := slices.IndexFunc(kinds, func(k *total) bool { return k.name == name })
		if i < 0 {
			i, kinds = len(kinds), append(kinds, &total{name: name})
		}
		k := kinds[i]
		k.calls, k.requests = k.calls+1, k.requests+len(s.Requests)
		k.took, k.longest = k.took+s.took(), max(k.longest, s.took())
		for _, r := range s.Requests {
			k.inRequests += r.took()
		}
	}
	slices.SortStableFunc(kinds, func(a, b *total) int { return cmp.Compare(b.took, a.took) })
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
	_, lanes := t.lanes()
	_, _ = fmt.Fprintf(out, "\n%s: %s from the first call to the last, no call in %s of it, at most %d calls at a time\n", title, ms(t.length()), ms(t.idle()), lanes)
	writer := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(writer, "call\tcalls\ttime\tin requests\trequests\tlongest")
	for _, k := range kinds {
		_, _ = fmt.Fprintf(writer, "%s\t%d\t%s\t%s\t%d\t%s\n", k.name, k.calls, ms(k.took), ms(k.inRequests), k.requests, ms(k.longest))
	}
	_ = writer.Flush()
}

// Measures of the picture, in pixels.
const (
	pictureWidth = 1600
	laneHeight   = 14
	pictureTop   = 40
)

// colors are those of the calls.
func colors() map[string]string {
	return map[string]string{
		"configure": "#999999", "validate": "#c9b458", "upgrade": "#b8b8d8", "read": "#6aa9d8", "plan": "#8fc47f", "apply": "#e08a5b",
	}
}

// svg draws the calls as bars, and the requests in them as dark bars. A viewer shows names and times of each.
func (t timeline) svg(title string) string {
	var out strings.Builder
	lanes, count := t.lanes()
	height := pictureTop + count*laneHeight + 20
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", pictureWidth, height)
	fmt.Fprintf(&out, `<rect width="100%%" height="100%%" fill="white"/><text x="4" y="14">%s</text>`+"\n", html.EscapeString(title))
	x := 420
	for _, call := range []string{"configure", "validate", "upgrade", "read", "plan", "apply"} {
		fmt.Fprintf(&out, `<rect x="%d" y="5" width="10" height="10" fill="%s"/><text x="%d" y="14">%s</text>`+"\n", x, colors()[call], x+14, call)
		x += 80
	}
	fmt.Fprintf(&out, `<rect x="%d" y="8" width="10" height="4"/><text x="%d" y="14">request</text>`+"\n", x, x+14)
	if len(t) == 0 {
		return out.String() + "</svg>\n"
	}
	at := func(moment time.Time) float64 {
		return float64(moment.Sub(t[0].Start)) / float64(max(t.length(), 1)) * pictureWidth
	}
	bar := func(s span, y, height float64, color, name string) {
		fmt.Fprintf(&out, `<rect x="%.2f" y="%.0f" width="%.2f" height="%.0f" fill="%s"><title>%s: %.1f ms</title></rect>`+"\n",
			at(s.Start), y, max(at(s.End)-at(s.Start), 0.5), height, color, html.EscapeString(name), s.took().Seconds()*1000)
	}
	for tenth := range 11 {
		moment := t.length() * time.Duration(tenth) / 10
		fmt.Fprintf(&out, `<text x="%d" y="32" fill="#666666">%.2f s</text>`+"\n", tenth*(pictureWidth-40)/10, moment.Seconds())
	}
	for i, s := range t {
		y := float64(pictureTop + lanes[i]*laneHeight)
		bar(s, y, laneHeight-2, colors()[s.Call], s.Call+" "+s.Resource)
		for _, r := range s.Requests {
			bar(r, y+4, laneHeight-10, "black", r.What)
		}
	}
	return out.String() + "</svg>\n"
}
