package kuma

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Types of the resources that give proxies their identity and tell them whom to
// trust, with the names in `/_resources`. Kuma has them since version 2.12.
const (
	MeshIdentityType = "MeshIdentity"
	MeshTrustType    = "MeshTrust"
)

// MeshIdentityKey returns the key of a MeshIdentity.
func MeshIdentityKey(mesh, name string) ObjectKey {
	return ObjectKey{Type: Type{Name: MeshIdentityType, Path: "meshidentities", Scope: "Mesh"}, Mesh: mesh, Name: name}
}

// MeshTrustKey returns the key of a MeshTrust.
func MeshTrustKey(mesh, name string) ObjectKey {
	return ObjectKey{Type: Type{Name: MeshTrustType, Path: "meshtrusts", Scope: "Mesh"}, Mesh: mesh, Name: name}
}

// NoIdentitiesError reports a control plane without MeshIdentity and MeshTrust.
type NoIdentitiesError struct {
	Address, Version string
}

func (e *NoIdentitiesError) Error() string {
	return "the control plane at " + e.Address + " has no MeshIdentity"
}

// CheckIdentities checks whether the control plane has MeshIdentity and
// MeshTrust. The error is a *[NoIdentitiesError]. It returns nil if that is
// unknown.
func (c *Client) CheckIdentities(ctx context.Context) error {
	if has, known := c.hasIdentities(ctx); has || !known {
		return nil
	}
	return &NoIdentitiesError{Address: c.Address(), Version: c.Version(ctx)}
}

func (c *Client) hasIdentities(ctx context.Context) (has, known bool) {
	types, _ := c.peekTypes(ctx)
	_, has = typeNamed(types, MeshIdentityType)
	return has, len(types) > 0
}

// NeedsMeshServices reports whether identities need a mesh whose mode of
// MeshServices is Exclusive: versions before 3 issue nothing in another mesh
// (recording "identity: meshServices.mode of the mesh").
func (c *Client) NeedsMeshServices(ctx context.Context) bool {
	types, _ := c.peekTypes(ctx)
	mtls, _ := capabilities(types)
	return mtls != nil && *mtls
}

// MeshServicesExclusive is the mode of MeshServices that identities need.
const MeshServicesExclusive = "Exclusive"

// MeshServicesMode returns the mode of MeshServices of a mesh.
func (m *Mesh) MeshServicesMode() (string, error) {
	mode := "Disabled"
	err := m.DecodeAt(&mode, "meshServices", "mode")
	return mode, err
}

// A Condition is one step of the status of a MeshIdentity.
type Condition struct {
	Type, Status, Reason, Message string
}

// Holds reports whether the status of a condition is True.
func (c Condition) Holds() bool { return c.Status == "True" }

// Conditions returns the conditions of an object, in the order of the control
// plane. There are none before it has looked at a new object, and on a global
// control plane.
func (c *Client) Conditions(of *Document) ([]Condition, error) {
	conditions, err := valueAt[[]Condition](of, "status", "conditions")
	if err != nil {
		return nil, err
	}
	conditions = conditions[:min(len(conditions), mostRefusals)]
	for i := range conditions {
		is := &conditions[i]
		c.quoteAll([]quotation{{&is.Type, longestName}, {&is.Status, longestName}, {&is.Reason, longestName}, {&is.Message, longestReason}})
	}
	return conditions, nil
}

// KRI returns the identifier that the control plane gave to an object, or "".
func (d *Document) KRI() (string, error) { return valueAt[string](d, "kri") }

// OriginKRI returns the identifier of the MeshIdentity that a MeshTrust was
// generated from, or "" if there is none.
func (d *Document) OriginKRI() (string, error) {
	return valueAt[string](d, "status", "origin", "kri")
}

// IsIdentity reports whether a KRI is that of a MeshIdentity of a mesh, of any
// zone.
func IsIdentity(kri, mesh, name string) bool {
	return name != "" && identityName(kri) == name && strings.HasPrefix(kri, "kri_mid_"+mesh+"_")
}

// identityName returns the name in the KRI of a MeshIdentity, or "" for any other
// text. Only the mesh, of an old version, can contain "_".
func identityName(kri string) string {
	const fields = 7 // kri, type, mesh, zone, namespace, name, section
	parts := strings.Split(kri, "_")
	if len(parts) < fields || parts[0] != "kri" || parts[1] != "mid" || parts[len(parts)-1] != "" {
		return ""
	}
	return parts[len(parts)-2]
}

// IdentitySecrets returns the names of the secrets that a MeshIdentity refers
// to, certificates first. Those that the control plane generates are not among
// them.
func IdentitySecrets(identity *Document) ([]string, error) {
	bundled, err := bundledOf(identity)
	if err != nil {
		return nil, err
	}
	certificate, key, err := identitySources(bundled)
	return slices.DeleteFunc([]string{certificate.Secret, key.Secret}, func(name string) bool { return name == "" }), err
}

// IdentityUsers returns the names of the MeshIdentities of a mesh that use one of
// these secrets. The control plane deletes such a secret without an error. If a
// recent answer has no identities at all, it is enough for each age: a run that
// destroys everything reads it once.
func (c *Client) IdentityUsers(ctx context.Context, mesh string, age MaxAge, secrets ...string) ([]string, error) {
	if has, known := c.hasIdentities(ctx); known && !has {
		return nil, nil
	}
	of := MeshIdentityKey(mesh, "").Type
	identities, err := c.ObjectsAsOf(ctx, of, mesh, Recent)
	if len(identities) > 0 && age < Recent {
		identities, err = c.ObjectsAsOf(ctx, of, mesh, age)
	}
	if Absent(err) || NoAddress(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var users []string
	for _, identity := range identities {
		name, err := identity.Name()
		if err != nil {
			return nil, err
		}
		used, err := IdentitySecrets(identity)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(used, func(secret string) bool { return slices.Contains(secrets, secret) }) {
			users = append(users, name)
		}
	}
	return users, nil
}

// SetIdentitySecrets changes the secrets that a MeshIdentity names for its CA.
func SetIdentitySecrets(identity *Document, certificate, key string) error {
	return EditAt(identity, []string{"spec", "provider", "bundled", "ca"}, func(ca *Document) error {
		return errors.Join(
			EditAt(ca, []string{"certificate", "secretRef"}, func(ref *Document) error { ref.Set("name", text(certificate)); return nil }),
			EditAt(ca, []string{"privateKey", "secretRef"}, func(ref *Document) error { ref.Set("name", text(key)); return nil }),
		)
	})
}

// EditAt calls [Document.EditObject] for a nested object.
func EditAt(document *Document, path []string, edit func(*Document) error) error {
	if len(path) == 0 {
		return edit(document)
	}
	return document.EditObject(path[0], func(inner *Document) error { return EditAt(inner, path[1:], edit) })
}
