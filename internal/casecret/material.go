package casecret

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// known reports whether the certificates of a model are known.
func (m model) known() bool {
	return !m.CertificateChain.IsUnknown() && !m.TrustedCertificates.IsUnknown()
}

// parse reads the certificates of a model. It adds problems to their
// attributes; ok is false if one of them is an error.
func (m model) parse(diags *diag.Diagnostics) (b pki.Bundle, ok bool) {
	chain, problems := pki.ParseCertificates([]byte(m.CertificateChain.ValueString()))
	m.addProblems(diags, path.Root("certificate_chain"), problems)
	ok = !problems.HasErrors()
	if !m.TrustedCertificates.IsNull() {
		trusted, problems := pki.ParseCertificates([]byte(m.TrustedCertificates.ValueString()))
		m.addProblems(diags, path.Root("trusted_certificates"), problems)
		ok = ok && !problems.HasErrors()
		b.Trusted = trusted
	}
	b.Chain = chain
	return b, ok
}

// privateKey returns the key in a configuration, and its attribute. The key is
// nil if the configuration does not have one, or if it is unknown.
func (m model) privateKey() (text *string, at path.Path) {
	switch {
	case !m.PrivateKeyWO.IsNull() && !m.PrivateKeyWO.IsUnknown():
		return m.PrivateKeyWO.ValueStringPointer(), path.Root("private_key_wo")
	case !m.PrivateKey.IsNull() && !m.PrivateKey.IsUnknown():
		return m.PrivateKey.ValueStringPointer(), path.Root("private_key")
	}
	return nil, path.Empty()
}

// addProblems adds problems to the attribute with the material, without the
// warnings that the configuration accepts.
func (m model) addProblems(diags *diag.Diagnostics, at path.Path, problems pki.Problems) {
	var accepted []pki.Rule
	for _, element := range m.AcceptWarnings.Elements() {
		if rule, ok := element.(types.String); ok {
			accepted = append(accepted, pki.Rule(rule.ValueString()))
		}
	}
	problems = problems.Accepting(accepted...)
	for i, p := range problems {
		if p.Severity == pki.Warning && slices.Contains(pki.WarningRules(), p.Rule) {
			problems[i].Message += fmt.Sprintf("\nTo accept this warning:\n  accept_warnings = [%q]", p.Rule)
		}
	}
	tfkit.AddProblems(diags, at, problems)
}

// warningRule returns the rule for the name of a rule whose warnings can be
// accepted.
func warningRule() validator.String {
	var names []string
	for _, rule := range pki.WarningRules() {
		names = append(names, string(rule))
	}
	return tfkit.OneOf(names...)
}

// parseKey reads a private key, and adds problems with it. normal is its PEM
// without surrounding text.
func parseKey(diags *diag.Diagnostics, at path.Path, text string, b pki.Bundle) (normal []byte, ok bool) {
	key, problems := pki.ParsePrivateKey([]byte(text))
	if !problems.HasErrors() {
		problems = slices.Concat(problems, b.CheckKey(key))
	}
	tfkit.AddProblems(diags, at, problems)
	if problems.HasErrors() {
		return nil, false
	}
	normal, problems = pki.NormalizePrivateKey([]byte(text))
	return normal, !problems.HasErrors()
}

// dataOf returns the content of a secret, or nil if it does not exist or cannot be
// read.
func dataOf(secret *kuma.Secret) []byte {
	if secret == nil {
		return nil
	}
	data, _ := secret.Data() // nil with an error
	return data
}

func hasBundle(secret *kuma.Secret, b pki.Bundle) bool {
	there, ok := readBundle(dataOf(secret))
	return ok && b.Equal(there)
}

func hasKeyOf(secret *kuma.Secret, b pki.Bundle) bool {
	return publicKeyOf(dataOf(secret)).ValueString() == b.PublicKeySHA256()
}

// publicKeyOf returns the SHA-256 of the public key of the private key in a
// secret, or null if the control plane cannot read it.
func publicKeyOf(data []byte) types.String {
	key, _ := pki.ReadPrivateKey(data)
	if key == nil {
		return types.StringNull()
	}
	return types.StringValue(pki.PublicKeySHA256(key.Public()))
}

// readBundle reads a certificate secret. ok is false if the control plane
// rejects its content, or would send a private key to proxies with it.
func readBundle(data []byte) (b pki.Bundle, ok bool) {
	b, problems := pki.ReadBundle(data)
	return b, len(b.Chain) > 0 && !problems.Has(pki.RulePEMBlock, pki.RulePrivateKeyInChain)
}

// sameChain reports whether two PEM texts contain the same chain.
func sameChain(a, b string) bool {
	x, y, ok := parseBoth(a, b)
	return ok && pki.Bundle{Chain: x}.Equal(pki.Bundle{Chain: y})
}

// sameSet reports whether two PEM texts contain the same certificates in any
// order.
func sameSet(a, b string) bool {
	x, y, ok := parseBoth(a, b)
	return ok && pki.Bundle{Trusted: x}.Equal(pki.Bundle{Trusted: y})
}

func parseBoth(a, b string) (x, y []*x509.Certificate, ok bool) {
	x, problemsX := pki.ParseCertificates([]byte(a))
	y, problemsY := pki.ParseCertificates([]byte(b))
	return x, y, !problemsX.HasErrors() && !problemsY.HasErrors()
}

// sameKey reports whether two PEM texts contain the same private key in the
// same form.
func sameKey(a, b string) bool {
	x, problemsX := pki.NormalizePrivateKey([]byte(a))
	y, problemsY := pki.NormalizePrivateKey([]byte(b))
	return !problemsX.HasErrors() && !problemsY.HasErrors() && slices.Equal(x, y)
}
