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
	"crypto/x509"
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
// Key (P-256) and serial number come from HKDF (RFC 5869) over the CA's private
// key; signatures are deterministic: RSA PKCS #1 v1.5, Ed25519, and ECDSA by
// RFC 6979. Errors are those of [Issue].
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
	secret, err := deriveSecret(ca, l)
	if err != nil {
		return nil, err
	}
	key, err := keyFrom(secret[:keySeedSize])
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the derived key: %w", err)
	}
	l.key, l.keyPEM = key, encode("EC PRIVATE KEY", der)
	l.serial = oneTo(maxSerial(), secret[keySeedSize:])
	return ca.issue(l, nil)
}

// windowStart returns the start of the window that contains now.
func windowStart(now time.Time, expiration time.Duration) time.Time {
	length := int64((expiration / 5 * 4).Truncate(time.Second) / time.Second)
	return time.Unix(now.Unix()/length*length, 0).UTC()
}

// Number of secret bytes for the key and the serial number. The key has 16 more
// than its order, so that the reduction leaves no bias (FIPS 186-5, A.2.1).
const (
	keySeedSize    = 48
	serialSeedSize = 16
)

// deriveSecret returns the bytes from which key and serial number are derived.
// The URIs identify mesh and tags uniquely.
func deriveSecret(ca CA, l leaf) ([]byte, error) {
	material, err := keyMaterial(ca.Key)
	if err != nil {
		return nil, err
	}
	info := []string{
		"kongmesh proxy certificate 1",
		Fingerprint(ca.Chain[0]),
		l.notBefore.Format(time.RFC3339),
		l.notAfter.Format(time.RFC3339),
	}
	for _, uri := range l.uris {
		info = append(info, uri.String())
	}
	return hkdf.Key(sha256.New, material, nil, strings.Join(info, "\n"), keySeedSize+serialSeedSize)
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

// keyFrom returns a P-256 key from a seed. It does not use ecdsa.GenerateKey,
// which deliberately returns different keys for the same randomness.
func keyFrom(seed []byte) (*ecdsa.PrivateKey, error) {
	curve := elliptic.P256()
	order := curve.Params().N
	scalar := oneTo(new(big.Int).Sub(order, big.NewInt(1)), seed)
	return ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, (order.BitLen()+7)/8)))
}

// oneTo maps seed to a number from 1 to limit.
func oneTo(limit *big.Int, seed []byte) *big.Int {
	n := new(big.Int).SetBytes(seed)
	n.Mod(n, limit)
	return n.Add(n, big.NewInt(1))
}
