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

// parseID reads `mesh/certificate-secret/key-secret`, or finds the one pair
// that `mesh/name` can mean.
func (r *caSecret) parseID(ctx context.Context, text string, diags *diag.Diagnostics) identity {
	parts := tfkit.SplitID(diags, text, "mesh/certificate-secret/key-secret", "mesh/name")
	switch {
	case len(parts) == 3:
		return identity{types.StringValue(parts[0]), types.StringValue(parts[1]), types.StringValue(parts[2])}
	case len(parts) != 2 || !r.Ready(diags):
		return identity{}
	}
	pairs, err := r.pairs(ctx, parts[0], parts[1])
	switch {
	case kuma.Absent(err):
		diags.AddError("No such mesh", fmt.Sprintf("There is no mesh %q on the control plane.", parts[0]))
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", parts[0]), err)
	case len(pairs) == 1:
		return identity{types.StringValue(parts[0]), types.StringValue(pairs[0] + "-cert"), types.StringValue(pairs[0] + "-key")}
	case len(pairs) == 0:
		diags.AddError("No such CA", fmt.Sprintf(
			"Mesh %q has no pair of secrets %s-<fingerprint>-cert and %s-<fingerprint>-key. For a pair with other names, import mesh/certificate-secret/key-secret.",
			parts[0], parts[1], parts[1]))
	default:
		ids := make([]string, len(pairs))
		for i, pair := range pairs {
			ids[i] = fmt.Sprintf("  %s/%s-cert/%s-key", parts[0], pair, pair)
		}
		diags.AddError("Several CAs of that name", fmt.Sprintf("Mesh %q has %d pairs of the name %q. Import one of them by its own ID:\n\n%s",
			parts[0], len(pairs), parts[1], strings.Join(ids, "\n")))
	}
	return identity{}
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
