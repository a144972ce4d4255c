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

// tick is the interval at which every proxy tries a handshake with every other one while nothing else happens.
const tick = 100 * time.Millisecond

// An observer watches a mesh and its proxies, and lets every proxy try a handshake with every other one after each event.
// It reads the certificates of the proxies themselves, which the provider cannot do.
type observer struct {
	cp    *kumatest.ControlPlane
	lines *timeline

	mu      sync.Mutex
	stopped bool
	journal journal
	failed  []kumatest.Refusal
	used    []string            // CA secrets that the mesh used, in order
	bundle  []*x509.Certificate // of the last one
	served  bool                // whether every proxy has the bundle
	secrets []string            // current secrets of the mesh
}

// observe starts an observer, which prints each event until stop.
func observe(cp *kumatest.ControlPlane, lines *timeline) *observer {
	o := &observer{cp: cp, lines: lines}
	o.observe(lines.started)
	cp.Watch(o.observe)
	return o
}

// tick makes the observer look at each interval until ctx is done.
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

// stop ends the observation. The results do not change after it.
func (o *observer) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}

// verdict returns an error if a handshake failed, or if there was none.
func (o *observer) verdict() error {
	switch all := o.journal.total(); {
	case all.tried == 0:
		return errors.New("the proxies tried no handshakes, so the demo proves nothing")
	case all.failed > 0:
		return fmt.Errorf("%d of %d handshakes failed, the first one: %s", all.failed, all.tried, o.failed[0])
	}
	return nil
}

// since returns the time since the start.
func (o *observer) since(now time.Time) time.Duration { return max(0, now.Sub(o.lines.started)) }

func (o *observer) observe(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stopped {
		return
	}
	o.observeMesh(now)
	o.observeSecrets(now)
	o.observeProxies(now)

	tried, failed := o.cp.Handshakes(mesh)
	o.journal.count(o.since(now), tried, len(failed))
	if len(failed) > 0 && len(o.failed) == 0 {
		o.lines.note(now, "Handshake failed: %s rejects %s: %v", failed[0].By, failed[0].Of, failed[0].Err)
	}
	o.failed = append(o.failed, failed...)
}

func (o *observer) observeMesh(now time.Time) {
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
	name := strings.TrimSuffix(secret, "-cert")
	if len(o.used) > 0 && o.used[len(o.used)-1] == name {
		return
	}
	var content struct {
		Data []byte `json:"data"`
	}
	if !o.get("/secrets/"+secret, &content) {
		return
	}
	o.used = append(o.used, name)
	o.bundle, o.served = certificates(content.Data), false
	if len(o.bundle) > 0 {
		o.journal.change(o.since(now), o.bundle)
		o.lines.note(now, "The mesh uses %s: %s issues, proxies trust %s", name, o.bundle[0].Subject.CommonName, commonNames(o.bundle))
	}
}

func (o *observer) observeSecrets(now time.Time) {
	_, body := o.cp.Do(http.MethodGet, "/meshes/"+mesh+"/secrets", nil)
	found, err := names(body)
	if err != nil {
		return
	}
	for _, secret := range o.secrets {
		if !slices.Contains(found, secret) {
			o.lines.note(now, "Secret %s is deleted", secret)
		}
	}
	o.secrets = found
}

func (o *observer) observeProxies(now time.Time) {
	all := o.cp.Proxies(mesh)
	if o.served || len(o.bundle) == 0 || len(all) == 0 {
		return
	}
	for _, proxy := range all {
		holding := proxy.Holds()
		if holding.Identity == nil || !bytes.Equal(holding.Identity.AuthorityKeyId, o.bundle[0].SubjectKeyId) ||
			!slices.EqualFunc(holding.Bundle, o.bundle, (*x509.Certificate).Equal) {
			return
		}
	}
	o.served = true
	o.journal.done(o.since(now))
	o.lines.note(now, "All %d proxies have these certificates and trust these CAs", len(all))
}

// get reads a part of the mesh, and reports whether it exists.
func (o *observer) get(path string, to any) bool {
	status, body := o.cp.Do(http.MethodGet, "/meshes/"+mesh+path, nil)
	return status == http.StatusOK && json.Unmarshal(body, to) == nil
}

// certificates returns the certificates in PEM.
func certificates(text []byte) []*x509.Certificate {
	var all []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, certificate)
		}
	}
	return all
}

// commonNames lists the common names of certificates.
func commonNames(all []*x509.Certificate) string {
	var list []string
	for _, certificate := range all {
		list = append(list, certificate.Subject.CommonName)
	}
	return strings.Join(list, ", ")
}

// A timeline prints lines in order, with the second at which each one was written: the output of a command, and notes.
type timeline struct {
	out     *screen
	started time.Time

	mu   sync.Mutex
	line []byte // incomplete line
	last string // last time that was printed
}

func newTimeline(out *screen, started time.Time) *timeline {
	return &timeline{out: out, started: started}
}

// Write implements io.Writer. It accepts incomplete lines, and omits empty ones.
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

// flush prints an incomplete line.
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

// note prints a line of the observer.
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
