package secret

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A location is the place of a secret: in a mesh, or global.
type location struct {
	global     bool
	mesh, name string
}

// String returns the name of the secret for messages.
func (l location) String() string {
	if l.global {
		return fmt.Sprintf("global secret %q", l.name)
	}
	return fmt.Sprintf("secret %q of mesh %q", l.name, l.mesh)
}

// resourceType returns the type of the resource that manages a secret in this
// place.
func (l location) resourceType() string {
	if l.global {
		return "kongmesh_global_secret"
	}
	return "kongmesh_mesh_secret"
}

// id returns the import ID.
func (l location) id() string {
	if l.global {
		return l.name
	}
	return l.mesh + "/" + l.name
}

// runName returns the name of the secret in a run.
func (l location) runName() string {
	if l.global {
		return "global secret " + l.name
	}
	return tfkit.SecretRunName(l.mesh, l.name)
}

func (l location) put(ctx context.Context, client *kuma.Client, data []byte, previous *kuma.Secret) error {
	if l.global {
		return client.PutGlobalSecret(ctx, l.name, data, previous)
	}
	return client.PutSecret(ctx, l.mesh, l.name, data, previous)
}

func (l location) remove(ctx context.Context, client *kuma.Client) error {
	if l.global {
		return client.DeleteGlobalSecret(ctx, l.name)
	}
	return client.DeleteOwnSecret(ctx, l.mesh, l.name, nil)
}

// existing returns the secret for the error that it already exists.
func (l location) existing() tfkit.Existing {
	what := l.String()
	return tfkit.Existing{At: path.Root("name"), What: strings.ToUpper(what[:1]) + what[1:], ResourceType: l.resourceType(), ID: l.id()}
}

// refuseImport adds the error for the import of a secret that does not belong
// to the user.
func (l location) refuseImport(diags *diag.Diagnostics) {
	if what, advice := l.owned(); what != "" {
		diags.AddError("Secret belongs to control plane", fmt.Sprintf(
			"The %s is %s. A change or a destroy in Terraform would break what needs it, so the provider does not import "+
				"it. %s", l, what, advice))
	}
}

// owned describes a secret that the control plane or this provider creates for
// itself, and how to change it. It returns nothing for any other secret. The
// names are those of Kuma 2.7 and 2.14. Users create signing keys with higher
// numbers.
func (l location) owned() (what, advice string) {
	if l.global {
		return ownedGlobal(l.name)
	}
	for half, prefix := range map[string]string{"certificate": l.mesh + ".ca-builtin-cert-", "private key": l.mesh + ".ca-builtin-key-"} {
		if backend, is := strings.CutPrefix(l.name, prefix); is {
			return fmt.Sprintf("the %s of the CA that the control plane created for the builtin mTLS backend %q", half, backend),
				"To use another CA, add another backend to the mesh, and switch to it: a builtin backend gets a new CA by " +
					"itself. For your own CA, use a kongmesh_mesh_ca_secret with a kongmesh_mtls_provided_backend."
		}
	}
	if key := "dataplane-token-signing-key-" + l.mesh; firstKey(l.name, key) {
		return "the signing key of data plane tokens that the control plane created for the mesh", nextKey(key, "data plane")
	}
	if rollout.IsStepSecret(l.name) {
		return "an interim CA secret of a rotation", "kongmesh_mtls_provided_backend creates such secrets, and deletes them at the end of the rotation."
	}
	return "", ""
}

func ownedGlobal(name string) (what, advice string) {
	const replaced = "To replace it, delete it with kumactl and restart all instances of the control plane, which create a new one."
	switch {
	case name == "admin-user-token":
		return "the admin token that the control plane created", replaced + " Generate tokens for other users with `kumactl generate user-token`."
	case name == "inter-cp-ca":
		return "the CA for the connections between instances of the control plane, which the control plane created", replaced
	case name == "envoy-admin-ca":
		return "the CA for connections from the control plane to the proxies, which the control plane created", replaced
	case firstKey(name, "user-token-signing-key"):
		return "the signing key of user tokens that the control plane created", nextKey("user-token-signing-key", "user")
	case firstKey(name, "zone-token-signing-key"):
		return "the signing key of zone tokens that the control plane created", nextKey("zone-token-signing-key", "zone")
	case strings.HasPrefix(name, "zone-token-signing-public-key"):
		return "the public key of a signing key of zone tokens, which the global control plane sends to its zones", "It changes with the zone-token-signing-key on the global control plane."
	}
	return "", ""
}

// firstKey reports whether a name is that of the signing key that the control
// plane creates: number 1, or, before Kuma 1.4, no number.
func firstKey(name, key string) bool { return name == key || name == key+"-1" }

func nextKey(key, tokens string) string {
	return fmt.Sprintf("If it changes or is deleted, all %[2]s tokens that it signed become invalid. To rotate it, create a key with "+
		"the next number, %[1]s-2, with a value from `kumactl generate signing-key --format=pem`. New tokens are "+
		"signed with that key. Delete this key with kumactl when no %[2]s token from it is in use any more.", key, tokens)
}
