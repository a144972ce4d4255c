package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ParsePrivateKey reads the only private key of a PEM text: RSA, ECDSA or
// Ed25519, in PKCS #1, PKCS #8 or SEC 1. It accepts text around the block, and
// the EC PARAMETERS block that openssl writes before a SEC 1 key. The key is
// nil if there is a problem of severity Error.
//
// A problem's Index counts PEM blocks. No message contains any part of the
// text.
func ParsePrivateKey(text []byte) (crypto.Signer, Problems) {
	key, _, problems := parseKeyBlock(text)
	return key, problems
}

// NormalizePrivateKey returns the only key block of a PEM text, encoded again
// with the same label and content, without the text around it. The problems are
// those of [ParsePrivateKey].
func NormalizePrivateKey(text []byte) ([]byte, Problems) {
	_, normal, problems := parseKeyBlock(text)
	return normal, problems
}

// ReadPrivateKey reads a string that the control plane has, or will get without
// changes. It returns the key that the control plane uses, or nil if it finds
// none, and the problems of [ParsePrivateKey], where anything that hides a
// block is an error.
func ReadPrivateKey(text []byte) (crypto.Signer, Problems) {
	_, problems := ParsePrivateKey(text)
	problems = asStored(problems)
	key := firstKey(text)
	if key == nil && !problems.HasErrors() {
		problems.add(Error, RuleKeyNotPrivate, -1, "The control plane does not find a private key in this string.")
	}
	return key, problems
}

// firstKey returns the key in the first block that crypto/tls.X509KeyPair, and
// therefore the control plane, considers a key. It returns nil if there is none
// or it contains no key.
func firstKey(text []byte) crypto.Signer {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if isPrivateKeyLabel(block.Type) {
			key, _ := parseKeyDER(block.Bytes)
			return key
		}
	}
	return nil
}

func parseKeyBlock(text []byte) (crypto.Signer, []byte, Problems) {
	blocks, problems := scan(text)
	if len(blocks) == 0 && len(problems) == 0 {
		return nil, nil, Problems{notPEM(text, wantedKey())}
	}
	var (
		key    crypto.Signer
		normal []byte
		count  int
	)
	for _, b := range blocks {
		if b.label == "EC PARAMETERS" && !b.holdsKey() {
			continue // the key that follows also names its curve
		}
		if count++; count > 1 {
			problems.add(Error, RuleKeyBlocks, b.index,
				"Another block (%s) begins on line %d. Only the private key of the issuing CA is allowed here: remove "+
					"everything else.", kind(b.label), b.line)
			continue
		}
		if rule, fault := notPlainKey(b); fault != "" {
			problems.add(Error, rule, b.index, "%s", fault)
			continue
		}
		if !b.closed {
			continue // scan has reported these
		}
		decoded, ok := b.decode()
		if !ok {
			b.undecodable(&problems)
			continue
		}
		parsed, err := parseKeyDER(decoded.Bytes)
		if err != nil {
			rule, fault := notKey(b, decoded.Bytes)
			problems.add(Error, rule, b.index, "%s", fault)
			continue
		}
		key, normal = parsed, encode(b.label, decoded.Bytes)
	}
	if count == 0 && !problems.HasErrors() {
		problems.add(Error, RuleKeyNotPrivate, -1, "There is no private key: the only PEM block is EC PARAMETERS.")
	}
	if problems.HasErrors() {
		return nil, nil, problems.finished()
	}
	return key, normal, problems
}

// notPlainKey returns why a block is not a private key that can be read without
// a passphrase; fault is "" if it looks like one.
func notPlainKey(b block) (rule Rule, fault string) {
	begins := fmt.Sprintf("The block that begins on line %d is ", b.line)
	switch {
	case b.label == "ENCRYPTED PRIVATE KEY", bytes.Contains(b.body, []byte("4,ENCRYPTED")):
		return RuleKeyEncrypted, "The private key is encrypted, and the control plane cannot ask for the passphrase. Decrypt it:\n" +
			"  openssl pkey -in ca-key.pem -out ca-key-plain.pem"
	case b.label == "OPENSSH PRIVATE KEY":
		return RuleKeyKind, "The private key has the format of OpenSSH, which the control plane cannot read. Convert a copy of the file, " +
			"in place:\n" +
			"  ssh-keygen -p -m PKCS8 -N '' -f ca-key.pem"
	case !isPrivateKeyLabel(b.label) && b.holdsKey():
		return RuleKeyNotPrivate, fmt.Sprintf("The block that begins on line %d contains a private key with the label %s, and the control plane ignores it. "+
			"Write PRIVATE KEY in its BEGIN and END lines.", b.line, kind(b.label))
	case b.label == certificateLabel:
		return RuleKeyNotPrivate, begins + "a certificate, not a private key. Check whether you swapped the two."
	case strings.HasSuffix(b.label, "PUBLIC KEY"):
		return RuleKeyNotPrivate, begins +
			"a public key. The control plane signs with the private key that belongs to it: use the private key."
	case encryptedBy(b.label) != "":
		return RuleKeyEncrypted, begins + "encrypted with " + encryptedBy(b.label) + ". Decrypt it before you use it."
	case isRequestLabel(b.label):
		return RuleKeyNotPrivate, begins + "a certificate request, not a private key. " + derRequest.instead(wantedKey(), "")
	case !isPrivateKeyLabel(b.label):
		return RuleKeyNotPrivate, begins + "not a private key (" + kind(b.label) + "). Use the private key of the issuing CA."
	default:
		return "", ""
	}
}

