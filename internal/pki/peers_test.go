package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// leafOf returns a proxy certificate of mesh "default", whatever the rules say of
// its CA.
func leafOf(t *testing.T, ca authority) *x509.Certificate {
	t.Helper()
	uris, err := identities("default", ServiceTags("web"))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := CA{Bundle{Chain: list(ca)}, ca.key}.issue(leaf{
		uris: uris, serial: ca.cert.SerialNumber, notBefore: now.Add(-clockSkew), notAfter: now.Add(time.Hour), key: testKey(t, "leaf"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return issued.Leaf
}

// accepted tells whether OpenSSL, with these trusted in this order, accepts a
// leaf as a server's and as a client's. Its rules here are BoringSSL's.
func accepted(t *testing.T, trusted []*x509.Certificate, leaf *x509.Certificate) bool {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "trusted.pem", EncodeCertificates(trusted))
	write(t, dir, "leaf.pem", EncodeCertificates([]*x509.Certificate{leaf}))
	verify := "openssl verify -attime " + strconv.FormatInt(now.Unix(), 10) + " -CAfile trusted.pem -purpose "
	_, server := openssl(t, dir, verify+"sslserver leaf.pem")
	_, client := openssl(t, dir, verify+"sslclient leaf.pem")
	return server == nil && client == nil
}

// An error is what peers refuse for certain, and what they accept has no problem.
func TestCheckChain_peersRefuse(t *testing.T) {
	usages := func(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	uris := func(permitted, excluded []string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.PermittedURIDomains, c.ExcludedURIDomains = permitted, excluded }
	}
	for name, c := range map[string]struct {
		edit    func(*x509.Certificate)
		refused bool
	}{
		"no limits":                   {nil, false},
		"server and client":           {usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), false},
		"neither":                     {usages(x509.ExtKeyUsageCodeSigning), true},
		"any":                         {usages(x509.ExtKeyUsageAny), true},
		"any, server and client":      {usages(x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), false},
		"mesh and tags permitted":     {uris([]string{"default", "kuma.io"}, nil), false},
		"mesh and tags above them":    {uris([]string{"default", ".io"}, nil), false},
		"mesh permitted, tags not":    {uris([]string{"default"}, nil), true},
		"tags permitted, mesh not":    {uris([]string{"kuma.io", "other"}, nil), true},
		"mesh and something above":    {uris([]string{"default", "io"}, nil), true},
		"subdomains of tags alone":    {uris([]string{"default", ".kuma.io"}, nil), true},
		"mesh excluded":               {uris(nil, []string{"default"}), true},
		"another mesh excluded":       {uris(nil, []string{"other"}), false},
		"permitted and then excluded": {uris([]string{"default", "kuma.io"}, []string{"kuma.io"}), true},
	} {
		t.Run(name, func(t *testing.T) {
			ca := makeCA(t, "CA", nil, c.edit)
			problems := CheckChain(list(ca), Options{Now: now, Mesh: "default"})
			if problems.HasErrors() != c.refused {
				t.Errorf("problems %v", problems)
			}
			for _, p := range checkTrusted(list(ca), Options{Now: now, Mesh: "default"}).finished() {
				if p.Severity != Warning && p.Rule == RuleExtKeyUsage {
					t.Errorf("of a trusted certificate: %s", p)
				}
			}
			if accepted(t, list(ca), leafOf(t, ca)) == c.refused {
				t.Errorf("OpenSSL accepts it: %v", !c.refused)
			}
		})
	}
	// Of half of what is needed there is a warning.
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		ca := makeCA(t, "CA", nil, usages(usage, x509.ExtKeyUsageCodeSigning))
		if problems := CheckChain(list(ca), Options{Now: now}); len(problems) != 1 || problems[0].Severity != Warning || problems[0].Rule != RuleExtKeyUsage {
			t.Errorf("%v alone: %v", usage, problems)
		}
		if accepted(t, list(ca), leafOf(t, ca)) {
			t.Errorf("%v alone: OpenSSL accepts it", usage)
		}
	}
	// What a mesh is not known to use is not refused for certain.
	ca := makeCA(t, "CA", nil, uris([]string{"default"}, nil))
	if got := CheckChain(list(ca), Options{Now: now}); got.HasErrors() || len(got) != 1 {
		t.Errorf("without a mesh: %v", got)
	}
	if _, err := Derive(CA{Bundle{Chain: list(ca)}, ca.key}, ProxyRequest{Mesh: "default", Tags: ServiceTags("web")}, now); err == nil {
		t.Error("a certificate that peers refuse is issued")
	}
}

// withoutKeyID makes a CA without a subject key identifier, which Go adds to
// whatever it takes for a CA.
func withoutKeyID(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.SubjectKeyId = false, false, nil
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}}
}

func withKeyID(id byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.SubjectKeyId = []byte{id} }
}

