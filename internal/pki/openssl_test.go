package pki

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// openssl runs a command line in dir and returns its output.
func openssl(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not on PATH, and this test compares with it")
	}
	cmd := exec.Command("sh", "-e", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func keyPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}

// TestOpenSSLVerifies: OpenSSL agrees that a derived certificate is good, for
// servers and clients, from the root alone, and not after its end.
func TestOpenSSLVerifies(t *testing.T) {
	for name, ca := range map[string]CA{
		"RSA": readCA(t, "root", "root"), "ECDSA": readCA(t, "ec", "ec"), "Ed25519": readCA(t, "ed", "ed"),
		"sample": readCA(t, "sample", "sample"), "intermediates": readCA(t, "chain2", "int2"),
	} {
		t.Run(name, func(t *testing.T) {
			derived, err := Derive(ca, ProxyRequest{Mesh: "default", Tags: recordedTags}, now)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write(t, dir, "leaf.pem", EncodeCertificates(derived.Chain[:1]))
			write(t, dir, "untrusted.pem", EncodeCertificates(derived.Chain))
			write(t, dir, "root.pem", EncodeCertificates(ca.Chain[len(ca.Chain)-1:]))
			write(t, dir, "other.pem", read(t, "pki/should.crt"))
			verify := func(root, purpose string, at time.Time) error {
				out, err := openssl(t, dir, "openssl verify -attime "+strconv.FormatInt(at.Unix(), 10)+
					" -purpose "+purpose+" -CAfile "+root+" -untrusted untrusted.pem leaf.pem")
				if err != nil {
					t.Log(out)
				}
				return err
			}
			for _, purpose := range []string{"sslserver", "sslclient"} {
				if err := verify("root.pem", purpose, now); err != nil {
					t.Errorf("%s: %v", purpose, err)
				}
			}
			if verify("root.pem", "sslserver", derived.Leaf.NotAfter.Add(time.Second)) == nil {
				t.Error("good after its end")
			}
			if verify("other.pem", "sslserver", now) == nil {
				t.Error("good for who trusts another CA")
			}
			serial, err := openssl(t, dir, "openssl x509 -in leaf.pem -noout -serial")
			if want := "serial=" + strings.ToUpper(Describe(derived.Leaf).SerialNumber) + "\n"; err != nil || serial != want {
				t.Errorf("%q, want %q; %v", serial, want, err)
			}
		})
	}
}

// TestOpenSSLRefusesEmptySubject: what the rule says of OpenSSL is so.
func TestOpenSSLRefusesEmptySubject(t *testing.T) {
	nameless := makeCA(t, "CA", nil, func(c *x509.Certificate) { c.Subject = pkix.Name{} })
	derived, err := Derive(CA{Bundle{Chain: list(nameless)}, nameless.key}, ProxyRequest{Mesh: "default", Tags: recordedTags}, now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "leaf.pem", EncodeCertificates(derived.Chain))
	write(t, dir, "root.pem", []byte(nameless.pem()))
	if out, err := openssl(t, dir, "openssl verify -attime "+strconv.FormatInt(now.Unix(), 10)+" -CAfile root.pem leaf.pem"); err == nil {
		t.Errorf("OpenSSL accepts it: %s", out)
	}
}

