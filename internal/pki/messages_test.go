package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// A messageCase is one piece of bad material and the function that judges it.
type messageCase struct {
	name  string
	judge func(testing.TB) Problems
	text  func(testing.TB) string              // what is parsed, if it is text
	chain func(testing.TB) []*x509.Certificate // what is checked, if it is a chain
}

func inCertificates(name string, text func(testing.TB) string) messageCase {
	return messageCase{name: "certificates: " + name, text: text, judge: func(t testing.TB) Problems {
		_, ps := ParseCertificates([]byte(text(t)))
		return ps
	}}
}

func inKey(name string, text func(testing.TB) string) messageCase {
	return messageCase{name: "key: " + name, text: text, judge: func(t testing.TB) Problems {
		key, ps := ParsePrivateKey([]byte(text(t)))
		if (key == nil) != ps.HasErrors() {
			t.Errorf("key %s: key %v with problems %v", name, key, ps)
		}
		return ps
	}}
}

func inChain(name string, chain func(testing.TB) []*x509.Certificate) messageCase {
	return messageCase{name: "chain: " + name, chain: chain, judge: func(t testing.TB) Problems { return CheckChain(chain(t), Options{Now: now}) }}
}

// edited is a chain of one self-signed CA.
func edited(name string, edit func(*x509.Certificate)) messageCase {
	return inChain(name, func(t testing.TB) []*x509.Certificate { return list(makeCA(t, "CA", nil, edit)) })
}

func constant(text string) func(testing.TB) string { return func(testing.TB) string { return text } }

func file(name string) func(testing.TB) string {
	return func(t testing.TB) string { return string(read(t, name)) }
}

// changed is a file in which old was replaced by new.
func changed(name string, oldNew ...string) func(testing.TB) string {
	return func(t testing.TB) string {
		text := string(read(t, name))
		got := strings.NewReplacer(oldNew...).Replace(text)
		if got == text {
			t.Fatalf("nothing of %q is in %s", oldNew, name)
		}
		return got
	}
}

func joined(parts ...func(testing.TB) string) func(testing.TB) string {
	return func(t testing.TB) string {
		var text strings.Builder
		for _, part := range parts {
			text.WriteString(part(t))
		}
		return text.String()
	}
}

// relabelled is the first block of a file under another label.
func relabelled(name, label string) func(testing.TB) string {
	return func(t testing.TB) string {
		b, _ := pem.Decode(read(t, name))
		b.Type = label
		return string(pem.EncodeToMemory(b))
	}
}

const (
	beginCert = "-----BEGIN CERTIFICATE-----"
	endCert   = "-----END CERTIFICATE-----"
)

func der(t testing.TB, name string) string {
	b, _ := pem.Decode(read(t, name))
	return string(b.Bytes)
}

// utf16Text is a text in UTF-16, little-endian.
func utf16Text(s string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		text = append(text, byte(unit), byte(unit>>8))
	}
	return string(text)
}

