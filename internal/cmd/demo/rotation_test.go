//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The observer sees which pairs a mesh names, when its proxies have them, what is deleted, and the refusals of a
// rotation that is done the wrong way.
func TestObserver(t *testing.T) {
	t.Parallel()

	first, next := chain(t, "Example"), chain(t, "Next")
	for name, test := range map[string]struct {
		pairs   []pair // that the mesh names, one after the other
		refused bool
	}{
		"in steps":      {[]pair{{"both", first, next}, {"turned", next, first}, {"next", next, nil}}, false},
		"in one switch": {[]pair{{"next", next, nil}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := acctest.NewClock(time.Now())
			cp := kumatest.New(kumatest.Version(version), kumatest.Clock(clock.Now))
			before := pair{"first", first, nil}
			before.name(t, cp)
			for _, proxy := range proxies {
				cp.Connect(mesh, proxy)
			}
			pass := func() {
				for range 200 {
					if err := clock.Sleep(t.Context(), tick); err != nil {
						t.Fatal(err)
					}
					cp.Advance()
				}
			}
			pass()

			var printed bytes.Buffer
			seen := observe(cp, mesh, newTimeline(&screen{out: &printed}, clock.Now()))
			for _, p := range test.pairs {
				p.name(t, cp)
				pass()
			}
			for _, half := range []string{"cert", "key"} {
				do(t, cp, http.MethodDelete, "/meshes/"+mesh+"/secrets/first-"+half, nil)
			}
			cp.Advance()
			pass()
			seen.stop()

			if err := seen.verdict(); (err != nil) != test.refused {
				t.Errorf("the verdict is %v", err)
			}
			want := []string{"first"}
			for _, p := range test.pairs {
				want = append(want, p.called)
			}
			if !slices.Equal(seen.named, want) {
				t.Errorf("the mesh named %q, not %q", seen.named, want)
			}
			text := printed.String()
			for _, line := range []string{
				"0.0 s  > The mesh names first: Example Mesh CA issues, trusted are Example Mesh CA, Example Root CA",
				"> The mesh names next: Next Mesh CA issues, trusted are Next Mesh CA, Next Root CA",
				"> Secret first-cert is gone", "> Secret first-key is gone",
			} {
				if !strings.Contains(text, line) {
					t.Errorf("there is no line %q in\n%s", line, text)
				}
			}
			if got := strings.Count(text, "> All 5 proxies have it"); got != len(want) {
				t.Errorf("all proxies had it %d times, not %d:\n%s", got, len(want), text)
			}
			if refusals := strings.Count(text, " refuses "); (refusals == 1) != test.refused {
				t.Errorf("%d refusals are told:\n%s", refusals, text)
			}
		})
	}
}

// Without proxies there is nothing to see, which is no success.
func TestObserver_nothing(t *testing.T) {
	t.Parallel()

	seen := observe(kumatest.New(), mesh, newTimeline(&screen{out: &bytes.Buffer{}}, time.Now()))
	seen.stop()
	if err := seen.verdict(); err == nil {
		t.Error("nothing was tried, and the verdict is good")
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()

	var got bytes.Buffer
	started := time.Now()
	lines := newTimeline(&screen{out: &got}, started.Add(-2*time.Minute))
	lines.note(started.Add(-time.Second), "%s", "a note")
	lines.note(started.Add(-time.Second), "at the same time")
	for _, piece := range []string{"\n", "fir", "st\n\n", "second\nno e", "nd"} {
		if _, err := lines.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	lines.flush()

	var texts []string
	for line := range strings.Lines(got.String()) {
		if len(line) < 12 {
			t.Fatalf("line %q", line)
		}
		texts = append(texts, strings.TrimSpace(line[12:]))
	}
	if want := []string{"> a note", "> at the same time", "first", "second", "no end"}; !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
	if want := "   119.0 s  > a note\n            > at the same time\n"; !strings.HasPrefix(got.String(), want) {
		t.Errorf("got %q, want %q first", got.String(), want)
	}
}

// A ca is the chain of one, and its key.
type ca struct{ chain, key []byte }

func chain(t *testing.T, name string) *ca {
	t.Helper()
	folder := t.TempDir()
	if err := authority.Write(folder, name); err != nil {
		t.Fatal(err)
	}
	var c ca
	for file, content := range map[string]*[]byte{"ca-chain.pem": &c.chain, "ca-key.pem": &c.key} {
		var err error
		if *content, err = os.ReadFile(filepath.Join(folder, file)); err != nil {
			t.Fatal(err)
		}
	}
	return &c
}

// A pair issues from one CA, and may trust another one besides.
type pair struct {
	called          string
	issues, trusted *ca
}

// name uploads the pair and lets the mesh name it.
func (p pair) name(t *testing.T, cp *kumatest.ControlPlane) {
	t.Helper()
	path := "/meshes/" + mesh
	if status, _ := cp.Do(http.MethodGet, path, nil); status == http.StatusNotFound {
		do(t, cp, http.MethodPut, path, fmt.Sprintf(`{"type": "Mesh", "name": %q}`, mesh))
	}
	bundle := p.issues.chain
	if p.trusted != nil {
		bundle = slices.Concat(bundle, p.trusted.chain)
	}
	for half, data := range map[string][]byte{"cert": bundle, "key": p.issues.key} {
		secret := p.called + "-" + half
		do(t, cp, http.MethodPut, path+"/secrets/"+secret, fmt.Sprintf(`{"type": "Secret", "mesh": %q, "name": %q, "data": %q}`,
			mesh, secret, base64.StdEncoding.EncodeToString(data)))
	}
	do(t, cp, http.MethodPut, path, fmt.Sprintf(`{"type": "Mesh", "name": %q, "mtls": {"enabledBackend": "ca-1", "backends": [
		{"name": "ca-1", "type": "provided", "conf": {"cert": {"secret": "%[2]s-cert"}, "key": {"secret": "%[2]s-key"}}}]}}`, mesh, p.called))
}

func do(t *testing.T, cp *kumatest.ControlPlane, method, path string, body any) {
	t.Helper()
	if status, answer := cp.Do(method, path, body); status > 299 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
}
