package kumatest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// newGlobalIssuing makes a global control plane with three proxies in each of two zones.
func newGlobalIssuing(t *testing.T, version string, generated bool, opts ...kumatest.Option) *issuing {
	t.Helper()
	i := &issuing{version: version, bundled: object{}, domain: "m.default.mesh.local"}
	i.rotation = rotation{t: t, clock: newClock(), a: newAuthority(t, "A"), b: newAuthority(t, "B"), pair: "first"}
	i.ControlPlane = kumatest.New(append(opts, kumatest.Global(), kumatest.Version(version), kumatest.Clock(i.clock.Now))...)
	do(t, i.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", object{"meshServices": object{"mode": "Exclusive"}}), http.StatusCreated)
	i.putPair("first", i.a, i.a)
	if !generated {
		i.domain = "m.example"
		i.bundled["meshTrustCreation"] = "Disabled"
		i.putTrust(ownTrust, i.a)
	}
	i.putIdentity("first")
	for n := range 6 {
		i.Connect("m", fmt.Sprintf("dp-%d", n+1), kumatest.InZone(fmt.Sprintf("zone-%d", n/3+1)))
		i.pass(700 * time.Millisecond)
	}
	i.pass(30 * time.Second)
	return i
}

// TestIdentityGlobal_domains has a trust domain for each zone, whose proxies reject those of the other one, or one domain
// with a MeshTrust at the global control plane.
func TestIdentityGlobal_domains(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newGlobalIssuing(t, version, true)
		if tried, refused := i.Handshakes("m"); tried != 30 || len(refused) != 18 {
			t.Errorf("a domain for each zone: %d of %d handshakes refused, want 18 of 30", len(refused), tried)
		}
		i = newGlobalIssuing(t, version, false)
		if tried, refused := i.Handshakes("m"); tried != 30 || len(refused) != 0 {
			t.Errorf("one domain: %d of %d handshakes refused: %v", len(refused), tried, refused)
		}
		s := i.see(i.Proxies("m")[0])
		if s.MTLS == nil || s.MTLS.IssuedBackend != "kri_mid_m___i_" || len(s.MTLS.Supported) != 1 || s.MTLS.Supported[0] != "kri_mtrust_m___own_" {
			t.Errorf("shown as %+v", s.MTLS)
		}
		if status, body := i.Do(http.MethodGet, "/meshes/m/meshidentities/i", nil); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	})
}

// TestIdentityGlobal_rotation changes the CA step by step. The touch that proves the first step fills the cache, so a switch
// right after it leaves all proxies with the previous CA.
func TestIdentityGlobal_rotation(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "6 s later": 6 * time.Second} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newGlobalIssuing(t, version, false)
				_, refused := i.refused()
				i.putPair("second", i.b, i.b)
				i.putTrust(ownTrust, i.a, i.b)
				i.pass(5 * time.Second)
				leaf := i.Proxies("m")[5].Holds().Identity
				served := i.when(func() bool { return !i.Proxies("m")[5].Holds().Identity.Equal(leaf) })
				put := i.clock.Now()
				i.touch()
				i.pass(4 * time.Second)
				if after := served().Sub(put); after < 200*time.Millisecond || after > 4*time.Second {
					t.Errorf("the certificate came after %s", after)
				}
				i.pass(wait)
				i.putIdentity("second")
				i.pass(15 * time.Second)
				if want := map[bool]int{true: 6, false: 0}[wait > 0]; i.issuedBy(i.b) != want {
					t.Errorf("%d proxies have the new CA, want %d", i.issuedBy(i.b), want)
				}
				i.touch()
				i.pass(15 * time.Second)
				i.putTrust(ownTrust, i.b)
				i.pass(15 * time.Second)
				if i.issuedBy(i.b) != 6 || *refused > 0 {
					t.Errorf("%d proxies have the new CA, %d handshakes refused", i.issuedBy(i.b), *refused)
				}
			})
		})
	}
}
