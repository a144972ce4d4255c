package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"slices"
	"time"
)

// CA is a certificate authority that can issue: its bundle, and the private key
// of its issuer.
type CA struct {
	Bundle
	Key crypto.Signer
}

// ProxyRequest describes the proxy of a certificate: by SPIFFEID for a
// certificate of a MeshIdentity, otherwise by Mesh and Tags for one of an mTLS
// backend.
type ProxyRequest struct {
	// SPIFFEID becomes the only URI of the certificate, and the certificate gets
	// a key of the kind of the CA's.
	SPIFFEID string
	Mesh     string
	// Tags are the tags of the proxy, each with all its values; ServiceTag is
	// among them. See ServiceTags if only the services of a proxy are known.
	Tags map[string][]string
	// Expiration is the lifetime of the certificate, at least a second;
	// fractions of a second are dropped. 0 means
	// DefaultProxyCertificateLifetime.
	Expiration time.Duration
}

// ProxyCertificate is a certificate, as a proxy gets it.
type ProxyCertificate struct {
	// Leaf is the proxy's certificate.
	Leaf *x509.Certificate
	// Chain is Leaf followed by the CAs between it and the root. The control
	// plane sends a proxy only the leaf, because its peers have the whole chain
	// as their trust bundle (recorded). Peers that have only the root need this
	// chain.
	Chain []*x509.Certificate
	// PrivateKey is the leaf's key as PEM: PKCS #1 for RSA, SEC 1 for ECDSA,
	// PKCS #8 for Ed25519.
	PrivateKey []byte
	// TrustBundle has the CAs that the proxy trusts: chain and trusted
	// certificates of the CA, as Bundle.Certificates returns them.
	TrustBundle []*x509.Certificate
	// SPIFFEID is that of the request, or of the first service by name.
	SPIFFEID string
	// URIs are all identities, in the order of the certificate.
	URIs []string
}

// clockSkew is the time before the issuance at which a proxy certificate
// becomes valid (recorded).
const clockSkew = 10 * time.Second

// Issue signs a proxy certificate as the control plane does: with a new key and
// a random serial number, valid from 10 s before now. It returns an error if the
// CA breaks a rule, or if the control plane would reject the proxy.
//
// random is the source of the serial number; newer versions of Go generate the
// key from the system's own source instead.
func Issue(ca CA, r ProxyRequest, now time.Time, random io.Reader) (*ProxyCertificate, error) {
	expiration, err := expirationOf(r, time.Second)
	if err != nil {
		return nil, err
	}
	uris, err := prepare(ca, r, now, expiration)
	if err != nil {
		return nil, err
	}
	key, err := r.newKey(ca.Key, random)
	if err != nil {
		return nil, fmt.Errorf("creating the proxy's key: %w", err)
	}
	serial, err := rand.Int(random, maxSerial())
	if err != nil {
		return nil, fmt.Errorf("creating the serial number: %w", err)
	}
	return ca.issue(leaf{
		uris: uris, serial: serial.Add(serial, big.NewInt(1)),
		notBefore: now.Add(-clockSkew), notAfter: now.Add(expiration),
		key: key,
	}, random)
}

// newKey returns a new key as the control plane generates it: of the kind of the
// CA's for a MeshIdentity, RSA for a backend. An RSA key has 2048 bits, even
// if the CA's has more.
func (r ProxyRequest) newKey(ca crypto.Signer, random io.Reader) (crypto.Signer, error) {
	if r.SPIFFEID != "" {
		switch ca := ca.(type) {
		case *ecdsa.PrivateKey:
			return ecdsa.GenerateKey(ca.Curve, random)
		case ed25519.PrivateKey:
			_, key, err := ed25519.GenerateKey(random)
			return key, err
		}
	}
	return rsa.GenerateKey(random, 2048)
}

// encodeKey returns a key in the form of the control plane.
func encodeKey(key crypto.Signer) ([]byte, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		return encode("EC PRIVATE KEY", der), err
	default:
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return encode("PRIVATE KEY", der), err
	}
}

