package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files anew")

// now is a time at which the certificates of testdata/pki are valid.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readCerts(t testing.TB, name string) []*x509.Certificate {
	t.Helper()
	certs, problems := ParseCertificates(read(t, name))
	if len(problems) > 0 {
		t.Fatalf("%s: %v", name, problems)
	}
	return certs
}

func readKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	key, problems := ParsePrivateKey(read(t, name))
	if len(problems) > 0 {
		t.Fatalf("%s: %v", name, problems)
	}
	return key
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	is, was := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	line := 0
	for line < min(len(is), len(was))-1 && is[line] == was[line] {
		line++
	}
	t.Errorf("%s:%d: is\n%s\nand not\n%s\nIf that is intended, run the test with -update and read the diff.", file, line+1, is[line], was[line])
}

// An authority is a CA made for a test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (a authority) pem() string { return string(EncodeCertificates([]*x509.Certificate{a.cert})) }

// testKey returns a P-256 key that depends on the name alone.
func testKey(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key, err := keyFrom(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

// makeCA makes a good CA certificate, self-signed if parent is nil, after edit
// has changed the template.
func makeCA(t testing.TB, name string, parent *authority, edit func(*x509.Certificate)) authority {
	t.Helper()
	return makeCAWith(t, name, testKey(t, name), parent, edit)
}

func makeCAWith(t testing.TB, name string, key crypto.Signer, parent *authority, edit func(*x509.Certificate)) authority {
	t.Helper()
	id := sha256.Sum256([]byte(name))
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SubjectKeyId:          id[:4],
	}
	if edit != nil {
		edit(template)
	}
	issuer := authority{template, key}
	if parent != nil {
		issuer = *parent
	}
	der, err := x509.CreateCertificate(nil, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func list(authorities ...authority) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, a := range authorities {
		certs = append(certs, a.cert)
	}
	return certs
}

// strictly reads a text as crypto/tls, and so the control plane, does.
func strictly(text []byte) [][]byte {
	var ders [][]byte
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return ders
		}
		if b.Type == "CERTIFICATE" {
			ders = append(ders, b.Bytes)
		}
	}
}

// ders returns the certificates' DER, one after another.
func ders(certs []*x509.Certificate) []byte {
	var all []byte
	for _, cert := range certs {
		all = append(all, cert.Raw...)
	}
	return all
}

// strictlyAny returns the content of the first block of a good text.
func strictlyAny(text []byte) []byte {
	b, _ := pem.Decode(text)
	return b.Bytes
}

func rules(ps Problems) []Rule {
	var rules []Rule
	for _, p := range ps {
		rules = append(rules, p.Rule)
	}
	return rules
}
