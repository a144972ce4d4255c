package kumatest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The tests of this file change the CA of an identity in each way that was measured on real control planes.

// TestIdentity_cachedPair switches to another CA some time after a proxy has reconnected. Up to 3 s, all proxies keep
// certificates of the previous CA for good, although the overview shows new ones. A touch ends that.
func TestIdentity_cachedPair(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		for _, test := range []struct {
			before time.Duration
			want   int // proxies with a certificate of the new CA
		}{{time.Second, 0}, {2 * time.Second, 0}, {3 * time.Second, 0}, {6 * time.Second, 5}} {
			for seed := range uint64(2) {
				i := newIssuing(t, version, 5, false, kumatest.Seed(seed))
				i.putTrust(ownTrust, i.a, i.b)
				i.putPair("second", i.b, i.b)
				i.pass(20 * time.Second)
				i.Proxies("m")[0].Reconnect()
				i.pass(test.before)
				i.putIdentity("second")
				switched := i.clock.Now()
				i.pass(10 * time.Minute)
				if got := i.issuedBy(i.b); got != test.want {
					t.Errorf("%s after a reconnection, seed %d: %d proxies have the new CA, want %d", test.before, seed, got, test.want)
				}
				for _, p := range i.Proxies("m") {
					if s := i.see(p); !s.MTLS.Made.After(switched) {
						t.Errorf("%s: not issued after the switch", p.Name())
					}
				}
				if test.want == 5 {
					continue
				}
				_, refused := i.refused()
				i.putTrust(ownTrust, i.b)
				i.pass(20 * time.Second)
				if left := len(i.Refusals("m")); left != 20 || *refused == 0 {
					t.Errorf("previous CA dropped: %d of 20 directions refused", left)
				}
				i.touch()
				i.pass(5 * time.Second)
				i.allMustHold(i.b, i.b)
				if left := i.Refusals("m"); len(left) > 0 {
					t.Errorf("refused after a touch: %v", left)
				}
			}
		}
	})
}

// A procedure replaces the CA a by b.
type procedure struct {
	generated bool // the control plane generates the trust
	do        func(*issuing)
	refused   bool // it must lead to failed handshakes
}

// procedures are those of the measurements, by name.
func procedures() map[string]procedure {
	return map[string]procedure{
		"(a) content in place, trust unchanged, until the renewal": {refused: true, do: func(i *issuing) {
			i.bundled["certificateParameters"] = object{"expiry": "1m"}
			i.touch()
			i.pass(20 * time.Second)
			i.putPair("first", i.b, i.b)
			i.pass(time.Minute)
		}},
		"(a) content in place, generated trust, until the renewal": {generated: true, do: func(i *issuing) {
			i.bundled["certificateParameters"] = object{"expiry": "1m"}
			i.touch()
			i.pass(20 * time.Second)
			i.putPair("first", i.b, i.b)
			i.pass(time.Minute)
		}},
		"(b) one write, trust unchanged": {refused: true, do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putIdentity("second")
			i.pass(20 * time.Second)
		}},
		"(b) one write, generated trust": {generated: true, refused: true, do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putIdentity("second")
			i.pass(20 * time.Second)
		}},
		"(b) trust and identity at once": {refused: true, do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust(ownTrust, i.b)
			i.putIdentity("second")
			i.pass(20 * time.Second)
		}},
		"(c) trust, issue, drop": {do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust(ownTrust, i.a, i.b)
			i.pass(6 * time.Second)
			i.putIdentity("second")
			i.pass(6 * time.Second)
			i.putTrust(ownTrust, i.b)
			i.pass(6 * time.Second)
		}},
		"(c) with a generated trust, own one first": {generated: true, do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust("next", i.b)
			i.pass(6 * time.Second)
			i.putIdentity("second")
			i.pass(20 * time.Second)
			i.putTrust("i", i.b)
			i.pass(20 * time.Second)
		}},
		"(d) second identity that sorts after": {do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust("next", i.b)
			i.putAs("j", i.spec("second", everybody))
			i.pass(12 * time.Second)
			i.putAs("i", i.spec("first", object{}))
			i.pass(12 * time.Second)
		}},
		"(d) second identity, the first one deleted": {do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust("next", i.b)
			i.putAs("j", i.spec("second", everybody))
			i.pass(12 * time.Second)
			i.remove("meshidentities/i")
			i.pass(12 * time.Second)
		}},
		"(d) second identity that sorts first": {refused: true, do: func(i *issuing) {
			i.putPair("second", i.b, i.b)
			i.putTrust("next", i.b)
			i.putAs("h", i.spec("second", everybody))
			i.pass(20 * time.Second)
		}},
	}
}

