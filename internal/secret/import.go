package secret

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	fullForm  = "mesh/certificate-secret/key-secret"
	shortForm = "mesh/name"
)

// parseID reads `mesh/certificate-secret/key-secret`, or finds the one pair
// that `mesh/name` can mean.
func (r *caSecret) parseID(ctx context.Context, text string, diags *diag.Diagnostics) identity {
	parts := tfkit.SplitID(diags, text, fullForm, shortForm)
	switch {
	case len(parts) == 3:
		return identityOf(parts[0], parts[1], parts[2])
	case len(parts) != 2 || !r.Ready(diags):
		return identity{}
	}
	pairs, err := r.pairs(ctx, parts[0], parts[1])
	switch {
	case kuma.Absent(err):
		diags.AddError("No such mesh", fmt.Sprintf("There is no mesh %q on the control plane. Check the import ID, which starts with the name of the mesh, and "+
			"the address in the provider block.", parts[0]))
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", parts[0]), err)
	case len(pairs) == 1:
		return identityOf(parts[0], pairs[0]+"-cert", pairs[0]+"-key")
	case len(pairs) == 0:
		diags.AddError("No such CA", fmt.Sprintf(
			"Mesh %q has no CA secrets %s-<fingerprint>-cert and %s-<fingerprint>-key. For secrets with other names, "+
				"import mesh/certificate-secret/key-secret.",
			parts[0], parts[1], parts[1]))
	default:
		ids := make([]string, len(pairs))
		for i, pair := range pairs {
			ids[i] = fmt.Sprintf("  %s/%s-cert/%s-key", parts[0], pair, pair)
		}
		diags.AddError("Several CAs with that name", fmt.Sprintf("Mesh %q has %d CAs named %q. Import one of them with its full ID:\n\n"+"%s",
			parts[0], len(pairs), parts[1], strings.Join(ids, "\n")))
	}
	return identity{}
}

func identityOf(mesh, certificate, key string) identity {
	return identity{types.StringValue(mesh), types.StringValue(certificate), types.StringValue(key)}
}

// checkPair reads the pair that an import names, and adds an error where it is
// none: the plan would be to import something, and to replace it at once.
func (r *caSecret) checkPair(ctx context.Context, id identity, diags *diag.Diagnostics) (found pair) {
	mesh, certificate, key := id.Mesh.ValueString(), id.CertificateSecret.ValueString(), id.KeySecret.ValueString()
	secrets, err := r.Client.Secrets(ctx, mesh)
	switch {
	case kuma.Absent(err):
		diags.AddError("Invalid import ID", fmt.Sprintf("There is no mesh %q on the control plane. The ID has the form %s%s.", mesh, fullForm, r.rightID(ctx, mesh, certificate, key)))
		return pair{}
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", mesh), err)
		return pair{}
	}
	all, err := byName(secrets)
	if err != nil {
		tfkit.AddUnreadable(diags, fmt.Sprintf("A secret of mesh %q", mesh), err)
		return pair{}
	}
	found = pair{all[certificate], all[key]}
	is, other := kindOf(found.certificate), kindOf(found.key)
	switch {
	case is == keyKind && other == certificateKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("The names are in the wrong order: secret %q of mesh %q contains a private key, and %q contains certificates. "+
			"Import %s/%s/%s.",
			certificate, mesh, key, mesh, key, certificate))
	case is != certificateKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("Secret %q of mesh %q %s. The ID has the form %s.", certificate, mesh, is.insteadOf(certificateKind), fullForm))
	case other != keyKind:
		diags.AddError("Invalid import ID", fmt.Sprintf("Secret %q of mesh %q %s. The ID has the form %s.", key, mesh, other.insteadOf(keyKind), fullForm))
	case !fit(found):
		diags.AddError("Invalid import ID", fmt.Sprintf(
			"The private key in secret %q does not belong to the first certificate in secret %q of mesh %q: they are not "+
				"one CA. Import the names of one CA, in the form %s. If a mesh uses these two, its CA is broken: upload a CA "+
				"with new names, and set cert and key of the backend to it.", key, certificate, mesh, fullForm))
	}
	return found
}

