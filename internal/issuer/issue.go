package issuer

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// issue is [pki.Issue] or [pki.Derive].
type issue func(ca pki.CA, request pki.ProxyRequest, now time.Time) (*pki.ProxyCertificate, error)

// fill issues the certificate that a configuration describes, and stores it in
// the model.
func (m *model) fill(ctx context.Context, provider *tfkit.ProviderData, issue issue, diags *diag.Diagnostics) {
	if m.Expiration.IsNull() {
		m.Expiration = types.StringValue(defaultExpiration)
	}
	request, at := m.request(ctx, diags)
	ca, ok := m.authority(ctx, provider, request, diags)
	if !ok || diags.HasError() {
		return
	}
	issued, err := issue(ca, request, provider.Clock.Now())
	if err != nil { // CA and tags are valid by themselves, but may not fit together
		diags.AddAttributeError(at, "Invalid proxy certificate", tfkit.WithPath(at, err.Error()+"."))
		return
	}
	diags.Append(m.record(ctx, issued)...)
}

// request returns the proxy of the certificate, and the attribute that
// describes it.
func (m *model) request(ctx context.Context, diags *diag.Diagnostics) (request pki.ProxyRequest, at path.Path) {
	request.Mesh = m.Mesh.ValueString()
	switch {
	case !m.SPIFFEID.IsNull():
		at, request.SPIFFEID = path.Root("spiffe_id"), m.SPIFFEID.ValueString()
	case !m.Path.IsNull():
		at, request.SPIFFEID = path.Root("path"), pki.JoinSPIFFEID(m.TrustDomain.ValueString(), m.Path.ValueString())
	case !m.Tags.IsNull():
		at = path.Root("tags")
		diags.Append(m.Tags.ElementsAs(ctx, &request.Tags, false)...)
		addInvalid(diags, at, "Invalid tags", pki.CheckTags(request.Tags))
	default:
		at = path.Root("services")
		var names []string
		diags.Append(m.Services.ElementsAs(ctx, &names, false)...)
		request.Tags = pki.ServiceTags(names...)
		addInvalid(diags, at, "Invalid tags", pki.CheckTags(request.Tags))
	}
	expiration, err := kuma.ParseDuration(m.Expiration.ValueString())
	addInvalid(diags, path.Root("expiration"), "Invalid duration", err)
	request.Expiration = expiration
	return request, at
}

// authority returns the CA that issues. If CA material breaks a rule, it adds
// an error to the attribute of that material.
func (m *model) authority(ctx context.Context, provider *tfkit.ProviderData, request pki.ProxyRequest, diags *diag.Diagnostics) (ca pki.CA, ok bool) {
	atCert, atKey := path.Root("ca").AtName("certificate_chain"), path.Root("ca").AtName("private_key")
	var cert, key []byte
	mesh, given := m.Mesh.ValueString(), m.CA != nil
	switch {
	case given:
		cert, key, ok = []byte(m.CA.CertificateChain.ValueString()), []byte(m.CA.PrivateKey.ValueString()), true
	case !m.Identity.IsNull():
		atCert, atKey = path.Root("identity"), path.Root("identity")
		cert, key, ok = provider.IdentityCA(ctx, mesh, m.Identity.ValueString(), true, diags)
	default:
		atCert, atKey = path.Root("backend"), path.Root("backend")
		cert, key, ok = provider.BackendCA(ctx, mesh, m.Backend.ValueString(), true, diags)
	}
	if !ok {
		return pki.CA{}, false
	}

	options := request.Options(provider.Clock.Now())
	var problems, keyProblems pki.Problems
	if given {
		ca.Chain, problems = pki.ParseCertificates(cert)
		ca.Key, keyProblems = pki.ParsePrivateKey(key)
	} else { // a secret may contain further trusted CAs
		ca.Bundle, problems = pki.ReadBundle(cert)
		ca.Key, keyProblems = pki.ReadPrivateKey(key)
	}
	problems = slices.Concat(problems, ca.CheckWhole(options))
	if !problems.HasErrors() {
		keyProblems = slices.Concat(keyProblems, ca.CheckKey(ca.Key))
	}
	// The data source kongmesh_ca_chain reports warnings: here, each plan would
	// repeat them.
	tfkit.AddProblems(diags, atCert, problems.Errors())
	tfkit.AddProblems(diags, atKey, keyProblems.Errors())
	return ca, !problems.HasErrors() && !keyProblems.HasErrors()
}

// record stores an issued certificate in the model.
func (m *model) record(ctx context.Context, issued *pki.ProxyCertificate) diag.Diagnostics {
	info := pki.Describe(issued.Leaf)
	uris, diags := types.ListValueFrom(ctx, types.StringType, issued.URIs)
	m.Certificate = encoded(issued.Chain)
	m.PrivateKey = types.StringValue(string(issued.PrivateKey))
	m.TrustBundle = encoded(issued.TrustBundle)
	m.SPIFFEID = types.StringValue(issued.SPIFFEID)
	m.URIs = uris
	m.SerialNumber = types.StringValue(info.SerialNumber)
	m.NotBefore = types.StringValue(info.NotBefore.Format(time.RFC3339))
	m.NotAfter = types.StringValue(info.NotAfter.Format(time.RFC3339))
	m.Issuer = types.StringValue(info.Issuer)
	return diags
}

func encoded(certificates []*x509.Certificate) types.String {
	return types.StringValue(string(pki.EncodeCertificates(certificates)))
}
