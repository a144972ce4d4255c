package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// keyTexts are the forms in which a key may be pasted, by what they are.
func keyTexts(der []byte) map[string]string {
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	lines := strings.Split(strings.TrimSpace(key), "\n")
	std, url := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	var colons []string
	for _, b := range der {
		colons = append(colons, fmt.Sprintf("%02x", b))
	}
	return map[string]string{
		"PEM":                       key,
		"PEM in one line":           strings.ReplaceAll(key, "\n", " "),
		"PEM with four dashes":      strings.ReplaceAll(key, "-----", "----"),
		"PEM without BEGIN":         strings.Join(lines[1:], "\n"),
		"body":                      strings.Join(lines[1:len(lines)-1], "\n"),
		"body with literal \\n":     strings.Join(lines[1:len(lines)-1], `\n`),
		"first line":                lines[1],
		"base64":                    std(der),
		"base64 in lines":           strings.Join(lines[1:len(lines)-1], "\r\n  "),
		"URL-safe base64":           url(der),
		"base64 without padding":    base64.RawStdEncoding.EncodeToString(der),
		"base64 of PEM":             std([]byte(key)),
		"URL-safe base64 of PEM":    url([]byte(key)),
		"base64 twice":              std([]byte(std(der))),
		"base64 of base64 of PEM":   std([]byte(std([]byte(key)))),
		"URL-safe base64 of base64": url([]byte(std(der))),
		"hex":                       hex.EncodeToString(der),
		"upper-case hex":            strings.ToUpper(hex.EncodeToString(der)),
		"hex with colons":           strings.Join(colons, ":"),
		"hex as openssl prints it":  strings.Join(strings.SplitAfter(strings.Join(colons, ":"), "0:"), "\n    "),
	}
}

// Whatever form a key has, and wherever in a text it stands, it is not quoted.
func TestMayHoldKey(t *testing.T) {
	t.Parallel()
	ders := map[string][]byte{
		"RSA, PKCS #8": strictlyAny(read(t, "pki/root.key")), "RSA, PKCS #1": strictlyAny(read(t, "pki/root-pkcs1.key")),
	}
	marshal := func(name string, encode func(any) ([]byte, error), key any) {
		der, err := encode(key)
		if err != nil {
			t.Fatal(err)
		}
		ders[name] = der
	}
	for i := range 10 {
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s %d", curve.Params().Name, i)
			marshal(name+", PKCS #8", x509.MarshalPKCS8PrivateKey, key)
			marshal(name+", SEC 1", func(key any) ([]byte, error) { return x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey)) }, key)
		}
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		marshal(fmt.Sprintf("Ed25519 %d", i), x509.MarshalPKCS8PrivateKey, crypto.PrivateKey(key))
	}
	for kind, der := range ders {
		for form, text := range keyTexts(der) {
			for _, in := range []string{"%s", "x = %q", "https://example.com/%s?x", "ca-%s", "a key%s", " %s\n"} {
				text := fmt.Sprintf(in, text)
				if !MayHoldKey(text) {
					t.Errorf("%s as %s: not seen in %s", kind, form, text)
				}
				if quoted := Quote(text); len(quoted) > 60 {
					t.Errorf("%s as %s: quoted as %s", kind, form, quoted)
				}
			}
		}
	}
	// A line from the midst of a key.
	for line := range strings.Lines(string(read(t, "pki/root.key")) + string(read(t, "pki/ec.key"))) {
		if line = strings.TrimSpace(line); len(line) >= 40 && !MayHoldKey(line) {
			t.Errorf("not seen: %s", line)
		}
	}
}

// What is named, addressed and counted in ordinary ways is shown.
func TestMayHoldKey_ordinary(t *testing.T) {
	t.Parallel()
	sum, long := sha256.Sum256([]byte("x")), sha512.Sum512([]byte("x"))
	for _, text := range []string{
		"", "a\n", "-----begin", "LS0tLS0t", "BEGIN", "-- BEGINNING --",
		"/tmp/TestAccProvider_mutualTLS793716052/001/ca.pem", "/tmp/TestAccProvider_mutualTLS3027114/001/client-key.pem", "/var/folders/zz/TestAccRun_oneProcess1234567890/002/terraform.tfstate",
		"default", "payments-production-eu-west-1-ingress-gateway-certificate-authority-cert",
		"ca-0123456789-cert", "ca-rollout-0123456789abcdef-key", "dataplane-token-signing-key-default-1", "Payments-Production-2026_EU-West-1_Gateway-Blue",
		hex.EncodeToString(sum[:]), strings.ToUpper(hex.EncodeToString(sum[:])), hex.EncodeToString(long[:]), hex.EncodeToString(long[:48]),
		strings.TrimSuffix(strings.ToUpper(strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":")), ":"),
		strings.Repeat("a", 300), strings.Repeat("deadbeef", 20), "sha256:" + hex.EncodeToString(sum[:]), "123e4567-e89b-12d3-a456-426614174000", "742c415e1a7e7de64f08ae40f52c672f6e087ad0",
		"http://localhost:5681", "https://control-plane.example.com:5682/kuma/api/v2?x=1", "https://Kong.Example.com/Team1/ControlPlanes/Production2/EU-West/api",
		"https://raw.githubusercontent.com/NewLife1324/NewLifeUtils-Dev/main/CHANGELOG.txt", "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-key-pairs.html",
		"arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012",
		"/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/RG-Mesh-Prod1/providers/Microsoft.KeyVault/vaults/KV1",
		"/etc/kuma/CertificateAuthority/Production2026/MeshCertificateChain.pem", "C:\\Users\\Admin1\\Documents\\MeshCertificates\\CA.pem",
		"spiffe://default/backend_kuma-demo_svc_3001", "kuma.io/service", "CN=Mesh CA 2,OU=Platform Engineering,O=Example Incorporated,C=US",
		"ThisIsTheVeryLongNameOfAResourceGroupThatSomebodyWroteInCamelCase2", "THE_NAME_OF_AN_ENVIRONMENT_VARIABLE_THAT_IS_VERY_LONG_INDEED_2",
		"20240205 20240303 20241224 20250107 20250517 20251224 20260522 20260719 20260814",
		base64.StdEncoding.EncodeToString([]byte("the quick brown fox jumps over the lazy dog, and then some more")),
		base64.URLEncoding.EncodeToString([]byte(`{"mesh":"default","name":"Grüße aus Zürich"}`)),
		"x = " + base64.RawStdEncoding.EncodeToString([]byte("name: default\ntype: Mesh\nmtls:\n  enabledBackend: ca-1\n")),
	} {
		if MayHoldKey(text) {
			t.Errorf("taken for a key: %s", text)
		}
		if got := Quote(text); got != fmt.Sprintf("%q", text) {
			t.Errorf("%q is quoted as %s", text, got)
		}
	}
}

// A private key in PEM is found, also in base64, and a certificate is none.
func TestHasPrivateKey(t *testing.T) {
	t.Parallel()
	block := func(label string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: []byte("content")}))
	}
	for _, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"} {
		for how, text := range map[string]string{"": block(label), "base64": base64.StdEncoding.EncodeToString([]byte(block(label))), "behind a certificate": block("CERTIFICATE") + block(label)} {
			if !HasPrivateKey(text) {
				t.Errorf("%s %s is not found", label, how)
			}
		}
	}
	for _, text := range []string{"", "PRIVATE KEY", block("CERTIFICATE"), block("PUBLIC KEY"), base64.StdEncoding.EncodeToString([]byte(block("CERTIFICATE")))} {
		if HasPrivateKey(text) {
			t.Errorf("%q counts as a private key", text)
		}
	}
}
