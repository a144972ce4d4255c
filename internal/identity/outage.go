package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/object"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
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
	var (
		old   standing
		state model
		after rollout.Issuer // which proxies keep the identity
	)
	what, diags := "", &resp.Diagnostics
	if req.State.Raw.IsNull() {
		kept, ok := tfkit.LoadPrivate[standing](ctx, req.Private, replaced, diags)
		if !ok {
			return
		}
		old, what = kept, replacing
	} else {
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
		case what == "" && plan.takesFrom(state):
			what, after = disabling, plan.serves()
		}
	}
	if what == "" || diags.HasError() {
		return
	}
	identity := r.Peek(ctx, kuma.MeshIdentityKey(old.Mesh, old.Name), kuma.Recent)
	if identity == nil {
		return
	}
	if err := r.refuseOutage(ctx, old, what, after, kuma.Recent); err != nil {
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

// takesFrom reports whether a changed identity may issue to fewer proxies than
// before.
func (m model) takesFrom(before model) bool {
	return m.issuesNothing() || !m.Selector.IsUnknown() && !m.Selector.Equal(before.Selector)
}

// serves returns which proxies get certificates from an identity.
func (m model) serves() rollout.Issuer {
	if m.issuesNothing() {
		return rollout.Issuer{}
	}
	return m.issuer()
}

// refuseOutage returns the error for taking an identity from its proxies: an
// *inUseError, or the error of reading the proxies. after has those that keep it.
// Proxies that another identity selects as well get a certificate from that one.
func (r *meshIdentity) refuseOutage(ctx context.Context, old standing, what string, after rollout.Issuer, age kuma.MaxAge) error {
	if old.ForceDestroy || old.IssuesNothing {
		return nil
	}
	proxies, err := r.Client.DataplanesAsOf(ctx, old.Mesh, age)
	if kuma.Absent(err) {
		return nil
	}
	served := slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool {
		return !d.Online || d.Certificate == nil || after.Selected(d) || !kuma.IsIdentity(d.Certificate.Backend, old.Mesh, old.Name)
	})
	if err != nil || len(served) == 0 {
		return err
	}
	others, err := r.others(ctx, old.Mesh, old.Name)
	served = slices.DeleteFunc(served, func(d kuma.Dataplane) bool {
		return slices.ContainsFunc(others, func(i rollout.Issuer) bool { return i.Selected(d) })
	})
	if err != nil || len(served) == 0 {
		return err
	}
	if served = r.StayingProxies(ctx, old.Mesh, served); len(served) > 0 {
		return &inUseError{old, what, served}
	}
	return nil
}

// others returns the other identities of a mesh that are ready to issue.
func (r *meshIdentity) others(ctx context.Context, mesh, name string) ([]rollout.Issuer, error) {
	documents, err := r.Client.Objects(ctx, kuma.MeshIdentityKey(mesh, "").Type, mesh)
	if err != nil {
		return nil, err
	}
	var others []rollout.Issuer
	for _, document := range documents {
		is, err := modelOf(document, mesh)
		if err != nil {
			return nil, err
		}
		conditions, err := r.Client.Conditions(document)
		if ready, _ := readiness(conditions); err == nil && is.Name.ValueString() != name && ready.Holds() && !is.issuesNothing() {
			others = append(others, is.issuer())
		}
	}
	return others, nil
}

// modelOf returns what the document of an identity has.
func modelOf(document *kuma.Document, mesh string) (model, error) {
	values, err := identityParts().Read(document, nil)
	name, errName := document.Name()
	e := object.Envelope{Mesh: types.StringValue(mesh), Name: types.StringValue(name), Labels: types.MapNull(types.StringType)}
	return model{}.with(object.Content{Envelope: e, Values: values}), errors.Join(err, errName)
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
