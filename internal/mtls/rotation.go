package mtls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
)

// changesCA reports whether the backend gets another CA while it is in use, so
// that proxies may notice. current is the backend in the mesh.
func changesCA(mesh *kuma.Mesh, plan model) (current kuma.Backend, is bool, err error) {
	current, there, err := mesh.Backend(plan.Name.ValueString())
	if err != nil {
		return current, false, err
	}
	enabled, err := mesh.EnabledBackend()
	wanted := plan.backend()
	return current, there && enabled == wanted.Name && plan.Enabled.ValueBool() && (current.Cert != wanted.Cert || current.Key != wanted.Key), err
}

// String returns the name of the backend for messages.
func (m model) String() string {
	return fmt.Sprintf("backend %q of mesh %q", m.Name.ValueString(), m.Mesh.ValueString())
}

// rotate changes the CA of the backend: in steps if proxies would notice,
// otherwise in one write.
func (r *backend) rotate(ctx context.Context, plan model, current kuma.Backend, diags *diag.Diagnostics) (*kuma.Mesh, error) {
	proxies, err := r.Client.Dataplanes(ctx, plan.Mesh.ValueString())
	if kuma.NoAddress(err) && plan.Rollout.Switches() {
		return r.switchCA(ctx, plan, current)
	}
	if err != nil {
		return nil, err
	}
	wanted := plan.backend()
	if len(proxies) == 0 || plan.Rollout.Switches() || !bothSecrets(current) || !bothSecrets(wanted) {
		return r.switchCA(ctx, plan, current)
	}
	timing := rollout.NewTiming(r.Client.Settings(ctx))
	document := &rotated{backend: r, plan: plan}
	ro := &rotation.Rotation{
		ProviderData: r.ProviderData, Document: document, What: plan.String(), Mesh: plan.Mesh.ValueString(), Name: wanted.Name,
		Configured: secretsOf(wanted), At: path.Root("cert"), Timing: timing,
		Proxies: rollout.Proxies{Timing: timing, WaitForOffline: plan.Rollout.WaitsForOffline(), TwoClocks: r.Client.TwoClocks()},
	}
	inSteps, err := ro.Read(ctx, secretsOf(current), diags)
	switch {
	case err != nil && !(plan.SkipValidation.ValueBool() && len(ro.To.Bundle.Chain) == 0): // with skip_validation it may be anything
		return nil, err
	case diags.HasError():
		return nil, nil
	case !inSteps:
		return r.switchCA(ctx, plan, current)
	}
	err = ro.Run(ctx, secretsOf(current), diags)
	return document.mesh, err
}

// secretsOf returns the CA secrets of a backend.
func secretsOf(b kuma.Backend) rollout.CASecrets {
	return rollout.CASecrets{Certificate: b.Cert.Secret, Key: b.Key.Secret}
}

func bothSecrets(b kuma.Backend) bool { return b.Cert.Secret != "" && b.Key.Secret != "" }

// switchCA changes the CA in one write, and deletes the secrets of an
// interrupted rotation.
func (r *backend) switchCA(ctx context.Context, plan model, current kuma.Backend) (*kuma.Mesh, error) {
	mesh, err := r.update(ctx, plan, func(mesh *kuma.Mesh) error { return edit(ctx, plan, mesh) })
	if err != nil || !rollout.IsStepSecret(current.Cert.Secret) {
		return mesh, err
	}
	left, err := r.Client.TimeUntilDeletable(ctx, plan.Mesh.ValueString(), mesh, current.Cert.Secret, current.Key.Secret)
	if err != nil {
		return mesh, err
	}
	if err := r.Clock.Sleep(ctx, left); err != nil {
		return mesh, err
	}
	return mesh, r.deleteSteps(ctx, plan)
}

// deleteSteps deletes the interim CA secrets that the mesh does not use.
func (r *backend) deleteSteps(ctx context.Context, plan model) error {
	name := plan.Mesh.ValueString()
	mesh, err := r.Client.Mesh(ctx, name)
	if err != nil {
		return err
	}
	return rollout.DeleteUnusedSteps(ctx, r.Client, name, mesh)
}

// rotated is a backend whose CA a rotation replaces.
type rotated struct {
	*backend
	plan model
	mesh *kuma.Mesh // after the last write
}

// View reads the mesh and its proxies.
func (b *rotated) View(ctx context.Context) (rollout.View, rotation.Use, error) {
	v, err := rollout.Read(ctx, b.Client, b.plan.Mesh.ValueString())
	if err != nil {
		return v, rotation.Use{}, err
	}
	use, err := b.use(v.Mesh)
	return v, use, err
}

// use returns the CA that the mesh uses.
func (b *rotated) use(mesh *kuma.Mesh) (rotation.Use, error) {
	now, there, err := mesh.Backend(b.plan.Name.ValueString())
	enabled, errEnabled := mesh.EnabledBackend()
	use := rotation.Use{CASecrets: secretsOf(now)}
	switch {
	case !there:
		use.Ended = "removed the backend from the mesh"
	case enabled != now.Name:
		use.Ended = "turned mTLS off, or enabled another backend"
	}
	return use, errors.Join(err, errEnabled)
}

// Prepare makes nothing: what proxies trust is in the CA secrets.
func (b *rotated) Prepare(context.Context, rollout.Step, pki.Bundle) (time.Duration, error) {
	return 0, nil
}

// Write writes the mesh.
func (b *rotated) Write(ctx context.Context, s rollout.Step, secrets rollout.CASecrets, check func(rotation.Use) error) (time.Time, error) {
	mesh, err := b.update(ctx, b.plan, func(m *kuma.Mesh) error {
		use, err := b.use(m)
		if err == nil {
			err = check(use)
		}
		switch {
		case err != nil:
			return err
		case s == rollout.Final:
			return edit(ctx, b.plan, m)
		}
		return m.SetCA(b.plan.Name.ValueString(), secrets.Certificate, secrets.Key)
	})
	if err != nil {
		return time.Time{}, err
	}
	b.mesh = mesh
	return mesh.ModificationTime()
}

// CleanUp deletes the interim CA secrets. The last wait took longer than they
// have to stay.
func (b *rotated) CleanUp(ctx context.Context) error { return b.deleteSteps(ctx, b.plan) }
