package pki

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// wanted is the material that a string should contain.
type wanted struct {
	noun    string  // "certificate"
	kind    derKind // in DER
	label   string  // of its PEM
	command string  // of openssl
	name    string  // of its file in examples, without .pem or .der
}

// file returns the name of its file in examples.
func (w wanted) file() string { return w.name + ".pem" }

// convert returns the command that converts DER to PEM.
func (w wanted) convert() string {
	return fmt.Sprintf("openssl %s -inform der -in %s.der -out %s", w.command, w.name, w.file())
}

func wantedCertificate() wanted {
	return wanted{"certificate", derCertificate, certificateLabel, "x509", "ca"}
}

func wantedKey() wanted {
	return wanted{"private key", derPrivateKey, "PRIVATE KEY", "pkey", "ca-key"}
}

// notPEM returns the problem of a string without any BEGIN or END. It says what
// the text is instead, as far as possible, also if it is base64: filebase64()
// returns that for a file that a Terraform string cannot contain.
func notPEM(text []byte, want wanted) Problem {
	p := Problem{Severity: Error, Rule: RulePEM, Index: -1}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	content, times := text, 0
	for p.Message = describeContent(content, times, want); p.Message == "" && times < maxLayers; {
		decoded, ok := decodeBase64(content)
		if !ok {
			break
		}
		content, times = decoded, times+1
		p.Message = describeContent(content, times, want)
	}
	switch {
	case p.Message != "":
	case len(trimmed) == 0:
		p.Message = "There is no " +
			want.noun +
			": the content is empty. Check whether the file is empty, or the variable is not set."
	case len(trimmed) < 300 && !bytes.ContainsAny(trimmed, " \n") && bytes.ContainsAny(trimmed, "/.") && !MayHoldKey(string(trimmed)):
		p.Message = "The content looks like the name of a file. Read the file:\n" +
			`  file("${path.module}/` + want.file() + `")`
	default:
		p.Message = "There is no " + want.noun + ": no line starts with -----BEGIN, so the content is not PEM."
		if fault := damagedBegin(text, 1); fault != "" {
			p.Message += " " + fault
		}
	}
	return p
}

// maxLayers is the number of nested base64 encodings that are detected.
const maxLayers = 3

// describeContent describes a content that was encoded in base64 so many times,
// with advice, or returns "" if it does not recognize it.
func describeContent(content []byte, times int, want wanted) string {
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
			", and the control plane can only read PEM. Extract the certificates and the key:\n" + extractPKCS12
	case isDER(content):
		return describeDER(kindOfDER(content), times, want)
	case times > 0 && bytes.Contains(content, []byte("-----BEGIN")) && !utf8.Valid(content):
		return "The content is PEM that was encoded in base64 again, and the text around it is not UTF-8. Save the file as " +
			"UTF-8, and read it with file()."
	case times > 0 && bytes.Contains(content, []byte("\n-----END")):
		return "The content is PEM that was encoded in base64 again. Decode it, or read the file with file() instead of " +
			"filebase64():\n" +
			"  " +
			strings.Repeat("base64decode(", times) +
			"var.pem" +
			strings.Repeat(")", times)
	}
	if der, err := hex.DecodeString(strings.ReplaceAll(string(bytes.Join(bytes.Fields(content), nil)), ":", "")); err == nil && isDER(der) {
		return "The content is DER in hex" + encoded + ", and the control plane can only read PEM. Convert it:\n" +
			"  tr -d ': \\n' < ca.hex | xxd -r -p > " + want.name + ".der\n  " + want.convert()
	}
	if is, remedy := foreign(content); is != "" {
		return "The content is " + is + encoded + ", not PEM. " + remedy
	}
	return ""
}

const extractPKCS12 = "  openssl pkcs12 -in ca.p12 -nokeys -out ca.pem\n" +
	"  openssl pkcs12 -in ca.p12 -nocerts -nodes -out ca-key.pem"

func describeDER(kind derKind, times int, want wanted) string {
	switch {
	case kind != derUnknown && kind != want.kind:
		return fmt.Sprintf("The content is DER of %s, not of a %s. %s", kind, want.noun, kind.instead(want, "-inform der "))
	case times == 0:
		return "The content is binary DER, and the control plane can only read PEM. Convert it:\n  " + want.convert()
	default:
		value := strings.Repeat("base64decode(", times-1) + "var.der" + strings.Repeat(")", times-1)
		return fmt.Sprintf("The content is the base64 of a PEM block without its BEGIN and END lines. Add these lines, or convert the "+
			"file again:\n"+
			`  "-----BEGIN %s-----\n${%s}\n-----END %[1]s-----\n"`+"\n  %[3]s", want.label, value, want.convert())
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
