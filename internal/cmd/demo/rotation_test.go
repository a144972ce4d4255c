//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestObserver(t *testing.T) {
	t.Parallel()

	first, next := chain(t, "Example"), chain(t, "Next")
	for name, test := range map[string]struct {
		secrets []caSecret // that the mesh uses, in order
		fails   bool
		drawn   []string // in the picture
	}{
		"in steps": {
			[]caSecret{{"both", first, next}, {"turned", next, first}, {"next", next, nil}}, false,
			[]string{"1. trust both", "2. issue from new", "3. trust only new", " 0 failed", `height="24" class="ca1 trusted"`},
		},
		"in one switch": {[]caSecret{{"next", next, nil}}, true, []string{"1. switch", `class="failed"/>` + "\n<"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := acctest.NewClock(time.Now())
			cp := kumatest.New(kumatest.Version(version), kumatest.Clock(clock.Now))
			before := caSecret{"first", first, nil}
			before.use(t, cp)
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
			seen := observe(cp, newTimeline(&screen{out: &printed}, clock.Now()))
			for _, s := range test.secrets {
				s.use(t, cp)
				pass()
			}
			for _, half := range []string{"cert", "key"} {
				do(t, cp, http.MethodDelete, "/meshes/"+mesh+"/secrets/first-"+half, nil)
			}
			cp.Advance()
			pass()
			seen.stop()

			if err := seen.verdict(); (err != nil) != test.fails {
				t.Errorf("the verdict is %v", err)
			}
			want := []string{"first"}
			for _, s := range test.secrets {
				want = append(want, s.named)
			}
			if !slices.Equal(seen.used, want) {
				t.Errorf("the mesh used %q, want %q", seen.used, want)
			}
			text := printed.String()
			for _, line := range []string{
				"0.0 s  > The mesh uses first: Example Mesh CA issues, proxies trust Example Mesh CA, Example Root CA",
				"> The mesh uses next: Next Mesh CA issues, proxies trust Next Mesh CA, Next Root CA",
				"> Secret first-cert is deleted", "> Secret first-key is deleted",
			} {
				if !strings.Contains(text, line) {
					t.Errorf("there is no line %q in\n%s", line, text)
				}
			}
			if got := strings.Count(text, "> All 5 proxies have these certificates"); got != len(want) {
				t.Errorf("all proxies had the result %d times, want %d:\n%s", got, len(want), text)
			}
			if failures := strings.Count(text, "> Handshake failed: "); (failures == 1) != test.fails {
				t.Errorf("%d failures are printed:\n%s", failures, text)
			}
			picture := seen.journal.draw(len(proxies))
			wellFormed(t, picture)
			for _, part := range append(test.drawn, ">Example Mesh CA<", ">Next Mesh CA<", "prefers-color-scheme: dark", "40 s") {
				if !strings.Contains(picture, part) {
					t.Errorf("the picture does not contain %q:\n%s", part, picture)
				}
			}
		})
	}
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the picture is not XML: %v\n%s", err, picture)
		}
	}
}

func TestObserver_failsWithoutHandshakes(t *testing.T) {
	t.Parallel()

	seen := observe(kumatest.New(), newTimeline(&screen{out: &bytes.Buffer{}}, time.Now()))
	seen.stop()
	if err := seen.verdict(); err == nil {
		t.Error("there were no handshakes, and no error")
	}
}

// README and the guide have the numbers of the picture that they show.
func TestPicture_agreesWithDocumentation(t *testing.T) {
	t.Parallel()

	root := filepath.Join("..", "..", "..")
	picture, err := os.ReadFile(filepath.Join(root, "docs", "images", "rotation.svg"))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, string(picture))
	found := regexp.MustCompile(`(\d+) handshakes, 0 failed`).FindSubmatch(picture)
	if found == nil {
		t.Fatal("the picture shows no handshakes, or failed ones")
	}
	for _, file := range []string{"README.md", "templates/guides/rotating-a-ca.md.tmpl"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, append(found[1], " handshakes"...)) {
			t.Errorf("%s does not say %s handshakes", file, found[1])
		}
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

// A ca is the chain and the key of a CA.
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

// A caSecret has the CA that issues, and can have another one that proxies trust.
type caSecret struct {
	named           string
	issues, trusted *ca
}

// use uploads the CA secret and makes the mesh use it.
func (s caSecret) use(t *testing.T, cp *kumatest.ControlPlane) {
	t.Helper()
	path := "/meshes/" + mesh
	if status, _ := cp.Do(http.MethodGet, path, nil); status == http.StatusNotFound {
		do(t, cp, http.MethodPut, path, fmt.Sprintf(`{"type": "Mesh", "name": %q}`, mesh))
	}
	bundle := s.issues.chain
	if s.trusted != nil {
		bundle = slices.Concat(bundle, s.trusted.chain)
	}
	for half, data := range map[string][]byte{"cert": bundle, "key": s.issues.key} {
		secret := s.named + "-" + half
		do(t, cp, http.MethodPut, path+"/secrets/"+secret, fmt.Sprintf(`{"type": "Secret", "mesh": %q, "name": %q, "data": %q}`,
			mesh, secret, base64.StdEncoding.EncodeToString(data)))
	}
	do(t, cp, http.MethodPut, path, fmt.Sprintf(`{"type": "Mesh", "name": %q, "mtls": {"enabledBackend": "ca-1", "backends": [
		{"name": "ca-1", "type": "provided", "conf": {"cert": {"secret": "%[2]s-cert"}, "key": {"secret": "%[2]s-key"}}}]}}`, mesh, s.named))
}

func do(t *testing.T, cp *kumatest.ControlPlane, method, path string, body any) {
	t.Helper()
	if status, answer := cp.Do(method, path, body); status > 299 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
}
