package tfkit

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// A CASource is where the certificate chain or the private key of a CA is.
type CASource struct {
	At     path.Path // its attribute
	Secret string    // the name of its secret, or "" if it is not in a secret
	PEM    []byte    // the content, nil if it is unknown or on the control plane's machine
}

// ReadCA reads the content of sources that are secrets of a mesh. It adds an error
// for a secret that does not exist, or that cannot be read. It reads nothing if the
// mesh does not exist, which a write reports.
func (d *ProviderData) ReadCA(ctx context.Context, mesh string, age kuma.MaxAge, diags *diag.Diagnostics, sources ...*CASource) {
	var names []string
	for _, source := range sources {
		if source.Secret != "" {
			names = append(names, source.Secret)
		}
	}
	if len(names) == 0 {
		return
	}
	secrets, err := d.Client.SecretsByName(ctx, mesh, age, names...)
	if err != nil {
		AddError(diags, fmt.Sprintf("read secret %s of mesh %q", Quote(names...), mesh), err)
		return
	}
	if len(secrets) == 0 {
		if _, err := d.Client.Mesh(ctx, mesh); err != nil {
			return
		}
	}
	for _, source := range sources {
		switch secret := secrets[source.Secret]; {
		case source.Secret == "":
		case secret != nil:
			source.PEM, _ = SecretData(secret, mesh, source.Secret, diags)
		default:
			diags.AddAttributeError(source.At, "No such secret", WithPath(source.At, fmt.Sprintf(
				"Mesh %q has no secret %q. If a kongmesh_mesh_ca_secret resource creates it, refer to its certificate_secret "+
					"and key_secret, so that Terraform knows the order. Otherwise, upload it first.", mesh, source.Secret)))
		}
	}
}

// CheckPlannedCA checks that secrets of CAs that this run plans are those of one CA,
// each in its place, and reports whether they are. The resource of the CA reports
// the problems of their content.
func (d *ProviderData) CheckPlannedCA(mesh string, certificate, key CASource, diags *diag.Diagnostics) bool {
	problem := func(source CASource, rule pki.Rule, message string) bool {
		AddProblems(diags, source.At, pki.Problems{{Severity: pki.Error, Rule: rule, Index: -1, Message: fmt.Sprintf("Secret %q ", source.Secret) + message}})
		return false
	}
	if certificate.Secret == "" || key.Secret == "" {
		return true
	}
	const swapped = "Check whether you swapped certificate_secret and key_secret."
	bundle, isBundle := d.Run.PlannedBundle(mesh, certificate.Secret)
	owner, isKey := d.Run.PlannedKey(mesh, key.Secret)
	if _, holdsKey := d.Run.PlannedKey(mesh, certificate.Secret); holdsKey && !isBundle {
		return problem(certificate, pki.RulePrivateKeyInChain, "contains the private key of a CA, and every proxy gets the certificates. "+swapped)
	}
	if _, holdsCertificates := d.Run.PlannedBundle(mesh, key.Secret); holdsCertificates && !isKey {
		return problem(key, pki.RuleKeyNotPrivate, "contains the certificates of a CA, not its private key. "+swapped)
	}
	if isBundle && isKey && bundle.PublicKeySHA256() != owner.PublicKeySHA256() {
		return problem(key, pki.RuleKeyMismatch, fmt.Sprintf("contains the private key of another CA than %q. Use certificate_secret and key_secret of one kongmesh_mesh_ca_secret.", certificate.Secret))
	}
	return true
}

// CheckCA applies the rules for CA material to what is known of a certificate chain
// and its private key. ok is false if the chain is unknown or has errors.
func CheckCA(certificate, key CASource, options pki.Options, diags *diag.Diagnostics) (bundle pki.Bundle, ok bool) {
	if certificate.PEM != nil {
		var problems pki.Problems
		bundle, problems = pki.ReadBundle(certificate.PEM)
		problems = slices.Concat(problems, bundle.CheckWhole(options))
		AddProblems(diags, certificate.At, problems)
		ok = !problems.HasErrors()
	}
	if key.PEM != nil {
		private, problems := pki.ReadPrivateKey(key.PEM)
		AddProblems(diags, key.At, slices.Concat(problems, bundle.CheckKey(private)))
	}
	return bundle, ok
}
