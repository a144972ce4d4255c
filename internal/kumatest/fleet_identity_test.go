package kumatest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestIdentity_issuing has what makes the control plane issue a certificate or send a bundle, and what does not.
func TestIdentity_issuing(t *testing.T) {
	const both, only214, neither = "2.14.3 3.0-dev", "2.14.3", ""
	for name, test := range map[string]struct {
		generated bool
		do        func(*issuing)
		leaf      string // versions
		bundle    bool
	}{
		"nothing":                {do: func(*issuing) {}},
		"label of the identity":  {do: (*issuing).touch, leaf: both},
		"identity put unchanged": {do: func(i *issuing) { i.putIdentity("first") }, leaf: only214},
		"other secret names":     {do: func(i *issuing) { i.putPair("second", i.b, i.b); i.putIdentity("second") }, leaf: both},
		"other lifetime":         {do: func(i *issuing) { i.bundled["certificateParameters"] = object{"expiry": "1h"}; i.putIdentity("first") }, leaf: both},
		"content of the secrets": {do: func(i *issuing) { i.putPair("first", i.b, i.b) }, leaf: neither},
		"content, generated":     {generated: true, do: func(i *issuing) { i.putPair("first", i.b, i.b) }, leaf: neither, bundle: true},
		"other trust":            {do: func(i *issuing) { i.putTrust(ownTrust, i.a, i.b) }, bundle: true},
		"trust put unchanged":    {do: func(i *issuing) { i.putTrust(ownTrust, i.a) }},
		"second trust":           {do: func(i *issuing) { i.putTrust("second", i.b) }, bundle: true},
		"mesh":                   {do: func(i *issuing) { putMeshOf(i, object{"networking": object{"outbound": object{"passthrough": false}}}) }},
		"MeshTLS":                {do: func(i *issuing) { i.putMode("Permissive") }},
		"identity for another": {do: func(i *issuing) {
			i.putAs("x", i.spec("first", object{"dataplane": object{"matchLabels": object{"a": "b"}}}))
		}},
		"reconnection": {do: func(i *issuing) { i.Proxies("m")[0].Reconnect() }, leaf: both},
		"4/5 of the lifetime": {do: func(i *issuing) {
			i.pass(map[string]time.Duration{only214: 19 * time.Hour, "3.0-dev": 95 * time.Hour}[i.version] + 12*time.Minute + 50*time.Minute)
		}, leaf: both},
		"not quite 4/5 of it": {do: func(i *issuing) {
			i.pass(map[string]time.Duration{only214: 19 * time.Hour, "3.0-dev": 95 * time.Hour}[i.version])
		}},
		"deleted generated trust": {generated: true, do: func(i *issuing) { i.remove("meshtrusts/i") }},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newIssuing(t, version, 1, test.generated)
				p := i.Proxies("m")[0]
				before := p.Holds()
				i.mustHold(p, i.a, i.a)
				test.do(i)
				i.pass(15 * time.Second)
				after := p.Holds()
				wantLeaf := slices.Contains([]string{both, version}, test.leaf)
				if got := !after.Identity.Equal(before.Identity); got != wantLeaf {
					t.Errorf("new certificate: %t, want %t", got, wantLeaf)
				}
				if got := len(after.Bundle) != len(before.Bundle); got != test.bundle {
					t.Errorf("new bundle: %t, want %t", got, test.bundle)
				}
			})
		})
	}
}

// putMeshOf writes the mesh with more members.
func putMeshOf(i *issuing, members object) {
	i.t.Helper()
	mesh := newMesh("m", object{"meshServices": object{"mode": "Exclusive"}})
	maps.Copy(mesh, members)
	do(i.t, i.ControlPlane, http.MethodPut, "/meshes/m", mesh, http.StatusOK)
}

// putMode writes a MeshTLS.
func (i *issuing) putMode(mode string) {
	i.t.Helper()
	i.put("meshtlses", "MeshTLS", "mode", nil, object{"rules": []object{{"default": object{"mode": mode}}}})
}

