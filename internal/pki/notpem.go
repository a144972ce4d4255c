package pki

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// notPEM returns the problem of a string without any BEGIN or END. It says what
// the text is instead, as far as possible, also if it is base64: filebase64()
// returns that for a file that a Terraform string cannot contain. what is the
// missing material; convert is the openssl command that converts DER to PEM.
func notPEM(text []byte, what, convert string) Problem {
	p := Problem{Severity: Error, Rule: RulePEM, Index: -1}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	content, times := text, 0
	for p.Message = describeContent(content, times, convert); p.Message == "" && times < maxLayers; {
		decoded, ok := decodeBase64(content)
		if !ok {
			break
		}
		content, times = decoded, times+1
		p.Message = describeContent(content, times, convert)
	}
	switch {
	case p.Message != "":
	case len(trimmed) == 0:
		p.Message = "There is no " +
			what +
			": the content is empty. Check whether the file is empty, or the variable is not set."
	case len(trimmed) < 300 && !bytes.ContainsAny(trimmed, " \n") && bytes.ContainsAny(trimmed, "/."):
		p.Message = "The content looks like the name of a file. Read the file:\n" +
			`  file("${path.module}/ca.pem")`
	default:
		p.Message = "There is no " + what + ": no line starts with -----BEGIN, so the content is not PEM."
	}
	return p
}

// maxLayers is the number of nested base64 encodings that are detected.
const maxLayers = 3

// describeContent describes a content that was encoded in base64 so many times,
// with advice, or returns "" if it does not recognize it.
func describeContent(content []byte, times int, convert string) string {
	encoded := ""
	if times > 0 {
		encoded = ", encoded in base64"
	}
	switch {
	case isUTF16(content):
		return "The content is UTF-16" +
			encoded +
			", as PowerShell's > writes it, and the control plane cannot read it. Save the file as UTF-8, and read it with " +
			"file()."
	case isPKCS12(content):
		return "The content is a PKCS #12 file (.p12, .pfx)" +
			encoded +
			", and the control plane can only read PEM. Extract the certificates and the key:\n" +
			"  openssl pkcs12 -in ca.p12 -nokeys -out ca.pem\n" +
			"  openssl pkcs12 -in ca.p12 -nocerts -nodes -out ca-key.pem"
	case isDER(content) && times > 0:
		return "The content is the base64 of a PEM block without its BEGIN and END lines. Add these lines, or convert the " +
			"file again:\n" +
			"  " +
			convert
	case isDER(content):
		return "The content is binary DER, and the control plane can only read PEM. Convert it:\n" +
			"  " +
			convert
	case times > 0 && bytes.Contains(content, []byte("-----BEGIN")) && !utf8.Valid(content):
		return "The content is PEM that was encoded in base64 again, and the text around it is not UTF-8. Save the file as " +
			"UTF-8, and read it with file()."
	case times > 0 && bytes.Contains(content, []byte("-----BEGIN")):
		return "The content is PEM that was encoded in base64 again. Decode it, or read the file with file() instead of " +
			"filebase64():\n" +
			"  " +
			strings.Repeat("base64decode(", times) +
			"var.pem" +
			strings.Repeat(")", times)
	default:
		return ""
	}
}

// isUTF16 reports whether a string begins with the byte order mark of UTF-16, or
// with a dash or letter in it.
func isUTF16(text []byte) bool {
	return len(text) > 2 && (text[0] == 0xff && text[1] == 0xfe || text[0] == 0xfe && text[1] == 0xff ||
		text[0] == 0 && text[2] == 0 || text[1] == 0 && text[0] == '-')
}

// isDER reports whether a string begins as one ASN.1 SEQUENCE of its own length.
func isDER(text []byte) bool {
	return len(text) > 2 && text[0] == 0x30 && (text[1] > 0x80 && text[1] < 0x85 || int(text[1]) == len(text)-2)
}

// isPKCS12 reports whether a string is DER and begins with version 3 (RFC 7292,
// 4).
func isPKCS12(text []byte) bool {
	return isDER(text) && len(text) > 7 && bytes.Contains(text[:7], []byte{2, 1, 3})
}

// decodeBase64 decodes a string that is base64 in any of its usual variants:
// standard or URL-safe, with or without padding, with white space anywhere.
func decodeBase64(text []byte) (decoded []byte, ok bool) {
	compact := bytes.TrimRight(bytes.Join(bytes.Fields(text), nil), "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if decoded, err := encoding.DecodeString(string(compact)); err == nil {
			return decoded, len(decoded) > 0
		}
	}
	return nil, false
}