func certificateCases() []messageCase {
	root, int1, rootKey := file("pki/root.crt"), file("pki/int1.crt"), file("pki/root.key")
	return []messageCase{
		inCertificates("empty", constant("")),
		inCertificates("white space and a byte order mark", constant("\ufeff \r\n")),
		inCertificates("text", constant("no certificate here")),
		inCertificates("DER", func(t testing.TB) string { return der(t, "pki/root.crt") }),
		inCertificates("PKCS #12", constant("\x30\x82\x09\x10\x02\x01\x03\x30\x82")),
		inCertificates("UTF-16", func(t testing.TB) string { return utf16Text("\ufeff" + root(t)) }),
		inCertificates("base64 of PKCS #12", constant(base64.StdEncoding.EncodeToString([]byte("\x30\x82\x09\x10\x02\x01\x03\x30\x82")))),
		inCertificates("base64 of UTF-16", func(t testing.TB) string {
			return base64.StdEncoding.EncodeToString([]byte(utf16Text("\ufeff" + root(t))))
		}),
		inCertificates("base64 of Latin-1", func(t testing.TB) string {
			return base64.StdEncoding.EncodeToString([]byte("# Z\xfcrich\n" + root(t)))
		}),
		inCertificates("base64 of base64 of PEM", func(t testing.TB) string {
			return base64.URLEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(root(t)))))
		}),
		inCertificates("base64 of PEM", func(t testing.TB) string { return base64.StdEncoding.EncodeToString([]byte(root(t))) }),
		inCertificates("base64 without BEGIN and END", changed("pki/root.crt", beginCert, "", endCert, "")),
		inCertificates("name of a file", constant("certs/ca.pem")),
		inCertificates("no line break between blocks", func(t testing.TB) string { return strings.TrimSpace(int1(t)) + root(t) }),
		inCertificates("space between blocks", func(t testing.TB) string { return strings.TrimSpace(int1(t)) + " " + root(t) }),
		inCertificates("indented", changed("pki/root.crt", "\n", "\n    ", beginCert, "    "+beginCert)),
		inCertificates("tab before BEGIN", joined(int1, constant("\t"), root)),
		inCertificates("tab between blocks", func(t testing.TB) string { return strings.TrimSpace(int1(t)) + "\t" + root(t) }),
		inCertificates("backslash n", changed("pki/root.crt", "\n", `\n`)),
		inCertificates("two backslashes, n", changed("pki/root.crt", "\n", `\\n`)),
		inCertificates("backslash r, backslash n", changed("pki/root.crt", "\n", `\r\n`)),
		inCertificates("spaces for line breaks", changed("pki/chain1.crt", "\n", " ")),
		inCertificates("carriage returns for line breaks", changed("pki/root.crt", "\n", "\r")),
		inCertificates("END not at the start of a line", changed("pki/root.crt", "\n"+endCert, endCert)),
		inCertificates("text behind END", changed("pki/root.crt", endCert, endCert+" # root")),
		inCertificates("four dashes at the end of BEGIN", changed("pki/root.crt", beginCert, beginCert[:len(beginCert)-1])),
		inCertificates("four dashes at the end of END", changed("pki/root.crt", endCert, endCert[:len(endCert)-1])),
		inCertificates("four dashes at the start of BEGIN", changed("pki/root.crt", beginCert, beginCert[1:])),
		inCertificates("no END", joined(changed("pki/int1.crt", endCert, ""), root)),
		inCertificates("cut off", func(t testing.TB) string { return root(t)[:400] }),
		inCertificates("END of another kind", changed("pki/root.crt", endCert, "-----END PUBLIC KEY-----")),
		inCertificates("empty block", constant(beginCert+"\n"+endCert+"\n")),
		inCertificates("character that is no base64", joined(int1, changed("pki/root.crt", "BAMMB", "BA*MB"))),
		inCertificates("line missing", func(t testing.TB) string {
			lines := strings.SplitAfter(root(t), "\n")
			return strings.Join(append(lines[:5:5], lines[6:]...), "")
		}),
		inCertificates("characters missing", changed("pki/root.crt", "BAMMB", "")),
		inCertificates("no certificate inside", constant(string(encode("CERTIFICATE", []byte{0x30, 3, 2, 1, 1})))),
		inCertificates("bytes behind the certificate", func(t testing.TB) string {
			return string(encode("CERTIFICATE", append([]byte(der(t, "pki/root.crt")), 0, 0)))
		}),
		inCertificates("negative serial number", func(t testing.TB) string {
			serial := []byte(der(t, "pki/ec.crt"))
			serial[bytes.Index(serial, []byte{2, 20})+2] |= 0x80
			return string(encode("CERTIFICATE", serial))
		}),
		inCertificates("byte order mark", joined(constant("\ufeff"), root)),
		inCertificates("byte order mark between", joined(int1, constant("\ufeff"), root)),
		inCertificates("private key behind", joined(root, rootKey)),
		inCertificates("private key in place", rootKey),
		inCertificates("private key without END", joined(root, changed("pki/root.key", "-----END PRIVATE KEY-----", ""))),
		inCertificates("encrypted private key behind", joined(root, relabelled("pki/root.key", "ENCRYPTED PRIVATE KEY"))),
		inCertificates("private key labelled certificate", joined(root, relabelled("pki/ec.key", "CERTIFICATE"))),
		inCertificates("trusted certificate", joined(int1, relabelled("pki/root.crt", "TRUSTED CERTIFICATE"))),
		inCertificates("certificate under an old label", joined(int1, relabelled("pki/root.crt", "X509 CERTIFICATE"))),
		inCertificates("revocation list alone", relabelled("pki/root.crt", "X509 CRL")),
		inCertificates("PKCS #7", relabelled("pki/root.crt", "PKCS7")),
		inCertificates("certificate request", joined(root, relabelled("pki/root.crt", "CERTIFICATE REQUEST"))),
		inCertificates("revocation list", joined(root, relabelled("pki/root.crt", "X509 CRL"))),
		inCertificates("PKCS #7 under the label of a certificate", func(t testing.TB) string { return string(encode("CERTIFICATE", pkcs7(t))) }),
		inCertificates("certificate request under the label of a certificate", func(t testing.TB) string { return string(encode("CERTIFICATE", request(t))) }),
		inCertificates("public key", func(t testing.TB) string { return string(encode("PUBLIC KEY", publicKey(t))) }),
		inCertificates("encrypted with age", constant("-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n")),
		inCertificates("explicit curve parameters", func(t testing.TB) string { return string(encode("CERTIFICATE", withCurve(t, explicitParameters()))) }),
		inCertificates("brainpool", func(t testing.TB) string {
			return string(encode("CERTIFICATE", withCurve(t, asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7})))
		}),
		inCertificates("quotation mark before BEGIN", joined(constant(`pem="`), root)),
		inCertificates("zero-width space before BEGIN", joined(constant("\u200b"), root)),
		inCertificates("no-break spaces before each line", changed("pki/root.crt", "\n", "\n\u00a0")),
		inCertificates("no-break space inside", changed("pki/root.crt", "BAMMB", "BA\u00a0MMB")),
		inCertificates("typographic dashes", changed("pki/root.crt", "-----", "\u2014\u2014-")),
		inCertificates("quoted in mail", changed("pki/root.crt", "\n", "\n> ", beginCert, "> "+beginCert)),
		inCertificates("lower-case label", changed("pki/root.crt", "CERTIFICATE", "certificate")),
		inCertificates("space in the label", changed("pki/root.crt", "CERTIFICATE", "CERTIFICATE ")),
		inCertificates("label that may be anything", joined(root, relabelled("pki/root.crt", "MIIEvQIBADANBgkq"))),
	}
}