// commands returns the command lines of a message.
func commands(message string) string {
	var lines []string
	for line := range strings.Lines(message) {
		if strings.HasPrefix(line, "  printf") || strings.HasPrefix(line, "  openssl") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestAdvice runs the commands of messages: the result has no problem left.
func TestAdvice(t *testing.T) {
	root := makeCA(t, "Root", nil, nil)
	intermediate := makeCA(t, "CA", &root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	for _, c := range []struct {
		name   string
		before string // made ready with this
		files  map[string][]byte
		input  string
		output []string
	}{
		{name: "no keyCertSign, self-signed", input: "ca.pem", output: []string{"ca-new.pem"},
			files: map[string][]byte{"ca.pem": read(t, "pki/nosign.crt"), "ca-key.pem": read(t, "pki/nosign.key")}},
		{name: "no CA, self-signed", input: "ca.pem", output: []string{"ca-new.pem"},
			files: map[string][]byte{"ca.pem": read(t, "pki/notca.crt"), "ca-key.pem": read(t, "pki/notca.key")}},
		{name: "no keyCertSign, intermediate", input: "ca.pem", output: []string{"ca-new.pem"},
			files: map[string][]byte{
				"ca.pem": []byte(intermediate.pem()), "ca-key.pem": keyPEM(t, intermediate.key), "issuer.pem": []byte(root.pem()), "issuer-key.pem": keyPEM(t, root.key),
			}},
		{name: "DER certificate", input: "ca.der", output: []string{"ca.pem"},
			files: map[string][]byte{"ca.der": []byte(der(t, "pki/root.crt"))}},
		{name: "trusted certificate", before: "openssl x509 -in plain.pem -trustout -addtrust serverAuth -out ca.pem", input: "ca.pem", output: []string{"ca-plain.pem"},
			files: map[string][]byte{"plain.pem": read(t, "pki/root.crt")}},
		{name: "PKCS #7", before: "openssl crl2pkcs7 -nocrl -certfile plain.pem -out bundle.p7b", input: "bundle.p7b", output: []string{"chain.pem"},
			files: map[string][]byte{"plain.pem": read(t, "pki/chain1.crt")}},
		{name: "PKCS #12", before: "openssl pkcs12 -export -in plain.pem -inkey key.pem -passout pass: -out ca.p12", input: "ca.p12", output: []string{"ca.pem", "ca-key.pem"},
			files: map[string][]byte{"plain.pem": read(t, "pki/ec.crt"), "key.pem": read(t, "pki/ec.key")}},
		{name: "DER key", input: "ca-key.der", output: []string{"ca-key.pem"},
			files: map[string][]byte{"ca-key.der": []byte(der(t, "pki/ec.key"))}},
		{name: "encrypted key", before: "openssl pkcs8 -topk8 -in key.pem -passout pass:x -out ca-key.pem", input: "ca-key.pem", output: []string{"ca-key-plain.pem"},
			files: map[string][]byte{"key.pem": read(t, "pki/ec.key")}},
		{name: "key encrypted the old way", before: "openssl ec -in key.pem -aes128 -passout pass:x -out ca-key.pem", input: "ca-key.pem", output: []string{"ca-key-plain.pem"},
			files: map[string][]byte{"key.pem": read(t, "pki/ec.key")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				write(t, dir, name, text)
			}
			if out, err := openssl(t, dir, c.before); err != nil {
				t.Fatal(out)
			}
			judge := func(name string) Problems {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(name, "key") {
					_, problems := ParsePrivateKey(text)
					return problems
				}
				certs, problems := ParseCertificates(text)
				return append(problems, CheckChain(certs, Options{Now: now})...)
			}
			problems := judge(c.input)
			advice := ""
			for _, p := range problems {
				advice = cmp.Or(advice, commands(p.Message))
			}
			if advice == "" {
				t.Fatalf("no advice: %v", problems)
			}
			for _, ask := range []string{"openssl pkey ", "openssl pkcs12 "} { // which ask for a passphrase
				advice = strings.ReplaceAll(advice, ask, ask+"-passin pass:"+map[bool]string{true: "x"}[strings.Contains(c.name, "encrypted")]+" ")
			}
			if out, err := openssl(t, dir, advice); err != nil {
				t.Fatalf("%s\n%s", advice, out)
			}
			for _, output := range c.output {
				// Certificates that openssl has just issued begin now.
				if problems := judge(output); len(problems.Errors()) > 0 && !onlyNotYetValid(problems) {
					t.Errorf("%s after the advice: %v", output, problems)
				}
			}
		})
	}
}

func onlyNotYetValid(ps Problems) bool {
	for _, p := range ps.Errors() {
		if p.Rule != RuleNotYetValid {
			return false
		}
	}
	return true
}
