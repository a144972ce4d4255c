package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// controlPlane judges a pair as a control plane does when a mesh names it
// (recorded): the pair as a TLS key pair, then three rules for each certificate.
func controlPlane(chain, key []byte) error {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return err
	}
	for _, der := range pair.Certificate {
		cert, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			return err
		case !cert.IsCA, cert.KeyUsage&x509.KeyUsageCertSign == 0, cert.KeyUsage&x509.KeyUsageKeyAgreement != 0:
			return errors.New("basic constraints or key usage")
		}
	}
	return nil
}

// judge is what this package says of the same pair.
func judge(chain, key []byte) Problems {
	certs, problems := ParseCertificates(chain)
	problems = append(problems, CheckChain(certs, Options{Now: now})...)
	signer, keyProblems := ParsePrivateKey(key)
	problems = append(problems, keyProblems...)
	if signer != nil {
		problems = append(problems, Bundle{Chain: certs}.CheckKey(signer)...)
	}
	return problems
}

// ownRules are errors here although the control plane accepts the material,
// because proxies get something else than their owner believes, or refuse it.
var ownRules = []Rule{
	RulePEMLine, RulePEMBlock, RulePEMLabel, RuleExtKeyUsage, RulePrivateKeyInChain, RuleKeyBlocks, RuleExpired, RuleNotYetValid, RuleChainOrder,
}

func checkAgreement(t *testing.T, name string, chain, key []byte) {
	t.Helper()
	verdict, problems := controlPlane(chain, key), judge(chain, key)
	own := slices.ContainsFunc(problems.Errors(), func(p Problem) bool { return slices.Contains(ownRules, p.Rule) })
	if verdict == nil && problems.HasErrors() && !own {
		t.Errorf("%s: the control plane accepts it; here: %v", name, problems.Errors())
	}
	// What a byte order mark hides is there again once the text is encoded anew.
	if verdict != nil && !problems.HasErrors() && !slices.Contains(rules(problems), RulePEMByteOrderMark) {
		t.Errorf("%s: the control plane refuses it (%v); here: %v", name, verdict, problems)
	}
}

// TestRecorded: the pairs of the recording, with what the control plane said.
func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		chain, key string
		accepted   bool
		errors     []Rule
	}{
		{"sample.crt", "sample.key", true, nil},
		{"root.crt", "root.key", true, nil},
		{"root.crt", "root-pkcs1.key", true, nil},
		{"int1.crt", "int1.key", true, nil},
		{"chain1.crt", "int1.key", true, nil},
		{"chain2.crt", "int2.key", true, nil},
		{"ec.crt", "ec.key", true, nil},
		{"ec.crt", "ec-sec1.key", true, nil},
		{"ed.crt", "ed.key", true, nil},
		{"should.crt", "should.key", true, nil},
		{"expired.crt", "expired.key", true, []Rule{RuleExpired}},
		{"chain-wrong-order.crt", "root.key", true, []Rule{RuleChainOrder}},
		{"chain-wrong-order.crt", "int1.key", false, []Rule{RuleChainOrder, RuleKeyMismatch}},
		{"root.crt", "int1.key", false, []Rule{RuleKeyMismatch}},
		{"notca.crt", "notca.key", false, []Rule{RuleBasicConstraintsCA}},
		{"nosign.crt", "nosign.key", false, []Rule{RuleKeyUsageCertSign}},
		{"noku.crt", "noku.key", false, []Rule{RuleKeyUsageCertSign}},
		{"agree.crt", "agree.key", false, []Rule{RuleKeyUsageKeyAgreement}},
		{"root.key", "root.crt", false, []Rule{RulePrivateKeyInChain, RuleKeyNotPrivate}},
	} {
		name := c.chain + " with " + c.key
		chain, key := read(t, "pki/"+c.chain), read(t, "pki/"+c.key)
		if err := controlPlane(chain, key); (err == nil) != c.accepted {
			t.Errorf("%s: the recorded control plane accepts: %v; this test's: %v", name, c.accepted, err)
		}
		if got := rules(judge(chain, key).Errors()); !slices.Equal(got, c.errors) {
			t.Errorf("%s: %v, want %v", name, got, c.errors)
		}
		checkAgreement(t, name, chain, key)
	}
}

// TestAgreement: every text of this package's tests, good or bad, is judged as
// the control plane judges it, or an own rule says why not.
func TestAgreement(t *testing.T) {
	var keys [][]byte
	files, err := filepath.Glob("testdata/pki/*.key")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		keys = append(keys, read(t, strings.TrimPrefix(file, "testdata/")))
	}
	check := func(name string, chain []byte) {
		// With the key of its first certificate, if there is one.
		key := keys[0]
		for _, k := range keys {
			if _, err := tls.X509KeyPair(chain, k); err == nil {
				key = k
			}
		}
		checkAgreement(t, name, chain, key)
	}
	for _, c := range certificateCases() {
		check(c.name, []byte(c.text(t)))
	}
	for _, c := range append(certificateRuleCases(), chainRuleCases()...) {
		if c.chain != nil {
			check(c.name, EncodeCertificates(c.chain(t)))
		}
	}
	for _, name := range []string{"pki/root.crt", "pki/ec.crt", "pki/chain1.crt"} {
		damaged("CERTIFICATE", read(t, name), 400, func(mutation string, text []byte) {
			check(name+" "+mutation, bytes.Clone(text))
		})
	}
	for _, c := range keyCases() {
		if c.text != nil {
			checkAgreement(t, c.name, read(t, "pki/root.crt"), []byte(c.text(t)))
		}
	}
}