// TestIdentity_profile compares a certificate with what a control plane issues.
func TestIdentity_profile(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": nil, "P-384": p384, "RSA": rsaKey, "Ed25519": edKey} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newIssuing(t, version, 0, false)
				if key != nil {
					i.b = signAuthorityOf(t, key, authorityTemplate("B"), nil)
				} else {
					i.b = i.a
				}
				i.putTrust(ownTrust, i.b)
				i.putPair("second", i.b, i.b)
				i.putIdentity("second")
				i.pass(12 * time.Second)
				i.connect(1)
				p := i.Proxies("m")[0]
				leaf := p.Holds().Identity
				if name == "Ed25519" && version == "2.14.3" {
					if leaf != nil || !i.see(p).online() || i.see(p).MTLS != nil {
						t.Errorf("2.14.3 issues %v, and shows %+v", leaf, i.see(p))
					}
					return
				}
				i.mustHold(p, i.b, i.b)
				if len(leaf.URIs) != 1 || leaf.URIs[0].String() != "spiffe://m.default.mesh.local/workload/dp-1" {
					t.Errorf("names %v", leaf.URIs)
				}
				lifetime := map[string]time.Duration{"2.14.3": 24 * time.Hour, "3.0-dev": 120 * time.Hour}[version]
				if got := leaf.NotAfter.Sub(leaf.NotBefore); got != lifetime+10*time.Second {
					t.Errorf("valid for %s", got)
				}
				if leaf.PublicKeyAlgorithm != i.b.cert.PublicKeyAlgorithm || leaf.IsCA || leaf.Subject.String() != "" {
					t.Errorf("%s key, CA %t, subject %q", leaf.PublicKeyAlgorithm, leaf.IsCA, leaf.Subject)
				}
				if leaf.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement {
					t.Errorf("key usage %v", leaf.KeyUsage)
				}
			})
		})
	}
}

// TestIdentity_renewal lets a short certificate be renewed, from the CA of then.
func TestIdentity_renewal(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 1, false)
		i.bundled["certificateParameters"] = object{"expiry": "1m"}
		i.putIdentity("first")
		i.pass(5 * time.Second)
		p := i.Proxies("m")[0]
		leaf := p.Holds().Identity
		i.putPair("first", i.b, i.b)
		renewed := i.when(func() bool { return !p.Holds().Identity.Equal(leaf) })
		i.pass(time.Minute)
		if after := renewed().Sub(leaf.NotBefore.Add(10 * time.Second)); after < 48*time.Second || after > 50200*time.Millisecond {
			t.Errorf("renewed after %s", after)
		}
		if i.issuedBy(i.b) != 1 {
			t.Error("not renewed from the CA in the secrets")
		}
	})
}

// when returns the first time from now on at which a condition holds.
func (i *issuing) when(holds func() bool) func() time.Time {
	var at time.Time
	i.Watch(func(now time.Time) {
		if at.IsZero() && holds() {
			at = now
		}
	})
	return func() time.Time {
		i.t.Helper()
		if at.IsZero() {
			i.t.Fatal("it never happened")
		}
		return at
	}
}

// TestIdentity_selection has several identities for one proxy.
func TestIdentity_selection(t *testing.T) {
	labels := func(labels object) object { return object{"dataplane": object{"matchLabels": labels}} }
	for name, test := range map[string]struct {
		selectors map[string]object
		want      string
	}{
		"nobody":              {map[string]object{"a": {}}, ""},
		"everybody":           {map[string]object{"a": everybody}, "a"},
		"first by name":       {map[string]object{"b": everybody, "a": everybody, "c": everybody}, "a"},
		"most specific":       {map[string]object{"a": everybody, "b": labels(object{"tier": "front"}), "c": labels(object{"tier": "front", "team": "pay"})}, "c"},
		"does not match":      {map[string]object{"a": everybody, "b": labels(object{"tier": "back"})}, "a"},
		"matches only partly": {map[string]object{"a": everybody, "b": labels(object{"tier": "front", "team": "x"})}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newIssuing(t, version, 0, false)
				i.remove("meshidentities/i")
				for identity, selector := range test.selectors {
					i.putAs(identity, i.spec("first", selector))
				}
				i.pass(12 * time.Second)
				p := i.Connect("m", "dp-1", kumatest.Labels(map[string]string{"tier": "front", "team": "pay"}))
				i.pass(15 * time.Second)
				s := i.see(p)
				if test.want == "" {
					if s.MTLS != nil || !p.Plaintext() {
						t.Errorf("it is shown as %+v", s.MTLS)
					}
					return
				}
				if want := "kri_mid_m_default__" + test.want + "_"; s.MTLS == nil || s.MTLS.IssuedBackend != want {
					t.Errorf("it is shown as %+v, want %s", s.MTLS, want)
				}
			})
		})
	}
}

