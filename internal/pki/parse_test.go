package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

// TestParseCertificatesAccepts: what is fine around and between certificates.
func TestParseCertificatesAccepts(t *testing.T) {
	chain1 := string(read(t, "pki/chain1.crt"))
	int1, root := string(read(t, "pki/int1.crt")), string(read(t, "pki/root.crt"))
	for name, text := range map[string]string{
		"as it is":                  chain1,
		"CRLF":                      strings.ReplaceAll(chain1, "\n", "\r\n"),
		"trailing spaces":           strings.ReplaceAll(chain1, "\n", " \t\n"),
		"no line break at the end":  strings.TrimSpace(chain1),
		"text around":               "subject=CN = X\n" + int1 + "\n\nissuer: Y\n" + root + "\n# end",
		"headers":                   strings.ReplaceAll(chain1, beginCert+"\n", beginCert+"\nA: b\nC: d\n\n"),
		"one line of base64":        onOneLine(chain1),
		"commented out certificate": "# " + strings.ReplaceAll(strings.TrimSpace(root), "\n", "\n# ") + "\n" + chain1,
		"BEGIN in the text":         "put it behind -----BEGIN CERTIFICATE----- please\n" + chain1,
	} {
		t.Run(name, func(t *testing.T) {
			certs, problems := ParseCertificates([]byte(text))
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			if got := string(EncodeCertificates(certs)); got != int1+root {
				t.Errorf("got\n%s", got)
			}
			if len(strictly([]byte(text))) != 2 {
				t.Error("the control plane would not read it like this")
			}
		})
	}
}

func onOneLine(text string) string {
	var out strings.Builder
	for rest := []byte(text); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return out.String()
		}
		encoded := strings.Split(string(pem.EncodeToMemory(b)), "\n")
		last := len(encoded) - 2
		out.WriteString(encoded[0] + "\n" + strings.Join(encoded[1:last], "") + "\n" + encoded[last] + "\n")
	}
}

// TestParseCertificatesGoesOn: what is wrong with one block hides neither the
// certificates nor the problems of the others.
func TestParseCertificatesGoesOn(t *testing.T) {
	int1, root := string(read(t, "pki/int1.crt")), string(read(t, "pki/root.crt"))
	for name, text := range map[string]string{
		"joined":        strings.TrimSpace(int1) + root,
		"indented":      "  " + int1 + root,
		"single spaces": strings.ReplaceAll(int1+root, "\n", " "),
		"short dashes":  strings.ReplaceAll(int1+root, endCert, strings.TrimSuffix(endCert, "-")),
		"damaged one":   int1 + beginCert + "\n?\n" + endCert + "\n" + root,
		"endless one":   int1 + beginCert + "\n" + root,
		"stray END":     int1 + endCert + "\n" + root,
		"private key":   int1 + string(read(t, "pki/root.key")) + root,
	} {
		t.Run(name, func(t *testing.T) {
			certs, problems := ParseCertificates([]byte(text))
			if !problems.HasErrors() {
				t.Errorf("no error: %v", problems)
			}
			if got := string(EncodeCertificates(certs)); got != int1+root {
				t.Errorf("got %d certificates; problems: %v", len(certs), problems)
			}
		})
	}
}

// TestParseHugeLine: a text without line breaks takes no longer than others.
func TestParseHugeLine(t *testing.T) {
	for _, block := range []string{beginCert + "AAAA" + endCert, "x" + beginCert} {
		if _, problems := ParseCertificates([]byte(strings.Repeat(block, 5_000))); !problems.HasErrors() {
			t.Error("no error")
		}
	}
}

func TestParsePrivateKeyAccepts(t *testing.T) {
	sec1 := string(read(t, "pki/ec-sec1.key"))
	for name, c := range map[string]struct{ text, cert, normal string }{
		"PKCS #8 RSA":            {string(read(t, "pki/root.key")), "pki/root.crt", string(read(t, "pki/root.key"))},
		"PKCS #1":                {string(read(t, "pki/root-pkcs1.key")), "pki/root.crt", string(read(t, "pki/root-pkcs1.key"))},
		"PKCS #8 ECDSA":          {string(read(t, "pki/ec.key")), "pki/ec.crt", string(read(t, "pki/ec.key"))},
		"SEC 1":                  {sec1, "pki/ec.crt", sec1},
		"SEC 1 with parameters":  {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + sec1, "pki/ec.crt", sec1},
		"Ed25519":                {string(read(t, "pki/ed.key")), "pki/ed.crt", string(read(t, "pki/ed.key"))},
		"CRLF and text around":   {"Bag Attributes\r\n" + strings.ReplaceAll(sec1, "\n", "\r\n") + "\r\nend", "pki/ec.crt", sec1},
		"PKCS #8 labelled PKCS1": {relabelled("pki/ec.key", "RSA PRIVATE KEY")(t), "pki/ec.crt", relabelled("pki/ec.key", "RSA PRIVATE KEY")(t)},
	} {
		t.Run(name, func(t *testing.T) {
			key, problems := ParsePrivateKey([]byte(c.text))
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			cert := readCerts(t, c.cert)
			if problems := (Bundle{Chain: cert}).CheckKey(key); len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
			if !SameKey(key.Public(), cert[0]) || PublicKeySHA256(key.Public()) != PublicKeySHA256(cert[0].PublicKey) {
				t.Error("the public keys differ")
			}
			if normal, problems := NormalizePrivateKey([]byte(c.text)); string(normal) != c.normal || len(problems) > 0 {
				t.Errorf("normalized to another text; problems: %v", problems)
			}
		})
	}
}

