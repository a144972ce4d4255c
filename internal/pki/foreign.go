package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"regexp"
)

// A derKind names what a DER contains.
type derKind string

const (
	derUnknown      derKind = ""
	derCertificate  derKind = "a certificate"
	derPrivateKey   derKind = "a private key"
	derEncryptedKey derKind = "an encrypted private key"
	derPublicKey    derKind = "a public key"
	derRequest      derKind = "a certificate request"
	derPKCS7        derKind = "a PKCS #7 bundle"
	derCRL          derKind = "a certificate revocation list"
)

// kindOfDER returns what a DER contains.
func kindOfDER(der []byte) derKind {
	var content struct{ Type asn1.ObjectIdentifier }
	if _, err := asn1.Unmarshal(der, &content); err == nil && content.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}) {
		return derPKCS7 // RFC 5652, 3 and 5.1
	}
	var encrypted struct { // RFC 5958, 3
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	switch {
	case parses(x509.ParseCertificates(der)):
		return derCertificate
	case parses(parseKeyDER(der)):
		return derPrivateKey
	case parses(x509.ParsePKIXPublicKey(der)):
		return derPublicKey
	case parses(x509.ParseCertificateRequest(der)):
		return derRequest
	case parses(x509.ParseRevocationList(der)):
		return derCRL
	case parses(asn1.Unmarshal(der, &encrypted)):
		return derEncryptedKey
	default:
		return derUnknown
	}
}

func parses[T any](_ T, err error) bool { return err == nil }

// instead returns the advice for this kind where another material is wanted.
// inform are the options of openssl for its form.
func (k derKind) instead(want wanted, inform string) string {
	key := want.kind == derPrivateKey
	switch {
	case k == derPKCS7:
		return "Extract the certificates:\n  openssl pkcs7 " + inform + "-in bundle.p7b -print_certs -out chain.pem"
	case k == derEncryptedKey && key:
		return "The control plane cannot ask for the passphrase. Decrypt the key:\n" +
			"  openssl pkey " + inform + "-in ca-key.enc -out ca-key-plain.pem"
	case k == derPublicKey && key:
		return "The control plane signs with the private key that belongs to it: use the private key."
	case k == derPublicKey:
		return "A certificate contains more than the public key: use the certificate of the CA."
	case k == derRequest && key:
		return "Use the private key that signed the request."
	case k == derRequest:
		return "Replace it with the certificate that was issued for it."
	case k == derCRL:
		return "Use the certificate of the CA that issued it."
	default:
		return "Check whether you swapped the certificate and the key."
	}
}

// A foreignKind is a content that people take for PEM.
type foreignKind struct {
	begins     string // the first bytes, or ""
	pattern    string // of the text without white space around it, if begins is ""
	is, remedy string
}

func foreignKinds() []foreignKind {
	const decrypt = "Decrypt it before you use it:\n  "
	return []foreignKind{
		{"", `ENC\[AES256_GCM,`, "encrypted with sops", decrypt + "sops --decrypt ca-key.enc.pem > ca-key.pem"},
		{"", `^\$ANSIBLE_VAULT;`, "encrypted with Ansible Vault", decrypt + "ansible-vault decrypt --output ca-key.pem ca-key.enc.pem"},
		{"", `^age-encryption\.org/`, "encrypted with age", decrypt + "age --decrypt -i identity.txt -o ca-key.pem ca-key.pem.age"},
		{"", `^vault:v[0-9]+:`, "encrypted by Vault (transit)", decrypt + "vault write -field=plaintext transit/decrypt/NAME ciphertext=@ca-key.enc | base64 -d > ca-key.pem"},
		{"\x00GITCRYPT\x00", "", "encrypted with git-crypt", decrypt + "git-crypt unlock"},
		{"", `^version https://git-lfs`, "a pointer of Git LFS to the file", "Download the file:\n  git lfs pull"},
		{"", `(?i)^<(!doctype html|html)`, "an HTML page", "It may be a login page or an error page. Download the file again, and look at it."},
		{"", `^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+) `, "a public key of OpenSSH", "Use the certificate of the CA, and its private key, in PEM."},
		{"", `^PuTTY-User-Key-File`, "a private key of PuTTY", "Convert it:\n" +
			"  puttygen ca-key.ppk -O private-openssh -o ca-key.pem\n" +
			"  ssh-keygen -p -m PKCS8 -N '' -f ca-key.pem"},
		{"", `-----BEGIN(%20|\+)`, "encoded for a URL", "Decode it where it comes from, for example with:\n" +
			`  python3 -c 'import sys, urllib.parse; print(urllib.parse.unquote(sys.stdin.read()))' < ca.txt > ca.pem`},
		{"", `(?m)^apiVersion:`, "a manifest of Kubernetes", "Select the member that contains the PEM:\n" +
			`  base64decode(yamldecode(file("secret.yaml")).data["tls.crt"])`},
		{"", `^(\{\{.*\}\}|<.*>|\$\{?[A-Za-z_]\w*\}?|\(sensitive value\)|null|None|\*+)$`, "a placeholder", "Check the tool that fills in the value."},
		{"", `^(arn:|[a-z][a-z0-9+]*://)\S+$`, "the address of an object", "Read the object, for example with a data source, and use its content."},
		{"\x1f\x8b", "", "compressed with gzip", "Use file() instead of base64gzip(), or decompress the file."},
		{"PK\x03\x04", "", "a ZIP archive", "Extract the file."},
		{"\xfe\xed\xfe\xed", "", "a Java keystore (JKS)", "Convert it:\n" +
			"  keytool -importkeystore -srckeystore ca.jks -destkeystore ca.p12 -deststoretype PKCS12\n" + extractPKCS12},
	}
}