// rightID is the ID that has the same names in the right order, for the end of a
// sentence, if one of the names is that of a mesh.
func (r *caSecret) rightID(ctx context.Context, names ...string) string {
	for i, mesh := range names {
		all, err := r.Client.Secrets(ctx, mesh)
		if err != nil {
			continue
		}
		secrets, err := byName(all)
		if err != nil {
			continue
		}
		others := slices.Delete(slices.Clone(names), i, i+1)
		for range others {
			if (fit(pair{secrets[others[0]], secrets[others[1]]})) {
				return fmt.Sprintf(": import %s/%s/%s", mesh, others[0], others[1])
			}
			slices.Reverse(others)
		}
	}
	return ""
}

// kind says what a secret contains.
type kind string

const (
	absentKind      kind = "does not exist"
	certificateKind kind = "contains certificates"
	keyKind         kind = "contains a private key"
	otherKind       kind = "contains neither certificates nor a private key"
)

// insteadOf says what a secret is that should be of another kind.
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
	data, err := secret.Data()
	if err != nil {
		return otherKind
	}
	if _, ok := readBundle(data); ok {
		return certificateKind
	}
	if !publicKeyOf(data).IsNull() {
		return keyKind
	}
	return otherKind
}

// fit tells whether two secrets are the certificates and the key of one CA.
func fit(p pair) bool {
	if kindOf(p.certificate) != certificateKind || p.key == nil {
		return false
	}
	data, err := p.certificate.Data()
	b, ok := readBundle(data)
	return err == nil && ok && keyRight(p.key, b)
}

// of is the model of the pair that an identity names.
func (m model) of(id identity) model {
	m.Mesh, m.CertificateSecret, m.KeySecret = id.Mesh, id.CertificateSecret, id.KeySecret
	if name, ok := derivedName(id.CertificateSecret.ValueString(), id.KeySecret.ValueString()); ok {
		m.Name = types.StringValue(name)
	} else {
		m.Name, m.CertificateSecretName, m.KeySecretName = id.CertificateSecret, id.CertificateSecret, id.KeySecret
	}
	return m
}

// pairs are the common beginnings of the names of a CA's pairs.
func (r *caSecret) pairs(ctx context.Context, mesh, name string) ([]string, error) {
	secrets, err := r.Client.Secrets(ctx, mesh)
	if err != nil {
		return nil, err
	}
	there, err := byName(secrets)
	return slices.DeleteFunc(derivedPairs(there), func(prefix string) bool {
		derived, _ := derivedName(prefix+"-cert", prefix+"-key")
		return derived != name
	}), err
}

// byName are secrets by their names.
func byName(secrets []*kuma.Secret) (map[string]*kuma.Secret, error) {
	all := map[string]*kuma.Secret{}
	for _, secret := range secrets {
		name, err := secret.Name()
		if err != nil {
			return nil, err
		}
		all[name] = secret
	}
	return all, nil
}

// derivedPairs are the common beginnings of the names of all pairs whose names
// are of the derived form, in their order.
func derivedPairs(secrets map[string]*kuma.Secret) []string {
	var prefixes []string
	for name := range secrets {
		prefix, found := strings.CutSuffix(name, "-cert")
		if _, derived := derivedName(name, prefix+"-key"); found && derived && secrets[prefix+"-key"] != nil {
			prefixes = append(prefixes, prefix)
		}
	}
	slices.Sort(prefixes)
	return prefixes
}

var derivedPattern = regexp.MustCompile(`^(.+-[0-9a-f]{10})-cert$`)

// derivedName is the name of the CA whose pair these two are, if their names
// are of the derived form.
func derivedName(certificate, key string) (string, bool) {
	match := derivedPattern.FindStringSubmatch(certificate)
	if match == nil || key != match[1]+"-key" {
		return "", false
	}
	return match[1][:len(match[1])-fingerprintLength-1], true
}
