//go:build unix

package main

import (
	"crypto/x509"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// A journal is what an observer saw during a rotation. All times are since its start.
type journal struct {
	steps   []step
	seconds []handshakes // one element for each second
	ended   time.Duration
}

// A step is the time from one change of the CA that a mesh uses to the next.
type step struct {
	at      time.Duration
	issuing string   // common name of the CA that issues certificates
	trusted []string // common names of the CAs that proxies trust
	done    time.Duration
}

// handshakes counts the handshakes that proxies tried, and those that failed.
type handshakes struct{ tried, failed int }

// change begins a step.
func (j *journal) change(at time.Duration, bundle []*x509.Certificate) {
	s := step{at: at, issuing: bundle[0].Subject.CommonName}
	for _, certificate := range bundle {
		s.trusted = append(s.trusted, certificate.Subject.CommonName)
	}
	j.steps = append(j.steps, s)
}

// done records that all proxies have the result of the last step.
func (j *journal) done(at time.Duration) { j.steps[len(j.steps)-1].done = at }

// count adds handshakes.
func (j *journal) count(at time.Duration, tried, failed int) {
	for second := int(at.Seconds()); len(j.seconds) <= second; {
		j.seconds = append(j.seconds, handshakes{})
	}
	last := &j.seconds[len(j.seconds)-1]
	last.tried, last.failed = last.tried+tried, last.failed+failed
	j.ended = max(j.ended, at)
}

// total returns the handshakes of the whole rotation.
func (j *journal) total() (all handshakes) {
	for _, s := range j.seconds {
		all.tried, all.failed = all.tried+s.tried, all.failed+s.failed
	}
	return all
}

// cas returns the CAs that issued certificates, in the order in which they did.
func (j *journal) cas() []string {
	var names []string
	for _, s := range j.steps {
		if !slices.Contains(names, s.issuing) {
			names = append(names, s.issuing)
		}
	}
	return names
}

// end returns the time at which a step ended.
func (j *journal) end(i int) time.Duration {
	if i+1 < len(j.steps) {
		return j.steps[i+1].at
	}
	return j.ended
}

// purpose describes the change of a step in a few words.
func (j *journal) purpose(i int) string {
	now, before := j.steps[i], j.steps[i-1]
	switch {
	case !slices.Contains(now.trusted, before.issuing):
		return "switch"
	case now.issuing != before.issuing:
		return "issue from new"
	case len(now.trusted) > len(before.trusted):
		return "trust both"
	default:
		return "trust only new"
	}
}

// Sizes of the picture in pixels.
const (
	width, height   = 880, 400
	left, right     = 150, 860 // of the time axis
	lanes, lane     = 92, 34   // top of the first CA's lane, and distance between lanes
	chart, baseline = 200, 320 // top and bottom of the handshakes
)

// draw returns the journal as an SVG that follows the reader's light or dark color scheme.
func (j *journal) draw(proxies int) string {
	var b strings.Builder
	all := j.total()
	fmt.Fprintf(&b, head, width, height, html.EscapeString(fmt.Sprintf(
		"Rotation of the CA of a mesh with %d proxies: %d handshakes, %d failed", proxies, all.tried, all.failed)))
	fmt.Fprintf(&b, `<text x="20" y="30" class="title">One terraform apply rotates the CA of a mesh with %d proxies: %d handshakes, %d failed</text>`+"\n",
		proxies, all.tried, all.failed)
	j.drawCAs(&b)
	j.drawHandshakes(&b)
	j.drawSteps(&b)
	j.drawLegend(&b)
	b.WriteString("</svg>\n")
	return b.String()
}

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="t">
<!-- make demo-rotation PICTURE=docs/images/rotation.svg draws this from what it sees. -->
<title id="t">%[3]s</title>
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .soft { fill: #59636e } .back { fill: #ffffff } .line { stroke: #d1d9e0 }
  .step { stroke: #59636e; stroke-dasharray: 3 3 }
  .ca0 { fill: #0969da } .ca1 { fill: #bf5700 } .trusted { fill-opacity: .25 }
  .tried { fill: #1a7f37 } .failed { fill: #d1242f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 } .back { fill: #0d1117 } .line { stroke: #3d444d }
    .step { stroke: #9198a1 }
    .ca0 { fill: #4493f8 } .ca1 { fill: #f0883e }
    .tried { fill: #3fb950 } .failed { fill: #f85149 }
  }
</style>
<rect width="%[1]d" height="%[2]d" rx="6" class="back"/>
`

// x returns the position of a time on the time axis.
func (j *journal) x(at time.Duration) float64 {
	return left + (right-left)*at.Seconds()/max(j.ended.Seconds(), 1)
}

// drawCAs draws a lane for each CA: solid while it issues certificates, and pale while proxies only trust it.
func (j *journal) drawCAs(b *strings.Builder) {
	for row, ca := range j.cas() {
		y := lanes + row*lane
		fmt.Fprintf(b, `<text x="%d" y="%d" class="end">%s</text>`+"\n", left-10, y+16, html.EscapeString(ca))
		for i, s := range j.steps {
			class := ""
			switch {
			case s.issuing == ca:
			case slices.Contains(s.trusted, ca):
				class = " trusted"
			default:
				continue
			}
			from, to := j.x(s.at), j.x(j.end(i))
			fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="24" class="ca%d%s"/>`+"\n", from, y, to-from, row%2, class)
		}
	}
}

// drawHandshakes draws a bar for each second, with the failed handshakes at its bottom.
func (j *journal) drawHandshakes(b *strings.Builder) {
	most := 1
	for _, s := range j.seconds {
		most = max(most, s.tried)
	}
	scale := float64(baseline-chart) / float64(most)
	fmt.Fprintf(b, `<text x="%d" y="%d" class="end">handshakes</text><text x="%d" y="%d" class="end">per second</text>`+"\n", left-10, chart+52, left-10, chart+68)
	fmt.Fprintf(b, `<text x="%d" y="%d" class="end soft">%d</text><text x="%d" y="%d" class="end soft">0</text>`+"\n", left-10, chart+10, most, left-10, baseline)
	fmt.Fprintf(b, `<path d="M%d %dH%d" class="line"/>`+"\n", left, baseline, right)
	for second, s := range j.seconds {
		from, to := j.x(time.Duration(second)*time.Second), j.x(min(time.Duration(second+1)*time.Second, j.ended))
		for _, bar := range []struct {
			n     int
			class string
		}{{s.tried, "tried"}, {s.failed, "failed"}} {
			if tall := scale * float64(bar.n); tall > 0 {
				fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s"/>`+"\n", from, baseline-tall, max(to-from-1, .5), tall, bar.class)
			}
		}
	}
	for second := 0; second <= int(j.ended.Seconds()); second += 10 {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" class="middle soft">%d s</text>`+"\n", j.x(time.Duration(second)*time.Second), baseline+18, second)
	}
}

// drawSteps draws a line for each write of the mesh, and a mark where all proxies have its result.
func (j *journal) drawSteps(b *strings.Builder) {
	for i := 1; i < len(j.steps); i++ {
		s := j.steps[i]
		x := j.x(s.at)
		fmt.Fprintf(b, `<path d="M%.1f 62V%d" class="step"/><text x="%.1f" y="72">%d. %s</text>`+"\n", x, baseline, x+5, i, j.purpose(i))
		if s.done > 0 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%d" r="4" class="tried"/>`+"\n", j.x(s.done), lanes+2*lane+8)
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" class="end">all proxies have it</text>`+"\n", left-10, lanes+2*lane+12)
}

func (j *journal) drawLegend(b *strings.Builder) {
	y := height - 24
	x := left
	for _, entry := range []struct{ class, text string }{
		{"ca0", "issues certificates"}, {"ca0 trusted", "is only trusted"}, {"tried", "handshakes"}, {"failed", "failed handshakes"},
	} {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" class="%s"/><text x="%d" y="%d">%s</text>`+"\n", x, y, entry.class, x+18, y+10, entry.text)
		x += 160
	}
}
