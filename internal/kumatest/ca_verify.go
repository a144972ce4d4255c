package kumatest

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file verifies a certificate as a peer does, which is an Envoy with BoringSSL. Go's own verifier tries every CA
// with the issuer's name, and uses the first one that fits. BoringSSL uses the first CA with that name, and fails if it
// does not fit.

// verifyPeer returns why a peer that trusts anchors rejects a leaf, as its client or as its server. The chain may have to
// end with a self-signed anchor.
func verifyPeer(anchors []*x509.Certificate, leaf *x509.Certificate, toSelfSigned bool, at time.Time) error {
	chain := chainOf(anchors, leaf)
	last := chain[len(chain)-1]
	if len(chain) == 1 {
		return fmt.Errorf("no trusted CA has the subject %q", leaf.Issuer)
	}
	if toSelfSigned && !bytes.Equal(last.RawSubject, last.RawIssuer) {
		return fmt.Errorf("no trusted CA has the subject %q, and that of %q is not self-signed", last.Issuer, last.Subject)
	}
	for i, cert := range chain {
		switch {
		case at.Before(cert.NotBefore) || at.After(cert.NotAfter):
			return fmt.Errorf("certificate %d of the chain is valid from %s to %s", i, cert.NotBefore, cert.NotAfter)
		case len(cert.UnhandledCriticalExtensions) > 0:
			return fmt.Errorf("certificate %d of the chain has an unknown critical extension", i)
		case !allowsUsage(cert, x509.ExtKeyUsageServerAuth):
			return fmt.Errorf("certificate %d of the chain has an extended key usage without serverAuth", i)
		case !allowsUsage(cert, x509.ExtKeyUsageClientAuth):
			return fmt.Errorf("certificate %d of the chain has an extended key usage without clientAuth", i)
		}
	}
	for i, ca := range chain[1:] {
		if err := verifyIssuer(ca, chain[:i+1]); err != nil {
			return fmt.Errorf("CA %q: %w", ca.Subject, err)
		}
	}
	return nil
}

// chainOf returns the leaf and its trusted issuers, up to one that is self-issued.
func chainOf(anchors []*x509.Certificate, leaf *x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for last := leaf; !bytes.Equal(last.RawSubject, last.RawIssuer); {
		i := slices.IndexFunc(anchors, func(ca *x509.Certificate) bool { return isCandidate(ca, last) })
		if i < 0 || slices.Contains(chain, anchors[i]) {
			break
		}
		last = anchors[i]
		chain = append(chain, last)
	}
	return chain
}

// isCandidate reports whether a CA may have issued a certificate, according to their names and key identifiers.
func isCandidate(ca, cert *x509.Certificate) bool {
	otherKey := len(cert.AuthorityKeyId) > 0 && len(ca.SubjectKeyId) > 0 && !bytes.Equal(cert.AuthorityKeyId, ca.SubjectKeyId)
	mayNotSign := ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCertSign == 0
	return bytes.Equal(ca.RawSubject, cert.RawIssuer) && !otherKey && !mayNotSign
}

// verifyIssuer checks a CA against the certificates below it, the leaf first.
func verifyIssuer(ca *x509.Certificate, below []*x509.Certificate) error {
	issued, intermediates := below[len(below)-1], len(below)-1
	switch {
	case !ca.BasicConstraintsValid || !ca.IsCA:
		return errors.New("it is no CA")
	case ca.MaxPathLen >= 0 && (ca.MaxPathLen > 0 || ca.MaxPathLenZero) && intermediates > ca.MaxPathLen:
		return fmt.Errorf("%d CAs below it are more than its path length allows", intermediates)
	}
	if err := ca.CheckSignature(issued.SignatureAlgorithm, issued.RawTBSCertificate, issued.Signature); err != nil {
		return fmt.Errorf("the signature is not of its key: %w", err)
	}
	for _, uri := range below[0].URIs {
		permitted := len(ca.PermittedURIDomains) == 0 || matchesDomain(ca.PermittedURIDomains, uri.Hostname())
		if !permitted || matchesDomain(ca.ExcludedURIDomains, uri.Hostname()) {
			return fmt.Errorf("its name constraints do not allow %s", uri)
		}
	}
	return nil
}

// matchesDomain reports whether a host is one of the domains, or is below one that begins with a dot.
func matchesDomain(domains []string, host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(domains, func(domain string) bool {
		domain = strings.ToLower(domain)
		return host == domain || strings.HasPrefix(domain, ".") && strings.HasSuffix(host, domain)
	})
}

// allowsUsage reports whether a certificate is for a usage. Unlike Go, BoringSSL does not accept anyExtendedKeyUsage as
// such.
func allowsUsage(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	restricted := len(cert.ExtKeyUsage) > 0 || len(cert.UnknownExtKeyUsage) > 0
	return !restricted || slices.Contains(cert.ExtKeyUsage, usage)
}
