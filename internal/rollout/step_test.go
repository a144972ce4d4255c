package rollout

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
	of := func(names ...string) CA {
		var p CA
		for _, name := range names {
			p.Bundle.Chain = append(p.Bundle.Chain, ca[name])
		}
		p.Bundle = pki.SplitBundle(p.Bundle.Chain)
		p.Key = []byte(names[0])
		return p
	}
	full := []Step{Trust, Issue, Final}
	for _, test := range []struct {
		what     string
		from, to CA
		want     []Step
	}{
		{"another root", of("A"), of("B"), full},
		{"the same key, renewed", of("A"), of("A renewed"), []Step{Final}},
		{"the same name, another key", of("A"), of("A rekeyed"), full},
		{"another intermediate under the same root", of("I1", "A"), of("I2", "A"), full},
		{"from the root to an intermediate", of("A"), of("I1", "A"), []Step{Trust, Final}}, // the new bundle has the root in it
		{"from an intermediate to its root", of("I1", "A"), of("A"), []Step{Issue, Final}}, // the old bundle has it
		{"one more trusted", of("A"), of("A", "B"), []Step{Final}},
		{"one fewer trusted", of("A", "B"), of("A"), []Step{Final}},
		{"trusted before", of("A", "B"), of("B"), []Step{Issue, Final}},
		{"trusted after", of("A"), of("B", "A"), []Step{Trust, Final}},
		{"trusted before and after", of("A", "B"), of("B", "A"), []Step{Final}},
		{"back from the first step", of("A", "B"), of("A"), []Step{Final}},
		{"back from the second step", of("B", "A"), of("A"), []Step{Issue, Final}},
		{"on from the second step", of("B", "A"), of("B"), []Step{Final}},
		{"a third CA in the middle", of("B", "A"), of("I1", "A"), []Step{Trust, Issue, Final}},
	} {
		if got := Remaining(test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, not %v", test.what, got, test.want)
		}
	}
}

// From every CA to every other: the steps end at the other CA, and while
// some proxies have what a step brought and some what was before, each accepts
// each.
func TestStepsNeverRefuse(t *testing.T) {
	t.Parallel()
	ca := authorities(t)
	var cas []CA
	names := []string{"A", "A renewed", "A rekeyed", "B", "I1"}
	for _, issuer := range names {
		for subset := range 1 << len(names) {
			p := CA{Bundle: pki.Bundle{Chain: []*x509.Certificate{ca[issuer]}}, Key: []byte(issuer)}
			for i, name := range names {
				if subset&(1<<i) != 0 && name != issuer {
					p.Bundle.Trusted = append(p.Bundle.Trusted, ca[name])
				}
			}
			if subset&(1<<slices.Index(names, issuer)) == 0 {
				cas = append(cas, p)
			}
		}
	}
	for _, from := range cas {
		for _, to := range cas {
			now := from
			steps := Remaining(from, to)
			for _, s := range steps {
				then := s.At(now, to)
				for _, a := range []CA{now, then} {
					for _, b := range []CA{now, then} {
						if !a.trusts(b) {
							t.Fatalf("from %s to %s, step %s: a refusal", describe(from), describe(to), s)
						}
					}
				}
				now = then
			}
			if len(steps) > 3 || steps[len(steps)-1] != Final || !now.Bundle.Equal(to.Bundle) || string(now.Key) != string(to.Key) {
				t.Fatalf("from %s to %s: %v", describe(from), describe(to), steps)
			}
		}
	}
}

func describe(p CA) string {
	text := string(p.Key) + " ["
	for _, c := range p.Bundle.Certificates() {
		text += fmt.Sprintf(" %s/%s", c.Subject.CommonName, c.SerialNumber)
	}
	return text + " ]"
}
