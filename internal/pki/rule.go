package pki

// Rule identifies what a Problem breaks. Its value is stable and part of what
// users see and may test for.
//
// Where a rule says "documentation", it is the page of the control plane's
// documentation on mutual TLS, section on the provided backend; SVID is the
// SPIFFE X509-SVID standard. A rule without a refusal by the control plane is
// the provider's own: the control plane accepts such material.
type Rule string

// Rules of PEM. A control plane skips what it can't read and goes on, so that
// a chain is silently shorter than its author believes; hence nearly all are
// errors here.
const (
	// RulePEM: the content is no PEM: empty, DER, base64 of PEM, a file's name.
	// Control plane: "failed to find any PEM data" (recorded).
	RulePEM Rule = "pem"
	// RulePEMLine: the BEGIN or END of a block does not stand alone on its line.
	// RFC 7468, section 3; documentation: "should start on a new line". Control
	// plane: skips both blocks that share the line (recorded).
	RulePEMLine Rule = "pem-line"
	// RulePEMBlock: a block has no END, is no base64, or holds no certificate
	// or key. RFC 7468, sections 3, 5 and 10. Control plane: skips a block that
	// is no base64, refuses one that holds no certificate.
	RulePEMBlock Rule = "pem-block"
	// RulePEMByteOrderMark (warning): a byte order mark hides the BEGIN behind
	// it from the control plane. Content that is encoded anew is free of it.
	RulePEMByteOrderMark Rule = "pem-byte-order-mark"
	// RulePEMLabel: a block between certificates that is neither a certificate nor
	// a private key. A warning, but an error for a block that holds certificates
	// under another label. Control plane: skips it (crypto/tls.X509KeyPair).
	RulePEMLabel Rule = "pem-label"
	// RuleNoCertificate: there is PEM, but no certificate in it.
	RuleNoCertificate Rule = "no-certificate"
	// RulePrivateKeyInChain: a private key stands among the certificates, which
	// every proxy receives. Control plane: skips it.
	RulePrivateKeyInChain Rule = "private-key-in-chain"
)

// Rules of each certificate, of the issuing chain or trusted.
const (
	// RuleBasicConstraintsCA: basic constraint CA is not true. Documentation;
	// SVID 4.1; RFC 5280, 4.2.1.9. Control plane: refuses (recorded).
	RuleBasicConstraintsCA Rule = "basic-constraints-ca"
	// RuleKeyUsageCertSign: key usage keyCertSign is not set, or there is no key
	// usage. Documentation; SVID 4.3; RFC 5280, 4.2.1.3. Control plane: refuses
	// both (recorded).
	RuleKeyUsageCertSign Rule = "key-usage-cert-sign"
	// RuleKeyUsageKeyAgreement: key usage keyAgreement is set. Documentation;
	// SVID appendix A. Control plane: refuses (recorded).
	RuleKeyUsageKeyAgreement Rule = "key-usage-key-agreement"
	// RuleKeyUsageShouldNot (warning): key usage digitalSignature or
	// keyEncipherment is set. Documentation (SHOULD NOT); SVID appendix A.
	// Control plane: accepts (recorded).
	RuleKeyUsageShouldNot Rule = "key-usage-should-not"
	// RuleExpired: the certificate's time is over. RFC 5280, 4.1.2.5. Control
	// plane: accepts (recorded); handshakes fail.
	RuleExpired Rule = "expired"
	// RuleNotYetValid: the certificate's time has not begun. As RuleExpired.
	RuleNotYetValid Rule = "not-yet-valid"
	// RuleExpiresSoon (warning): it ends within 30 days, or before a proxy
	// certificate issued now.
	RuleExpiresSoon Rule = "expires-soon"
	// RuleDuplicate (warning): the same certificate stands there twice.
	RuleDuplicate Rule = "duplicate"
	// RuleWeakKey (warning): an RSA key of less than 2048 bits. NIST SP
	// 800-131A; proxies' TLS libraries have minimums of their own.
	RuleWeakKey Rule = "weak-key"
	// RulePublicKeyKind (warning): a public key other than RSA, ECDSA and
	// Ed25519. Control plane: rejects the CA secret if it is the first certificate.
	RulePublicKeyKind Rule = "public-key-kind"
	// RuleWeakSignature (warning): signed with MD2, MD5 or SHA-1. NIST SP 800-131A;
	// TLS libraries refuse such signatures by default.
	RuleWeakSignature Rule = "weak-signature"
	// RuleExtKeyUsage: the CA has an extended key usage without serverAuth and
	// clientAuth, which BoringSSL, and so each proxy, applies to what it issues, too
	// (measured). A warning where it has one of the two, and for a trusted
	// certificate. RFC 5280, 4.2.1.12.
	RuleExtKeyUsage Rule = "ext-key-usage"
	// RuleNameConstraints: the CA may issue for some URIs only, and a proxy
	// certificate names spiffe:// and kuma:// URIs. An error where each certificate
	// of the mesh has a URI that is excluded, else a warning. RFC 5280, 4.2.1.10.
	RuleNameConstraints Rule = "name-constraints"
	// RuleCriticalExtension (warning): a critical extension that Go's crypto/x509
	// does not know. RFC 5280, 4.2: who doesn't know it must refuse the certificate.
	RuleCriticalExtension Rule = "critical-extension"
	// RuleEmptySubject (warning): a CA without a name. RFC 5280, 4.1.2.6. A proxy
	// certificate has no subject either, so it looks self-signed (OpenSSL
	// refuses it).
	RuleEmptySubject Rule = "empty-subject"
)

