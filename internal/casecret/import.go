package casecret

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	fullForm  = "mesh/certificate-secret/key-secret"
	shortForm = "mesh/name"
)

func (r *caSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id identity
	if req.ID != "" {
		id = r.parseID(ctx, req.ID, &resp.Diagnostics)
	} else if names := tfkit.ImportedIdentity(ctx, req, &resp.Diagnostics, "mesh", "certificate_secret", "key_secret"); names != nil {
		id = identityOf(names[0], rollout.CASecrets{Certificate: names[1], Key: names[2]})
		if names[1] == names[2] {
			resp.Diagnostics.AddError("Invalid import ID", fmt.Sprintf("The identity has the name %q for both secrets. A CA has a secret with its certificates and "+
				"another one with its private key.", names[1]))
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if r.Client != nil {
		found := r.readImported(ctx, id, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		holders, err := found.certificate.Holders()
		if err != nil {
			tfkit.AddUnreadable(&resp.Diagnostics, fmt.Sprintf("Secret %q of mesh %q", id.CertificateSecret.ValueString(), id.Mesh.ValueString()), err)
			return
		}
		tfkit.KeepPrivate(ctx, resp.Private, privateHolding, holding{IDs: holders}, &resp.Diagnostics)
	}
	var state model
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
	resp.Diagnostics.Append(resp.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state.of(id))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, id)...)
}

// parseID splits `mesh/certificate-secret/key-secret`, or finds the only CA
// secret that `mesh/name` can mean.
func (r *caSecret) parseID(ctx context.Context, text string, diags *diag.Diagnostics) identity {
	parts := tfkit.SplitID(diags, text, fullForm, shortForm)
	switch {
	case len(parts) == 3:
		return identityOf(parts[0], rollout.CASecrets{Certificate: parts[1], Key: parts[2]})
	case len(parts) != 2 || !r.Ready(diags):
		return identity{}
	}
	cas, err := r.casWithName(ctx, parts[0], parts[1])
	switch {
	case kuma.Absent(err):
		tfkit.AddImportMeshAbsent(diags, parts[0])
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", parts[0]), err)
	case len(cas) == 1:
		return identityOf(parts[0], cas[0])
	case len(cas) == 0:
		diags.AddError("No such CA", fmt.Sprintf(
			"Mesh %q has no CA secrets %s-<fingerprint>-cert and %s-<fingerprint>-key. For secrets with other names, "+
				"import mesh/certificate-secret/key-secret.",
			parts[0], parts[1], parts[1]))
	default:
		ids := make([]string, len(cas))
		for i, ca := range cas {
			ids[i] = fmt.Sprintf("  %s/%s/%s", parts[0], ca.Certificate, ca.Key)
		}
		diags.AddError("Several CAs with that name", fmt.Sprintf("Mesh %q has %d CAs named %q. Import one of them with its full ID:\n\n"+"%s",
			parts[0], len(cas), parts[1], strings.Join(ids, "\n")))
	}
	return identity{}
}

func identityOf(mesh string, ca rollout.CASecrets) identity {
	return identity{types.StringValue(mesh), types.StringValue(ca.Certificate), types.StringValue(ca.Key)}
}

// readImported reads the CA secret of an import. It adds an error if the two
// secrets do not form a CA, because Terraform would import them and plan to
// replace them at once.
func (r *caSecret) readImported(ctx context.Context, id identity, diags *diag.Diagnostics) (found stored) {
	mesh, certificate, key := id.Mesh.ValueString(), id.CertificateSecret.ValueString(), id.KeySecret.ValueString()
	secrets, err := r.Client.Secrets(ctx, mesh)
	switch {
	case kuma.Absent(err):
		diags.AddError("Invalid import ID", fmt.Sprintf("There is no mesh %q on the control plane. The ID has the form %s%s.", mesh, fullForm, r.rightID(ctx, mesh, certificate, key)))
		return stored{}
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", mesh), err)
		return stored{}
	}
	found = stored{secrets[certificate], secrets[key]}
	certificateIs, keyIs := kindOf(found.certificate), kindOf(found.key)
	switch {
	case certificateIs == keyKind && keyIs == certificateKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("The names are in the wrong order: secret %q of mesh %q contains a private key, and %q contains certificates. "+
			"Import %s/%s/%s.",
			certificate, mesh, key, mesh, key, certificate))
	case certificateIs != certificateKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("Secret %q of mesh %q %s. The ID has the form %s.", certificate, mesh, certificateIs.insteadOf(certificateKind), fullForm))
	case keyIs != keyKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("Secret %q of mesh %q %s. The ID has the form %s.", key, mesh, keyIs.insteadOf(keyKind), fullForm))
	case !isCA(found):
		diags.AddError("Invalid import ID", fmt.Sprintf(
			"The private key in secret %q does not belong to the first certificate in secret %q of mesh %q: they are not "+
				"one CA. Import the names of one CA, in the form %s. If a mesh uses these two, its CA is broken: upload a CA "+
				"with new names, and set cert and key of the backend to it.", key, certificate, mesh, fullForm))
	}
	return found
}

// rightID returns the ID with the same names in the right order, for the end of
// a sentence, if one of the names is that of a mesh.
func (r *caSecret) rightID(ctx context.Context, names ...string) string {
	for i, mesh := range names {
		secrets, err := r.Client.Secrets(ctx, mesh)
		if err != nil {
			continue
		}
		others := slices.Delete(slices.Clone(names), i, i+1)
		for range others {
			if isCA(stored{secrets[others[0]], secrets[others[1]]}) {
				return fmt.Sprintf(": import %s/%s/%s", mesh, others[0], others[1])
			}
			slices.Reverse(others)
		}
	}
	return ""
}

// kind is the kind of content of a secret.
type kind string

const (
	absentKind      kind = "does not exist"
	certificateKind kind = "contains certificates"
	keyKind         kind = "contains a private key"
	otherKind       kind = "contains neither certificates nor a private key"
)

// insteadOf describes a secret that should be of another kind.
func (k kind) insteadOf(wanted kind) string {
	if k == absentKind || k == otherKind {
		return string(k)
	}
	return fmt.Sprintf("%s instead of %s", k, strings.TrimPrefix(string(wanted), "contains "))
}

func kindOf(secret *kuma.Secret) kind {
	if secret == nil {
		return absentKind
	}
	data := dataOf(secret)
	if _, ok := readBundle(data); ok {
		return certificateKind
	}
	if !publicKeyOf(data).IsNull() {
		return keyKind
	}
	return otherKind
}

// isCA reports whether two secrets are the certificates and the key of one CA.
func isCA(p stored) bool {
	b, ok := readBundle(dataOf(p.certificate))
	return ok && hasKeyOf(p.key, b)
}

// casWithName returns the CA secrets of a mesh with this name.
func (r *caSecret) casWithName(ctx context.Context, mesh, name string) ([]rollout.CASecrets, error) {
	secrets, err := r.Client.Secrets(ctx, mesh)
	return slices.DeleteFunc(rollout.DerivedCAs(secrets), func(ca rollout.CASecrets) bool {
		is, _ := rollout.CAName(ca.Certificate, ca.Key)
		return is != name
	}), err
}
