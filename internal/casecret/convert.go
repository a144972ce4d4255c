package casecret

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// stored has the two secrets of a CA on the control plane; nil means that a
// secret does not exist.
type stored struct {
	certificate, key *kuma.Secret
}

// bundle returns the bundle in the certificate secret as its author means it,
// including blocks that the control plane does not see.
func (p stored) bundle() (b pki.Bundle, ok bool) {
	certificates, problems := pki.ParseCertificates(dataOf(p.certificate))
	return pki.SplitBundle(certificates), !problems.HasErrors()
}

// readStored reads both secrets of a CA.
func (r *caSecret) readStored(ctx context.Context, m model, age kuma.MaxAge, diags *diag.Diagnostics) (found stored, ok bool) {
	mesh, certificate, key := m.Mesh.ValueString(), m.CertificateSecret.ValueString(), m.KeySecret.ValueString()
	secrets, err := r.Client.SecretsByName(ctx, mesh, age, certificate, key)
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read the secrets %q and %q of mesh %q", certificate, key, mesh), err)
		return stored{}, false
	}
	return stored{secrets[certificate], secrets[key]}, true
}

// stateFrom returns the state of two secrets. A value that cannot be read is
// null, so the next plan restores it.
func stateFrom(found stored, prior model) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	state := prior
	state.CertificateChain, state.TrustedCertificates = types.StringNull(), types.StringNull()
	state.Certificates = types.ListNull(certificateFields().Type())
	state.PublicKeySHA256 = types.StringNull()
	if found.certificate != nil {
		data, ok := tfkit.SecretData(found.certificate, prior.Mesh.ValueString(), prior.CertificateSecret.ValueString(), &diags)
		if !ok {
			return prior, diags
		}
		state.setCertificates(data, prior)
	}
	if found.key != nil {
		data, ok := tfkit.SecretData(found.key, prior.Mesh.ValueString(), prior.KeySecret.ValueString(), &diags)
		if !ok {
			return prior, diags
		}
		state.PublicKeySHA256 = publicKeyOf(data)
	}
	return state, diags
}

// setCertificates reads the content of a certificate secret. Equivalent
// content keeps the spelling of the prior state.
func (m *model) setCertificates(data []byte, prior model) {
	b, ok := readBundle(data)
	if !ok {
		return
	}
	if had, ok := prior.parse(&diag.Diagnostics{}); ok && had.Equal(b) {
		m.CertificateChain, m.TrustedCertificates, m.Certificates = prior.CertificateChain, prior.TrustedCertificates, prior.Certificates
		return
	}
	b = b.Canonical()
	m.CertificateChain = types.StringValue(string(pki.EncodeCertificates(b.Chain)))
	if len(b.Trusted) > 0 {
		m.TrustedCertificates = types.StringValue(string(pki.EncodeCertificates(b.Trusted)))
	}
	m.Certificates = certificateFields().List(b.Certificates())
}

// certificateFields returns the attributes of an element of `certificates`.
func certificateFields() tfkit.CertificateFields {
	return tfkit.AllCertificateFields().Only("subject", "issuer", "serial_number", "not_before", "not_after", "public_key_algorithm", "sha256_fingerprint")
}

func (m model) identity() identity { return identity{m.Mesh, m.CertificateSecret, m.KeySecret} }

// id returns the import ID.
func (m model) id() string {
	return m.Mesh.ValueString() + "/" + m.CertificateSecret.ValueString() + "/" + m.KeySecret.ValueString()
}

// of returns the model of the CA secret that an identity refers to.
func (m model) of(id identity) model {
	m.Mesh, m.CertificateSecret, m.KeySecret = id.Mesh, id.CertificateSecret, id.KeySecret
	if name, ok := rollout.CAName(id.CertificateSecret.ValueString(), id.KeySecret.ValueString()); ok {
		m.Name = types.StringValue(name)
	} else {
		m.Name, m.CertificateSecretName, m.KeySecretName = id.CertificateSecret, id.CertificateSecret, id.KeySecret
	}
	return m
}

// names returns the names of the two secrets.
func (r *caSecret) names(m model, b pki.Bundle) (certificate, key string) {
	if m.fixed() {
		return m.CertificateSecretName.ValueString(), m.KeySecretName.ValueString()
	}
	fingerprint := b.Fingerprint()
	if r.Kubernetes {
		fingerprint = rollout.InNamespace(fingerprint, m.Mesh.ValueString())
	}
	return rollout.CASecretNames(m.Name.ValueString(), fingerprint)
}

// fixed reports whether the configuration sets the names of the secrets.
func (m model) fixed() bool { return !m.CertificateSecretName.IsNull() }
