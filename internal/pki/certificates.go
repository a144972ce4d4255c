package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

const certificateLabel = "CERTIFICATE"

// ParseCertificates reads all certificates of a PEM text, in the order of the
// text. It also returns those that only it can read, because it is more lenient
// than the control plane, with a problem of severity Error. The certificates of
// a result without errors are therefore exactly those that the control plane
// sees after [EncodeCertificates].
//
// A problem's Index counts PEM blocks here.
func ParseCertificates(text []byte) ([]*x509.Certificate, Problems) {
	blocks, problems := scan(text)
	if len(blocks) == 0 && len(problems) == 0 {
		return nil, Problems{notPEM(text, wantedCertificate())}
	}
	var certs []*x509.Certificate
	for _, b := range blocks {
		switch {
		case isPrivateKeyLabel(b.label):
			problems.add(Error, RulePrivateKeyInChain, b.index, "%s", privateKeyInChain(b, string(derPrivateKey), len(blocks) == 1))
		case hasCertificates(b.label): // the user expects them to be used
			problems.add(Error, RulePEMLabel, b.index, "%s", otherLabel(b))
		case b.label != certificateLabel:
			problems.add(Warning, RulePEMLabel, b.index, "%s", otherLabel(b))
		case b.closed: // scan has reported a block without an END
			if cert := parseCertificate(&problems, b); cert != nil {
				certs = append(certs, cert)
			}
		}
	}
	if len(certs) == 0 && !problems.HasErrors() {
		problems.add(Error, RuleNoCertificate, -1, "There is no certificate: no PEM block has the label CERTIFICATE.")
	}
	return certs, problems.finished()
}

// ReadCertificates reads a PEM text that the control plane has, or will get
// without changes. It returns the certificates that the control plane sees
// (encoding/pem), and the problems of [ParseCertificates], where anything that
// hides a block is an error.
func ReadCertificates(text []byte) ([]*x509.Certificate, Problems) {
	parsed, problems := ParseCertificates(text)
	return seenByControlPlane(text, parsed), asStored(problems)
}

// asStored makes the problems those of a string that is not encoded again.
func asStored(problems Problems) Problems {
	for i := range problems {
		if problems[i].Rule == RulePEMByteOrderMark {
			problems[i].Severity = Error
		}
	}
	return problems
}

// seenByControlPlane returns the certificates that encoding/pem finds, and
// therefore the control plane. They are all or some of
// those that the more lenient parser finds.
func seenByControlPlane(text []byte, parsed []*x509.Certificate) []*x509.Certificate {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		same := func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, block.Bytes) }
		if i := slices.IndexFunc(parsed, same); i >= 0 && block.Type == certificateLabel {
			certs, parsed = append(certs, parsed[i]), parsed[i+1:]
		}
	}
	return certs
}

// parseCertificate returns the certificate in the block, or nil and a problem.
func parseCertificate(ps *Problems, b block) *x509.Certificate {
	decoded, ok := b.decode()
	if !ok {
		b.undecodable(ps)
		return nil
	}
	cert, err := x509.ParseCertificate(decoded.Bytes)
	if err == nil {
		return cert
	}
	if _, err := parseKeyDER(decoded.Bytes); err == nil {
		ps.add(Error, RulePrivateKeyInChain, b.index, "%s", privateKeyInChain(b, "a private key under the label of a certificate", false))
		return nil
	}
	if unsupported := unsupportedKey(decoded.Bytes); unsupported != "" {
		ps.add(Error, RulePEMBlock, b.index, "The block that begins on line %d contains a certificate with %s, and the control plane rejects it. %s",
			b.line, unsupported, otherKey(unsupported, "Write the key with the name of its curve, and issue the CA again with it"))
		return nil
	}
	if content := kindOfDER(decoded.Bytes); content != derUnknown {
		ps.add(Error, RulePEMBlock, b.index, "The block that begins on line %d has the label CERTIFICATE, but contains %s, and the control plane rejects it. %s",
			b.line, content, content.instead(wantedCertificate(), ""))
		return nil
	}
	ps.add(Error, RulePEMBlock, b.index,
		"The block that begins on line %d does not contain a readable certificate (%s), and the control plane rejects "+
			"it. Copy it again. If that does not help, issue the certificate again. To inspect it:\n"+
			"  openssl x509 -in ca.pem -noout -text", b.line, printable(strings.TrimPrefix(err.Error(), "x509: ")))
	return nil
}

func privateKeyInChain(b block, what string, alone bool) string {
	if alone {
		return fmt.Sprintf("The block that begins on line %d is %s, not a certificate. %s", b.line, what, derPrivateKey.instead(wantedCertificate(), ""))
	}
	return fmt.Sprintf("The block that begins on line %d is %s, and every proxy gets the certificates. Remove it. If you have "+
		"uploaded it before, create a new CA.", b.line, what)
}

// hasCertificates reports whether a block with this label contains certificates
// that the control plane skips.
func hasCertificates(label string) bool {
	return misspelled(label) || slices.Contains([]string{"TRUSTED CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS"}, label)
}

// misspelled reports whether a label is CERTIFICATE, but for its case and spaces.
func misspelled(label string) bool {
	return label != certificateLabel && strings.EqualFold(strings.TrimSpace(label), certificateLabel)
}

// otherLabel returns the advice for a block that is neither a certificate nor a
// private key.
func otherLabel(b block) string {
	what, do := "is not a certificate ("+kind(b.label)+")", "Remove it."
	switch b.label {
	case "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
		what = "is a certificate with the label " + b.label
		do = "Write each certificate with the label CERTIFICATE:\n" +
			"  openssl x509 -in ca.pem -out ca-plain.pem"
	case "PKCS7", "CMS":
		what = "is a PKCS #7 bundle"
		do = "Extract the certificates:\n" + "  openssl pkcs7 -in bundle.p7b -print_certs -out chain.pem"
	case "PUBLIC KEY", "RSA PUBLIC KEY", "EC PUBLIC KEY":
		what, do = "is "+string(derPublicKey), derPublicKey.instead(wantedCertificate(), "")
	}
	if misspelled(b.label) {
		what, do = "has a damaged label", "Write exactly -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, in upper case."
	}
	if by := encryptedBy(b.label); by != "" {
		what, do = "is encrypted with "+by, "Decrypt it before you use it."
	}
	if isRequestLabel(b.label) {
		what, do = "is "+string(derRequest), derRequest.instead(wantedCertificate(), "")
	}
	return fmt.Sprintf("The block that begins on line %d %s, and the control plane ignores it. %s", b.line, what, do)
}

func isRequestLabel(label string) bool { return strings.HasSuffix(label, "CERTIFICATE REQUEST") }

// encryptedBy returns the tool that encrypted a block with this label, or "".
func encryptedBy(label string) string {
	switch label {
	case "AGE ENCRYPTED FILE":
		return "age"
	case "PGP MESSAGE":
		return "PGP"
	default:
		return ""
	}
}

// EncodeCertificates returns certificates as PEM, one block each in the given
// order, in lines of 64 characters that end in \n, with nothing between the
// blocks.
func EncodeCertificates(certs []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, cert := range certs {
		out.Write(encode(certificateLabel, cert.Raw))
	}
	return out.Bytes()
}
