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

// A signature is the result of a check whether one certificate signed another.
type signature int

const (
	notSigned signature = iota
	signed
	// unchecked: the names fit, but crypto/x509 cannot verify the signature.
	unchecked
)

// signedBy reports whether issuer signed cert (RFC 5280, 6.1.3 a: names, then
// signature). It ignores the permissions of issuer, which other rules check,
// and that SHA-1 is weak. Each signature is verified once in a process.
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

// verified caches each verified signature by the SHA-256 of the certificate and
// of its issuer: the rules need the same ones repeatedly.
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

// IsSelfSigned reports whether a certificate is signed with its own key, like a
// root (RFC 5280, 3.2).
func IsSelfSigned(cert *x509.Certificate) bool { return signedBy(cert, cert) != notSigned }

// selfIssued reports whether issuer and subject of a certificate are the same
// name, even if another CA signed it (RFC 5280's term).
func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// rsaBits returns the size of an RSA key in bits, or 0 for other keys.
func rsaBits(cert *x509.Certificate) int {
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// ErrNoOrder reports certificates that do not form one chain.
var ErrNoOrder = errors.New("there is no order of these certificates in which each one is signed by the next one")

// Order returns the certificates in the order of an issuing chain, closest CA
// first: each one is signed by the next. It drops copies of a certificate. If
// several orders work, because of cross-signed or reissued certificates, it
// prefers the given order. If none works, or there are more than 100
// certificates, the error is [ErrNoOrder].
func Order(certs []*x509.Certificate) ([]*x509.Certificate, error) {
	certs = unique(certs)
	if len(certs) > 100 { // each one is compared with every other one
		return nil, ErrNoOrder
	}
	issuers := make([][]int, len(certs)) // the positions of the issuers of each certificate
	for i, cert := range certs {
		for j, issuer := range certs {
			if i != j && signedBy(cert, issuer) != notSigned {
				issuers[i] = append(issuers[i], j)
			}
		}
	}
	// Depth-first search for a path through all of them. Real chains have
	// almost no branches; the budget is for malicious ones, where this takes
	// exponential time.
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
