package acctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority of a test.
type CA struct {
	// Chain has its certificate and those above it in PEM, closest CA first.
	Chain string
	// Key is its private key in PEM (PKCS #8).
	Key string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewCA creates a root CA that is valid for a year.
func NewCA(t *testing.T, name string) *CA {
	t.Helper()
	return newCA(t, name, nil)
}

// NewCAWithoutKeyID creates a root CA without a subject key identifier.
func NewCAWithoutKeyID(t *testing.T, name string) *CA {
	t.Helper()
	return newCA(t, name, nil, func(template *x509.Certificate) {
		template.IsCA, template.BasicConstraintsValid = false, false // with them, Go adds the identifier
		template.ExtraExtensions = []pkix.Extension{{
			Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}, // basicConstraints: CA:TRUE
		}}
	})
}

// Intermediate creates a CA that this one signs.
func (c *CA) Intermediate(t *testing.T, name string) *CA {
	t.Helper()
	return newCA(t, name, c)
}

// Renewed creates a CA with the same key and name, and another certificate.
func (c *CA) Renewed(t *testing.T) *CA {
	t.Helper()
	return sign(t, c.certificate.Subject.CommonName, c.key, nil)
}

// Constrained creates a CA with the same key and name that may issue only for
// these hosts in URIs.
func (c *CA) Constrained(t *testing.T, hosts ...string) *CA {
	t.Helper()
	return sign(t, c.certificate.Subject.CommonName, c.key, nil, func(template *x509.Certificate) { template.PermittedURIDomains = hosts })
}

func newCA(t *testing.T, name string, parent *CA, edit ...func(*x509.Certificate)) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, name, key, parent, edit...)
}

func sign(t *testing.T, name string, key *ecdsa.PrivateKey, parent *CA, edit ...func(*x509.Certificate)) *CA {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	for _, change := range edit {
		change(template)
	}
	issuer, issuerKey, above := template, key, ""
	if parent != nil {
		issuer, issuerKey, above = parent.certificate, parent.key, parent.Chain
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &CA{
		Chain:       string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + above,
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
		certificate: certificate,
		key:         key,
	}
}

// PKI returns a file of the CA material with known defects.
func PKI(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "pki", "testdata", "pki", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// MeshWithCA is the configuration of a mesh $mesh and its CA, with the contents
// $chain and $key. [Fill] replaces these names.
const MeshWithCA = `
resource "kongmesh_mesh" "this" {
  name = $mesh
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = $chain
  private_key_wo    = $key

  lifecycle {
    create_before_destroy = true
  }
}
`
