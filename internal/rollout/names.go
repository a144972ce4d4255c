package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// fingerprintLength is the number of hex digits of a fingerprint in the names
// of secrets: enough to distinguish CAs with the same name.
const fingerprintLength = 10

var (
	stepPattern = regexp.MustCompile(`^.+-rollout-[0-9a-f]{10}-(cert|key)$`)
	caPattern   = regexp.MustCompile(`^(.+-[0-9a-f]{10})-cert$`)
)

// MaxCAName is the maximum length of a name in [CASecretNames].
const MaxCAName = kuma.MaxSecretName - fingerprintLength - len("--cert")

// CASecretNames returns the names of the secrets of a CA, derived from its name
// and fingerprint.
func CASecretNames(name, fingerprint string) (certificate, key string) {
	prefix := name + "-" + fingerprint[:fingerprintLength]
	return prefix + "-cert", prefix + "-key"
}

// InNamespace returns the fingerprint of a CA for the names of its secrets where all
// meshes share one namespace: the same CA has other names in another mesh.
func InNamespace(fingerprint, mesh string) string {
	sum := sha256.Sum256([]byte(fingerprint + "/" + mesh))
	return hex.EncodeToString(sum[:])
}

// CAName returns the name of the CA whose secrets have these names according to
// [CASecretNames]. ok is false if they have another form.
func CAName(certificate, key string) (name string, ok bool) {
	match := caPattern.FindStringSubmatch(certificate)
	if match == nil || key != match[1]+"-key" {
		return "", false
	}
	return match[1][:len(match[1])-fingerprintLength-1], true
}

// stepInfix is what the names of interim CA secrets have after the name of the
// backend.
const stepInfix = "-rollout-"

// StepSecrets returns the names of the interim CA secrets that a mesh uses
// while a backend, or another document with this name, changes its CA.
func StepSecrets(name, fingerprint string) (certificate, key string) {
	return CASecretNames(strings.TrimSuffix(name+stepInfix, "-"), fingerprint)
}

// IsStepSecret reports whether a secret has a name of [StepSecrets].
func IsStepSecret(name string) bool { return stepPattern.MatchString(name) }

// ofIdentity marks the interim CA secrets of a MeshIdentity, which a backend of
// the same name must not take for its own.
const ofIdentity = "-identity"

// IdentityStepName returns the name in [StepSecrets] of a MeshIdentity.
func IdentityStepName(identity string) string { return identity + ofIdentity }

// IsIdentityStep reports whether a secret is an interim CA secret of a
// MeshIdentity.
func IsIdentityStep(secret, identity string) bool {
	return IsStepSecret(secret) && strings.HasPrefix(secret, IdentityStepName(identity)+stepInfix)
}

// UnusedSteps returns the interim CA secrets of backends that no backend of the
// mesh uses.
func UnusedSteps(ctx context.Context, client *kuma.Client, name string, mesh *kuma.Mesh, age kuma.MaxAge) ([]string, error) {
	secrets, err := client.SecretsAsOf(ctx, name, age)
	if err != nil && !kuma.Absent(err) {
		return nil, err
	}
	var unused []string
	for _, secretName := range slices.Sorted(maps.Keys(secrets)) {
		if !IsStepSecret(secretName) || strings.Contains(secretName, ofIdentity+stepInfix) {
			continue
		}
		users, err := mesh.Users(secretName)
		if err != nil {
			return nil, err
		}
		if len(users) == 0 {
			unused = append(unused, secretName)
		}
	}
	return unused, nil
}

// DeleteUnusedSteps deletes the secrets that [UnusedSteps] returns.
func DeleteUnusedSteps(ctx context.Context, client *kuma.Client, name string, mesh *kuma.Mesh) error {
	unused, err := UnusedSteps(ctx, client, name, mesh, kuma.Fresh)
	for _, secret := range unused {
		err = errors.Join(err, client.DeleteSecret(ctx, name, secret))
	}
	return err
}

// CASecrets has the names of the two secrets of a CA.
type CASecrets struct{ Certificate, Key string }

// Has reports whether a secret is one of the two.
func (s CASecrets) Has(name string) bool { return name == s.Certificate || name == s.Key }

// DerivedCAs returns the CAs among secrets (by name) whose names are derived with
// [CASecretNames], sorted.
func DerivedCAs(secrets map[string]*kuma.Secret) []CASecrets {
	var found []CASecrets
	for _, certificate := range slices.Sorted(maps.Keys(secrets)) {
		key := strings.TrimSuffix(certificate, "-cert") + "-key"
		if _, ok := CAName(certificate, key); ok && secrets[key] != nil {
			found = append(found, CASecrets{certificate, key})
		}
	}
	return found
}

// FindCAs returns the CAs among the secrets (by name) of a mesh: those of
// [DerivedCAs], and those that a backend uses. Interim CA secrets of a rotation
// do not count.
func FindCAs(mesh *kuma.Mesh, secrets map[string]*kuma.Secret) ([]CASecrets, error) {
	backends, err := mesh.Backends()
	if err != nil {
		return nil, err
	}
	found := DerivedCAs(secrets)
	for _, backend := range backends {
		ca := CASecrets{backend.Cert.Secret, backend.Key.Secret}
		if secrets[ca.Certificate] != nil && secrets[ca.Key] != nil && !slices.Contains(found, ca) {
			found = append(found, ca)
		}
	}
	return slices.DeleteFunc(found, func(ca CASecrets) bool { return IsStepSecret(ca.Certificate) }), nil
}
