package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
)

// A signature is what can be said about one certificate having signed another.
type signature int

const (
	notSigned signature = iota
	signed
	// unchecked: the names fit, but crypto/x509 can't verify the signature.
	unchecked
)

// signedBy tells whether issuer signed cert (RFC 5280, 6.1.3 a: names, then
// signature). It ignores what issuer is allowed to do, of which other rules
// speak, and SHA-1 being weak. A signature is verified once in a process.
func signedBy(cert, issuer *x509.Certificate) signature {
	if !bytes.Equal(cert.RawIssuer, issuer.RawSubject) {
		return notSigned
	}
	both := [2][sha256.Size]byte{sha256.Sum256(cert.Raw), sha256.Sum256(issuer.Raw)}
	if known, ok := verified.Load(both); ok {
		return known.(signature) //nolint:forcetypeassert // verified has nothing else
	}
	found := checkSignature(cert, issuer)
	verified.Store(both, found)
	return found
}

// verified has every signature that was looked at, by the SHA-256 of the
// certificate and of its issuer: the rules ask for the same ones again.
var verified sync.Map //nolint:gochecknoglobals // what it tells depends on nothing else

func checkSignature(cert, issuer *x509.Certificate) signature {
	err := issuer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature)
	var insecure x509.InsecureAlgorithmError
	switch {
	case err == nil:
		return signed
	case errors.As(err, &insecure), errors.Is(err, x509.ErrUnsupportedAlgorithm), rsaBits(issuer) > 0 && rsaBits(issuer) < 1024:
		return unchecked
	default:
		return notSigned
	}
}

// IsSelfSigned tells whether a certificate is signed by its own key, as a root
// is (RFC 5280, 3.2).
func IsSelfSigned(cert *x509.Certificate) bool { return signedBy(cert, cert) != notSigned }

// selfIssued is RFC 5280's term for a certificate in which issuer and subject
// are the same name, even if another CA signed it.
func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// rsaBits returns the size of an RSA key in bits, 0 for other keys.
func rsaBits(cert *x509.Certificate) int {
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// ErrNoOrder says that certificates do not make up one chain.
var ErrNoOrder = errors.New("there is no order of these certificates in which each one is signed by the next one")

// Order returns the certificates in the order of an issuing chain, closest CA
// first: each one signed by the next. Copies of one certificate are dropped.
// If several orders work, which takes cross-signed or re-issued certificates,
// what stands first in the given order comes first. If none does, or there are
// more than 100 certificates, the error is [ErrNoOrder].
func Order(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	certs = unique(certs)
	if len(certs) > 100 { // each one is compared with each other
		return nil, ErrNoOrder
	}
	issuers := make([][]int, len(certs)) // of each certificate, by position
	for i, cert := range certs {
		for j, issuer := range certs {
			if i != j && signedBy(cert, issuer) != notSigned {
				issuers[i] = append(issuers[i], j)
			}
		}
	}
	// A path through all of them, depth first. Real chains have next to no
	// branches; the budget is for made-up ones, where this takes exponential time.
	budget := 10_000
	path := make([]int, 0, len(certs))
	var extend func(candidates []int) bool
	extend = func(candidates []int) bool {
		if len(path) == len(certs) {
			return true
		}
		for _, i := range candidates {
			if slices.Contains(path, i) || budget == 0 {
				continue
			}
			budget--
			path = append(path, i)
			if extend(issuers[i]) {
				return true
			}
			path = path[:len(path)-1]
		}
		return false
	}
	all := make([]int, len(certs))
	for i := range all {
		all[i] = i
	}
	if !extend(all) {
		return nil, ErrNoOrder
	}
	ordered := make([]*x509.Certificate, len(path))
	for i, at := range path {
		ordered[i] = certs[at]
	}
	return ordered, nil
}