// foreign returns what a content is that is not PEM, and what to do; "" if it
// does not recognize it.
func foreign(content []byte) (is, remedy string) {
	trimmed := bytes.TrimSpace(content)
	for _, k := range foreignKinds() {
		found := bytes.HasPrefix(content, []byte(k.begins))
		if k.begins == "" {
			found = regexp.MustCompile(k.pattern).Match(trimmed)
		}
		if found {
			return k.is, k.remedy
		}
	}
	if !json.Valid(trimmed) {
		return "", ""
	}
	switch trimmed[0] {
	case '"':
		return "a JSON string", "Decode it:\n  jsondecode(var.pem)"
	case '{', '[':
		if bytes.Contains(trimmed, []byte(`"kty"`)) {
			return "a JSON Web Key (JWK)", "Export the key as PEM where it comes from."
		}
		return "a JSON document", "Select the member that contains the PEM, and check that the document is not an error message:\n" +
			`  jsondecode(var.pem)["certificate"]`
	}
	return "", ""
}

// unsupportedKey says with what key the control plane cannot read a certificate
// or private key in DER, or returns "" if the key is not the reason.
func unsupportedKey(der []byte) string {
	algorithm := keyAlgorithm(der)
	switch id := algorithm.Algorithm.String(); id {
	case "1.2.840.10045.2.1": // RFC 5480, 2.1
		var curve asn1.ObjectIdentifier
		if algorithm.Parameters.Tag == asn1.TagSequence {
			return explicitCurve
		}
		if _, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &curve); err != nil {
			return ""
		}
		switch name := curve.String(); name {
		case "1.2.840.10045.3.1.7", "1.3.132.0.33", "1.3.132.0.34", "1.3.132.0.35":
			return ""
		case "1.3.132.0.10":
			return "an ECDSA key on curve secp256k1"
		case "1.3.36.3.3.2.8.1.1.7", "1.3.36.3.3.2.8.1.1.11", "1.3.36.3.3.2.8.1.1.13":
			return "an ECDSA key on a brainpool curve"
		default:
			return "an ECDSA key on curve " + name
		}
	case "1.2.840.113549.1.1.10": // RFC 4055, 1.2
		return "a key that is limited to RSA-PSS"
	case "1.2.840.10040.4.1":
		return "a DSA key"
	case "1.3.101.110", "1.3.101.111": // RFC 8410, 3
		return "a key for key agreement (X25519, X448)"
	case "1.3.101.113":
		return "an Ed448 key"
	case "2.16.840.1.101.3.4.3.17", "2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.19": // RFC 9881, 2
		return "an ML-DSA key"
	default:
		return ""
	}
}

const explicitCurve = "an ECDSA key with explicit curve parameters"

// otherKey is the advice for a result of unsupportedKey. issue says how to use
// a key that names its curve.
func otherKey(unsupported, issue string) string {
	if unsupported == explicitCurve {
		return issue + ":\n  openssl pkey -in ca-key.pem -ec_param_enc named_curve -out ca-key-named.pem"
	}
	return "Create a new CA with an RSA key of 2048 bits or more, or ECDSA P-256."
}

// keyAlgorithm returns the algorithm of the key in a certificate (RFC 5280,
// 4.1), or of a private key in PKCS #8 (RFC 5958, 2) or SEC 1 (RFC 5915, 3).
func keyAlgorithm(der []byte) pkix.AlgorithmIdentifier {
	var cert struct {
		TBS struct {
			Version                              int `asn1:"optional,explicit,tag:0"`
			Serial                               *big.Int
			Signature, Issuer, Validity, Subject asn1.RawValue
			Key                                  struct{ Algorithm pkix.AlgorithmIdentifier }
		}
	}
	var pkcs8 struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
	}
	var sec1 struct {
		Version int
		Key     []byte
		Curve   asn1.RawValue `asn1:"optional,tag:0"` // the whole of [0]
	}
	if _, err := asn1.Unmarshal(der, &cert); err == nil {
		return cert.TBS.Key.Algorithm
	}
	if _, err := asn1.Unmarshal(der, &pkcs8); err == nil {
		return pkcs8.Algorithm
	}
	ec := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}}
	if _, err := asn1.Unmarshal(der, &sec1); err == nil {
		if _, err := asn1.Unmarshal(sec1.Curve.Bytes, &ec.Parameters); err == nil {
			return ec
		}
	}
	return pkix.AlgorithmIdentifier{}
}
