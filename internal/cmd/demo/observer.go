//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// tick is how often every proxy tries every other one when nothing happens.
const tick = 100 * time.Millisecond

// An observer sees what a control plane does with a mesh and what its proxies have, and lets each proxy try each
// other one whenever anything happened. It looks into the proxies themselves: the provider, which cannot, has
// no part in it.
type observer struct {
	cp    *kumatest.ControlPlane
	mesh  string
	lines *timeline

	mu      sync.Mutex
	stopped bool
	tried   int
	refused []kumatest.Refusal
	named   []string            // the pairs that the mesh named, one after the other
	chain   []*x509.Certificate // of the last of them
	served  bool                // every proxy has it
	secrets []string            // of the mesh, now
}

// observe begins at once, and prints what it sees until it is stopped.
func observe(cp *kumatest.ControlPlane, mesh string, lines *timeline) *observer {
	o := &observer{cp: cp, mesh: mesh, lines: lines}
	o.look(lines.started)
	cp.Watch(o.look)
	return o
}

// tick makes the observer look again and again, until ctx ends.
func (o *observer) tick(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			o.cp.Advance()
		}
	}
}

// stop ends the watch. What was seen can be read then.
func (o *observer) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}

// verdict is an error when a proxy refused another one.
func (o *observer) verdict() error {
	switch {
	case o.tried == 0:
		return errors.New("no proxy tried another one, so this shows nothing")
	case len(o.refused) > 0:
		return fmt.Errorf("of %d handshakes %d were refused, the first: %s", o.tried, len(o.refused), o.refused[0])
	}
	return nil
}

func (o *observer) look(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return
	}
	o.lookAtMesh(now)
	o.lookAtSecrets(now)
	o.lookAtProxies(now)

	tried, refused := o.cp.Handshakes(o.mesh)
	o.tried += tried
	if len(refused) > 0 && len(o.refused) == 0 {
		o.lines.note(now, "%s refuses %s: %v", refused[0].By, refused[0].Of, refused[0].Err)
	}
	o.refused = append(o.refused, refused...)
}

func (o *observer) lookAtMesh(now time.Time) {
	var document struct {
		MTLS struct {
			Backends []struct {
				Conf struct {
					Cert struct {
						Secret string `json:"secret"`
					} `json:"cert"`
				} `json:"conf"`
			} `json:"backends"`
		} `json:"mtls"`
	}
	if !o.get("", &document) || len(document.MTLS.Backends) == 0 {
		return
	}
	secret := document.MTLS.Backends[0].Conf.Cert.Secret
	pair := strings.TrimSuffix(secret, "-cert")
	if len(o.named) > 0 && o.named[len(o.named)-1] == pair {
		return
	}
	var content struct {
		Data []byte `json:"data"`
	}
	if !o.get("/secrets/"+secret, &content) {
		return
	}
	o.named = append(o.named, pair)
	o.chain, o.served = certificates(content.Data), false
	if len(o.chain) > 0 {
		o.lines.note(now, "The mesh names %s: %s issues, trusted are %s", pair, o.chain[0].Subject.CommonName, commonNames(o.chain))
	}
}

func (o *observer) lookAtSecrets(now time.Time) {
	_, body := o.cp.Do(http.MethodGet, "/meshes/"+o.mesh+"/secrets", nil)
	found, err := names(body)
	if err != nil {
		return
	}
	for _, secret := range o.secrets {
		if !slices.Contains(found, secret) {
			o.lines.note(now, "Secret %s is gone", secret)
		}
	}
	o.secrets = found
}

func (o *observer) lookAtProxies(now time.Time) {
	all := o.cp.Proxies(o.mesh)
	if o.served || len(o.chain) == 0 || len(all) == 0 {
		return
	}
	for _, proxy := range all {
		holding := proxy.Holds()
		if holding.Identity == nil || !bytes.Equal(holding.Identity.AuthorityKeyId, o.chain[0].SubjectKeyId) ||
			!slices.EqualFunc(holding.Bundle, o.chain, (*x509.Certificate).Equal) {
			return
		}
	}
	o.served = true
	o.lines.note(now, "All %d proxies have it", len(all))
}

// get reads a part of the mesh, and reports whether it is there.
func (o *observer) get(path string, to any) bool {
	status, body := o.cp.Do(http.MethodGet, "/meshes/"+o.mesh+path, nil)
	return status == http.StatusOK && json.Unmarshal(body, to) == nil
}

// certificates reads the certificates of a PEM text.
func certificates(text []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, certificate)
		}
	}
	return all
}

// commonNames lists certificates by their names.
func commonNames(all []*x509.Certificate) string {
	var list []string
	for _, certificate := range all {
		list = append(list, certificate.Subject.CommonName)
	}
	return strings.Join(list, ", ")
}

// A timeline prints what happens in one order, with the second at which it happened: the lines that are written
// to it, and the notes between them.
type timeline struct {
	out     *screen
	started time.Time

	mu   sync.Mutex
	line []byte // that is not complete yet
	last string // the time that was printed last
}

func newTimeline(out *screen, started time.Time) *timeline {
	return &timeline{out: out, started: started}
}

// Write implements io.Writer. Lines may come in pieces; empty ones are left out.
func (t *timeline) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for piece := range bytes.Lines(p) {
		t.line = append(t.line, piece...)
		if bytes.HasSuffix(piece, []byte("\n")) {
			t.print()
		}
	}
	return len(p), nil
}

// flush prints what there is of an incomplete line.
func (t *timeline) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.print()
}

func (t *timeline) print() {
	if text := bytes.TrimRight(t.line, "\r\n"); len(bytes.TrimSpace(text)) > 0 {
		t.say(time.Now(), string(text))
	}
	t.line = nil
}

// note prints a line of the observer's own.
func (t *timeline) note(at time.Time, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.say(at, t.out.styled("32", "> "+fmt.Sprintf(format, args...)))
}

func (t *timeline) say(at time.Time, text string) {
	second := fmt.Sprintf("%5.1f s", max(0, at.Sub(t.started).Seconds()))
	if second == t.last {
		second = ""
	} else {
		t.last = second
	}
	t.out.say("   %7s  %s", second, text)
}
