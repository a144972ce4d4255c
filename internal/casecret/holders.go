package casecret

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Several objects in the state can hold one CA secret: a current and a deposed
// one, after a replacement by the same CA was interrupted, or objects of two
// resources. None of them knows of the others. Therefore, each object that
// Create creates has an ID, in its private state and as a holder in the labels
// of the certificate secret. The last holder deletes the CA secret.

// A holding is what an object knows of the holders of its CA secret. The zero
// value is that of an object without an ID.
type holding struct {
	// IDs are those of the object: one, or, after an import, those of all
	// holders at that time.
	IDs []string `json:"ids"`
	// Before are the holders at the time of the creation.
	Before []string `json:"before,omitempty"`
	// Unseen are those of Before that no refresh has found in the state: of
	// creations that were killed before Terraform could save the state.
	Unseen []string `json:"unseen,omitempty"`
}

const (
	// privateHolding is the key in the private state of the holding of an
	// object.
	privateHolding = "holding"
	// unnamedHolder is the ID of an object without an ID of its own.
	unnamedHolder = "unnamed"
)

func loadHolding(ctx context.Context, private tfkit.PrivateReader, diags *diag.Diagnostics) holding {
	h, _ := tfkit.LoadPrivate[holding](ctx, private, privateHolding, diags)
	return h
}

// ids returns the IDs of the object in labels.
func (h holding) ids() []string {
	if len(h.IDs) == 0 {
		return []string{unnamedHolder}
	}
	return h.IDs
}

// note tells the other objects of a refresh that this one is in the state.
func (h holding) note(run *tfkit.Run, caSecret string) {
	for _, id := range h.ids() {
		run.Note(heldBy(caSecret, id))
	}
}

// heldBy returns the note that an object in the state holds a CA secret.
func heldBy(caSecret, id string) string { return caSecret + " is held by " + id }

// refreshed returns the holding of an object after its refresh, in which others
// made their notes. Terraform refreshes them in any order, an object that is not in
// the configuration before others. So the first refresh waits for those that it
// does not find: they may not be refreshed yet.
func (r *caSecret) refreshed(ctx context.Context, h holding, caSecret string) holding {
	r.AwaitNotes(ctx, func() bool {
		h.Before = slices.DeleteFunc(slices.Clone(h.Before), func(id string) bool { return r.Run.Noted(heldBy(caSecret, id)) })
		return len(h.Before) == 0 || slices.Equal(h.Before, h.Unseen)
	})
	h.Unseen = h.Before
	return h
}

// newHolder returns the ID of a new object.
func newHolder(random io.Reader) (string, error) {
	id := make([]byte, 8)
	if _, err := io.ReadFull(random, id); err != nil {
		return "", err
	}
	return hex.EncodeToString(id), nil
}

// mayUseStored reports whether Create may use the secrets in found, and returns the
// holders of the CA secret then. It uses secrets with the correct content if
// their derived names or a holder show that this provider created them, or if
// they belonged to a deleted mesh of the same name.
func (r *caSecret) mayUseStored(ctx context.Context, plan model, found stored, b pki.Bundle, diags *diag.Diagnostics) (holders []string, ok bool) {
	if found.certificate == nil && found.key == nil {
		return nil, true
	}
	mesh, err := r.Client.MeshAsOf(ctx, plan.Mesh.ValueString(), kuma.Recent)
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read mesh %q", plan.Mesh.ValueString()), err)
		return nil, false
	}
	if found.certificate != nil {
		if holders, err = found.certificate.Holders(); err != nil {
			tfkit.AddUnreadable(diags, plan.String(), err)
			return nil, false
		}
	}
	leftBehind := tfkit.LeftBehind(found.certificate, mesh) && tfkit.LeftBehind(found.key, mesh)
	correct := (found.certificate == nil || hasBundle(found.certificate, b)) && (found.key == nil || hasKeyOf(found.key, b))
	if !correct || plan.fixed() && len(holders) == 0 && !leftBehind {
		plan.existing().Add(diags)
		return nil, false
	}
	if leftBehind || found.certificate == nil || found.key == nil {
		return nil, true // no object holds it: it is half of an interrupted creation, or belonged to a deleted mesh
	}
	if len(holders) > 0 {
		return holders, true
	}
	used, err := r.UsersOf(ctx, mesh, plan.Mesh.ValueString(), kuma.Recent, plan.CertificateSecret.ValueString(), plan.KeySecret.ValueString())
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read mesh %q", plan.Mesh.ValueString()), err)
		return nil, false
	}
	if used.Any() {
		return []string{unnamedHolder}, true
	}
	return holders, true
}

// existing returns the CA secret for the error that it already exists.
func (m model) existing() tfkit.Existing {
	return tfkit.Existing{At: path.Root("mesh"), What: "Secret " + m.eitherSecret(), ResourceType: "kongmesh_mesh_ca_secret", ID: m.id()}
}

// eitherSecret names one of the secrets in a message.
func (m model) eitherSecret() string {
	return fmt.Sprintf("%q or %q of mesh %q", m.CertificateSecret.ValueString(), m.KeySecret.ValueString(), m.Mesh.ValueString())
}

// String returns the names of the secrets for messages.
func (m model) String() string {
	return fmt.Sprintf("the secrets %q and %q of mesh %q", m.CertificateSecret.ValueString(), m.KeySecret.ValueString(), m.Mesh.ValueString())
}

// object returns the name of an object among those that a run deletes.
func (m model) object(h holding) string { return m.id() + " " + strings.Join(h.IDs, ",") }

// leave removes IDs from the holders of a CA secret, and returns the others. If
// none is left, it writes nothing, because the CA secret may be deleted then.
func (r *caSecret) leave(ctx context.Context, state model, ids []string) (others []string, err error) {
	mesh, name := state.Mesh.ValueString(), state.CertificateSecret.ValueString()
	certificate, err := r.Client.Secret(ctx, mesh, name)
	if kuma.Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	holders, err := certificate.Holders()
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(slices.Clone(holders), func(id string) bool { return slices.Contains(ids, id) })
	if len(others) == 0 || len(others) == len(holders) {
		return others, nil
	}
	data, err := certificate.Data()
	if err != nil {
		return nil, err
	}
	changed, err := certificate.WithHolders(others...)
	if err != nil {
		return nil, err
	}
	return others, r.Client.PutSecret(ctx, mesh, name, data, changed)
}