// maxSerial returns the largest serial number of the control plane: it
// generates them from 1 to 2^128-1 (RFC 5280, 4.1.2.2 allows 20 bytes).
func maxSerial() *big.Int {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	return limit.Sub(limit, big.NewInt(1))
}

// expirationOf returns the lifetime of a certificate in whole seconds, the unit
// of X.509 (RFC 5280, 4.1.2.5).
func expirationOf(r ProxyRequest, least time.Duration) (time.Duration, error) {
	expiration := r.Expiration.Truncate(time.Second)
	if r.Expiration == 0 {
		expiration = DefaultProxyCertificateLifetime
	}
	if expiration < least {
		return 0, fmt.Errorf("the expiration of %s is too short: the minimum is %s", r.Expiration, least)
	}
	return expiration, nil
}

// prepare returns the identities for the certificate, or an error with all
// problems of a request.
func prepare(ca CA, r ProxyRequest, now time.Time, expiration time.Duration) ([]*url.URL, error) {
	if len(ca.Chain) == 0 || ca.Key == nil {
		return nil, errors.New("the CA has no certificate or no private key")
	}
	uris, err := r.identities()
	r.Expiration = expiration
	chain, trusted := ca.Check(r.Options(now))
	err = errors.Join(err, chain.Err(), ca.CheckKey(ca.Key).Err())
	if trusted := trusted.Err(); trusted != nil {
		err = errors.Join(err, fmt.Errorf("trusted certificates: %w", trusted))
	}
	return uris, err
}

// Options returns the parameters of the rules for a CA that issues this
// certificate now.
func (r ProxyRequest) Options(now time.Time) Options {
	o := Options{Now: now, ProxyCertificateLifetime: r.Expiration, Mesh: r.Mesh}
	if id, err := url.Parse(r.SPIFFEID); err == nil {
		o.TrustDomain = id.Host
	}
	return o
}

// identities returns the URIs of the certificate.
func (r ProxyRequest) identities() ([]*url.URL, error) {
	if r.SPIFFEID == "" {
		return identities(r.Mesh, r.Tags)
	}
	if err := CheckSPIFFEID(r.SPIFFEID); err != nil {
		return nil, fmt.Errorf("%s is not the SPIFFE ID of a proxy: %w", Quote(r.SPIFFEID), err)
	}
	uri, err := url.Parse(r.SPIFFEID)
	return []*url.URL{uri}, err
}

// A leaf has the parts in which proxy certificates of one CA differ.
type leaf struct {
	uris                []*url.URL
	serial              *big.Int
	notBefore, notAfter time.Time
	key                 crypto.Signer
}

// issue signs a leaf with the profile of the control plane's certificates.
// random is nil for a deterministic signature.
func (ca CA) issue(l leaf, random io.Reader) (*ProxyCertificate, error) {
	template := &x509.Certificate{ // without a subject: the URIs identify a proxy (SVID 4.2)
		SerialNumber:          l.serial,
		NotBefore:             l.notBefore,
		NotAfter:              l.notAfter,
		URIs:                  l.uris,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, // CA:FALSE
	}
	der, err := x509.CreateCertificate(random, template, ca.Chain[0], l.key.Public(), ca.Key)
	if err != nil {
		return nil, fmt.Errorf("signing the proxy certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the signed proxy certificate: %w", err)
	}
	key, err := encodeKey(l.key)
	if err != nil {
		return nil, fmt.Errorf("encoding the proxy's key: %w", err)
	}
	issued := &ProxyCertificate{
		Leaf:        cert,
		Chain:       slices.Concat([]*x509.Certificate{cert}, ca.intermediates()),
		PrivateKey:  key,
		TrustBundle: ca.Certificates(),
		SPIFFEID:    l.uris[0].String(),
	}
	for _, uri := range l.uris {
		issued.URIs = append(issued.URIs, uri.String())
	}
	return issued, nil
}

// intermediates returns the issuing chain without its root.
func (ca CA) intermediates() []*x509.Certificate {
	chain := unique(ca.Chain)
	if last := len(chain) - 1; IsSelfSigned(chain[last]) {
		return chain[:last]
	}
	return chain
}