// Rules of the issuing chain as a whole. The control plane does not look at
// how certificates relate (recorded).
const (
	// RuleChainOrder: a certificate is not signed by the next one. Documentation:
	// closest CA first, "followed by certificates in order up the certificate
	// chain"; RFC 5280, 6.1.
	RuleChainOrder Rule = "chain-order"
	// RuleSignatureUnchecked (warning): the next certificate has the issuer's
	// name, but Go's crypto/x509 can't check the signature (MD5, DSA, RSA below
	// 1024 bits).
	RuleSignatureUnchecked Rule = "signature-unchecked"
	// RulePathLength (warning): more CAs below a certificate than its path length
	// allows. RFC 5280, 4.2.1.9.
	RulePathLength Rule = "path-length"
	// RuleAmbiguousIssuer (warning): two certificates of one subject and of
	// different keys, which key identifiers don't tell apart. BoringSSL takes the
	// first CA of the issuer's name, and refuses the certificate if another one
	// signed it (measured). An error in an overlap, where both issue.
	RuleAmbiguousIssuer Rule = "ambiguous-issuer"
	// RuleLastNotSelfSigned (warning): the chain does not reach its root.
	RuleLastNotSelfSigned Rule = "last-not-self-signed"
)

// Rules of the private key.
const (
	// RuleKeyMismatch: the key is not the first certificate's. Documentation;
	// control plane: "private key does not match public key" (recorded).
	RuleKeyMismatch Rule = "key-mismatch"
	// RuleKeyBlocks: more than one block. Documentation: "only the private key".
	// Control plane: takes the first key.
	RuleKeyBlocks Rule = "key-blocks"
	// RuleKeyEncrypted: the key is protected by a passphrase (RFC 5958, or
	// "Proc-Type: 4,ENCRYPTED"). Control plane: can't read it.
	RuleKeyEncrypted Rule = "key-encrypted"
	// RuleKeyNotPrivate: a public key or a certificate in place of the key.
	// Control plane: refuses (recorded).
	RuleKeyNotPrivate Rule = "key-not-private"
	// RuleKeyKind: a private key, but no RSA, ECDSA or Ed25519 key in PKCS #1,
	// PKCS #8 or SEC 1. Control plane: can't read it.
	RuleKeyKind Rule = "key-kind"
)

// WarningRules returns the rules that have a warning, in the order of their
// names: those whose warning can be accepted.
func WarningRules() []Rule {
	return []Rule{
		RuleAmbiguousIssuer, RuleCriticalExtension, RuleDuplicate, RuleEmptySubject, RuleExpiresSoon, RuleExtKeyUsage,
		RuleKeyUsageShouldNot, RuleLastNotSelfSigned, RuleNameConstraints, RulePathLength, RulePEMByteOrderMark, RulePEMLabel,
		RulePublicKeyKind, RuleSignatureUnchecked, RuleWeakKey, RuleWeakSignature,
	}
}
