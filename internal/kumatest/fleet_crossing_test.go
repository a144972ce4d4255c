package kumatest_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A crossing is a mesh named m on 2.14.3 that goes from a provided backend to the MeshIdentity i with the same CA.
type crossing struct {
	issuing
	mode string // of the backend
}

func newCrossing(t *testing.T, mode string, opts ...kumatest.Option) *crossing {
	t.Helper()
	c := &crossing{mode: mode}
	c.issuing = issuing{version: "2.14.3", bundled: object{}}
	c.rotation = rotation{t: t, clock: newClock(), a: newAuthority(t, "A"), b: newAuthority(t, "B"), pair: "first", backend: object{"mode": mode}}
	c.ControlPlane = kumatest.New(append(opts, kumatest.Clock(c.clock.Now))...)
	do(t, c.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", nil), http.StatusCreated)
	c.putPair("first", c.a, c.a)
	c.putMesh("first")
	c.pass(5 * time.Second)
	for n := range 5 {
		c.Connect("m", fmt.Sprintf("dp-%d", n+1), kumatest.Labels(map[string]string{"kuma.io/workload": fmt.Sprintf("w-%d", n+1)}))
		c.pass(1700 * time.Millisecond)
	}
	c.pass(15 * time.Second)
	return c
}

func (c *crossing) exclusive(withMTLS bool) {
	c.t.Helper()
	mesh := c.mesh()
	mesh["meshServices"] = object{"mode": "Exclusive"}
	if !withMTLS {
		delete(mesh, "mtls")
	}
	do(c.t, c.ControlPlane, http.MethodPut, "/meshes/m", mesh, http.StatusOK)
}

// steps are those of the crossing by name, in their order.
func (c *crossing) steps() []struct {
	name string
	do   func()
} {
	modes := map[string]string{"STRICT": "Strict", "PERMISSIVE": "Permissive"}
	return []struct {
		name string
		do   func()
	}{
		{"exclusive", func() { c.exclusive(true) }},
		{"announcement", func() { c.putAs("zz-announcement", object{"selector": everybody}) }},
		{"identity for nobody", func() { c.putAs("i", c.spec("first", object{})) }},
		{"MeshTLS", func() { c.putMode(modes[c.mode]) }},
		{"identity for everybody", func() { c.putAs("i", c.spec("first", everybody)) }},
		{"announcement deleted", func() { c.remove("meshidentities/zz-announcement") }},
		{"mtls out", func() { c.exclusive(false) }},
	}
}

// TestCrossing goes from mtls to an identity, step by step, and looks at a proxy after each one.
func TestCrossing(t *testing.T) {
	for _, mode := range []string{"STRICT", "PERMISSIVE"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			c := newCrossing(t, mode)
			tried, refused := c.refused()
			p := c.Proxies("m")[0]
			for _, step := range c.steps() {
				step.do()
				c.pass(15 * time.Second)
				if *refused > 0 {
					t.Fatalf("%s: %d of %d handshakes refused: %v", step.name, *refused, *tried, c.Refusals("m"))
				}
				h, s := p.Holds(), c.see(p)
				domains := fmt.Sprint(sortedKeys(h.Domains))
				got := fmt.Sprintf("%s of %s, domains %s, issued by %s", h.Identity.URIs[0], h.Identity.Issuer.CommonName, domains, s.MTLS.IssuedBackend)
				before, after := "spiffe://m/dp-1 of A, domains ", "spiffe://m.default.mesh.local/workload/w-1 of A, domains "
				want := map[string]string{
					"exclusive":              before + "[], issued by ca-1",
					"announcement":           before + "[], issued by ca-1",
					"identity for nobody":    before + "[m m.default.mesh.local], issued by ca-1",
					"MeshTLS":                before + "[m m.default.mesh.local], issued by ca-1",
					"identity for everybody": after + "[m m.default.mesh.local], issued by kri_mid_m_default__i_",
					"announcement deleted":   after + "[m m.default.mesh.local], issued by kri_mid_m_default__i_",
					"mtls out":               after + "[m.default.mesh.local], issued by kri_mid_m_default__i_",
				}[step.name]
				if got != want {
					t.Errorf("%s:\n got %s\nwant %s", step.name, got, want)
				}
			}
			if *tried < 500 {
				t.Errorf("%d handshakes", *tried)
			}
		})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range maps.Keys(m) {
		keys = append(keys, key)
	}
	for i := range keys {
		for j := range i {
			if keys[i] < keys[j] {
				keys[i], keys[j] = keys[j], keys[i]
			}
		}
	}
	return keys
}

// TestCrossing_waits leaves out the waits between the steps, or the announcement.
func TestCrossing_waits(t *testing.T) {
	for name, test := range map[string]struct {
		wait    time.Duration
		without string
		refused bool
	}{
		"no wait":              {wait: 0, refused: true},
		"without announcement": {wait: 15 * time.Second, without: "announcement", refused: true},
		"9 s":                  {wait: 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := 0
			for seed := range uint64(6) {
				c := newCrossing(t, "STRICT", kumatest.Seed(seed))
				_, refused := c.refused()
				for _, step := range c.steps() {
					if test.without != "" && len(step.name) >= len(test.without) && step.name[:len(test.without)] == test.without {
						continue
					}
					step.do()
					c.pass(test.wait)
				}
				c.pass(30 * time.Second)
				if *refused > 0 {
					rounds++
				}
				if left := c.Refusals("m"); len(left) > 0 {
					t.Errorf("seed %d: still refused: %v", seed, left[0])
				}
				if c.issuedBy(c.a) != 5 {
					t.Errorf("seed %d: %d proxies have certificates", seed, c.issuedBy(c.a))
				}
			}
			if test.refused != (rounds > 0) {
				t.Errorf("handshakes failed in %d of 6 rounds", rounds)
			}
		})
	}
}
