package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A standing decides whether proxies lose their certificate without an identity.
type standing struct {
	Mesh         string `json:"mesh"`
	Name         string `json:"name"`
	ForceDestroy bool   `json:"force_destroy"`
	// IssuesNothing reports that no proxy gets a certificate from the identity.
	IssuesNothing bool `json:"issues_nothing,omitempty"`
}

func (m model) standing() standing {
	return standing{m.Mesh.ValueString(), m.Name.ValueString(), m.ForceDestroy.ValueBool(), m.issuesNothing()}
}

// replaced is the key in the private state of a standing. Terraform plans a
// requested replacement as a creation, without a state, but passes the private
// state.
const replaced = "replaced"

// The ways to take an identity from its proxies.
const (
	deleting  = "Deleting"
	replacing = "Replacing"
	disabling = "Changing"
)

// checkOutage adds an error to a plan that takes the certificates from connected
// proxies.
func (r *meshIdentity) checkOutage(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.Client == nil {
		return
	}
	var old standing
	what, diags := "", &resp.Diagnostics
	if req.State.Raw.IsNull() {
		kept, ok := tfkit.LoadPrivate[standing](ctx, req.Private, replaced, diags)
		if !ok {
			return
		}
		old, what = kept, replacing
	} else {
		var state model
		diags.Append(req.State.Get(ctx, &state)...)
		old = state.standing()
	}
	if req.Plan.Raw.IsNull() {
		what = deleting
	} else {
		var plan model
		diags.Append(req.Plan.Get(ctx, &plan)...)
		same := plan.Mesh.ValueString() == old.Mesh && plan.Name.ValueString() == old.Name
		switch {
		case what == replacing && !same: // the first part of the replacement has reported it
			return
		case !same:
			what = replacing
		case what == "" && plan.issuesNothing():
			what = disabling
		}
	}
	if what == "" || diags.HasError() {
		return
	}
	identity := r.current(ctx, kuma.MeshIdentityKey(old.Mesh, old.Name), kuma.Recent)
	if identity == nil {
		return
	}
	if err := r.refuseOutage(ctx, old, what, kuma.Recent); err != nil {
		addOutageError(diags, old, err)
	}
}

// An inUseError reports that an identity stays, because proxies use it.
type inUseError struct {
	old     standing
	what    string
	proxies []kuma.Dataplane
}

func (e *inUseError) Error() string { return "data plane proxies are connected" }

// refuseOutage returns the error for taking an identity from its proxies: an
// *inUseError, or the error of reading the proxies.
func (r *meshIdentity) refuseOutage(ctx context.Context, old standing, what string, age kuma.MaxAge) error {
	if old.ForceDestroy || old.IssuesNothing {
		return nil
	}
	proxies, err := r.Client.DataplanesAsOf(ctx, old.Mesh, age)
	if kuma.Absent(err) {
		return nil
	}
	served := slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool {
		return !d.Online || d.Certificate == nil || !kuma.IsIdentity(d.Certificate.Backend, old.Mesh, old.Name) || r.Run.DeletesProxy(old.Mesh, d.Name)
	})
	if err == nil && len(served) > 0 {
		return &inUseError{old, what, served}
	}
	return err
}

// addOutageError adds the diagnostic for an error of refuseOutage.
func addOutageError(diags *diag.Diagnostics, old standing, err error) {
	inUse := (*inUseError)(nil)
	if !errors.As(err, &inUse) {
		tfkit.AddError(diags, fmt.Sprintf("list the data plane proxies of mesh %q (without force_destroy, none may have its certificate from the identity)", old.Mesh), err)
		return
	}
	diags.AddAttributeError(path.Root("force_destroy"), "Identity is in use", fmt.Sprintf(
		"%s MeshIdentity %q of mesh %q takes the certificate from %s. The proxies would lose their TLS. Nothing was changed.\n\n"+
			"Let another identity select these proxies first, and wait until they have its certificate (issued_backend in the data source "+
			"kongmesh_dataplanes), or stop them. To do it anyway, set force_destroy = true in the current resource, apply, and then apply this change.",
		inUse.what, old.Name, old.Mesh, tfkit.Proxies(inUse.proxies)))
}
