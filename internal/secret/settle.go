package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// How long a superseded pair stays after the mesh last changed: proxies that
// connect at that moment may still be served from it (contract: a pair deleted
// at once can stop issuance for five minutes). A global control plane needs
// the time to pass the change on to its zones.
const (
	settleTime       = 5 * time.Second
	settleTimeGlobal = 15 * time.Second
)

// errInUse is why a pair is not deleted.
type errInUse struct{ users []string }

func (e *errInUse) Error() string { return inUse(e.users) }

// settle waits until the pair may go: no backend names it, and mTLS is off or
// the mesh has not changed for the time that proxies need.
func (r *caSecret) settle(ctx context.Context, state model) error {
	for {
		mesh, err := r.Client.Mesh(ctx, state.Mesh.ValueString())
		if kuma.Absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		users, err := mesh.Users(state.CertificateSecret.ValueString(), state.KeySecret.ValueString())
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return &errInUse{users}
		}
		left, err := r.unsettled(ctx, mesh)
		if err != nil || left <= 0 {
			return err
		}
		if err := r.Clock.Sleep(ctx, left); err != nil {
			return err
		}
	}
}

// unsettled is how long the mesh is still to be left alone, by the control
// plane's own clock, whose Date header has whole seconds.
func (r *caSecret) unsettled(ctx context.Context, mesh *kuma.Mesh) (time.Duration, error) {
	enabled, err := mesh.EnabledBackend()
	if err != nil || enabled == "" {
		return 0, err
	}
	modified, err := mesh.ModificationTime()
	if err != nil {
		return 0, err
	}
	now := mesh.Date
	if now.IsZero() {
		now = r.Clock.Now()
	}
	wait := settleTime
	if r.Client.Global(ctx) {
		wait = settleTimeGlobal
	}
	return min(modified.Add(wait).Sub(now), wait), nil // a clock that runs ahead does not make it longer
}

// inUse says which backends a pair belongs to.
func inUse(users []string) string {
	return "in use by the mesh's mTLS backend " + tfkit.Quote(users)
}

func addDeleteError(diags *diag.Diagnostics, task string, state model, err error) {
	var used *errInUse
	if !errors.As(err, &used) && !kuma.Refused(err) {
		tfkit.AddError(diags, task, err)
		return
	}
	diags.AddError("CA is in use", fmt.Sprintf(
		"Could not %s: %s. Nothing was deleted.\n\n"+
			"If the CA is being replaced, add to the resource\n\n"+
			"  lifecycle {\n    create_before_destroy = true\n  }\n\n"+
			"so that the mesh switches to the new pair before the old one goes. If the mesh is to have no mTLS any more, remove the backend as well; "+
			"where the backend is not managed by Terraform, take it out of mesh %q first.",
		task, reason(used, err), state.Mesh.ValueString()))
}

func reason(used *errInUse, err error) string {
	if used != nil {
		return "the pair is " + used.Error()
	}
	return err.Error()
}
