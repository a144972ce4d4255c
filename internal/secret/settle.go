package secret

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// errInUse is why a pair is not deleted.
type errInUse struct{ users []string }

func (e *errInUse) Error() string { return inUse(e.users) }

// settle waits until the pair may go: no backend names it, and mTLS is off or
// the mesh has not changed for the time that proxies need.
func (r *caSecret) settle(ctx context.Context, state model) error {
	// In a destroy of everything the backend has just read back that mTLS is off.
	// Of any other mesh it counts how it is now.
	for age := kuma.Recent; ; age = kuma.Fresh {
		mesh, err := r.Client.MeshAsOf(ctx, state.Mesh.ValueString(), age)
		if kuma.Absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		users, errUsers := mesh.Users(state.CertificateSecret.ValueString(), state.KeySecret.ValueString())
		enabled, errEnabled := mesh.EnabledBackend()
		if err := errors.Join(errUsers, errEnabled); err != nil {
			return err
		}
		switch {
		case len(users) == 0 && enabled == "":
			return nil // what an interrupted rotation left, the backend has deleted
		case age == kuma.Recent:
			continue
		case len(users) > 0:
			return &errInUse{users}
		}
		left, err := r.Client.Unsettled(ctx, mesh)
		if err != nil {
			return err
		}
		if left == 0 {
			// What a rotation left that was interrupted after its last step: this
			// pair is what it replaced.
			return r.Client.DeleteUnusedSteps(ctx, state.Mesh.ValueString(), mesh)
		}
		if err := r.Clock.Sleep(ctx, left); err != nil {
			return err
		}
	}
}

// inUse says which backends a pair belongs to.
func inUse(users []string) string {
	return "in use by the mesh's mTLS backend " + tfkit.Quote(users...)
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
