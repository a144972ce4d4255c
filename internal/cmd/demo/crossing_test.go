//go:build unix

package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestCross(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		without string // beginning of the step that is left out
		fails   bool
	}{
		"all steps":            {},
		"without announcement": {without: "a MeshIdentity without a provider", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := acctest.NewClock(time.Now())
			server := kumatest.NewServer(kumatest.Version(version), kumatest.Clock(clock.Now))
			defer server.Close()
			caSecret{"first", chain(t, "Example"), nil}.use(t, server.ControlPlane)

			var printed bytes.Buffer
			out := &screen{out: &printed}
			s := &stage{out: out, server: server, controlPlane: &client{address: server.URL, out: out}}
			pause := func(ctx context.Context, d time.Duration) error {
				err := clock.Sleep(ctx, d)
				server.Advance()
				return err
			}
			s.connectWorkloads()
			for range 200 {
				if err := pause(t.Context(), tick); err != nil {
					t.Fatal(err)
				}
			}
			current, err := s.meshDocument(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			changes := slices.DeleteFunc(s.changes(current), func(c change) bool {
				return test.without != "" && strings.HasPrefix(c.what, test.without)
			})

			lines := newTimeline(out, clock.Now())
			seen := observe(server.ControlPlane, lines)
			if err := s.cross(t.Context(), lines, changes, pause); err != nil {
				t.Fatalf("%v\n%s", err, printed.String())
			}
			seen.stop()
			if err := seen.verdict(); (err != nil) != test.fails {
				t.Errorf("the verdict is %v", err)
			}
			for _, proxy := range server.Proxies(mesh) {
				if name := proxy.Holds().Identity.URIs[0].String(); name != "spiffe://demo.default.mesh.local/workload/"+proxy.Name() {
					t.Errorf("%s has the name %s", proxy.Name(), name)
				}
			}
			if after, err := s.meshDocument(t.Context()); err != nil || after["mtls"] != nil {
				t.Errorf("the mesh still has a backend: %v, %v", after, err)
			}
		})
	}
}

func TestUntil_fails(t *testing.T) {
	t.Parallel()

	never := func(context.Context) (bool, error) { return false, nil }
	waited := time.Duration(0)
	err := until(t.Context(), never, func(_ context.Context, d time.Duration) error { waited += d; return nil })
	if err == nil || waited != time.Minute {
		t.Errorf("waited %s: %v", waited, err)
	}
}
