package casecret

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func (r *caSecret) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var key, writeOnly types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("private_key"), &key)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("private_key_wo"), &writeOnly)...)
	if !resp.Diagnostics.HasError() && key.IsNull() && writeOnly.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("private_key_wo"), "No private key",
			"Set private_key_wo or private_key to the private key of the first certificate. Terraform cannot generate it "+
				"for an import: replace `private_key_wo = null` with a reference to the key, such as an ephemeral variable. "+
				"The provider compares it with the key on the control plane, and does not upload the same key again.")
	}
}

func (r *caSecret) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.Preflight(ctx, kuma.SecretType, req, resp)
	if req.Plan.Raw.IsNull() {
		var state model
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r.Run.Depose(state.object(loadHolding(ctx, req.Private, &resp.Diagnostics)))
		return
	}
	var config, plan model
	var state *model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if state != nil && state.KeySecret.IsNull() {
		addNotRead(&resp.Diagnostics)
		return
	}
	proposed := plan
	plan.planComputed(config, state)
	if config.known() {
		b, ok := r.checkPlan(config, plan, state, &resp.Diagnostics)
		if !ok {
			return
		}
		r.describe(&plan, b)
		plan.keepEqual(b, state)
		r.Run.PlanBundle(plan.Mesh.ValueString(), plan.CertificateSecret.ValueString(), b)
		r.Run.PlanKey(plan.Mesh.ValueString(), plan.KeySecret.ValueString(), b)
	}
	resp.RequiresReplace.Append(plan.replaced(state)...)
	if state != nil && len(resp.RequiresReplace) == 0 && plan.fixed() {
		r.refuseNewContent(ctx, plan, *state, req.Private, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.Plan, proposed, plan)...)
	if !resp.Plan.Raw.Equal(req.State.Raw) {
		r.try(ctx, config, plan, &resp.Diagnostics)
	}
}

// try records that the run writes the secrets, and asks the control plane on
// Kubernetes whether it accepts that.
func (r *caSecret) try(ctx context.Context, config, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || plan.Mesh.IsUnknown() || plan.CertificateSecret.IsUnknown() || plan.KeySecret.IsUnknown() {
		return
	}
	mesh, key := plan.Mesh.ValueString(), 0
	if text, _ := config.privateKey(); text != nil {
		key = len(*text)
	}
	for _, secret := range []struct {
		name string
		size int
	}{
		{plan.CertificateSecret.ValueString(), len(config.CertificateChain.ValueString()) + len(config.TrustedCertificates.ValueString())},
		{plan.KeySecret.ValueString(), key},
	} {
		r.Run.PlanSecret(mesh, secret.name)
		if secret.size > 0 && !diags.HasError() {
			tfkit.AddError(diags, fmt.Sprintf("plan secret %q of mesh %q", secret.name, mesh), r.Client.TrySecret(ctx, mesh, secret.name, secret.size))
		}
	}
}

// planComputed sets the computed values that do not depend on the certificates.
func (m *model) planComputed(config model, state *model) {
	m.CertificateSecret, m.KeySecret = types.StringUnknown(), types.StringUnknown()
	m.PublicKeySHA256, m.Certificates = types.StringUnknown(), types.ListUnknown(certificateFields().Type())
	if config.TrustedCertificates.IsNull() {
		m.TrustedCertificates = types.StringNull() // computed, so keepEqual may plan another value
	}
	switch {
	case m.CertificateSecretName.IsUnknown() && config.Name.IsNull():
		m.Name = types.StringUnknown()
		return
	case !m.fixed() || m.CertificateSecretName.IsUnknown():
		m.Name = config.Name
		return
	}
	m.CertificateSecret, m.KeySecret = m.CertificateSecretName, m.KeySecretName
	// With fixed names, the name of the CA has no effect, so a change of it is
	// none.
	switch {
	case state != nil && !state.Name.IsNull():
		m.Name = state.Name
	case config.Name.IsNull():
		m.Name = m.CertificateSecretName
	}
}

// keepEqual keeps the certificates in the state if the configuration has the
// same ones: an import cannot know which of them the author considers the
// chain.
func (m *model) keepEqual(b pki.Bundle, state *model) {
	if state == nil || !m.CertificateSecret.Equal(state.CertificateSecret) || !m.KeySecret.Equal(state.KeySecret) {
		return
	}
	if had, ok := state.parse(&diag.Diagnostics{}); !ok || !b.Equal(had) {
		return
	}
	m.Certificates = state.Certificates
	if m.TrustedCertificates.IsNull() || !state.TrustedCertificates.IsNull() { // Terraform does not allow null instead of a configured value
		m.CertificateChain, m.TrustedCertificates = state.CertificateChain, state.TrustedCertificates
	}
}

