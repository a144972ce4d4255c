package secret

import (
	"crypto/x509"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// fingerprintLength is how many hex digits of the fingerprint are in a derived
// name: enough that two CAs of one name do not meet.
const fingerprintLength = 10

// A bundle is what a certificate secret holds: the issuing chain, and behind
// it further CAs that proxies trust.
type bundle struct {
	chain, trusted []*x509.Certificate
}

// certificates are those of the bundle in the order in which they are uploaded.
func (b bundle) certificates() []*x509.Certificate { return pki.Canonical(b.chain, b.trusted) }

func (b bundle) fingerprint() string { return pki.BundleFingerprint(b.chain, b.trusted) }

// publicKeySHA256 is that of the key which fits.
func (b bundle) publicKeySHA256() string { return pki.PublicKeySHA256(b.chain[0].PublicKey) }

// names are the names of the pair's secrets.
func (m model) names(b bundle) (certificate, key string) {
	if m.fixed() {
		return m.CertificateSecretName.ValueString(), m.KeySecretName.ValueString()
	}
	prefix := m.Name.ValueString() + "-" + b.fingerprint()[:fingerprintLength]
	return prefix + "-cert", prefix + "-key"
}

// fixed tells that the names of the secrets are given, not derived.
func (m model) fixed() bool { return !m.CertificateSecretName.IsNull() }

// known tells that the certificates of a model are known.
func (m model) known() bool {
	return !m.CertificateChain.IsUnknown() && !m.TrustedCertificates.IsUnknown()
}

// parse reads the certificates of a model. The problems are on their
// attributes; ok is false when one of them is an error.
func (m model) parse(diags *diag.Diagnostics) (b bundle, ok bool) {
	chain, problems := pki.ParseCertificates([]byte(m.CertificateChain.ValueString()))
	tfkit.AddProblems(diags, path.Root("certificate_chain"), problems)
	ok = !problems.HasErrors()
	if !m.TrustedCertificates.IsNull() {
		trusted, problems := pki.ParseCertificates([]byte(m.TrustedCertificates.ValueString()))
		tfkit.AddProblems(diags, path.Root("trusted_certificates"), problems)
		ok = ok && !problems.HasErrors()
		b.trusted = trusted
	}
	b.chain = chain
	return b, ok
}

// check applies the rules of CA material.
func (b bundle) check(options pki.Options) (chain, trusted pki.Problems) {
	return pki.CheckChain(b.chain, options), pki.CheckTrusted(b.trusted, options)
}

// privateKey is the key of a configuration, and the attribute that it is in.
// It is nil when the configuration does not say or is not known yet.
func (m model) privateKey() (text *string, at path.Path) {
	switch {
	case !m.PrivateKeyWO.IsNull() && !m.PrivateKeyWO.IsUnknown():
		return m.PrivateKeyWO.ValueStringPointer(), path.Root("private_key_wo")
	case !m.PrivateKey.IsNull() && !m.PrivateKey.IsUnknown():
		return m.PrivateKey.ValueStringPointer(), path.Root("private_key")
	}
	return nil, path.Empty()
}

// parseKey reads a private key and says what does not fit. normal is its PEM
// without anything around it.
func parseKey(diags *diag.Diagnostics, at path.Path, text string, b bundle) (normal []byte, ok bool) {
	key, problems := pki.ParsePrivateKey([]byte(text))
	if !problems.HasErrors() && len(b.chain) > 0 {
		problems = slices.Concat(problems, pki.CheckKey(key, b.chain))
	}
	tfkit.AddProblems(diags, at, problems)
	if problems.HasErrors() {
		return nil, false
	}
	normal, problems = pki.NormalizePrivateKey([]byte(text))
	return normal, !problems.HasErrors()
}

// publicKeyOf is the SHA-256 of the public key that a private key belongs to,
// null when it cannot be read.
func publicKeyOf(keyPEM []byte) types.String {
	key, problems := pki.ParsePrivateKey(keyPEM)
	if problems.HasErrors() || key == nil {
		return types.StringNull()
	}
	return types.StringValue(pki.PublicKeySHA256(key.Public()))
}

// bundleOf reads what a certificate secret holds. ok is false when that is not
// certificates alone.
func bundleOf(text []byte) (b bundle, ok bool) {
	certificates, problems := pki.ParseCertificates(text)
	if problems.HasErrors() || len(certificates) == 0 {
		return bundle{}, false
	}
	b.chain, b.trusted = pki.SplitBundle(certificates)
	return b, true
}

// holds tells whether a certificate secret's content is this bundle, whatever
// order the trusted certificates have in it.
func (b bundle) holds(text []byte) bool {
	certificates, problems := pki.ParseCertificates(text)
	n := len(b.chain)
	return !problems.HasErrors() && len(certificates) >= n &&
		pki.SameCertificates(b.certificates(), pki.Canonical(certificates[:n], certificates[n:]))
}

// sameChain tells whether two PEM texts hold the same certificates in the same order.
func sameChain(a, b string) bool {
	x, y, ok := parseBoth(a, b)
	return ok && pki.SameCertificates(x, y)
}

// sameSet tells whether two PEM texts hold the same certificates in any order.
func sameSet(a, b string) bool {
	x, y, ok := parseBoth(a, b)
	return ok && pki.SameCertificates(pki.Canonical(nil, x), pki.Canonical(nil, y))
}

func parseBoth(a, b string) (x, y []*x509.Certificate, ok bool) {
	x, problemsX := pki.ParseCertificates([]byte(a))
	y, problemsY := pki.ParseCertificates([]byte(b))
	return x, y, !problemsX.HasErrors() && !problemsY.HasErrors()
}

// sameKey tells whether two PEM texts hold the same private key in the same form.
func sameKey(a, b string) bool {
	x, problemsX := pki.NormalizePrivateKey([]byte(a))
	y, problemsY := pki.NormalizePrivateKey([]byte(b))
	return !problemsX.HasErrors() && !problemsY.HasErrors() && slices.Equal(x, y)
}

// certificateList is a value of `certificates`.
func certificateList(certificates []*x509.Certificate) types.List {
	elements := make([]attr.Value, 0, len(certificates))
	for _, c := range certificates {
		info := pki.Describe(c)
		elements = append(elements, types.ObjectValueMust(certificateType().AttrTypes, map[string]attr.Value{
			"subject":              types.StringValue(info.Subject),
			"issuer":               types.StringValue(info.Issuer),
			"serial_number":        types.StringValue(info.SerialNumber),
			"not_before":           types.StringValue(info.NotBefore.UTC().Format(timeFormat)),
			"not_after":            types.StringValue(info.NotAfter.UTC().Format(timeFormat)),
			"public_key_algorithm": types.StringValue(info.PublicKeyAlgorithm),
			"sha256_fingerprint":   types.StringValue(info.SHA256Fingerprint),
		}))
	}
	return types.ListValueMust(certificateType(), elements)
}

// stringList is a list of texts.
func stringList(texts []string) types.List {
	elements := make([]attr.Value, 0, len(texts))
	for _, text := range texts {
		elements = append(elements, types.StringValue(text))
	}
	return types.ListValueMust(types.StringType, elements)
}