// TestIdentity_announced lets an identity without a provider select a proxy before another one: nothing is issued until
// it is deleted.
func TestIdentity_announced(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 2, false)
		i.putAs("announcement", object{"selector": everybody})
		i.pass(15 * time.Second)
		if i.plain() != 2 || i.see(i.Proxies("m")[0]).MTLS != nil {
			t.Errorf("%d proxies speak plaintext", i.plain())
		}
		i.remove("meshidentities/announcement")
		i.pass(15 * time.Second)
		i.allMustHold(i.a, i.a)
	})
}

// TestIdentity_notReady breaks an identity that selects proxies: they speak plaintext until it is ready again, and those that
// have not noticed yet reject them.
func TestIdentity_notReady(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 5, false)
		tried, refused := i.refused()
		spec := i.spec("first", everybody)
		delete(spec["provider"].(object)["bundled"].(object), "insecureAllowSelfSigned")
		i.putAs("i", spec)
		i.pass(15 * time.Second)
		if i.plain() != 5 || *refused == 0 {
			t.Errorf("%d proxies speak plaintext; %d of %d handshakes refused", i.plain(), *refused, *tried)
		}
		if s := i.see(i.Proxies("m")[0]); s.MTLS != nil || !s.online() {
			t.Errorf("it is shown as %+v", s)
		}
		i.putIdentity("first")
		i.pass(15 * time.Second)
		i.allMustHold(i.a, i.a)
		if left := i.Refusals("m"); len(left) > 0 {
			t.Errorf("still refused: %v", left)
		}
	})
}

// TestIdentity_wrongKey switches to a key that does not fit: 2.14.3 takes the identity for ready and stops issuing from it,
// 3.0 takes the certificates away.
func TestIdentity_wrongKey(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		proxies := map[string]int{"2.14.3": 12, "3.0-dev": 5}[version]
		i := newIssuing(t, version, proxies, false)
		i.putPair("wrong", i.b, i.a)
		_, refused := i.refused()
		i.pass(6 * time.Second)
		i.putIdentity("wrong")
		i.pass(12 * time.Second)
		if want := map[string]int{"2.14.3": 0, "3.0-dev": 5}[version]; i.plain() != want {
			t.Errorf("%d proxies speak plaintext, want %d", i.plain(), want)
		}
		i.putTrust(ownTrust, i.a, i.b)
		i.pass(5 * time.Second)
		before := i.Proxies("m")[0].Holds()
		if version == "2.14.3" && (*refused != 0 || len(before.Bundle) != 1) {
			t.Errorf("%d handshakes refused, %d certificates in the bundle: a proxy that is not issued to gets nothing", *refused, len(before.Bundle))
		}
		i.putIdentity("first")
		put := i.clock.Now()
		back := i.when(func() bool {
			h := i.Proxies("m")[0].Holds()
			return h.Identity != nil && !h.Identity.Equal(before.Identity)
		})
		i.pass(10 * time.Minute)
		after := back().Sub(put)
		if version == "2.14.3" && (after < 270*time.Second || after > 302*time.Second) || version == "3.0-dev" && after > 12*time.Second {
			t.Errorf("back after %s; measured were 289 s and 3.9 s", after)
		}
		i.allMustHold(i.a, i.a, i.b)
	})
}

// TestIdentity_deletedAtOnce deletes the previous pair right after the switch, while twelve proxies reconnect.
func TestIdentity_deletedAtOnce(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		stopped := 0
		for seed := range uint64(6) {
			i := newIssuing(t, version, 12, false, kumatest.Seed(seed))
			i.putTrust(ownTrust, i.a, i.b)
			i.putPair("second", i.b, i.b)
			i.pass(20 * time.Second)
			i.putIdentity("second")
			i.deletePair("first")
			for _, p := range i.Proxies("m") {
				p.Reconnect()
			}
			switched := i.clock.Now()
			all := i.when(func() bool { return i.issuedBy(i.b) == 12 })
			i.pass(10 * time.Minute)
			if after := all().Sub(switched); after > 4*time.Minute {
				stopped++
			}
		}
		if stopped == 0 || stopped == 6 {
			t.Errorf("issuance stopped in %d of 6 rounds; measured were 2 of 3", stopped)
		}
	})
}
