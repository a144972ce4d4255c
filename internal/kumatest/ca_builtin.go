package kumatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// ensureAuthorities creates the CA of each builtin backend that has none yet. The mesh owns it. Its configuration is
// validated only now.
func (cp *ControlPlane) ensureAuthorities(mesh *resource) error {
	for _, backend := range mesh.document.object("mtls").objects("backends") {
		if backend.text("type") != "builtin" {
			continue
		}
		name := backend.text("name")
		certName, keyName := builtinSecret(mesh.name, "cert", name), builtinSecret(mesh.name, "key", name)
		_, hasCert := cp.store.get("Secret", mesh.name, certName)
		_, hasKey := cp.store.get("Secret", mesh.name, keyName)
		if hasCert && hasKey {
			continue
		}
		lifetime, err := builtinLifetime(backend)
		if err != nil {
			return err
		}
		cert, key, err := selfSignedCA(mesh.name, cp.now(), lifetime)
		if err != nil {
			return err
		}
		if !hasCert {
			cp.putSecret(mesh.name, certName, cert, mesh.key())
		}
		if !hasKey {
			cp.putSecret(mesh.name, keyName, key, mesh.key())
		}
	}
	return nil
}

// builtinLifetime returns the lifetime of a builtin CA.
func builtinLifetime(backend *document) (time.Duration, error) {
	conf, err := typed(backend.conf(), builtinSchema())
	if err != nil {
		return 0, err
	}
	ca := conf.object("caCert")
	if bits := ca.number("RSAbits"); bits != 0 && bits < 1024 {
		return 0, fmt.Errorf("a key of %d bits is insecure", bits)
	}
	if expiration := ca.text("expiration"); expiration != "" {
		return parseLifetime(expiration)
	}
	return 10 * 365 * 24 * time.Hour, nil
}

// selfSignedCA creates the CA of a trust domain. A real one has an RSA key; an ECDSA key is faster for tests.
func selfSignedCA(domain string, now time.Time, lifetime time.Duration) (certPEM, keyPEM []byte, err error) {
	key, keyPEM := newKey()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{Organization: []string{"Kuma"}, OrganizationalUnit: []string{"Mesh"}, CommonName: domain},
		URIs:                  []*url.URL{{Scheme: "spiffe", Host: domain}},
		NotBefore:             now,
		NotAfter:              now.Add(lifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM, nil
}

func newKey() (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // P-256 and the system's random source do not fail
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}