// TestIdentity_procedures counts failed handshakes at every instant of each procedure.
func TestIdentity_procedures(t *testing.T) {
	for name, procedure := range procedures() {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				rounds := 0
				for seed := range uint64(6) {
					i := newIssuing(t, version, 5, procedure.generated, kumatest.Seed(seed))
					tried, refused := i.refused()
					procedure.do(i)
					if i.issuedBy(i.b) != 5 {
						t.Errorf("seed %d: %d of 5 proxies have the new CA", seed, i.issuedBy(i.b))
					}
					if *tried < 100 || !procedure.refused && *refused > 0 {
						t.Errorf("seed %d: %d of %d handshakes refused", seed, *refused, *tried)
					}
					if *refused > 0 {
						rounds++
					}
				}
				if procedure.refused && rounds < 5 {
					t.Errorf("handshakes failed in %d of 6 rounds; measured were 19 of 20", rounds)
				}
			})
		})
	}
}

// TestIdentity_reconnectionInPlace lets a proxy reconnect after another CA was written in place, before the generated trust
// has it: its new certificate is refused until then.
func TestIdentity_reconnectionInPlace(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		rounds := 0
		for seed := range uint64(6) {
			i := newIssuing(t, version, 5, true, kumatest.Seed(seed))
			_, refused := i.refused()
			i.putPair("first", i.b, i.b)
			i.Proxies("m")[0].Reconnect()
			i.pass(20 * time.Second)
			if *refused > 0 {
				rounds++
			}
			if left := i.Refusals("m"); len(left) > 0 {
				t.Errorf("seed %d: still refused: %v", seed, left[0])
			}
		}
		if rounds == 0 {
			t.Error("handshakes failed in no round; measured were 1 and 2 of 3")
		}
	})
}

// TestIdentity_halfInPlace writes the certificate 7 s before the key. On 3.0, all proxies speak plaintext in between.
func TestIdentity_halfInPlace(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 5, true)
		most := 0
		i.Watch(func(time.Time) { most = max(most, i.plain()) })
		putSecret(t, i.ControlPlane, "m", "first-cert", i.b.pem)
		i.pass(7 * time.Second)
		putSecret(t, i.ControlPlane, "m", "first-key", i.b.key)
		i.pass(20 * time.Second)
		if want := map[string]int{"2.14.3": 0, "3.0-dev": 5}[version]; most != want || i.plain() != 0 {
			t.Errorf("%d proxies spoke plaintext in between, want %d; %d at the end", most, want, i.plain())
		}
	})
}

// TestIdentity_names changes the path of the SPIFFE IDs: in one write or announced before, in both forms.
func TestIdentity_names(t *testing.T) {
	path := func(i *issuing) object {
		spec := i.spec("first", everybody)
		spec["spiffeID"] = object{"path": "/next/{{ .Workload }}"}
		return spec
	}
	for name, test := range map[string]struct {
		do      func(*issuing)
		refused bool
	}{
		"one write": {func(i *issuing) { i.putAs("i", path(i)) }, true},
		"announced": {func(i *issuing) {
			i.putAs("y", object{"selector": everybody})
			i.putAs("z", object{"selector": everybody, "spiffeID": object{"path": "/next/{{ .Workload }}"}})
			i.pass(15 * time.Second)
			i.putAs("i", path(i))
			i.pass(15 * time.Second)
			i.remove("meshidentities/y")
			i.remove("meshidentities/z")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				rounds := 0
				for seed := range uint64(6) {
					i := newIssuing(t, version, 5, false, kumatest.Seed(seed))
					_, refused := i.refused()
					test.do(i)
					i.pass(20 * time.Second)
					if *refused > 0 {
						rounds++
					}
					if got := i.Proxies("m")[0].Holds().Identity.URIs[0].Path; got != "/next/dp-1" {
						t.Errorf("its name is %s", got)
					}
					if left := i.Refusals("m"); len(left) > 0 {
						t.Errorf("still refused: %v", left[0])
					}
				}
				if test.refused != (rounds > 0) {
					t.Errorf("handshakes failed in %d of 6 rounds", rounds)
				}
			})
		})
	}
}

