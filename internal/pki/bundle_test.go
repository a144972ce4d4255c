package pki

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"
)

func certificates(certs ...*x509.Certificate) []*x509.Certificate { return certs }

func TestSplitBundle(t *testing.T) {
	chain2, ec, ed := readCerts(t, "pki/chain2.crt"), readCerts(t, "pki/ec.crt"), readCerts(t, "pki/ed.crt")
	root := makeCA(t, "Root", nil, nil)
	reissued := makeCAWith(t, "Root", root.key, nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(20, 0, 0) })
	for _, c := range []struct {
		name           string
		certs          []*x509.Certificate
		chain, trusted int
	}{
		{"none", nil, 0, 0},
		{"root alone", ec, 1, 0},
		{"chain", chain2, 3, 0},
		{"chain and others", slices.Concat(chain2, ec, ed), 3, 2},
		{"root and the chain of another", slices.Concat(ec, chain2), 1, 3},
		{"chain without its root, and another", slices.Concat(chain2[:2], ec), 2, 1},
		{"wrong order", readCerts(t, "pki/chain-wrong-order.crt"), 1, 1},
		{"root and the same re-issued", list(root, reissued), 1, 1},
		{"issuer twice", slices.Concat(chain2[:1], chain2), 4, 0},
		{"root twice", slices.Concat(chain2, chain2[2:]), 4, 0},
		{"root again behind another", slices.Concat(chain2, ec, chain2[2:]), 3, 2},
	} {
		b := SplitBundle(c.certs)
		if len(b.Chain) != c.chain || len(b.Trusted) != c.trusted || !SameCertificates(slices.Concat(b.Chain, b.Trusted), c.certs) {
			t.Errorf("%s: %d and %d certificates, want %d and %d", c.name, len(b.Chain), len(b.Trusted), c.chain, c.trusted)
		}
	}
}

func TestBundle_certificates(t *testing.T) {
	chain, ec, ed := readCerts(t, "pki/chain1.crt"), readCerts(t, "pki/ec.crt")[0], readCerts(t, "pki/ed.crt")[0]
	want := Bundle{chain, certificates(ec, ed)}.Certificates()
	if len(want) != 4 || !SameCertificates(want[:2], chain) || string(want[2].Raw) > string(want[3].Raw) {
		t.Errorf("%d certificates, or not in order", len(want))
	}
	for name, b := range map[string]Bundle{
		"other order":            {chain, certificates(ed, ec)},
		"trusted twice":          {chain, certificates(ec, ed, ec)},
		"trusted and in chain":   {chain, certificates(ed, chain[1], ec)},
		"chain with repetitions": {certificates(chain[0], chain[0], chain[1], chain[1]), certificates(ec, ed)},
		"parsed again":           {chain, certificates(mustParse(t, ed.Raw), mustParse(t, ec.Raw))},
	} {
		if got := b.Certificates(); !SameCertificates(got, want) {
			t.Errorf("%s: %d certificates", name, len(got))
		}
	}
	canonical := Bundle{certificates(chain[0], chain[0], chain[1]), certificates(chain[1], ed, ed)}.Canonical()
	if !SameCertificates(canonical.Chain, chain) || !SameCertificates(canonical.Trusted, certificates(ed)) {
		t.Errorf("%d certificates in the chain, %d trusted", len(canonical.Chain), len(canonical.Trusted))
	}
	backwards := certificates(want[3], want[2])
	if (Bundle{chain, backwards}).Certificates(); backwards[0] != want[3] {
		t.Error("the caller's slice was sorted")
	}
}

