package casecret

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// How long to wait for other objects of the same run: for one that gets a CA
// secret in use under management, such as a resource renamed without a moved
// block, or for others that hold the same secrets and are deleted too.
const (
	othersTime = 5 * time.Second
	othersPoll = time.Second
)

// errInUse reports why a CA secret is not deleted.
type errInUse struct{ users tfkit.Users }

func (e *errInUse) Error() string { return e.users.Reason() }

// A kept CA secret was not deleted.
type kept struct {
	users  tfkit.Users
	others bool // others hold it as well, and may not be in any state
}

// remove deletes a CA secret, unless others hold it.
func (r *caSecret) remove(ctx context.Context, state model, h holding) (*kept, error) {
	until := r.Clock.Now().Add(othersTime)
	for {
		left, wait, err := r.tryRemove(ctx, state, h, r.Clock.Now().Before(until))
		if err != nil || wait == 0 {
			return left, err
		}
		if err := r.Clock.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// tryRemove is remove without waiting: it returns how long to wait. With
// patient, another object may still get a CA secret in use.
func (r *caSecret) tryRemove(ctx context.Context, state model, h holding, patient bool) (*kept, time.Duration, error) {
	mesh, certificate, key := state.Mesh.ValueString(), state.CertificateSecret.ValueString(), state.KeySecret.ValueString()
	unlock, err := r.Client.LockSecret(ctx, mesh, certificate)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	if r.Run.Created(tfkit.SecretRunName(mesh, certificate)) {
		_, err := r.leave(ctx, state, h.ids())
		return nil, 0, err
	}
	document, by, err := r.users(ctx, state)
	if err != nil {
		return nil, 0, err
	}
	mine := h.ids()
	if !by.Any() {
		mine = slices.Concat(mine, h.Unseen) // a CA secret in use has a holder
	}
	others, err := r.leave(ctx, state, mine)
	if err != nil {
		return nil, 0, err
	}
	deposed := r.Run.Deposed(state.object(h))
	switch used := by.Any(); {
	case len(others) > 0 && deposed && used:
		return nil, 0, nil // they belong to its successor, which the mesh uses
	case len(others) > 0 && patient:
		return nil, othersPoll, nil
	case len(others) > 0 || used && deposed:
		return &kept{users: by, others: len(others) > 0}, 0, nil
	case used && patient:
		return nil, othersPoll, nil
	case used:
		return nil, 0, &errInUse{by}
	}
	if document != nil {
		left, err := r.Client.TimeUntilDeletable(ctx, mesh, document, certificate, key)
		if err != nil || left > 0 {
			return nil, left, err
		}
	}
	if err := r.deleteSteps(ctx, mesh, document); err != nil {
		return nil, 0, err
	}
	left, err := r.deleteBoth(ctx, state, mine)
	return left, 0, err
}

// errHeld reports a holder of a CA secret that came while it was deleted.
var errHeld = errors.New("another object holds the CA secret")

// deleteBoth deletes both secrets, that with the holders last. If another holder came
// in the meantime, it puts the key back.
func (r *caSecret) deleteBoth(ctx context.Context, state model, ids []string) (*kept, error) {
	mesh, certificate, key := state.Mesh.ValueString(), state.CertificateSecret.ValueString(), state.KeySecret.ValueString()
	var deleted *kuma.Secret
	if err := r.Client.DeleteOwnSecret(ctx, mesh, key, func(now *kuma.Secret) error { deleted = now; return nil }); err != nil {
		return nil, err
	}
	err := r.Client.DeleteOwnSecret(ctx, mesh, certificate, func(now *kuma.Secret) error { return checkHolders(now, ids) })
	if !errors.Is(err, errHeld) {
		return nil, err
	}
	if deleted != nil {
		data, err := deleted.Data()
		if err == nil {
			err = r.Client.PutSecret(ctx, mesh, key, data, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return &kept{others: true}, nil
}

// checkHolders returns errHeld if others than these hold a CA secret.
func checkHolders(certificate *kuma.Secret, ids []string) error {
	holders, err := certificate.Holders()
	if err == nil && slices.ContainsFunc(holders, func(id string) bool { return !slices.Contains(ids, id) }) {
		err = errHeld
	}
	return err
}

// users returns what uses a CA secret. When Terraform destroys everything, the
// backend has just confirmed that mTLS is off; for any other mesh, its current
// state counts. mesh is nil if it does not exist.
func (r *caSecret) users(ctx context.Context, state model) (mesh *kuma.Mesh, used tfkit.Users, err error) {
	name := state.Mesh.ValueString()
	for age := kuma.Recent; ; age = kuma.Fresh {
		mesh, err := r.Client.MeshAsOf(ctx, name, age)
		if kuma.Absent(err) {
			return nil, used, nil
		}
		if err != nil {
			return nil, used, err
		}
		backends, errUsers := mesh.Users(state.CertificateSecret.ValueString(), state.KeySecret.ValueString())
		enabled, errEnabled := mesh.EnabledBackend()
		if err := errors.Join(errUsers, errEnabled); err != nil {
			return mesh, used, err
		}
		if age == kuma.Fresh || len(backends) == 0 && enabled == "" {
			used, err = r.UsersOf(ctx, mesh, name, kuma.Fresh, state.CertificateSecret.ValueString(), state.KeySecret.ValueString())
			return mesh, used, err
		}
	}
}

// deleteSteps deletes the secrets of a rotation that was interrupted after its
// last step. If mTLS is off, the backend has done so.
func (r *caSecret) deleteSteps(ctx context.Context, name string, mesh *kuma.Mesh) error {
	if mesh == nil {
		return nil
	}
	if enabled, err := mesh.EnabledBackend(); err != nil || enabled == "" {
		return err
	}
	return rollout.DeleteUnusedSteps(ctx, r.Client, name, mesh)
}

// replaceSafely is the block that a resource needs to replace its CA.
const replaceSafely = "\n\n  lifecycle {\n    create_before_destroy = true\n  }\n\n"

func addDeleteError(diags *diag.Diagnostics, task string, state model, err error) {
	if used := (*errInUse)(nil); !errors.As(err, &used) && !kuma.Refused(err) {
		tfkit.AddError(diags, task, err)
		return
	}
	diags.AddError("CA secret is in use", fmt.Sprintf(
		"Could not %s: %s. Nothing was deleted.\n\n"+
			"If you replace the CA, add to the resource"+replaceSafely+
			"so that the mesh switches to the new CA secrets before Terraform deletes the current ones. To turn off mTLS, remove the backend or identity as well. "+
			"If Terraform does not manage it, remove it from mesh %q first.", task, err, state.Mesh.ValueString()))
}

// addKept warns of a CA secret that stays and may not be in any state.
func addKept(diags *diag.Diagnostics, state model, left *kept) {
	if left == nil {
		return
	}
	why := "another resource also manages them, in this state or in another one, or an interrupted run did not save its state"
	if !left.others {
		why = left.users.Reason() + ", and another object of this resource has replaced this one"
	}
	diags.AddWarning("CA secrets are kept", fmt.Sprintf(
		"Terraform removed this object from the state, but did not delete %[1]s: %[2]s.\n\n"+
			"If no resource manages these secrets, the private key stays on the control plane. In that case, delete them when no mTLS backend or identity uses them any more:\n\n"+
			"kumactl delete secret %[3]s --mesh %[5]s\nkumactl delete secret %[4]s --mesh %[5]s",
		state, why, state.KeySecret.ValueString(), state.CertificateSecret.ValueString(), state.Mesh.ValueString()))
}