func keyCases() []messageCase {
	rootKey := file("pki/root.key")
	return []messageCase{
		inKey("empty", constant("\n")),
		inKey("text", constant("secret")),
		inKey("DER", func(t testing.TB) string { return der(t, "pki/root.key") }),
		inKey("DER, short", func(t testing.TB) string { return der(t, "pki/ed.key") }),
		inKey("certificate in DER", func(t testing.TB) string { return base64.StdEncoding.EncodeToString([]byte(der(t, "pki/root.crt"))) }),
		inKey("name of a file", constant("certs/ca-key.pem")),
		inKey("base64 of an encrypted key in DER", constant(base64.StdEncoding.EncodeToString(encryptedKey))),
		inKey("encrypted under the label of a private key", constant(string(encode("PRIVATE KEY", encryptedKey)))),
		inKey("public key under the label of a private key", func(t testing.TB) string { return string(encode("PRIVATE KEY", publicKey(t))) }),
		inKey("certificate request", func(t testing.TB) string { return string(encode("CERTIFICATE REQUEST", request(t))) }),
		inKey("encrypted with PGP", constant("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n")),
		inKey("explicit curve parameters in PKCS #8", func(t testing.TB) string { return string(encode("PRIVATE KEY", pkcs8(t, explicitParameters()))) }),
		inKey("explicit curve parameters in SEC 1", func(t testing.TB) string {
			return string(encode("EC PRIVATE KEY", marshal(t, struct {
				Version int
				Key     []byte
				Curve   any `asn1:"explicit,tag:0"`
			}{1, make([]byte, 32), explicitParameters()})))
		}),
		inKey("secp256k1", func(t testing.TB) string {
			return string(encode("PRIVATE KEY", pkcs8(t, asn1.ObjectIdentifier{1, 3, 132, 0, 10})))
		}),
		inKey("two keys", joined(rootKey, file("pki/int1.key"))),
		inKey("key and certificate", joined(rootKey, file("pki/root.crt"))),
		inKey("certificate and key", joined(file("pki/root.crt"), rootKey)),
		inKey("certificate", file("pki/root.crt")),
		inKey("public key", func(t testing.TB) string {
			der, err := x509.MarshalPKIXPublicKey(readKey(t, "pki/ec.key").Public())
			if err != nil {
				t.Fatal(err)
			}
			return string(encode("PUBLIC KEY", der))
		}),
		inKey("encrypted", constant(string(encode("ENCRYPTED PRIVATE KEY", []byte("0123456789abcdef"))))),
		inKey("encrypted the old way", func(testing.TB) string {
			return string(pem.EncodeToMemory(&pem.Block{
				Type: "RSA PRIVATE KEY", Bytes: []byte("0123456789abcdef"),
				Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"},
			}))
		}),
		inKey("OpenSSH", constant(string(encode("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00"))))),
		inKey("damaged", func(t testing.TB) string { return string(encode("PRIVATE KEY", []byte(der(t, "pki/root.key"))[:600])) }),
		inKey("X25519", constant("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n-----END PRIVATE KEY-----\n")),
		inKey("something else", constant("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n")),
		inKey("key under the label of EC parameters", relabelled("pki/ec.key", "EC PARAMETERS")),
		inKey("key under the label of a certificate", relabelled("pki/ec.key", "CERTIFICATE")),
		inKey("EC parameters alone", constant("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")),
		inKey("empty block", constant("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")),
		inKey("cut off", func(t testing.TB) string { return rootKey(t)[:400] }),
		inKey("indented", changed("pki/ec.key", "\n", "\n  ", "-----BEGIN", "  -----BEGIN")),
		inKey("character that is no base64", changed("pki/ec.key", "\n-----END", "\n?\n-----END")),
		{name: "key: of another certificate of the chain", judge: func(t testing.TB) Problems {
			return Bundle{Chain: readCerts(t, "pki/chain1.crt")}.CheckKey(readKey(t, "pki/root.key"))
		}},
		{name: "key: of the first certificate's issuer, chain in the wrong order", judge: func(t testing.TB) Problems {
			return Bundle{Chain: readCerts(t, "pki/chain-wrong-order.crt")}.CheckKey(readKey(t, "pki/int1.key"))
		}},
		{name: "key: of no certificate", judge: func(t testing.TB) Problems {
			return Bundle{Chain: readCerts(t, "pki/chain1.crt")}.CheckKey(readKey(t, "pki/ec.key"))
		}},
	}
}

