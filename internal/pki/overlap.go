package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// CheckOverlap reports why handshakes would fail while proxies trust both
// bundles and have certificates from either: two CAs that Envoy's TLS library
// cannot distinguish. A problem's Index is the position in next.Certificates().
//
// BoringSSL uses the first CA with the issuer's name. It skips one whose
// subject key identifier differs from the authority key identifier of the
// certificate, if both have one (X509_check_issued). The CA that it uses must
// have signed the certificate. Go's crypto/x509 tries every CA, and finds no
// fault here.
func CheckOverlap(current, next Bundle) Problems {
	if len(current.Chain) == 0 || len(next.Chain) == 0 {
		return nil
	}
	var ps Problems
	certs := next.Certificates()
	for _, t := range twins(next.Join(current).Certificates(), current.Issuer(), next.Issuer()) {
		ps.addFor(Error, RuleAmbiguousIssuer, max(0, slices.IndexFunc(certs, t.cert.Equal)), t.cert, "%s", t)
	}
	return ps.finished()
}

// checkAmbiguous warns of trusted certificates that BoringSSL may use as the
// issuer.
func checkAmbiguous(b Bundle) Problems {
	if len(b.Chain) == 0 || len(b.Trusted) == 0 {
		return nil
	}
	var ps Problems
	all := Bundle{Chain: slices.Concat(b.Trusted, b.Chain)}.Certificates()
	for _, t := range twins(all, b.Issuer()) {
		if i := slices.IndexFunc(b.Trusted, t.cert.Equal); i >= 0 {
			ps.addFor(Warning, RuleAmbiguousIssuer, i, t.cert, "%s", t)
		}
	}
	return ps
}

// A twin is a certificate that BoringSSL may confuse with another one.
type twin struct{ cert, other *x509.Certificate }

func (t twin) String() string {
	remedy := "Issue this CA again with its own subject key identifier (openssl: subjectKeyIdentifier=hash; " +
		"tls_self_signed_cert: set_subject_key_id = true), or with another subject."
	if len(t.other.SubjectKeyId) == 0 {
		remedy = "Issue this CA again with another subject. A subject key identifier does not help, because the other CA has " +
			"none."
	}
	return fmt.Sprintf("This CA and another one, with serial number %s, have the same subject and different keys, and no subject key "+
		"identifiers distinguish them. Envoy uses the first CA with the name of an issuer, and rejects certificates "+
		"from the other one while proxies trust both. %s", Describe(t.other).SerialNumber, remedy)
}

// twins returns the certificates that may be confused with an issuing one: with
// one of issuing, or with the issuer of a certificate in all. It returns two
// CAs once, with the one that comes first in all as cert. It returns none for
// more than 100 certificates, because it compares each with every other one.
func twins(all []*x509.Certificate, issuing ...*x509.Certificate) []twin {
	if len(all) > 100 {
		return nil
	}
	type issued struct {
		issuer *x509.Certificate
		keyID  []byte // of the issuer, according to the certificate
	}
	var certificates []issued
	for _, ca := range issuing {
		certificates = append(certificates, issued{ca, ca.SubjectKeyId})
	}
	for _, cert := range all {
		for _, ca := range all {
			if !IsSelfSigned(cert) && signedBy(cert, ca) != notSigned {
				certificates = append(certificates, issued{ca, cert.AuthorityKeyId})
			}
		}
	}
	taken := func(ca *x509.Certificate, c issued) bool {
		return canonicalName(ca) == canonicalName(c.issuer) && !bytes.Equal(ca.RawSubjectPublicKeyInfo, c.issuer.RawSubjectPublicKeyInfo) &&
			(len(c.keyID) == 0 || len(ca.SubjectKeyId) == 0 || bytes.Equal(c.keyID, ca.SubjectKeyId))
	}
	var found []twin
	for i, cert := range all {
		for _, other := range all[i+1:] {
			if slices.ContainsFunc(certificates, func(c issued) bool {
				return other.Equal(c.issuer) && taken(cert, c) || cert.Equal(c.issuer) && taken(other, c)
			}) {
				found = append(found, twin{cert, other})
			}
		}
	}
	return found
}

// canonicalName returns a subject as BoringSSL compares names: without regard
// to case and to the number of spaces.
func canonicalName(cert *x509.Certificate) string {
	return strings.ToLower(strings.Join(strings.Fields(cert.Subject.String()), " "))
}