// describe sets the computed values that the certificates determine.
func (r *caSecret) describe(m *model, b pki.Bundle) {
	if !m.Name.IsUnknown() && !m.CertificateSecretName.IsUnknown() && !m.KeySecretName.IsUnknown() && (!r.Kubernetes || !m.Mesh.IsUnknown()) {
		certificate, key := r.names(*m, b)
		m.CertificateSecret, m.KeySecret = types.StringValue(certificate), types.StringValue(key)
	}
	m.PublicKeySHA256 = types.StringValue(b.PublicKeySHA256())
	if m.Certificates.IsUnknown() { // otherwise, the plan already has them
		m.Certificates = certificateFields().List(b.Certificates())
	}
}

// replaced returns the attributes that require another CA secret.
func (m model) replaced(state *model) path.Paths {
	if state == nil || m.CertificateSecret.Equal(state.CertificateSecret) && m.KeySecret.Equal(state.KeySecret) {
		return nil
	}
	// Terraform uses only those that really change.
	return path.Paths{
		path.Root("name"), path.Root("certificate_secret_name"), path.Root("key_secret_name"),
		path.Root("certificate_chain"), path.Root("trusted_certificates"),
		path.Root("certificate_secret"), path.Root("key_secret"),
	}
}

// checkPlan applies all rules to the configuration. If the CA is already
// uploaded, no error stops a plan: otherwise, an expired CA could never be
// replaced together with another change.
func (r *caSecret) checkPlan(config, plan model, state *model, diags *diag.Diagnostics) (pki.Bundle, bool) {
	b, ok := config.parse(diags)
	if !ok {
		return b, false
	}
	chain, trusted := b.Check(pki.Options{Now: r.Clock.Now()})
	if state != nil && plan.CertificateChain.Equal(state.CertificateChain) && plan.TrustedCertificates.Equal(state.TrustedCertificates) {
		chain, trusted = timely(chain), timely(trusted)
	}
	config.addProblems(diags, path.Root("certificate_chain"), chain)
	config.addProblems(diags, path.Root("trusted_certificates"), trusted)
	if text, at := config.privateKey(); text != nil {
		_, fits := parseKey(diags, at, *text, b)
		ok = fits
	}
	return b, ok && !chain.HasErrors() && !trusted.HasErrors()
}

// timely returns the problems that arise with time, as warnings.
func timely(problems pki.Problems) pki.Problems {
	var kept pki.Problems
	for _, p := range problems {
		switch p.Rule {
		case pki.RuleExpired, pki.RuleExpiresSoon:
			p.Severity = pki.Warning
			kept = append(kept, p)
		}
	}
	return kept
}

// refuseNewContent adds the error for another CA under fixed names that a
// backend or an identity uses. Restoring the content of the last upload after
// drift is allowed.
func (r *caSecret) refuseNewContent(ctx context.Context, plan, state model, private tfkit.PrivateReader, diags *diag.Diagnostics) {
	if r.Client == nil || !plan.known() {
		return
	}
	applied, _ := tfkit.LoadPrivate[string](ctx, private, privateContent, diags)
	b, ok := plan.parse(&diag.Diagnostics{})
	had, known := state.parse(&diag.Diagnostics{})
	if !ok || b.Fingerprint() == applied || known && b.Equal(had) {
		return
	}
	used := r.CurrentUsers(ctx, plan.Mesh.ValueString(), diags, plan.CertificateSecret.ValueString(), plan.KeySecret.ValueString())
	if used.Any() {
		diags.AddAttributeError(path.Root("certificate_chain"), "CA secret is in use", fmt.Sprintf(
			"The configuration has another CA for %s, and %s. Proxies would continue to trust the current CA. Hours later, "+
				"they would get their next certificate from the new CA, and handshakes would fail.\n\n"+
				"Let the provider derive the names from the content: replace certificate_secret_name and key_secret_name with "+
				"`name`, and add to the resource"+replaceSafely+
				"The mesh then switches to the new CA secrets in one write.", plan, used.Reason()))
	}
}
