package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
)

// Canonical returns the trust bundle in the one form that its content
// determines: the chain in its order, then the trusted certificates sorted by
// their DER. Of equal certificates the first is kept, one that is in the chain
// is not repeated behind it.
func Canonical(chain, trusted []*x509.Certificate) []*x509.Certificate {
	sorted := slices.Clone(trusted)
	slices.SortFunc(sorted, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	return unique(slices.Concat(chain, sorted))
}

// BundleFingerprint returns the SHA-256 over the DER of [Canonical], one
// certificate after another, in lower-case hex.
func BundleFingerprint(chain, trusted []*x509.Certificate) string {
	hash := sha256.New()
	for _, cert := range Canonical(chain, trusted) {
		hash.Write(cert.Raw)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Fingerprint returns the SHA-256 over the certificate's DER in lower-case hex.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// SameCertificates tells whether a and b are the same certificates in the same
// order.
func SameCertificates(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, (*x509.Certificate).Equal)
}

// unique returns certs without copies of a certificate, the first one kept.
func unique(certs []*x509.Certificate) []*x509.Certificate {
	seen := make(map[string]bool, len(certs))
	var kept []*x509.Certificate
	for _, cert := range certs {
		if !seen[string(cert.Raw)] {
			seen[string(cert.Raw)] = true
			kept = append(kept, cert)
		}
	}
	return kept
}
