package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

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

// caSources returns the sources of the CA of an identity. ok is false without a
// CA of its own.
func (m model) caSources() (certificate, key tfkit.CASource, ok bool) {
	ca := part.AttributesOf(m.Bundled)["ca"]
	of := func(name string) tfkit.CASource {
		source := tfkit.CASource{At: path.Root("bundled").AtName("ca").AtName(name)}
		for form, value := range part.AttributesOf(part.AttributesOf(ca)[name]) {
			if part.IsNull(value) {
				continue
			}
			source.At = source.At.AtName(form)
			switch form {
			case "secret":
				source.Secret = part.TextOf(value)
			case "inline":
				source.PEM = []byte(part.TextOf(value))
			}
		}
		return source
	}
	return of("certificate"), of("private_key"), !part.IsNull(ca)
}

// checkCA applies the rules for CA material to the CA of an identity before a
// write. Warnings were part of the plan.
func (r *meshIdentity) checkCA(ctx context.Context, plan model, diags *diag.Diagnostics) {
	var found diag.Diagnostics
	certificate, key, _ := plan.caSources()
	if r.ReadCA(ctx, plan.Mesh.ValueString(), kuma.Fresh, &found, &certificate, &key); !found.HasError() {
		r.addCAProblems(plan, certificate, key, &found)
	}
	diags.Append(found.Errors()...)
}

// planCA applies the rules for CA material during plan, as far as the material is
// known: inline, in secrets, or planned by the same run.
func (r *meshIdentity) planCA(ctx context.Context, plan model, diags *diag.Diagnostics) {
	certificate, key, ok := plan.caSources()
	if !ok || !known(plan.Bundled) {
		return
	}
	if key.PEM != nil {
		diags.AddAttributeWarning(key.At, "Private key in identity",
			"Everyone who can read the MeshIdentity can read an inline key, and Terraform stores it in the state. Use it only for "+
				"development. Otherwise, upload the CA with kongmesh_mesh_ca_secret, and refer to its secrets.")
	}
	mesh := plan.Mesh.ValueString()
	if !r.CheckPlannedCA(mesh, certificate, key, diags) {
		return
	}
	if bundle, planned := r.Run.PlannedBundle(mesh, certificate.Secret); planned {
		checkSelfSigned(plan, bundle, diags) // the resource of the CA reports all other problems
		return
	}
	if r.Run.PlansSecret(mesh, certificate.Secret) || r.Run.PlansSecret(mesh, key.Secret) {
		return
	}
	if certificate.Secret != "" || key.Secret != "" {
		if r.Client == nil || plan.Mesh.IsUnknown() || r.Run.CreatesMesh(mesh) {
			return
		}
		var unread diag.Diagnostics // the apply reports what is missing
		r.ReadCA(ctx, mesh, kuma.Recent, &unread, &certificate, &key)
	}
	r.addCAProblems(plan, certificate, key, diags)
}

func (r *meshIdentity) addCAProblems(plan model, certificate, key tfkit.CASource, diags *diag.Diagnostics) {
	options := pki.Options{Now: r.Clock.Now(), ProxyCertificateLifetime: plan.lifetime()}
	if bundle, ok := tfkit.CheckCA(certificate, key, options, diags); ok {
		checkSelfSigned(plan, bundle, diags)
	}
}

// checkSelfSigned adds an error for a self-signed issuer that the identity does
// not allow: the control plane accepts it, and issues nothing.
func checkSelfSigned(plan model, bundle pki.Bundle, diags *diag.Diagnostics) {
	issuer := bundle.Issuer()
	if issuer == nil || !pki.IsSelfSigned(issuer) || part.IsTrue(part.AttributesOf(plan.Bundled)["insecure_allow_self_signed"]) {
		return
	}
	at := path.Root("bundled").AtName("insecure_allow_self_signed")
	diags.AddAttributeError(at, "Self-signed CA not allowed", tfkit.WithPath(at, fmt.Sprintf(
		"The first certificate of the CA (%s) is self-signed, and the control plane issues nothing from it. Set insecure_allow_self_signed = true, "+
			"or use an intermediate CA as the first certificate.", pki.Describe(issuer).Subject)))
}

// lifetime returns the lifetime of a certificate, or 0 for the default.
func (m model) lifetime() time.Duration {
	lifetime, err := time.ParseDuration(part.TextOf(part.AttributesOf(m.Bundled)["expiration"]))
	if err != nil {
		return 0
	}
	return lifetime
}