// TestIdentity_otherTrustDomain changes the trust domain in one write: the generated trust keeps the previous one, and all
// proxies reject one another until there is a trust for the new one.
func TestIdentity_otherTrustDomain(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 5, true)
		spec := i.spec("first", everybody)
		spec["spiffeID"] = object{"trustDomain": "next.example"}
		i.putAs("i", spec)
		i.pass(time.Hour)
		if left := len(i.Refusals("m")); left != 20 {
			t.Errorf("%d of 20 directions refused", left)
		}
		i.put("meshtrusts", "MeshTrust", "next", nil, object{"trustDomain": "next.example", "caBundles": []object{{"type": "Pem", "pem": object{"value": string(i.a.pem)}}}})
		i.pass(5 * time.Second)
		if left := i.Refusals("m"); len(left) > 0 {
			t.Errorf("still refused: %v", left[0])
		}
	})
}

// TestIdentity_firstIdentity gives proxies that speak plaintext an identity: in one write, or after all was prepared.
func TestIdentity_firstIdentity(t *testing.T) {
	const both, only214 = "2.14.3 3.0-dev", "2.14.3"
	for name, test := range map[string]struct {
		do      func(*issuing)
		refused string // versions
	}{
		"one write": {func(i *issuing) { i.putIdentity("first") }, both},
		// 2.14.3 fails for a second, in which clients have certificates and servers do not yet.
		"prepared": {func(i *issuing) {
			i.putMode("Permissive")
			i.putAs("z", object{"selector": everybody})
			i.putAs("i", i.spec("first", object{}))
			i.pass(15 * time.Second)
			i.putIdentity("first")
			i.pass(15 * time.Second)
			i.remove("meshidentities/z")
			i.putMode("Strict")
		}, only214},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newIssuing(t, version, 0, false)
				i.remove("meshidentities/i")
				i.connect(5)
				if i.plain() != 5 {
					t.Fatalf("%d proxies speak plaintext", i.plain())
				}
				_, refused := i.refused()
				test.do(i)
				i.pass(20 * time.Second)
				if strings.Contains(test.refused, version) != (*refused > 0) {
					t.Errorf("%d handshakes refused", *refused)
				}
				i.allMustHold(i.a, i.a)
				if left := i.Refusals("m"); len(left) > 0 {
					t.Errorf("still refused: %v", left[0])
				}
			})
		})
	}
}

// TestIdentity_strictByDefault finds a proxy with an identity and no MeshTLS strict, whatever the mode of mtls is.
func TestIdentity_strictByDefault(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 1, false)
		i.bundled = object{"meshTrustCreation": "Disabled"}
		spec := i.spec("first", object{"dataplane": object{"matchLabels": object{"tls": "yes"}}})
		i.putAs("i", spec)
		i.pass(10 * time.Second)
		i.Connect("m", "secure", kumatest.Labels(map[string]string{"tls": "yes"}))
		i.pass(10 * time.Second)
		refusals := func() string { return fmt.Sprint(len(i.Refusals("m"))) }
		if got := refusals(); got != "2" { // each as the server of the other one
			t.Errorf("strict: refused are %s", got)
		}
		i.putMode("Permissive")
		i.pass(5 * time.Second)
		if got := refusals(); got != "1" { // the one without an identity accepts no TLS
			t.Errorf("permissive: refused are %s: %v", got, i.Refusals("m"))
		}
		do(t, i.ControlPlane, http.MethodDelete, "/meshes/m/meshtlses/mode", nil, http.StatusOK)
		i.pass(5 * time.Second)
		if got := refusals(); got != "2" {
			t.Errorf("deleted: refused are %s", got)
		}
	})
}