// foreignCases are contents that people take for PEM: a chain and a key that
// are something else.
func foreignCases() []messageCase {
	var cases []messageCase
	for _, f := range []struct{ name, content string }{
		{"sops", "ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]"},
		{"sops, whole file", `{"data":"ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]","sops":{}}`},
		{"Ansible Vault", "$ANSIBLE_VAULT;1.1;AES256\n36323239\n"},
		{"age", "age-encryption.org/v1\n-> X25519 AAAA\n"},
		{"Vault transit", "vault:v1:AAAA"},
		{"git-crypt", "\x00GITCRYPT\x00\x01"},
		{"Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"},
		{"HTML", "<!DOCTYPE html>\n<html></html>\n"},
		{"OpenSSH public key", "ecdsa-sha2-nistp256 AAAA user@host\n"},
		{"PuTTY", "PuTTY-User-Key-File-3: ssh-ed25519\n"},
		{"URL-encoded", "-----BEGIN%20CERTIFICATE-----%0AMII%3D%0A-----END%20CERTIFICATE-----%0A"},
		{"Kubernetes", "apiVersion: v1\nkind: Secret\n"},
		{"placeholder", "${CA_PEM}"},
		{"hidden value", "(sensitive value)"},
		{"ZIP", "PK\x03\x04\x14\x00"},
		{"ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ca"},
		{"URL", "op://vault/ca/pem"},
		{"JSON string", `"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"`},
		{"JSON document", `{"ca":"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"}`},
		{"JWK", `{"kty":"EC","d":"AAAA"}`},
		{"gzip", "\x1f\x8b\x08\x00"},
		{"Java keystore", "\xfe\xed\xfe\xed\x00\x00\x00\x02"},
		{"base64 of HTML", base64.StdEncoding.EncodeToString([]byte("<html></html>"))},
		{"base64 of a Java keystore", base64.StdEncoding.EncodeToString([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02//"))},
	} {
		cases = append(cases, inCertificates(f.name, constant(f.content)), inKey(f.name, constant(f.content)))
	}
	hexOf := func(name string) func(testing.TB) string {
		return func(t testing.TB) string { return hex.EncodeToString([]byte(der(t, name))) }
	}
	base64Of := func(der func(testing.TB) []byte) func(testing.TB) string {
		return func(t testing.TB) string { return base64.StdEncoding.EncodeToString(der(t)) }
	}
	return append(cases,
		inCertificates("hex", hexOf("pki/root.crt")),
		inKey("hex", hexOf("pki/ec.key")),
		inCertificates("hex with colons", func(t testing.TB) string {
			return strings.ReplaceAll(fmt.Sprintf("% X", der(t, "pki/root.crt")), " ", ":")
		}),
		inCertificates("base64 of base64 of DER", func(t testing.TB) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(der(t, "pki/root.crt")))))
		}),
		inCertificates("base64 of PKCS #7", base64Of(pkcs7)),
		inCertificates("base64 of a certificate request", base64Of(request)),
		inCertificates("base64 of a public key", base64Of(publicKey)),
		inCertificates("base64 of a private key", func(t testing.TB) string { return base64.StdEncoding.EncodeToString([]byte(der(t, "pki/ec.key"))) }),
		inCertificates("base64 of a revocation list", base64Of(revocationList)),
		inKey("base64 of a certificate request", base64Of(request)),
	)
}

