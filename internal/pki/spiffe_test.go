package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const webID = "spiffe://payments.east.mesh.local/workload/web"

// makeKindCA returns a CA of a curve, whose key depends on its name alone.
func makeKindCA(t testing.TB, curve elliptic.Curve) CA {
	t.Helper()
	key, err := keyFrom(curve, bytes.Repeat([]byte{7}, seedSize(curve)))
	if err != nil {
		t.Fatal(err)
	}
	made := makeCAWith(t, "CA", key, nil, nil)
	return CA{Bundle{Chain: list(made)}, made.key}
}

// identityCAs returns a CA of each kind of key that a MeshIdentity can have.
func identityCAs(t testing.TB) map[string]CA {
	return map[string]CA{
		"RSA": readCA(t, "root", "root"), "P-256": readCA(t, "ec", "ec"), "Ed25519": readCA(t, "ed", "ed"),
		"P-384": makeKindCA(t, elliptic.P384()), "P-521": makeKindCA(t, elliptic.P521()), "intermediate": readCA(t, "chain2", "int2"),
	}
}

// TestIdentityProfile: a certificate of a MeshIdentity has the extensions of one
// of a backend, with one URI, and a key of the kind of the CA's (measured on
// control planes of 2.14.3 and 3.0).
func TestIdentityProfile(t *testing.T) {
	wantKinds := map[string][2]string{ // issued, derived
		"RSA": {"RSA 2048", "ECDSA 256"}, "P-256": {"ECDSA 256", "ECDSA 256"}, "Ed25519": {"Ed25519 256", "Ed25519 256"},
		"P-384": {"ECDSA 384", "ECDSA 384"}, "P-521": {"ECDSA 521", "ECDSA 521"}, "intermediate": {"RSA 2048", "ECDSA 256"},
	}
	wantLabels := map[string]string{"RSA": "RSA PRIVATE KEY", "ECDSA": "EC PRIVATE KEY", "Ed25519": "PRIVATE KEY"}
	for name, ca := range identityCAs(t) {
		request := ProxyRequest{SPIFFEID: webID}
		issued, err := Issue(ca, request, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		derived, err := Derive(ca, request, now)
		if err != nil {
			t.Fatal(err)
		}
		backend, err := Derive(ca, ProxyRequest{Mesh: "default", Tags: ServiceTags("web")}, now)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range []*ProxyCertificate{issued, derived} {
			t.Run(name+[]string{" issued", " derived"}[i], func(t *testing.T) {
				info := Describe(got.Leaf)
				if kind := fmt.Sprintf("%s %d", info.PublicKeyAlgorithm, info.PublicKeySize); kind != wantKinds[name][i] {
					t.Errorf("a key %s, want %s", kind, wantKinds[name][i])
				}
				if !bytes.HasPrefix(got.PrivateKey, []byte("-----BEGIN "+wantLabels[info.PublicKeyAlgorithm]+"-----")) {
					t.Error("the key has another encoding")
				}
				key, problems := ParsePrivateKey(got.PrivateKey)
				if len(problems) > 0 || !SameKey(key.Public(), got.Leaf) {
					t.Errorf("not the leaf's key; %v", problems)
				}
				if got.SPIFFEID != webID || !slices.Equal(got.URIs, []string{webID}) || info.Subject != "" {
					t.Errorf("%s, %v, subject %q", got.SPIFFEID, got.URIs, info.Subject)
				}
				if got.Leaf.NotAfter.Sub(got.Leaf.NotBefore) != 24*time.Hour+10*time.Second {
					t.Errorf("valid from %s to %s", got.Leaf.NotBefore, got.Leaf.NotAfter)
				}
				if !SameCertificates(got.TrustBundle, ca.Chain) || len(got.Chain) != len(ca.Chain) {
					t.Errorf("%d trusted, %d presented", len(got.TrustBundle), len(got.Chain))
				}
				if err := verify(got, ca.Chain[len(ca.Chain)-1:], now); err != nil {
					t.Error(err)
				}
				for j, want := range backend.Leaf.Extensions {
					e := got.Leaf.Extensions[j]
					sameValue := bytes.Equal(e.Value, want.Value) || want.Id.String() == "2.5.29.17" // the URIs
					if !e.Id.Equal(want.Id) || e.Critical != want.Critical || !sameValue {
						t.Errorf("extension %d: %v, want %v", j, e, want)
					}
				}
			})
		}
		if !issued.Leaf.NotBefore.Equal(now.Add(-10 * time.Second)) {
			t.Errorf("%s: issued to be valid from %s", name, issued.Leaf.NotBefore)
		}
	}
}

// TestDeriveIdentityDependsOnEverything: the same inputs give the same bytes,
// each other input another key, and a backend's certificate never shares a key
// with one of a MeshIdentity.
func TestDeriveIdentityDependsOnEverything(t *testing.T) {
	derive := func(ca CA, r ProxyRequest, at time.Time) *ProxyCertificate {
		t.Helper()
		derived, err := Derive(ca, r, at)
		if err != nil {
			t.Fatal(err)
		}
		return derived
	}
	for name, ca := range identityCAs(t) {
		request := ProxyRequest{SPIFFEID: webID}
		first := derive(ca, request, now)
		for same, other := range map[string]*ProxyCertificate{
			"again":                derive(ca, request, now),
			"an hour later":        derive(ca, request, now.Add(time.Hour)),
			"mesh and tags beside": derive(ca, ProxyRequest{SPIFFEID: webID, Mesh: "default", Tags: ServiceTags("web")}, now),
		} {
			if !bytes.Equal(other.Leaf.Raw, first.Leaf.Raw) || !bytes.Equal(other.PrivateKey, first.PrivateKey) {
				t.Errorf("%s, %s: another certificate", name, same)
			}
		}
		seen := map[string]string{}
		for what, other := range map[string]*ProxyCertificate{
			"first":        first,
			"path":         derive(ca, ProxyRequest{SPIFFEID: webID + "2"}, now),
			"trust domain": derive(ca, ProxyRequest{SPIFFEID: "spiffe://other/workload/web"}, now),
			"expiration":   derive(ca, ProxyRequest{SPIFFEID: webID, Expiration: 25 * time.Hour}, now),
			"window":       derive(ca, request, now.Add(20*time.Hour)),
			"backend":      derive(ca, ProxyRequest{Mesh: "payments.east.mesh.local", Tags: ServiceTags("web")}, now),
		} {
			if before, ok := seen[string(other.PrivateKey)]; ok {
				t.Errorf("%s: %s and %s share a key", name, before, what)
			}
			seen[string(other.PrivateKey)] = what
		}
	}
}

// TestIdentityHandshake: two derived certificates of one CA talk; another trust
// domain or CA is refused.
func TestIdentityHandshake(t *testing.T) {
	const apiID = "spiffe://payments.east.mesh.local/workload/api"
	for name, ca := range identityCAs(t) {
		t.Run(name, func(t *testing.T) {
			derive := func(ca CA, id string) *ProxyCertificate {
				t.Helper()
				derived, err := Derive(ca, ProxyRequest{SPIFFEID: id}, now)
				if err != nil {
					t.Fatal(err)
				}
				return derived
			}
			web, api := derive(ca, webID), derive(ca, apiID)
			if err := handshake(t, web, api, webID, apiID); err != nil {
				t.Error(err)
			}
			if handshake(t, web, derive(ca, "spiffe://other/workload/api"), webID, apiID) == nil {
				t.Error("accepts a proxy of another trust domain")
			}
			if handshake(t, web, derive(readCA(t, "sample", "sample"), apiID), webID, apiID) == nil {
				t.Error("accepts a proxy of another CA")
			}
		})
	}
}

// TestOpenSSLVerifiesIdentity: OpenSSL agrees that a derived certificate is good,
// and that its key is the certificate's.
func TestOpenSSLVerifiesIdentity(t *testing.T) {
	for name, ca := range identityCAs(t) {
		t.Run(name, func(t *testing.T) {
			derived, err := Derive(ca, ProxyRequest{SPIFFEID: webID}, now)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write(t, dir, "leaf.pem", EncodeCertificates(derived.Chain[:1]))
			write(t, dir, "untrusted.pem", EncodeCertificates(derived.Chain))
			write(t, dir, "key.pem", derived.PrivateKey)
			write(t, dir, "root.pem", EncodeCertificates(ca.Chain[len(ca.Chain)-1:]))
			for _, purpose := range []string{"sslserver", "sslclient"} {
				if out, err := openssl(t, dir, "openssl verify -attime "+strconv.FormatInt(now.Unix(), 10)+
					" -purpose "+purpose+" -CAfile root.pem -untrusted untrusted.pem leaf.pem"); err != nil {
					t.Errorf("%s: %s", purpose, out)
				}
			}
			if out, err := openssl(t, dir, "openssl x509 -in leaf.pem -noout -pubkey > a; openssl pkey -in key.pem -pubout > b; cmp a b"); err != nil {
				t.Errorf("the key is another one: %s", out)
			}
			if out, _ := openssl(t, dir, "openssl x509 -in leaf.pem -noout -ext subjectAltName"); !strings.Contains(out, "URI:"+webID) {
				t.Errorf("OpenSSL reads %s", out)
			}
		})
	}
}

// TestCheckSPIFFEID: what SPIFFE-ID, section 2, allows, and what X509-SVID 5.2
// asks of a proxy.
func TestCheckSPIFFEID(t *testing.T) {
	for _, good := range []string{
		webID, "spiffe://d/x", "spiffe://a_b-c.1/A/b_C-d.9/...", "spiffe://d/" + strings.Repeat("x", maxSPIFFEID-len("spiffe://d/")),
		"spiffe://" + strings.Repeat("d", maxTrustDomain) + "/x",
	} {
		if err := CheckSPIFFEID(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                                "does not begin with spiffe://",
		"web":                             "does not begin with spiffe://",
		"https://d/x":                     "does not begin with spiffe://",
		"SPIFFE://d/x":                    "does not begin with spiffe://",
		"spiffe://d":                      "has no path",
		"spiffe://d/":                     "no segment",
		"spiffe:///x":                     "trust domain is empty",
		"spiffe://D/x":                    "only lowercase letters",
		"spiffe://user@d/x":               "no scheme, user or port",
		"spiffe://d:8443/x":               "no scheme, user or port",
		"spiffe://d/x/":                   "ends with a slash",
		"spiffe://d//x":                   `segment ""`,
		"spiffe://d/../x":                 `segment ".."`,
		"spiffe://d/./x":                  `segment "."`,
		"spiffe://d/x%20y":                `segment "x%20y"`,
		"spiffe://d/x?q=1":                `segment "x?q=1"`,
		"spiffe://d/x#f":                  `segment "x#f"`,
		"spiffe://d/ümlaut":               "segment",
		"spiffe://d/{{ .Workload }}":      "segment",
		"spiffe://{{ .Mesh }}/workload/x": "trust domain",
		"spiffe://" + strings.Repeat("d", maxTrustDomain+1) + "/x": "the maximum is 255",
		"spiffe://d/" + strings.Repeat("x", maxSPIFFEID):           "the maximum is 2048",
		"spiffe://d/-----BEGIN PRIVATE KEY-----":                   "not shown here",
	} {
		err := CheckSPIFFEID(bad)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", bad, err, want)
		}
		for how, issue := range map[string]func() error{
			"derives": func() error {
				_, err := Derive(readCA(t, "ec", "ec"), ProxyRequest{SPIFFEID: bad}, now)
				return err
			},
			"issues": func() error {
				_, err := Issue(readCA(t, "ec", "ec"), ProxyRequest{SPIFFEID: bad}, now, rand.Reader)
				return err
			},
		} {
			if issue() == nil {
				t.Errorf("%s for %.60q", how, bad)
			}
		}
	}
	for path, want := range map[string]string{"workload/web": `write "/workload/web"`, "": "does not begin with a slash"} {
		if err := CheckSPIFFEPath(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestIdentityNameConstraints: of a CA with limits on URIs, the trust domain of
// the SPIFFE ID counts, and not mesh and tags.
func TestIdentityNameConstraints(t *testing.T) {
	limited := makeCA(t, "CA", nil, func(c *x509.Certificate) { c.PermittedURIDomains = []string{"payments.east.mesh.local"} })
	ca := CA{Bundle{Chain: list(limited)}, limited.key}
	if _, err := Derive(ca, ProxyRequest{SPIFFEID: webID}, now); err != nil {
		t.Errorf("inside of the limits: %v", err)
	}
	if _, err := Derive(ca, ProxyRequest{SPIFFEID: "spiffe://other/x"}, now); err == nil || !strings.Contains(err.Error(), "trust domain other") {
		t.Errorf("outside of the limits: %v", err)
	}
	inside := CheckChain(ca.Chain, Options{Now: now, TrustDomain: "payments.east.mesh.local"})
	if slices.Contains(rules(inside), RuleNameConstraints) {
		t.Errorf("inside of the limits: %v", inside)
	}
}
