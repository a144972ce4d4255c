package mtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// authorities makes CAs: A and B, A once more with the same key and another
// certificate, and intermediates of A with keys of their own.
func authorities(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	keys := map[string]*ecdsa.PrivateKey{}
	made := map[string]*x509.Certificate{}
	issue := func(name, subject, key, issuer string) {
		if keys[key] == nil {
			fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			keys[key] = fresh
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(len(made) + 1)), Subject: pkix.Name{CommonName: subject},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		parent, signer := template, keys[key]
		if issuer != "" {
			parent, signer = made[issuer], keys[issuer]
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, keys[key].Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if made[name], err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
	}
	issue("A", "CA A", "A", "")
	issue("A renewed", "CA A", "A", "")
	issue("A rekeyed", "CA A", "A2", "")
	issue("B", "CA B", "B", "")
	issue("I1", "Intermediate 1", "I1", "A")
	issue("I2", "Intermediate 2", "I2", "A")
	return made
}

func TestNextStep(t *testing.T) {
	t.Parallel()
	ca := authorities(t)
	of := func(names ...string) pair {
		var p pair
		for _, name := range names {
			p.bundle.Chain = append(p.bundle.Chain, ca[name])
		}
		p.bundle = pki.SplitBundle(p.bundle.Chain)
		p.key = []byte(names[0])
		return p
	}
	full := []step{stepTrust, stepIssue, stepFinal}
	for _, test := range []struct {
		what     string
		from, to pair
		want     []step
	}{
		{"another root", of("A"), of("B"), full},
		{"the same key, renewed", of("A"), of("A renewed"), []step{stepFinal}},
		{"the same name, another key", of("A"), of("A rekeyed"), full},
		{"another intermediate under the same root", of("I1", "A"), of("I2", "A"), full},
		{"from the root to an intermediate", of("A"), of("I1", "A"), []step{stepTrust, stepFinal}}, // the new bundle has the root in it
		{"from an intermediate to its root", of("I1", "A"), of("A"), []step{stepIssue, stepFinal}}, // the old bundle has it
		{"one more trusted", of("A"), of("A", "B"), []step{stepFinal}},
		{"one fewer trusted", of("A", "B"), of("A"), []step{stepFinal}},
		{"trusted before", of("A", "B"), of("B"), []step{stepIssue, stepFinal}},
		{"trusted after", of("A"), of("B", "A"), []step{stepTrust, stepFinal}},
		{"trusted before and after", of("A", "B"), of("B", "A"), []step{stepFinal}},
		{"back from the first step", of("A", "B"), of("A"), []step{stepFinal}},
		{"back from the second step", of("B", "A"), of("A"), []step{stepIssue, stepFinal}},
		{"on from the second step", of("B", "A"), of("B"), []step{stepFinal}},
		{"a third CA in the middle", of("B", "A"), of("I1", "A"), []step{stepTrust, stepIssue, stepFinal}},
	} {
		if got := remaining(test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, not %v", test.what, got, test.want)
		}
	}
}

// From every pair to every other: the steps end at the other pair, and while
// some proxies have what a step brought and some what was before, each accepts
// each.
func TestStepsNeverRefuse(t *testing.T) {
	t.Parallel()
	ca := authorities(t)
	var pairs []pair
	names := []string{"A", "A renewed", "A rekeyed", "B", "I1"}
	for _, issuer := range names {
		for subset := range 1 << len(names) {
			p := pair{bundle: pki.Bundle{Chain: []*x509.Certificate{ca[issuer]}}, key: []byte(issuer)}
			for i, name := range names {
				if subset&(1<<i) != 0 && name != issuer {
					p.bundle.Trusted = append(p.bundle.Trusted, ca[name])
				}
			}
			if subset&(1<<slices.Index(names, issuer)) == 0 {
				pairs = append(pairs, p)
			}
		}
	}
	for _, from := range pairs {
		for _, to := range pairs {
			now := from
			steps := remaining(from, to)
			for _, s := range steps {
				then := s.at(now, to)
				for _, a := range []pair{now, then} {
					for _, b := range []pair{now, then} {
						if !a.trusts(b) {
							t.Fatalf("from %s to %s, step %s: a refusal", describe(from), describe(to), s)
						}
					}
				}
				now = then
			}
			if len(steps) > 3 || steps[len(steps)-1] != stepFinal || !now.bundle.Equal(to.bundle) || string(now.key) != string(to.key) {
				t.Fatalf("from %s to %s: %v", describe(from), describe(to), steps)
			}
		}
	}
}

func describe(p pair) string {
	text := string(p.key) + " ["
	for _, c := range p.bundle.Certificates() {
		text += fmt.Sprintf(" %s/%s", c.Subject.CommonName, c.SerialNumber)
	}
	return text + " ]"
}