// Both CAs issue while they overlap, and a peer accepts both whatever the order
// in which it finds them, or the overlap is refused.
func TestCheckOverlap(t *testing.T) {
	self := func(name, key string, edit func(*x509.Certificate)) authority {
		return makeCAWith(t, name, testKey(t, key), nil, edit)
	}
	plain, other := self("Root", "a", withoutKeyID), self("Root", "b", withoutKeyID)
	identified, otherIdentified := self("Root", "a", withKeyID(1)), self("Root", "b", withKeyID(2))
	below := makeCAWith(t, "CA 1", testKey(t, "1"), &plain, withKeyID(3))
	otherBelow := makeCAWith(t, "CA 2", testKey(t, "2"), &other, withKeyID(4))
	belowIdentified := makeCAWith(t, "CA 1", testKey(t, "1"), &identified, withKeyID(3))
	otherBelowIdentified := makeCAWith(t, "CA 2", testKey(t, "2"), &otherIdentified, withKeyID(4))
	for _, c := range []struct {
		name          string
		current, next []authority
		want          []string // what of the new bundle is named
	}{
		{"no key identifiers", []authority{plain}, []authority{other}, []string{"Root"}},
		{"the new one has a key identifier", []authority{plain}, []authority{otherIdentified}, []string{"Root"}},
		{"the current one has a key identifier", []authority{identified}, []authority{other}, []string{"Root"}},
		{"both have one", []authority{identified}, []authority{otherIdentified}, nil},
		{"both have the same one", []authority{identified}, []authority{self("Root", "b", withKeyID(1))}, []string{"Root"}},
		{"the same key", []authority{plain}, []authority{self("Root", "a", func(c *x509.Certificate) { withoutKeyID(c); c.NotAfter = now.AddDate(20, 0, 0) })}, nil},
		{"the same certificate", []authority{plain}, []authority{plain}, nil},
		{"another subject", []authority{plain}, []authority{self("Root 2", "b", withoutKeyID)}, nil},
		{"a subject in other letters", []authority{plain}, []authority{self("ROOT", "b", withoutKeyID)}, []string{"ROOT"}},
		{"under two roots of one name", []authority{below, plain}, []authority{otherBelow, other}, []string{"Root"}},
		{"under two roots that are told apart", []authority{belowIdentified, identified}, []authority{otherBelowIdentified, otherIdentified}, nil},
		{"under one root", []authority{below, plain}, []authority{makeCAWith(t, "CA 2", testKey(t, "2"), &plain, withKeyID(4)), plain}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			current, next := Bundle{Chain: list(c.current...)}, Bundle{Chain: list(c.next...)}
			var named []string
			for _, p := range CheckOverlap(current, next).Errors() {
				named = append(named, p.Subject[len("CN="):])
			}
			if !slices.Equal(named, c.want) {
				t.Errorf("%q is named, want %q", named, c.want)
			}
			refused := 0
			for _, trusted := range [][]*x509.Certificate{current.Join(next).Certificates(), next.Join(current).Certificates()} {
				for _, issuer := range []authority{c.current[0], c.next[0]} {
					if !accepted(t, trusted, leafOf(t, issuer)) {
						refused++
					}
				}
			}
			if (refused > 0) != (len(c.want) > 0) {
				t.Errorf("OpenSSL refuses %d of 4", refused)
			}
		})
	}
	if ps := CheckOverlap(Bundle{}, Bundle{Chain: list(plain)}); len(ps) > 0 {
		t.Errorf("without a CA: %v", ps)
	}
	// A CA that is merely trusted may be in the way as well.
	b := Bundle{Chain: list(plain), Trusted: list(other)}
	if _, trusted := b.Check(Options{Now: now}); len(trusted) != 1 || trusted[0].Rule != RuleAmbiguousIssuer || trusted[0].Severity != Warning {
		t.Errorf("trusted: %v", trusted)
	}
	if all := b.CheckWhole(Options{Now: now}); len(all) != 1 || all[0].Index != 1 {
		t.Errorf("in one text: %v", all)
	}
}

// However many things are wrong with a text, what is said stays short. The time
// grows with the text alone, else this test would take minutes.
func TestProblems_many(t *testing.T) {
	var begins, damaged []byte
	for range 100_000 {
		begins = append(begins, "-----BEGIN CERTIFICATE-----\n"...)
		damaged = append(damaged, "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"...)
	}
	key := read(t, "pki/ec.key")
	for name, text := range map[string][]byte{
		"BEGIN lines": begins, "damaged blocks": damaged, "key behind": slices.Concat(damaged, key),
	} {
		for what, parse := range map[string]func([]byte) Problems{
			"certificates": func(text []byte) Problems { _, ps := ParseCertificates(text); return ps },
			"secret":       func(text []byte) Problems { _, ps := ReadBundle(text); return ps },
			"key":          func(text []byte) Problems { _, ps := ParsePrivateKey(text); return ps },
		} {
			problems := parse(text)
			if size := len(fmt.Sprint(problems)); size > 20_000 || !problems.HasErrors() {
				t.Errorf("%s as %s: %d problems in %d bytes", name, what, len(problems), size)
			}
			if last := problems[len(problems)-1]; what == "certificates" && name == "BEGIN lines" && last.Message != "99990 more problems of this kind were found." {
				t.Errorf("the last one says: %s", last)
			}
			if what != "key" && name == "key behind" && !problems.Has(RulePrivateKeyInChain) {
				t.Errorf("%s as %s: the private key is not told of", name, what)
			}
		}
	}
}

// What can be accepted is what is ever warned of.
func TestWarningRules(t *testing.T) {
	warned := map[Rule]bool{RuleAmbiguousIssuer: true} // of trusted certificates
	for _, group := range [][]messageCase{certificateCases(), keyCases(), certificateRuleCases(), chainRuleCases()} {
		for _, c := range group {
			for _, p := range c.judge(t).Warnings() {
				warned[p.Rule] = true
			}
		}
	}
	for _, rule := range declaredRules(t) {
		if slices.Contains(WarningRules(), rule) != warned[rule] {
			t.Errorf("%s: ever a warning: %v", rule, warned[rule])
		}
	}
}
