package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Derive issues a proxy certificate with the profile of the control plane's
// certificates that depends only on the arguments: the same CA, request and
// window of time give the same key and the same bytes, on any machine.
//
// Windows follow one another from the Unix epoch, and each is 4/5 of the
// expiration long. A certificate is valid from 10 s before its window to one
// expiration after the start of the window, so at least a fifth of its lifetime
// is always left. The expiration is at least 5 s.
//
// Key and serial number come from HKDF (RFC 5869) over the CA's private key;
// signatures are deterministic: RSA PKCS #1 v1.5, Ed25519, and ECDSA by RFC
// 6979. The key is of the kind that [Issue] creates, but P-256 instead of RSA:
// nothing in Go's library creates the same RSA key twice. Errors are those of
// [Issue].
func Derive(ca CA, r ProxyRequest, now time.Time) (*ProxyCertificate, error) {
	expiration, err := expirationOf(r, 5*time.Second)
	if err != nil {
		return nil, err
	}
	uris, err := prepare(ca, r, now, expiration)
	if err != nil {
		return nil, err
	}
	start := windowStart(now, expiration)
	l := leaf{uris: uris, notBefore: start.Add(-clockSkew), notAfter: start.Add(expiration)}
	curve := r.derivedCurve(ca.Key)
	size := seedSize(curve)
	secret, err := deriveSecret(ca, l, r.purpose(), size+serialSeedSize)
	if err != nil {
		return nil, err
	}
	if l.key, err = keyFrom(curve, secret[:size]); err != nil {
		return nil, err
	}
	l.serial = oneTo(maxSerial(), secret[size:])
	return ca.issue(l, nil)
}

// purpose separates what HKDF derives for a MeshIdentity and for a backend.
func (r ProxyRequest) purpose() string {
	if r.SPIFFEID != "" {
		return "kongmesh identity certificate 1"
	}
	return "kongmesh proxy certificate 1"
}

// derivedCurve returns the curve of a derived key, or nil for Ed25519.
func (r ProxyRequest) derivedCurve(ca crypto.Signer) elliptic.Curve {
	if r.SPIFFEID != "" {
		switch ca := ca.(type) {
		case *ecdsa.PrivateKey:
			return ca.Curve
		case ed25519.PrivateKey:
			return nil
		}
	}
	return elliptic.P256()
}

// windowStart returns the start of the window that contains now.
func windowStart(now time.Time, expiration time.Duration) time.Time {
	length := int64((expiration / 5 * 4).Truncate(time.Second) / time.Second)
	return time.Unix(now.Unix()/length*length, 0).UTC()
}

// serialSeedSize is the number of secret bytes for the serial number.
const serialSeedSize = 16

// seedSize returns the number of secret bytes for a key: for a curve, 16 more
// than its order has, so that the reduction leaves no bias (FIPS 186-5, A.2.1).
func seedSize(curve elliptic.Curve) int {
	if curve == nil {
		return ed25519.SeedSize
	}
	return scalarSize(curve) + 16
}

// scalarSize returns the number of bytes of a private key.
func scalarSize(curve elliptic.Curve) int { return (curve.Params().N.BitLen() + 7) / 8 }

// deriveSecret returns the bytes from which key and serial number are derived.
// Within a purpose, the URIs identify the proxy uniquely.
func deriveSecret(ca CA, l leaf, purpose string, size int) ([]byte, error) {
	material, err := keyMaterial(ca.Key)
	if err != nil {
		return nil, err
	}
	info := []string{
		purpose,
		Fingerprint(ca.Chain[0]),
		l.notBefore.Format(time.RFC3339),
		l.notAfter.Format(time.RFC3339),
	}
	for _, uri := range l.uris {
		info = append(info, uri.String())
	}
	return hkdf.Key(sha256.New, material, nil, strings.Join(info, "\n"), size)
}

// keyMaterial returns the secret part of a CA key, which is the same in each
// encoding of the key.
func keyMaterial(key crypto.Signer) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return key.Bytes()
	case ed25519.PrivateKey:
		return key.Seed(), nil
	case *rsa.PrivateKey:
		var primes [][]byte
		for _, prime := range key.Primes {
			primes = append(primes, prime.Bytes())
		}
		slices.SortFunc(primes, bytes.Compare)
		return bytes.Join(primes, nil), nil
	default:
		return nil, fmt.Errorf("the provider cannot derive a certificate from a CA key of type %T", key)
	}
}

// keyFrom returns a key of a curve, or with nil an Ed25519 key, from a seed. It
// does not use ecdsa.GenerateKey, which deliberately returns different keys for
// the same randomness.
func keyFrom(curve elliptic.Curve, seed []byte) (crypto.Signer, error) {
	if curve == nil {
		return ed25519.NewKeyFromSeed(seed), nil
	}
	scalar := oneTo(new(big.Int).Sub(curve.Params().N, big.NewInt(1)), seed)
	return ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, scalarSize(curve))))
}

// oneTo maps seed to a number from 1 to limit.
func oneTo(limit *big.Int, seed []byte) *big.Int {
	n := new(big.Int).SetBytes(seed)
	n.Mod(n, limit)
	return n.Add(n, big.NewInt(1))
}
