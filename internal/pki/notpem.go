package pki

import (
	"bytes"
	"encoding/base64"
)

// notPEM is the problem of a text without any BEGIN or END. It says what the
// text is instead, as far as that can be told. what names what is missing;
// convert is the openssl command that makes PEM of DER.
func notPEM(text []byte, what, convert string) Problem {
	p := Problem{Severity: Error, Rule: RulePEM, Index: -1}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	switch {
	case len(trimmed) == 0:
		p.Message = "There is no " + what + ": the content is empty. A file that was read may be empty, or a variable unset."
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		p.Message = "The content is UTF-16 text, as PowerShell's > writes it, and the control plane can't read it. Save it as UTF-8."
	case isPKCS12(text):
		p.Message = "The content is a PKCS #12 file (.p12, .pfx), and the control plane reads PEM alone. Take certificates and key out of it:\n" +
			"  openssl pkcs12 -in ca.p12 -nokeys -out ca.pem\n" +
			"  openssl pkcs12 -in ca.p12 -nocerts -nodes -out ca-key.pem"
	case isDER(text):
		p.Message = "The content is binary DER, not PEM, and the control plane reads PEM alone. Convert it:\n  " + convert
	case isBase64Of(trimmed, "-----BEGIN"):
		p.Message = "The content is PEM that was encoded in base64 once more. Decode it, or read the file with file() in place of filebase64():\n" +
			"  base64decode(var.pem)"
	case isBase64Of(trimmed, "\x30"):
		p.Message = "The content is the base64 of a PEM block without its BEGIN and END lines. Put the lines back, or convert the file again:\n  " + convert
	case len(trimmed) < 300 && !bytes.ContainsAny(trimmed, " \n") && bytes.ContainsAny(trimmed, "/."):
		p.Message = "The content looks like the name of a file, not like what is in it. Read the file:\n" +
			`  file("${path.module}/ca.pem")`
	default:
		p.Message = "There is no " + what + ": no line starts with -----BEGIN, so this is no PEM."
	}
	return p
}

// isDER tells whether a text begins as one ASN.1 SEQUENCE of its own length.
func isDER(text []byte) bool {
	return len(text) > 2 && text[0] == 0x30 && (text[1] > 0x80 && text[1] < 0x85 || int(text[1]) == len(text)-2)
}

// isPKCS12 tells whether a text is DER and begins with version 3 (RFC 7292, 4).
func isPKCS12(text []byte) bool {
	return isDER(text) && len(text) > 7 && bytes.Contains(text[:7], []byte{2, 1, 3})
}

// isBase64Of tells whether a text is base64 of something with the prefix.
func isBase64Of(text []byte, prefix string) bool {
	decoded, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	return err == nil && bytes.HasPrefix(decoded, []byte(prefix))
}