func TestNormalizePrivateKeyRefuses(t *testing.T) {
	normal, problems := NormalizePrivateKey(append(read(t, "pki/ec.key"), read(t, "pki/ed.key")...))
	if normal != nil || !problems.HasErrors() {
		t.Errorf("got %d bytes and %v", len(normal), problems)
	}
}

func TestEncodeCertificates(t *testing.T) {
	certs := readCerts(t, "pki/documented-intermediate-chain.crt")
	again, problems := ParseCertificates(EncodeCertificates(certs))
	if !SameCertificates(certs, again) || len(problems) > 0 {
		t.Errorf("not the same after a round trip; problems: %v", problems)
	}
	if got := EncodeCertificates(nil); len(got) != 0 {
		t.Errorf("no certificates give %q", got)
	}
}

func TestProblems(t *testing.T) {
	ps := Problems{
		{Severity: Warning, Index: -1, Message: "a"},
		{Severity: Error, Index: 0, Message: "b"},
		{Severity: Error, Index: 1, Subject: "CN=X", Message: "c"},
	}
	if len(ps.Errors()) != 2 || len(ps.Warnings()) != 1 || !ps.HasErrors() || ps.Warnings().HasErrors() {
		t.Errorf("%v and %v", ps.Errors(), ps.Warnings())
	}
	if got, want := ps.Err().Error(), "PEM block 0: b\ncertificate 1 (CN=X): c"; got != want {
		t.Errorf("got %q", got)
	}
	if err := ps.Warnings().Err(); err != nil {
		t.Errorf("warnings give an error: %v", err)
	}
	if got := ps[0].String(); got != "a" {
		t.Errorf("got %q", got)
	}
	if Error.String() != "error" || Warning.String() != "warning" {
		t.Error("severities")
	}
}

func FuzzParseCertificates(f *testing.F) {
	for _, c := range certificateCases() {
		if c.text != nil {
			f.Add([]byte(c.text(f)))
		}
	}
	f.Add(read(f, "pki/chain2.crt"))
	f.Add(read(f, "pki/ed.crt"))
	f.Fuzz(func(t *testing.T, text []byte) {
		certs, problems := ParseCertificates(text)
		for _, p := range problems {
			if p.Message == "" || p.Rule == "" || p.Index < -1 {
				t.Errorf("incomplete problem %#v", p)
			}
		}
		if len(certs) == 0 && !problems.HasErrors() {
			t.Error("neither a certificate nor an error")
		}
		if again, more := ParseCertificates(EncodeCertificates(certs)); len(certs) > 0 && (len(more) > 0 || !SameCertificates(certs, again)) {
			t.Errorf("not the same after a round trip; problems: %v", more)
		}
		// Nothing to complain about: the control plane reads the very same.
		strict := strictly(text)
		if len(problems) == 0 && !bytes.Equal(bytes.Join(strict, nil), ders(certs)) {
			t.Errorf("the control plane reads %d certificates, we read %d", len(strict), len(certs))
		}
		CheckChain(certs, Options{Now: now})
		checkTrusted(certs, Options{Now: now}).finished()
		SplitBundle(certs).Fingerprint()
		stored, problems := ReadCertificates(text)
		if !bytes.Equal(ders(stored), bytes.Join(strict, nil)) && !problems.HasErrors() {
			t.Errorf("the control plane reads %d certificates, ReadCertificates %d", len(strict), len(stored))
		}
		for _, cert := range certs {
			Describe(cert)
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	for _, c := range keyCases() {
		if c.text != nil {
			f.Add([]byte(c.text(f)))
		}
	}
	for _, name := range []string{"pki/root-pkcs1.key", "pki/ec-sec1.key", "pki/ed.key"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, problems := ParsePrivateKey(text)
		if (key == nil) != problems.HasErrors() {
			t.Fatalf("key %T with problems %v", key, problems)
		}
		if key == nil {
			return
		}
		normal, _ := NormalizePrivateKey(text)
		again, problems := ParsePrivateKey(normal)
		if again == nil || len(problems) > 0 {
			t.Fatalf("not the same after a round trip: %v", problems)
		}
		if PublicKeySHA256(again.Public()) != PublicKeySHA256(key.Public()) {
			t.Error("another key after a round trip")
		}
		if _, err := x509.MarshalPKCS8PrivateKey(key); err != nil {
			t.Error(err)
		}
	})
}