// notKey returns why the content of a block with the label of a private key is
// not one that the control plane can use.
func notKey(b block, der []byte) (rule Rule, fault string) {
	if unsupported := unsupportedKey(der); unsupported != "" {
		return RuleKeyKind, fmt.Sprintf("The block that begins on line %d contains %s, which the control plane cannot use. %s", b.line, unsupported, otherKey(unsupported, "Write it with the name of its curve"))
	}
	if content := kindOfDER(der); content != derUnknown {
		return RuleKeyNotPrivate, fmt.Sprintf("The block that begins on line %d has the label %s, but contains %s. %s", b.line, kind(b.label), content, content.instead(wantedKey(), ""))
	}
	return RuleKeyKind, fmt.Sprintf("The block that begins on line %d does not contain a key that the control plane can use: it is damaged, or not "+
		"RSA, ECDSA (P-224 to P-521) or Ed25519 in PKCS #8, PKCS #1 or SEC 1. The first command checks it, and the "+
		"second one converts it:\n"+
		"  openssl pkey -in ca-key.pem -noout -check\n"+
		"  openssl pkey -in ca-key.pem -out ca-key-pkcs8.pem", b.line)
}

// holdsKey reports whether a block contains a private key, under any label.
func (b block) holdsKey() bool {
	decoded, ok := b.decode()
	if !ok {
		return false
	}
	_, err := parseKeyDER(decoded.Bytes)
	return err == nil
}

// isPrivateKeyLabel applies the control plane's rule (crypto/tls.X509KeyPair).
func isPrivateKeyLabel(label string) bool {
	return label == "PRIVATE KEY" || strings.HasSuffix(label, " PRIVATE KEY")
}

// parseKeyDER tries all three encodings under any label, as the control plane
// does. Its errors contain nothing of the content.
func parseKeyDER(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		switch key := key.(type) {
		case *rsa.PrivateKey:
			return key, nil
		case *ecdsa.PrivateKey:
			return key, nil
		case ed25519.PrivateKey:
			return key, nil
		}
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("not a private key of a known type")
}

func checkKey(key crypto.Signer, chain []*x509.Certificate) Problems {
	if key == nil || len(chain) == 0 || SameKey(key.Public(), chain[0]) {
		return nil
	}
	var ps Problems
	const consequence = "The control plane rejects the CA secret, or stops issuing certificates to new proxies if the mesh already " +
		"uses it."
	for i, cert := range chain[1:] {
		if SameKey(key.Public(), cert) {
			ps.addFor(Error, RuleKeyMismatch, 0, chain[0],
				"The private key does not belong to this certificate, but to certificate %d (%s). %s Use the key of the first "+
					"certificate, or sort the certificates with the issuing CA first.",
				i+1, subjectOf(cert), consequence)
			return ps
		}
	}
	ps.addFor(Error, RuleKeyMismatch, 0, chain[0],
		"The private key does not belong to this certificate, or to any other certificate here. %s These two commands "+
			"print the same output if they belong together:\n"+
			"  openssl x509 -in ca.pem -noout -pubkey\n"+
			"  openssl pkey -in ca-key.pem -pubout", consequence)
	return ps
}

// SameKey reports whether the public key is that of the certificate.
func SameKey(pub crypto.PublicKey, cert *x509.Certificate) bool {
	key, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(cert.PublicKey)
}

// PublicKeySHA256 returns the SHA-256 over the DER of the key's
// SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in lower-case hex, as `openssl pkey
// -pubin -outform der | sha256sum` prints it, or "" for a key that crypto/x509
// cannot encode.
func PublicKeySHA256(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
