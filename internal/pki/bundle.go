package pki

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
)

// A Bundle is the content of the certificate secret of a CA: the issuing chain,
// closest CA first, and then trusted certificates, in no order. Either part may
// contain a certificate more than once.
type Bundle struct {
	Chain, Trusted []*x509.Certificate
}

// ReadBundle reads the content of a certificate secret, as [ReadCertificates]
// does, and splits it as [SplitBundle] does.
func ReadBundle(text []byte) (Bundle, Problems) {
	certs, problems := ReadCertificates(text)
	return SplitBundle(certs), problems
}

// SplitBundle splits certificates into issuing chain and trusted certificates:
// the chain is the longest beginning in which each certificate is signed by the
// next, and ends with the first self-signed one. Copies don't interrupt it.
func SplitBundle(certs []*x509.Certificate) Bundle {
	seen := map[string]bool{}
	var last *x509.Certificate
	for i, cert := range certs {
		if seen[string(cert.Raw)] {
			continue
		}
		if last != nil && (IsSelfSigned(last) || signedBy(last, cert) == notSigned) {
			return Bundle{Chain: certs[:i:i], Trusted: certs[i:]}
		}
		seen[string(cert.Raw)], last = true, cert
	}
	return Bundle{Chain: certs}
}

// Issuer returns the CA that issues to proxies, the first certificate; nil for
// an empty bundle.
func (b Bundle) Issuer() *x509.Certificate {
	if len(b.Chain) == 0 {
		return nil
	}
	return b.Chain[0]
}

// Canonical returns the bundle in the one form that its content determines: the
// chain in its order, the trusted certificates sorted by their DER, each
// certificate once.
func (b Bundle) Canonical() Bundle {
	sorted := slices.SortedFunc(slices.Values(b.Trusted), func(x, y *x509.Certificate) int { return bytes.Compare(x.Raw, y.Raw) })
	n := len(unique(b.Chain))
	all := unique(slices.Concat(b.Chain, sorted))
	return Bundle{Chain: all[:n:n], Trusted: all[n:]}
}

// Certificates returns the certificates of Canonical, the chain first.
func (b Bundle) Certificates() []*x509.Certificate {
	c := b.Canonical()
	return slices.Concat(c.Chain, c.Trusted)
}

// Encode returns Certificates as PEM, which is the form to upload.
func (b Bundle) Encode() []byte { return EncodeCertificates(b.Certificates()) }

// Fingerprint returns the SHA-256 over the DER of Certificates, one after
// another, in lower-case hex.
func (b Bundle) Fingerprint() string {
	hash := sha256.New()
	for _, cert := range b.Certificates() {
		hash.Write(cert.Raw)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Equal reports whether two bundles contain the same certificates. Order counts
// only within both chains. Copies make no difference, nor does the place where
// a chain ends: a chain that a user wrote as one may be split in a secret.
func (b Bundle) Equal(other Bundle) bool {
	x, y := b.Canonical(), other.Canonical()
	n := min(len(x.Chain), len(y.Chain))
	return SameCertificates(x.endChain(n), y.endChain(n))
}

// endChain returns the certificates as if the chain ended after n of them.
func (b Bundle) endChain(n int) []*x509.Certificate {
	return Bundle{b.Chain[:n], slices.Concat(b.Chain[n:], b.Trusted)}.Certificates()
}

// Trusts reports whether proxies with this bundle accept certificates from that
// issuer. A proxy presents only its own certificate, so only the issuer counts,
// not the CAs above it.
func (b Bundle) Trusts(issuer *x509.Certificate) bool {
	return slices.ContainsFunc(b.Certificates(), func(c *x509.Certificate) bool { return SameCA(c, issuer) })
}

// Join returns a bundle that issues like this one, and trusts the CAs of both.
func (b Bundle) Join(other Bundle) Bundle {
	return Bundle{Chain: b.Chain, Trusted: slices.Concat(b.Trusted, other.Chain, other.Trusted)}
}

// Check applies the rules to each part. A problem's Index is the position in
// its part.
func (b Bundle) Check(o Options) (chain, trusted Problems) {
	return CheckChain(b.Chain, o), append(checkTrusted(b.Trusted, o), checkAmbiguous(b)...).finished()
}

// CheckWhole is Check for a bundle in one text: a problem's Index counts
// through chain and trusted certificates.
func (b Bundle) CheckWhole(o Options) Problems {
	problems := checkChain(b.Chain, o)
	for _, p := range checkTrusted(slices.Concat(b.Chain, b.Trusted), o) {
		if p.Index >= len(b.Chain) {
			problems = append(problems, p)
		}
	}
	for _, p := range checkAmbiguous(b) {
		p.Index += len(b.Chain)
		problems = append(problems, p)
	}
	return problems.finished()
}

// CheckKey checks that the key belongs to the issuer. If it belongs to another
// certificate of the chain, the problem names that one. Without a key or a
// chain, there is no problem.
func (b Bundle) CheckKey(key crypto.Signer) Problems { return checkKey(key, b.Chain) }

// PublicKeySHA256 returns the digest of the public key of the issuer, see
// [PublicKeySHA256], or "" for an empty bundle.
func (b Bundle) PublicKeySHA256() string {
	if len(b.Chain) == 0 {
		return ""
	}
	return PublicKeySHA256(b.Chain[0].PublicKey)
}

// SameMaterial reports whether the control plane reads the same CA material
// from two texts: the same certificates, as [Bundle.Equal] compares them, or
// the same private key. Certificates with a private key among them equal no
// others.
func SameMaterial(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, problemsX := ReadBundle(a)
	y, problemsY := ReadBundle(b)
	if !problemsX.HasErrors() && !problemsY.HasErrors() {
		return x.Equal(y)
	}
	key, ok := firstKey(a).(interface{ Equal(crypto.PrivateKey) bool })
	return ok && len(x.Chain)+len(y.Chain) == 0 && key.Equal(firstKey(b))
}

// SameCA reports whether certificates from one CA are valid for the other: it
// has the same key, name and key identifier.
func SameCA(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo) && bytes.Equal(a.RawSubject, b.RawSubject) &&
		bytes.Equal(a.SubjectKeyId, b.SubjectKeyId)
}

// Fingerprint returns the SHA-256 over the certificate's DER in lower-case hex.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// SameCertificates reports whether a and b are the same certificates in the
// same order.
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
