package pki

// Rule identifies the rule that a Problem violates. Its value is stable: users
// see it and may test for it.
//
// "Documentation" is the section on the provided backend of the control plane's
// documentation on mutual TLS; SVID is the SPIFFE X509-SVID standard. A rule
// without a rejection by the control plane is the provider's own: the control
// plane accepts such material.
type Rule string

// Rules of PEM. A control plane skips what it cannot read, so that a chain is
// silently shorter than its author expects. Therefore, nearly all are errors
// here.
const (
	// RulePEM: the content is not PEM, but empty, DER, base64 of PEM, or a file
	// name. Control plane: "failed to find any PEM data" (recorded).
	RulePEM Rule = "pem"
	// RulePEMLine: the BEGIN or END of a block is not alone on its line. RFC
	// 7468, section 3; documentation: "should start on a new line". Control
	// plane: skips both blocks that share the line (recorded).
	RulePEMLine Rule = "pem-line"
	// RulePEMBlock: a block has no END, is not base64, or contains no
	// certificate or key. RFC 7468, sections 3, 5 and 10. Control plane: skips
	// a block that is not base64, and rejects one that contains no certificate.
	RulePEMBlock Rule = "pem-block"
	// RulePEMByteOrderMark (warning): a byte order mark hides the BEGIN that
	// follows it from the control plane. Content that is encoded again does not
	// have it.
	RulePEMByteOrderMark Rule = "pem-byte-order-mark"
	// RulePEMLabel: a block between certificates that is neither a certificate
	// nor a private key. A warning, but an error for a block that contains
	// certificates under another label. Control plane: skips it
	// (crypto/tls.X509KeyPair).
	RulePEMLabel Rule = "pem-label"
	// RuleNoCertificate: the content is PEM, but contains no certificate.
	RuleNoCertificate Rule = "no-certificate"
	// RulePrivateKeyInChain: there is a private key among the certificates,
	// which every proxy receives. Control plane: skips it.
	RulePrivateKeyInChain Rule = "private-key-in-chain"
)

// Rules of each certificate, of the issuing chain or trusted.
const (
	// RuleBasicConstraintsCA: basic constraint CA is not true. Documentation;
	// SVID 4.1; RFC 5280, 4.2.1.9. Control plane: rejects it (recorded).
	RuleBasicConstraintsCA Rule = "basic-constraints-ca"
	// RuleKeyUsageCertSign: key usage keyCertSign is not set, or there is no
	// key usage. Documentation; SVID 4.3; RFC 5280, 4.2.1.3. Control plane:
	// rejects both (recorded).
	RuleKeyUsageCertSign Rule = "key-usage-cert-sign"
	// RuleKeyUsageKeyAgreement: key usage keyAgreement is set. Documentation;
	// SVID appendix A. Control plane: rejects it (recorded).
	RuleKeyUsageKeyAgreement Rule = "key-usage-key-agreement"
	// RuleKeyUsageShouldNot (warning): key usage digitalSignature or
	// keyEncipherment is set. Documentation (SHOULD NOT); SVID appendix A.
	// Control plane: accepts (recorded).
	RuleKeyUsageShouldNot Rule = "key-usage-should-not"
	// RuleExpired: the certificate has expired. RFC 5280, 4.1.2.5. Control
	// plane: accepts it (recorded); handshakes fail.
	RuleExpired Rule = "expired"
	// RuleNotYetValid: the certificate is not valid yet. As RuleExpired.
	RuleNotYetValid Rule = "not-yet-valid"
	// RuleExpiresSoon (warning): it expires within 30 days, or before a proxy
	// certificate that is issued now.
	RuleExpiresSoon Rule = "expires-soon"
	// RuleDuplicate (warning): the same certificate is there twice.
	RuleDuplicate Rule = "duplicate"
	// RuleWeakKey (warning): an RSA key of less than 2048 bits. NIST SP
	// 800-131A; proxies' TLS libraries have minimums of their own.
	RuleWeakKey Rule = "weak-key"
	// RulePublicKeyKind (warning): a public key other than RSA, ECDSA and
	// Ed25519. Control plane: rejects the CA secret if it is the first certificate.
	RulePublicKeyKind Rule = "public-key-kind"
	// RuleWeakSignature (warning): signed with MD2, MD5 or SHA-1. NIST SP
	// 800-131A; TLS libraries reject such signatures by default.
	RuleWeakSignature Rule = "weak-signature"
	// RuleExtKeyUsage: the CA has an extended key usage without serverAuth and
	// clientAuth. BoringSSL, and therefore each proxy, also applies it to
	// certificates that the CA issues (measured). A warning if it has one of
	// the two, and for a trusted certificate. RFC 5280, 4.2.1.12.
	RuleExtKeyUsage Rule = "ext-key-usage"
	// RuleNameConstraints: the CA may only issue for some URIs, and a proxy
	// certificate has spiffe:// and kuma:// URIs. An error if each certificate
	// of the mesh or of the trust domain has an excluded URI, otherwise a
	// warning. RFC 5280, 4.2.1.10.
	RuleNameConstraints Rule = "name-constraints"
	// RuleCriticalExtension (warning): a critical extension that Go's
	// crypto/x509 does not know. RFC 5280, 4.2: software that does not know it
	// must reject the certificate.
	RuleCriticalExtension Rule = "critical-extension"
	// RuleEmptySubject (warning): a CA without a name. RFC 5280, 4.1.2.6. A
	// proxy certificate has no subject either, so it looks self-signed (OpenSSL
	// rejects it).
	RuleEmptySubject Rule = "empty-subject"
)