// Names of secrets come from it, so it stays what it is from version to version.
func TestBundle_fingerprint(t *testing.T) {
	chain, ec, ed := readCerts(t, "pki/chain1.crt"), readCerts(t, "pki/ec.crt"), readCerts(t, "pki/ed.crt")
	for name, c := range map[string]struct {
		bundle Bundle
		want   string
	}{
		// openssl x509 -outform der < root.crt | sha256sum
		"one certificate": {Bundle{Chain: readCerts(t, "pki/root.crt")}, "3854d22eae8bdbe9d21a2e1541a2880beb0d219a4438baa4914fc5581d883c1b"},
		"chain":           {Bundle{Chain: chain}, "7551e59d384b73b4d0cb5a557eb6513d59fbbc119a6a240a47fdd22d32e86823"},
		"other order":     {Bundle{Chain: certificates(chain[1], chain[0])}, "5a4c8774f1cf0cc9de3ca0f219c5c1cbbbf910c05905d615d8d79bc259f8c104"},
		"and trusted":     {Bundle{chain, slices.Concat(ec, ed)}, "2f72b9305c139f1b8d560feb0c93e0a1030bdf0084b15777291a49fa822fff17"},
	} {
		if got := c.bundle.Fingerprint(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What one person gives as a chain, and another as chain and trusted
// certificates, is one bundle. What proxies would trust or get is not.
func TestBundle_equal(t *testing.T) {
	chain, ec, ed := readCerts(t, "pki/chain2.crt"), readCerts(t, "pki/ec.crt")[0], readCerts(t, "pki/ed.crt")[0]
	issuer, middle, root := chain[0], chain[1], chain[2]
	whole := Bundle{chain, certificates(ec, ed)}
	for _, c := range []struct {
		name string
		a, b Bundle
		want bool
	}{
		{"the same", whole, whole, true},
		{"trusted in another order", whole, Bundle{chain, certificates(ed, ec)}, true},
		{"chain goes on", whole, Bundle{Chain: certificates(issuer, middle, root, ec, ed)}, true},
		{"chain goes on in another order", whole, Bundle{Chain: certificates(issuer, middle, root, ed, ec)}, true},
		{"chain ends earlier", whole, Bundle{certificates(issuer), certificates(middle, root, ec, ed)}, true},
		{"repetitions", whole, Bundle{certificates(issuer, issuer, middle, root, root), certificates(ec, ed, root, ec)}, true},
		{"repetitions across", Bundle{certificates(issuer), certificates(issuer, ec)}, Bundle{Chain: certificates(issuer, ec)}, true},
		{"nothing", Bundle{}, Bundle{}, true},
		{"another issuer", whole, Bundle{certificates(ec), certificates(issuer, middle, root, ed)}, false},
		{"another order of a chain", Bundle{Chain: chain}, Bundle{Chain: certificates(issuer, root, middle)}, false},
		{"one missing", whole, Bundle{chain, certificates(ec)}, false},
		{"one missing, one twice", whole, Bundle{chain, certificates(ec, ec)}, false},
		{"nothing and something", Bundle{}, Bundle{Chain: chain}, false},
	} {
		if c.a.Equal(c.b) != c.want || c.b.Equal(c.a) != c.want {
			t.Errorf("%s: %v and %v, want %v", c.name, c.a.Equal(c.b), c.b.Equal(c.a), c.want)
		}
	}
}

// A secret is read as the control plane reads it, however much more a person
// would see in it.
func TestReadBundle(t *testing.T) {
	chain, key := string(read(t, "pki/chain1.crt")), string(read(t, "pki/int1.key"))
	first, second, _ := strings.Cut(chain, "-----END CERTIFICATE-----\n")
	first += "-----END CERTIFICATE-----\n"
	for _, c := range []struct {
		name, text   string
		certificates int
		rules        []Rule // of errors
	}{
		{"chain", chain, 2, nil},
		{"text around", "a comment\n" + first + "another\r\n" + second, 2, nil},
		{"root twice", chain + second, 3, nil},
		{"byte order mark at the start", byteOrderMark + chain, 1, []Rule{RulePEMByteOrderMark}},
		{"byte order mark in the middle", first + byteOrderMark + second, 1, []Rule{RulePEMByteOrderMark}},
		{"indented", first + "  " + second, 1, []Rule{RulePEMLine}},
		{"joined", strings.TrimSpace(first) + second, 0, []Rule{RulePEMLine}},
		{"cut off", chain[:len(chain)-40], 1, []Rule{RulePEMBlock}},
		{"another label", strings.ReplaceAll(first, "CERTIFICATE", "X509 CERTIFICATE") + second, 1, []Rule{RulePEMLabel}},
		{"private key behind", chain + key, 2, []Rule{RulePrivateKeyInChain}},
		{"private key alone", key, 0, []Rule{RulePrivateKeyInChain}},
		{"nothing", "", 0, []Rule{RulePEM}},
	} {
		b, problems := ReadBundle([]byte(c.text))
		errs := rules(problems.Errors())
		if got := len(b.Chain) + len(b.Trusted); got != c.certificates || !slices.Equal(errs, c.rules) {
			t.Errorf("%s: %d certificates, want %d; errors %v, want %v", c.name, got, c.certificates, errs, c.rules)
		}
		if got := len(strictly([]byte(c.text))); got != c.certificates {
			t.Errorf("%s: encoding/pem finds %d", c.name, got)
		}
	}
}

func TestReadPrivateKey(t *testing.T) {
	key, other := string(read(t, "pki/ec.key")), string(read(t, "pki/root.key"))
	for _, c := range []struct {
		name, text string
		seen       bool
		rules      []Rule
	}{
		{"key", key, true, nil},
		{"SEC 1 behind its parameters", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + string(read(t, "pki/ec-sec1.key")), true, nil},
		{"certificate before", string(read(t, "pki/ec.crt")) + key, true, []Rule{RuleKeyNotPrivate, RuleKeyBlocks}},
		{"another key behind", key + other, true, []Rule{RuleKeyBlocks}},
		{"byte order mark", byteOrderMark + key, false, []Rule{RulePEMByteOrderMark}},
		{"indented", " " + key, false, []Rule{RulePEMLine}},
		{"certificate alone", string(read(t, "pki/ec.crt")), false, []Rule{RuleKeyNotPrivate}},
		{"nothing", "", false, []Rule{RulePEM}},
	} {
		got, problems := ReadPrivateKey([]byte(c.text))
		if !slices.Equal(rules(problems), c.rules) || (got != nil) != c.seen {
			t.Errorf("%s: %T with %v, want %v", c.name, got, rules(problems), c.rules)
		}
		if got != nil && !SameKey(got.Public(), readCerts(t, "pki/ec.crt")[0]) {
			t.Errorf("%s: another key", c.name)
		}
	}
}

func TestSameMaterial(t *testing.T) {
	chain, root, key := string(read(t, "pki/chain1.crt")), string(read(t, "pki/root.crt")), string(read(t, "pki/root.key"))
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"equal texts that are no material", "token", "token", true},
		{"other texts", "token", "token\n", false},
		{"certificates and white space", chain, "\n" + strings.TrimSpace(chain), true},
		{"certificates and a copy", chain, chain + root, true},
		{"keys and white space", key, strings.TrimSpace(key), true},
		{"keys in two forms", key, string(read(t, "pki/root-pkcs1.key")), true},
		{"one certificate less", chain, root, false},
		{"a key behind the certificates", chain, chain + key, false},
		{"a key behind different certificates", chain + key, root + key, false},
		{"hidden certificate", chain, byteOrderMark + chain, false},
		{"another key", key, string(read(t, "pki/ec.key")), false},
		{"certificate and its key", root, key, false},
	} {
		if SameMaterial([]byte(c.a), []byte(c.b)) != c.want || SameMaterial([]byte(c.b), []byte(c.a)) != c.want {
			t.Errorf("%s: not %v", c.name, c.want)
		}
	}
}

// In the content of a secret, positions count from its first certificate.
func TestBundle_checkWhole(t *testing.T) {
	parse := func(names ...string) []*x509.Certificate {
		var text []byte
		for _, name := range names {
			text = append(text, read(t, name)...)
		}
		certs, problems := ParseCertificates(text)
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		return certs
	}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	errs := SplitBundle(parse("pki/chain1.crt", "pki/ec.crt", "pki/notca.crt")).CheckWhole(Options{Now: now}).Errors()
	if len(errs) == 0 {
		t.Fatal("a leaf passes")
	}
	for _, p := range errs {
		if p.Index != 3 || p.Subject != "CN=Not CA" {
			t.Errorf("%s", p)
		}
	}
	if problems := SplitBundle(parse("pki/chain1.crt", "pki/ec.crt")).CheckWhole(Options{Now: now}); problems.HasErrors() {
		t.Errorf("%v", problems)
	}
}
