package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"time"
)

// CertificateInfo describes a certificate for a user.
type CertificateInfo struct {
	Subject string // RFC 2253: "CN=Root CA,O=Test,C=GB"
	Issuer  string // as Subject

	// SerialNumber is lower-case hex, two digits for each byte without
	// separators: the output of "openssl x509 -serial" except for the case.
	SerialNumber string

	NotBefore time.Time // UTC, whole seconds
	NotAfter  time.Time // as NotBefore

	PublicKeyAlgorithm string // "RSA", "ECDSA", "Ed25519", "DSA", or "unknown"
	PublicKeySize      int    // bits; 0 if the algorithm is unknown
	SignatureAlgorithm string // "SHA256-RSA", "ECDSA-SHA256", "Ed25519", …

	IsCA       bool // basic constraint CA
	PathLength int  // number of CAs allowed between it and a leaf; -1 means any number

	KeyUsages    []string // RFC 5280, 4.2.1.3: "digitalSignature", "keyCertSign", …
	ExtKeyUsages []string // RFC 5280, 4.2.1.12: "serverAuth", "clientAuth", …; object identifiers for others

	SubjectKeyID   string // lower-case hex, "" if there is none
	AuthorityKeyID string // as SubjectKeyID

	URIs []string // of the subject alternative name

	SHA256Fingerprint string // see Fingerprint
	PEM               string // one block, see EncodeCertificates
}

// Describe returns the description of a certificate.
func Describe(cert *x509.Certificate) CertificateInfo {
	info := CertificateInfo{
		Subject:            cert.Subject.String(),
		Issuer:             cert.Issuer.String(),
		SerialNumber:       hex.EncodeToString(cert.SerialNumber.Bytes()),
		NotBefore:          cert.NotBefore.UTC(),
		NotAfter:           cert.NotAfter.UTC(),
		PublicKeyAlgorithm: cert.PublicKeyAlgorithm.String(),
		SignatureAlgorithm: signatureName(cert),
		IsCA:               cert.IsCA,
		PathLength:         pathLength(cert),
		KeyUsages:          keyUsages(cert.KeyUsage),
		ExtKeyUsages:       extKeyUsages(cert),
		SubjectKeyID:       hex.EncodeToString(cert.SubjectKeyId),
		AuthorityKeyID:     hex.EncodeToString(cert.AuthorityKeyId),
		SHA256Fingerprint:  Fingerprint(cert),
		PEM:                string(encode(certificateLabel, cert.Raw)),
	}
	if info.SerialNumber == "" {
		info.SerialNumber = "00"
	}
	if cert.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		info.PublicKeyAlgorithm = "unknown"
	}
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		info.PublicKeySize = key.Curve.Params().BitSize
	case ed25519.PublicKey:
		info.PublicKeySize = 8 * len(key)
	default:
		info.PublicKeySize = rsaBits(cert)
	}
	for _, uri := range cert.URIs {
		info.URIs = append(info.URIs, uri.String())
	}
	return info
}

// rsaPSS is the name of RSA-PSS with parameters that crypto/x509 has no name
// for.
const rsaPSS = "RSA-PSS"

// signatureName returns the name of a signature algorithm, or the object
// identifier if crypto/x509 does not know it.
func signatureName(cert *x509.Certificate) string {
	if cert.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		return cert.SignatureAlgorithm.String()
	}
	var outer struct { // RFC 5280, 4.1
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.Raw, &outer); err != nil {
		return "unknown"
	}
	if outer.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}) { // RFC 4055, 3.1
		return rsaPSS
	}
	return outer.Algorithm.Algorithm.String()
}

// pathLength returns the path length of a CA, or -1 if it has none.
func pathLength(cert *x509.Certificate) int {
	if !cert.IsCA || cert.MaxPathLen < 0 || cert.MaxPathLen == 0 && !cert.MaxPathLenZero {
		return -1
	}
	return cert.MaxPathLen
}

// keyUsageNames are the names of RFC 5280, in the order of its bits, which is
// also that of x509.KeyUsage.
var keyUsageNames = [...]string{
	"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
	"keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
}

func keyUsages(usage x509.KeyUsage) []string {
	var names []string
	for bit, name := range keyUsageNames {
		if usage&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// extKeyUsageNames are the names of RFC 5280, or of openssl for the others, in
// the order of x509.ExtKeyUsage.
var extKeyUsageNames = [...]string{
	"anyExtendedKeyUsage", "serverAuth", "clientAuth", "codeSigning", "emailProtection",
	"ipsecEndSystem", "ipsecTunnel", "ipsecUser", "timeStamping", "OCSPSigning",
	"msSGC", "nsSGC", "msCodeCom", "msKernelCode",
}

func extKeyUsages(cert *x509.Certificate) []string {
	var names []string
	for _, usage := range cert.ExtKeyUsage {
		names = append(names, extKeyUsageName(usage))
	}
	for _, id := range cert.UnknownExtKeyUsage {
		names = append(names, id.String())
	}
	return names
}

func extKeyUsageName(usage x509.ExtKeyUsage) string {
	if int(usage) < len(extKeyUsageNames) {
		return extKeyUsageNames[usage]
	}
	return "unknown"
}