// encryptedKey is an EncryptedPrivateKeyInfo (RFC 5958, 3) without content.
var encryptedKey = []byte{0x30, 17, 0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13, 4, 2, 0, 0}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// pkcs7 is a ContentInfo of signed data (RFC 5652, 3).
func pkcs7(t testing.TB) []byte {
	return marshal(t, struct {
		Type    asn1.ObjectIdentifier
		Content struct{ Version int } `asn1:"explicit,tag:0"`
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, struct{ Version int }{1}})
}

func request(t testing.TB) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, readKey(t, "pki/ec.key"))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func publicKey(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(readKey(t, "pki/ec.key").Public())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func revocationList(t testing.TB) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	der, err := x509.CreateRevocationList(rand.Reader, list, readCerts(t, "pki/root.crt")[0], readKey(t, "pki/root.key"))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// explicitParameters are curve parameters instead of the name of a curve.
func explicitParameters() any { return struct{ Version int }{1} }

func pkcs8(t testing.TB, curve any) []byte {
	return marshal(t, struct {
		Version   int
		Algorithm any
		Key       []byte
	}{0, ecAlgorithm(curve), []byte{0}})
}

func ecAlgorithm(curve any) any {
	return struct {
		Type  asn1.ObjectIdentifier
		Curve any
	}{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, curve}
}

// withCurve is the part of a certificate up to a key on that curve.
func withCurve(t testing.TB, curve any) []byte {
	type empty struct{}
	type tbs struct {
		Version                              int `asn1:"explicit,tag:0"`
		Serial                               int
		Signature, Issuer, Validity, Subject empty
		Key                                  struct{ Algorithm any }
	}
	return marshal(t, struct{ TBS tbs }{tbs{Version: 2, Serial: 1, Key: struct{ Algorithm any }{ecAlgorithm(curve)}}})
}

func certificateRuleCases() []messageCase {
	fromFile := func(name string) messageCase {
		return inChain(name, func(t testing.TB) []*x509.Certificate { return readCerts(t, "pki/"+name) })
	}
	rsaCA := func(t testing.TB, bits int, edit func(*x509.Certificate)) []*x509.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return list(makeCAWith(t, "RSA CA", key, nil, edit))
	}
	return []messageCase{
		fromFile("notca.crt"), fromFile("nosign.crt"), fromFile("noku.crt"), fromFile("agree.crt"), fromFile("should.crt"), fromFile("expired.crt"),
		inChain("all of it at once", func(t testing.TB) []*x509.Certificate {
			root := makeCA(t, "Root", nil, nil)
			return list(makeCA(t, "Server", &root, func(c *x509.Certificate) {
				c.IsCA, c.KeyUsage, c.NotAfter = false, x509.KeyUsageKeyAgreement|x509.KeyUsageDigitalSignature, now.Add(-time.Minute)
			}), root)
		}),
		edited("not yet valid", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }),
		edited("expires in 29 days", func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 29) }),
		edited("expires before a proxy certificate", func(c *x509.Certificate) { c.NotAfter = now.Add(23 * time.Hour) }),
		{name: "chain: expires before a proxy certificate of two years", judge: func(t testing.TB) Problems {
			return CheckChain(list(makeCA(t, "CA", nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(1, 0, 0) })),
				Options{Now: now, ProxyCertificateLifetime: 2 * 365 * 24 * time.Hour})
		}},
		{name: "chain: expires before a proxy certificate of 90 days", judge: func(t testing.TB) Problems {
			return CheckChain(list(makeCA(t, "CA", nil, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 60) })),
				Options{Now: now, ProxyCertificateLifetime: 90 * 24 * time.Hour})
		}},
		inChain("RSA of 1024 bits", func(t testing.TB) []*x509.Certificate { return rsaCA(t, 1024, nil) }),
		inChain("public key of another kind", func(t testing.TB) []*x509.Certificate {
			ecPublicKey, unknown := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 9}
			cert, err := x509.ParseCertificate(bytes.Replace(makeCA(t, "CA", nil, nil).cert.Raw, ecPublicKey, unknown, 1))
			if err != nil {
				t.Fatal(err)
			}
			return []*x509.Certificate{cert}
		}),
		inChain("SHA-1", func(t testing.TB) []*x509.Certificate {
			return rsaCA(t, 2048, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
		}),
		inChain("MD5", func(t testing.TB) []*x509.Certificate {
			return []*x509.Certificate{withMD5(t, readCerts(t, "pki/root.crt")[0])}
		}),
		edited("extended key usage", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageCodeSigning}
			c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}}
		}),
		edited("extended key usage of something else", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }),
		edited("name constraints", func(c *x509.Certificate) {
			c.PermittedURIDomains, c.ExcludedURIDomains = []string{"default"}, []string{".example.org"}
		}),
		{name: "chain: name constraints that exclude the mesh", judge: func(t testing.TB) Problems {
			ca := makeCA(t, "CA", nil, func(c *x509.Certificate) { c.PermittedURIDomains = []string{"other"} })
			return CheckChain(list(ca), Options{Now: now, Mesh: "default"})
		}},
		edited("critical extension", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}),
		edited("no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{} }),
		edited("subject that steers a terminal", func(c *x509.Certificate) {
			c.Subject.CommonName, c.NotAfter = "\x1b[2JRoot\n", now.AddDate(0, 0, 1)
		}),
		{name: "trusted: everything alike, and in any order", judge: func(t testing.TB) Problems {
			notCA, root := readCerts(t, "pki/notca.crt")[0], readCerts(t, "pki/root.crt")[0]
			return checkTrusted([]*x509.Certificate{root, notCA, readCerts(t, "pki/int2.crt")[0], root}, Options{Now: now}).finished()
		}},
	}
}

