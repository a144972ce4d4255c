// Package authority creates a CA for a command.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Write creates a CA like the quickstart's make-ca.sh, on a machine that may not have openssl: a root CA and an
// intermediate CA that it signs, in ca-chain.pem, and the intermediate CA's key in ca-key.pem.
func Write(folder, name string) error {
	root, rootKey, err := newCA(name+" Root CA", nil, nil)
	if err != nil {
		return err
	}
	intermediate, key, err := newCA(name+" Mesh CA", root, rootKey)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}

	chain := slices.Concat(encode("CERTIFICATE", intermediate.Raw), encode("CERTIFICATE", root.Raw))
	if err := os.WriteFile(filepath.Join(folder, "ca-chain.pem"), chain, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "ca-key.pem"), encode("PRIVATE KEY", pkcs8), 0o600)
}

// newCA creates a CA that the parent signs, or a self-signed one if there is no parent.
func newCA(name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{Organization: []string{"Example"}, CommonName: name},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.AddDate(5, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        parent != nil,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return certificate, key, err
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
