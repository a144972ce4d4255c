package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// changesCA reports whether a plan changes the CA of an identity, or how it may
// be used.
func changesCA(plan, prior model) bool {
	now, before := part.AttributesOf(plan.Bundled), part.AttributesOf(prior.Bundled)
	for _, name := range []string{"ca", "autogenerate", "insecure_allow_self_signed", "expiration"} {
		if !part.IsNull(now[name]) && (before[name] == nil || !now[name].Equal(before[name])) {
			return true
		}
	}
	return false
}

// A caSource is where the certificate chain or the key of a CA is.
type caSource struct {
	at     path.Path
	secret string
	inline *string
}

// caSources returns the sources of the CA of an identity. ok is false without a
// CA of its own.
func (m model) caSources() (certificate, key caSource, ok bool) {
	ca := part.AttributesOf(m.Bundled)["ca"]
	of := func(name string) caSource {
		at := path.Root("bundled").AtName("ca").AtName(name)
		source := caSource{at: at}
		for form, value := range part.AttributesOf(part.AttributesOf(ca)[name]) {
			if part.IsNull(value) {
				continue
			}
			source.at = at.AtName(form)
			is, _ := value.(types.String)
			switch form {
			case "secret":
				source.secret = is.ValueString()
			case "inline":
				source.inline = is.ValueStringPointer()
			}
		}
		return source
	}
	return of("certificate"), of("private_key"), !part.IsNull(ca)
}

// material is PEM, nil if it is unknown or on the control plane's machine.
type material []byte

// readCA returns the certificate chain and the key of an identity. It adds an
// error for a secret that does not exist, or that cannot be read.
func (r *meshIdentity) readCA(ctx context.Context, m model, age kuma.MaxAge, diags *diag.Diagnostics) (certificate, key material) {
	from, keyFrom, ok := m.caSources()
	if !ok {
		return nil, nil
	}
	mesh := m.Mesh.ValueString()
	var names []string
	for _, source := range []caSource{from, keyFrom} {
		if source.secret != "" {
			names = append(names, source.secret)
		}
	}
	var secrets map[string]*kuma.Secret
	if len(names) > 0 {
		var err error
		if secrets, err = r.Client.SecretsByName(ctx, mesh, age, names...); err != nil {
			tfkit.AddError(diags, fmt.Sprintf("read secret %s of mesh %q", tfkit.Quote(names...), mesh), err)
			return nil, nil
		}
	}
	return from.read(mesh, secrets, diags), keyFrom.read(mesh, secrets, diags)
}

func (s caSource) read(mesh string, secrets map[string]*kuma.Secret, diags *diag.Diagnostics) material {
	switch {
	case s.inline != nil:
		return material(*s.inline)
	case s.secret == "":
		return nil
	}
	text, _ := tfkit.ReferredData(secrets, mesh, s.secret, s.at, diags)
	return text
}

// checkCA applies the rules for CA material to the CA of an identity before a
// write. Warnings were part of the plan.
func (r *meshIdentity) checkCA(ctx context.Context, plan model, age kuma.MaxAge, diags *diag.Diagnostics) {
	var found diag.Diagnostics
	certificate, key := r.readCA(ctx, plan, age, &found)
	if !found.HasError() {
		r.addCAProblems(plan, certificate, key, &found)
	}
	diags.Append(found.Errors()...)
}

// planCA applies the rules for CA material during plan, as far as the material is
// known: inline, in secrets, or planned by the same run.
func (r *meshIdentity) planCA(ctx context.Context, plan model, diags *diag.Diagnostics) {
	from, keyFrom, ok := plan.caSources()
	if !ok || !known(plan.Bundled) {
		return
	}
	if keyFrom.inline != nil {
		diags.AddAttributeWarning(keyFrom.at, "Private key in identity",
			"Everyone who can read the MeshIdentity can read an inline key, and Terraform stores it in the state. Use it only for "+
				"development. Otherwise, upload the CA with kongmesh_mesh_ca_secret, and refer to its secrets.")
	}
	bySecret := from.secret != "" || keyFrom.secret != ""
	mesh := plan.Mesh.ValueString()
	if bundle, planned := r.Run.PlannedBundle(mesh, from.secret); planned {
		checkSelfSigned(plan, bundle, diags) // the resource of the CA reports all other problems
		return
	}
	if r.Run.PlansSecret(mesh, from.secret) || r.Run.PlansSecret(mesh, keyFrom.secret) {
		return
	}
	if bySecret && (r.Client == nil || plan.Mesh.IsUnknown() || r.Run.CreatesMesh(mesh)) {
		return
	}
	var unread diag.Diagnostics // the apply reports what is missing
	certificate, key := r.readCA(ctx, plan, kuma.Recent, &unread)
	r.addCAProblems(plan, certificate, key, diags)
}

func (r *meshIdentity) addCAProblems(plan model, certificate, key material, diags *diag.Diagnostics) {
	from, keyFrom, _ := plan.caSources()
	var bundle pki.Bundle
	if certificate != nil {
		var problems pki.Problems
		bundle, problems = pki.ReadBundle(certificate)
		problems = slices.Concat(problems, bundle.CheckWhole(pki.Options{Now: r.Clock.Now(), ProxyCertificateLifetime: plan.lifetime()}))
		tfkit.AddProblems(diags, from.at, problems)
		if !problems.HasErrors() {
			checkSelfSigned(plan, bundle, diags)
		}
	}
	if key != nil {
		private, problems := pki.ReadPrivateKey(key)
		tfkit.AddProblems(diags, keyFrom.at, slices.Concat(problems, bundle.CheckKey(private)))
	}
}

// checkSelfSigned adds an error for a self-signed issuer that the identity does
// not allow: the control plane accepts it, and issues nothing.
func checkSelfSigned(plan model, bundle pki.Bundle, diags *diag.Diagnostics) {
	issuer := bundle.Issuer()
	if issuer == nil || !pki.IsSelfSigned(issuer) || flag(part.AttributesOf(plan.Bundled), "insecure_allow_self_signed") {
		return
	}
	at := path.Root("bundled").AtName("insecure_allow_self_signed")
	diags.AddAttributeError(at, "Self-signed CA not allowed", tfkit.WithPath(at, fmt.Sprintf(
		"The first certificate of the CA (%s) is self-signed, and the control plane issues nothing from it. Set insecure_allow_self_signed = true, "+
			"or use an intermediate CA as the first certificate.", pki.Describe(issuer).Subject)))
}

// lifetime returns the lifetime of a certificate, or 0 for the default.
func (m model) lifetime() time.Duration {
	lifetime, err := time.ParseDuration(text(part.AttributesOf(m.Bundled), "expiration"))
	if err != nil {
		return 0
	}
	return lifetime
}