func chainRuleCases() []messageCase {
	return []messageCase{
		inChain("wrong order", func(t testing.TB) []*x509.Certificate { return readCerts(t, "pki/chain-wrong-order.crt") }),
		inChain("wrong order of three", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain2.crt")
			return []*x509.Certificate{c[0], c[2], c[1]}
		}),
		inChain("intermediate missing", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain2.crt")
			return []*x509.Certificate{c[0], c[2]}
		}),
		inChain("root missing", func(t testing.TB) []*x509.Certificate { return readCerts(t, "pki/int1.crt") }),
		inChain("another root behind the root", func(t testing.TB) []*x509.Certificate {
			return append(readCerts(t, "pki/chain1.crt"), readCerts(t, "pki/ec.crt")...)
		}),
		inChain("re-keyed root", func(t testing.TB) []*x509.Certificate {
			root := makeCA(t, "Root", nil, nil)
			rekeyed := makeCAWith(t, "Root", testKey(t, "another"), nil, func(c *x509.Certificate) { c.SubjectKeyId = []byte{9} })
			return list(makeCA(t, "CA", &root, nil), rekeyed)
		}),
		inChain("re-keyed root, no key identifiers", func(t testing.TB) []*x509.Certificate {
			root := makeCA(t, "Root", nil, nil)
			root.cert.SubjectKeyId = nil
			return list(makeCA(t, "CA", &root, nil), makeCAWith(t, "Root", testKey(t, "another"), nil, nil))
		}),
		inChain("damaged root", func(t testing.TB) []*x509.Certificate {
			raw := bytes.Clone(readCerts(t, "pki/root.crt")[0].Raw)
			raw[len(raw)-1] ^= 1
			root, err := x509.ParseCertificate(raw)
			if err != nil {
				t.Fatal(err)
			}
			return append(readCerts(t, "pki/int1.crt"), root)
		}),
		inChain("signature of a kind that can't be checked", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain1.crt")
			return []*x509.Certificate{withMD5(t, c[0]), c[1]}
		}),
		inChain("RSA-PSS with a short salt", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain1.crt")
			return []*x509.Certificate{withPSS(t, c[0]), c[1]}
		}),
		inChain("issuer of 512 bits", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain1.crt")
			small := *c[1]
			small.PublicKey = &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 65537}
			small.Raw = append(bytes.Clone(c[1].Raw), 0) // verified once by its bytes
			return []*x509.Certificate{c[0], &small}
		}),
		inChain("path length", func(t testing.TB) []*x509.Certificate {
			root := makeCA(t, "Root", nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
			return list(makeCA(t, "CA", &root, nil), root)
		}),
		inChain("duplicates", func(t testing.TB) []*x509.Certificate {
			c := readCerts(t, "pki/chain1.crt")
			return []*x509.Certificate{c[0], c[0], c[1], c[0]}
		}),
		{name: "overlap: two CAs of one name", judge: func(t testing.TB) Problems {
			return CheckOverlap(Bundle{Chain: list(makeCAWith(t, "Root", testKey(t, "a"), nil, withKeyID(1)))},
				Bundle{Chain: list(makeCAWith(t, "Root", testKey(t, "b"), nil, withoutKeyID))})
		}},
		{name: "overlap: the current CA has no key identifier", judge: func(t testing.TB) Problems {
			return CheckOverlap(Bundle{Chain: list(makeCAWith(t, "Root", testKey(t, "a"), nil, withoutKeyID))},
				Bundle{Chain: list(makeCAWith(t, "Root", testKey(t, "b"), nil, withKeyID(1)))})
		}},
		inChain("two gaps", func(t testing.TB) []*x509.Certificate {
			return append(readCerts(t, "pki/ec.crt"), append(readCerts(t, "pki/int2.crt"), readCerts(t, "pki/ed.crt")...)...)
		}),
	}
}