// Rules of the issuing chain as a whole. The control plane does not check how
// certificates relate (recorded).
const (
	// RuleChainOrder: a certificate is not signed by the next one. Documentation:
	// closest CA first, "followed by certificates in order up the certificate
	// chain"; RFC 5280, 6.1.
	RuleChainOrder Rule = "chain-order"
	// RuleSignatureUnchecked (warning): the next certificate has the issuer's
	// name, but Go's crypto/x509 cannot check the signature (MD5, DSA, RSA
	// below 1024 bits).
	RuleSignatureUnchecked Rule = "signature-unchecked"
	// RulePathLength (warning): there are more CAs below a certificate than its
	// path length allows. RFC 5280, 4.2.1.9.
	RulePathLength Rule = "path-length"
	// RuleAmbiguousIssuer (warning): two certificates with the same subject and
	// different keys, which key identifiers do not distinguish. BoringSSL uses
	// the first CA with the issuer's name, and rejects the certificate if
	// another one signed it (measured). An error during an overlap, in which
	// both issue.
	RuleAmbiguousIssuer Rule = "ambiguous-issuer"
	// RuleLastNotSelfSigned (warning): the chain does not reach its root.
	RuleLastNotSelfSigned Rule = "last-not-self-signed"
)

// Rules of the private key.
const (
	// RuleKeyMismatch: the key does not belong to the first certificate.
	// Documentation; control plane: "private key does not match public key"
	// (recorded).
	RuleKeyMismatch Rule = "key-mismatch"
	// RuleKeyBlocks: there is more than one block. Documentation: "only the
	// private key". Control plane: uses the first key.
	RuleKeyBlocks Rule = "key-blocks"
	// RuleKeyEncrypted: a passphrase protects the key (RFC 5958, or "Proc-Type:
	// 4,ENCRYPTED"). Control plane: cannot read it.
	RuleKeyEncrypted Rule = "key-encrypted"
	// RuleKeyNotPrivate: a public key or a certificate instead of the key.
	// Control plane: rejects it (recorded).
	RuleKeyNotPrivate Rule = "key-not-private"
	// RuleKeyKind: a private key that is not an RSA, ECDSA or Ed25519 key in
	// PKCS #1, PKCS #8 or SEC 1. Control plane: cannot read it.
	RuleKeyKind Rule = "key-kind"
)

// WarningRules returns the rules whose warnings can be accepted, sorted by
// name.
func WarningRules() []Rule {
	return []Rule{
		RuleAmbiguousIssuer, RuleCriticalExtension, RuleDuplicate, RuleEmptySubject, RuleExpiresSoon, RuleExtKeyUsage,
		RuleKeyUsageShouldNot, RuleLastNotSelfSigned, RuleNameConstraints, RulePathLength, RulePEMByteOrderMark, RulePEMLabel,
		RulePublicKeyKind, RuleSignatureUnchecked, RuleWeakKey, RuleWeakSignature,
	}
}
