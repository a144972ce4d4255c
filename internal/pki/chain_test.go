package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCheckChainAccepts: chains without any problem.
func TestCheckChainAccepts(t *testing.T) {
	for _, name := range []string{"sample", "root", "chain1", "chain2", "ec", "ed", "documented-intermediate-chain"} {
		if problems := CheckChain(readCerts(t, "pki/"+name+".crt"), Options{Now: now}); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	root := makeCA(t, "Root", nil, func(c *x509.Certificate) { c.MaxPathLen = 1 })
	ca := makeCA(t, "CA", &root, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	for name, chain := range map[string][]*x509.Certificate{
		"empty":                             nil,
		"path lengths that are just enough": list(ca, root),
		"path length that only self-issued CAs exceed": func() []*x509.Certificate {
			old := makeCA(t, "Old", nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			rekeyed := makeCAWith(t, "Old", testKey(t, "new"), &old, nil)
			return list(rekeyed, old)
		}(),
		"extended key usage for TLS": list(makeCA(t, "EKU", nil, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		})),
		"constraints on DNS names": list(makeCA(t, "DNS", nil, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"x"} })),
		"on its first second":      list(makeCA(t, "T", nil, func(c *x509.Certificate) { c.NotBefore = now })),
		"30 days left":             list(makeCA(t, "T", nil, func(c *x509.Certificate) { c.NotAfter = now.Add(soon) })),
	} {
		if problems := CheckChain(chain, Options{Now: now}); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// TestCheckDates: the edges of each rule.
func TestCheckDates(t *testing.T) {
	end := now.AddDate(1, 0, 0)
	ca := list(makeCA(t, "CA", nil, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now, end }))
	for _, c := range []struct {
		at       time.Time
		lifetime time.Duration
		want     []Rule
	}{
		{now.Add(-time.Nanosecond), 0, []Rule{RuleNotYetValid}},
		{now, 0, nil},
		{end.Add(-soon), 0, nil},
		{end.Add(-soon + time.Nanosecond), 0, []Rule{RuleExpiresSoon}},
		{end.Add(-40 * 24 * time.Hour), 40 * 24 * time.Hour, nil},
		{end.Add(-40 * 24 * time.Hour), 41 * 24 * time.Hour, []Rule{RuleExpiresSoon}},
		{end, 0, []Rule{RuleExpiresSoon}},
		{end.Add(time.Nanosecond), 0, []Rule{RuleExpired}},
	} {
		o := Options{Now: c.at, ProxyCertificateLifetime: c.lifetime}
		if got := rules(CheckChain(ca, o)); !slices.Equal(got, c.want) {
			t.Errorf("at %s, lifetime %s: %v, want %v", c.at, c.lifetime, got, c.want)
		}
		if got := rules(checkTrusted(ca, o).finished()); !slices.Equal(got, c.want) {
			t.Errorf("trusted at %s, lifetime %s: %v, want %v", c.at, c.lifetime, got, c.want)
		}
	}
}

// TestPathLength counts below each certificate, not below the chain.
func TestPathLength(t *testing.T) {
	a := makeCA(t, "A", nil, func(c *x509.Certificate) { c.MaxPathLen = 2 })
	b := makeCA(t, "B", &a, func(c *x509.Certificate) { c.MaxPathLen = 1 })
	c := makeCA(t, "C", &b, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	d := makeCA(t, "D", &c, nil)
	var at []int
	for _, p := range CheckChain(list(d, c, b, a), Options{Now: now}) {
		if p.Rule == RulePathLength {
			at = append(at, p.Index)
		}
	}
	if want := []int{1, 2, 3}; !slices.Equal(at, want) {
		t.Errorf("at %v, want %v", at, want)
	}
}

// TestLimitsMatter: what the warnings say of peers is so. Each CA issues a
// proxy certificate, and crypto/x509 refuses it.
func TestLimitsMatter(t *testing.T) {
	for _, c := range append(certificateRuleCases(), chainRuleCases()...) {
		name, found := strings.CutPrefix(c.name, "chain: ")
		if !found || !slices.Contains([]string{"extended key usage", "name constraints", "critical extension", "path length", "not yet valid"}, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			problems := c.judge(t)
			if len(problems) != 1 {
				t.Fatalf("problems: %v", problems)
			}
			chain := c.chain(t)
			uris, err := identities("default", ServiceTags("web"))
			if err != nil {
				t.Fatal(err)
			}
			issued, err := CA{Bundle{Chain: chain}, testKey(t, "CA")}.issue(leaf{
				uris: uris, serial: chain[0].SerialNumber, notBefore: now.Add(-clockSkew), notAfter: now.Add(time.Hour), key: testKey(t, "leaf"),
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(issued, chain[len(chain)-1:], now); err == nil {
				t.Errorf("crypto/x509 accepts it, in spite of: %v", problems)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	chain2 := readCerts(t, "pki/chain2.crt")
	root := makeCA(t, "Root", nil, nil)
	ca := makeCA(t, "CA", &root, nil)
	// Re-issued: the same name and key, another certificate.
	reissued := makeCAWith(t, "Root", root.key, nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(20, 0, 0) })
	// Cross-signed: the root's name and key, by another root.
	other := makeCA(t, "Other", nil, nil)
	cross := makeCAWith(t, "Root", root.key, &other, nil)
	for name, want := range map[string][]*x509.Certificate{
		"one":                    list(root),
		"two":                    list(ca, root),
		"three":                  chain2,
		"with a cross-signed CA": list(ca, root, cross, other),
	} {
		for range 10 {
			shuffled := slices.Clone(want)
			r := mathrand.New(mathrand.NewPCG(1, 2))
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			got, err := Order(append(shuffled, shuffled[0])) // a copy is dropped
			if err != nil || !SameCertificates(got, want) {
				t.Errorf("%s: %d certificates, %v", name, len(got), err)
			}
		}
	}
	if got, err := Order(list(reissued, ca, root)); err != nil || !SameCertificates(got, list(ca, reissued, root)) {
		t.Errorf("re-issued root: %d certificates, %v", len(got), err)
	}
	if got, err := Order(nil); err != nil || len(got) != 0 {
		t.Errorf("none: %v, %v", got, err)
	}
	for name, certs := range map[string][]*x509.Certificate{
		"gap":                    {chain2[0], chain2[2]},
		"two roots":              list(root, other),
		"fork":                   list(ca, makeCA(t, "CA 2", &root, nil), root),
		"same name, another key": list(ca, makeCAWith(t, "Root", testKey(t, "another"), nil, nil)),
	} {
		if got, err := Order(certs); !errors.Is(err, ErrNoOrder) || got != nil {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
}

// TestShortKeys: crypto/x509 refuses to use RSA keys below 1024 bits, so the
// signature that such a key made is neither good nor bad.
func TestShortKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	root := makeCAWith(t, "Root", key, nil, nil)
	chain := list(makeCA(t, "CA", &root, nil), root)
	t.Setenv("GODEBUG", "rsa1024min=1")
	if got, want := rules(CheckChain(chain, Options{Now: now})), []Rule{RuleSignatureUnchecked, RuleWeakKey}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOrderGivesUp: certificates made to have a great many orders to try.
func TestOrderGivesUp(t *testing.T) {
	key := testKey(t, "shared")
	var certs []*x509.Certificate
	for i := range 20 { // each signed by each other
		certs = append(certs, makeCAWith(t, "Shared", key, nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(i, 1, 0) }).cert)
	}
	certs = append(certs, list(makeCA(t, "A", nil, nil), makeCA(t, "B", nil, nil))...)
	start := time.Now()
	if _, err := Order(certs); !errors.Is(err, ErrNoOrder) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	many := make([]*x509.Certificate, 101)
	for i := range many {
		many[i] = &x509.Certificate{Raw: []byte{byte(i)}}
	}
	if _, err := Order(many); !errors.Is(err, ErrNoOrder) {
		t.Errorf("got %v", err)
	}
}

func mustParse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestSameCertificates(t *testing.T) {
	chain := readCerts(t, "pki/chain1.crt")
	reversed := []*x509.Certificate{chain[1], chain[0]}
	if !SameCertificates(chain, readCerts(t, "pki/chain1.crt")) || SameCertificates(chain, reversed) || SameCertificates(chain, chain[:1]) || !SameCertificates(nil, nil) {
		t.Error("wrong")
	}
}

// A signature is verified once, and that of one issuer says nothing of another with the same name.
func TestSignedByOnce(t *testing.T) {
	t.Parallel()
	root := makeCAWith(t, "Once Root", testKey(t, "once"), nil, nil)
	twin := makeCAWith(t, "Once Root", testKey(t, "its twin"), nil, nil)
	cert := makeCAWith(t, "Once", testKey(t, "below"), &root, nil).cert
	for range 2 {
		if signedBy(cert, root.cert) != signed || signedBy(cert, twin.cert) != notSigned {
			t.Error("another issuer of the same name counts")
		}
	}
	verified.Store([2][sha256.Size]byte{sha256.Sum256(cert.Raw), sha256.Sum256(root.cert.Raw)}, unchecked)
	if signedBy(cert, root.cert) != unchecked {
		t.Error("the signature is verified again")
	}
}

func BenchmarkCheckChain10(b *testing.B) {
	keys := map[string]func(name string) crypto.Signer{
		"ecdsa": func(name string) crypto.Signer { return testKey(b, name) },
		"rsa":   func(string) crypto.Signer { return readKey(b, "pki/root.key") },
	}
	for kind, key := range keys {
		last := makeCAWith(b, "Root", key("Root"), nil, nil)
		chain := list(last)
		for i := range 9 {
			name := "CA " + strconv.Itoa(i)
			last = makeCAWith(b, name, key(name), &last, nil)
			chain = append(list(last), chain...)
		}
		text := EncodeCertificates(chain)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				verified.Clear()
				certs, problems := ParseCertificates(text)
				if problems = append(problems, CheckChain(certs, Options{Now: now})...); len(certs) != 10 || len(problems) > 0 {
					b.Fatal(len(certs), problems)
				}
			}
		})
	}
}