// withMD5 makes a certificate look signed with MD5 and RSA, which crypto/x509
// does not do.
func withMD5(t testing.TB, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	sha256WithRSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11}
	md5WithRSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4}
	changed, err := x509.ParseCertificate(bytes.ReplaceAll(cert.Raw, sha256WithRSA, md5WithRSA))
	if err != nil || changed.SignatureAlgorithm != x509.MD5WithRSA {
		t.Fatal(changed, err)
	}
	return changed
}

// withPSS makes a certificate look signed with RSA-PSS and a salt of 20 bytes,
// which crypto/x509 does not know.
func withPSS(t testing.TB, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	sha256WithRSA := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11}
	pss := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10} // without parameters: SHA-1 and a salt of 20 bytes
	changed, err := x509.ParseCertificate(bytes.ReplaceAll(cert.Raw, sha256WithRSA, pss))
	if err != nil || changed.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		t.Fatal(changed, err)
	}
	return changed
}

// TestMessages holds the prose of every problem against a file, in which it
// can be read as a whole.
func TestMessages(t *testing.T) {
	var out strings.Builder
	told := map[Rule]bool{}
	for _, group := range [][]messageCase{certificateCases(), keyCases(), foreignCases(), certificateRuleCases(), chainRuleCases()} {
		for _, c := range group {
			fmt.Fprintf(&out, "=== %s\n", c.name)
			problems := c.judge(t)
			if len(problems) == 0 {
				t.Errorf("%s: no problem", c.name)
			}
			for _, p := range problems {
				told[p.Rule] = true
				fmt.Fprintf(&out, "%s [%s] %s\n", p.Severity, p.Rule, p)
			}
			out.WriteString("\n")
		}
	}
	golden(t, "messages.golden", out.String())
	for _, rule := range declaredRules(t) {
		if !told[rule] {
			t.Errorf("no case for rule %s", rule)
		}
	}
}

// declaredRules reads the constants of rule.go.
func declaredRules(t *testing.T) []Rule {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var rules []Rule
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, Rule(value))
		}
		return true
	})
	return rules
}

// TestMessagesKeepKeys looks for lines of each private key in every message.
func TestMessagesKeepKeys(t *testing.T) {
	var secrets []string
	for _, name := range []string{"pki/root.key", "pki/int1.key", "pki/ec.key", "pki/ed.key"} {
		for line := range strings.Lines(string(read(t, name))) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				secrets = append(secrets, line[:min(16, len(line))])
			}
		}
	}
	for _, group := range [][]messageCase{certificateCases(), keyCases(), foreignCases()} {
		for _, c := range group {
			for _, p := range c.judge(t) {
				for _, secret := range secrets {
					if strings.Contains(p.String(), secret) {
						t.Errorf("%s: a part of a key is in: %s", c.name, p)
					}
				}
			}
		}
	}
}
