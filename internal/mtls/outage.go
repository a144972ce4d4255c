package mtls

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
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A priorBackend has what decides whether a mesh loses its mTLS without this
// backend.
type priorBackend struct {
	Mesh         string `json:"mesh"`
	Name         string `json:"name"`
	Enabled      bool   `json:"enabled"`
	ForceDestroy bool   `json:"force_destroy"`
	// Warned reports whether the plan has warned of the loss. Terraform does
	// not show the warnings of a plan with a requested replacement.
	Warned bool `json:"warned,omitempty"`
}

// The ways to disable the enabled backend.
const (
	deleting  = "Deleting"
	replacing = "Replacing"
	disabling = "Disabling"
)

// replaced is the key in the private state of a priorBackend. Terraform plans a
// replacement as a creation, without a state, but passes the private state.
const replaced = "replaced"

func (m model) asPrior() priorBackend {
	return priorBackend{Mesh: m.Mesh.ValueString(), Name: m.Name.ValueString(), Enabled: m.Enabled.ValueBool(), ForceDestroy: m.ForceDestroy.ValueBool()}
}

// replacedBackend returns the backend in a private state, or nil.
func replacedBackend(ctx context.Context, private tfkit.PrivateReader, diags *diag.Diagnostics) *priorBackend {
	if old, ok := tfkit.LoadPrivate[priorBackend](ctx, private, replaced, diags); ok {
		return &old
	}
	return nil
}

// predecessor returns the backend that a plan changes, deletes or replaces, or
// nil. replaces reports whether the plan is the second part of a replacement.
func predecessor(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) (old *priorBackend, replaces bool) {
	if req.State.Raw.IsNull() {
		old = replacedBackend(ctx, req.Private, diags)
		return old, old != nil
	}
	var state model
	for name, value := range map[string]any{"mesh": &state.Mesh, "name": &state.Name, "enabled": &state.Enabled, "force_destroy": &state.ForceDestroy} {
		diags.Append(req.State.GetAttribute(ctx, path.Root(name), value)...)
	}
	is := state.asPrior()
	return &is, false
}

// turnsOff returns the action by which a plan disables the enabled backend, or
// "".
func turnsOff(ctx context.Context, old priorBackend, replaces bool, req resource.ModifyPlanRequest, diags *diag.Diagnostics) string {
	if req.Plan.Raw.IsNull() {
		return deleting
	}
	var mesh, name types.String
	var enabled types.Bool
	diags.Append(req.Plan.GetAttribute(ctx, path.Root("mesh"), &mesh)...)
	diags.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &name)...)
	diags.Append(req.Plan.GetAttribute(ctx, path.Root("enabled"), &enabled)...)
	same := mesh.ValueString() == old.Mesh && name.ValueString() == old.Name
	switch {
	case !same && replaces: // the first part has reported it
		return ""
	case !same || replaces:
		return replacing
	case !enabled.IsUnknown() && !enabled.ValueBool():
		return disabling
	}
	return ""
}

// checkOff adds an error to a plan that turns off mTLS of a mesh with connected
// proxies, and a warning if no proxy is connected.
func (r *backend) checkOff(ctx context.Context, old priorBackend, replaces bool, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	if !old.Enabled {
		return
	}
	what := turnsOff(ctx, old, replaces, req, diags)
	if what == "" || what == disabling && r.Run.Noted(enabling(old.Mesh)) { // the other one is enabled first, because of depends_on
		return
	}
	var proxies []kuma.Dataplane
	if r.Client != nil {
		var err error
		proxies, err = r.Client.DataplanesAsOf(ctx, old.Mesh, kuma.Recent)
		if kuma.Absent(err) {
			return
		}
		if err = refuse(old, what, proxies, err); err != nil {
			if mesh, errMesh := r.Client.MeshAsOf(ctx, old.Mesh, kuma.Recent); errMesh != nil || enables(mesh, old.Name) {
				addOffError(diags, old, err)
			}
			return
		}
	}
	warnOff(old, what, proxies, diags)
	old.Warned = !replaces
	tfkit.KeepPrivate(ctx, resp.Private, replaced, old, diags)
}

// enabling returns the note that a plan enables a backend of a mesh in place of
// another.
func enabling(mesh string) string { return "enabling in mesh " + mesh }

// served returns the proxies whose only identity is from a backend. The others
// keep their mTLS without one.
func served(proxies []kuma.Dataplane) []kuma.Dataplane {
	return slices.DeleteFunc(slices.Clone(proxies), rollout.Foreign)
}

func connected(proxies []kuma.Dataplane) []kuma.Dataplane {
	return slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool { return !d.Online })
}

// turnedOff returns the note that the enabled backend of a mesh was removed.
func turnedOff(mesh string) string { return "mTLS turned off in mesh " + mesh }

// enables reports whether a backend is the enabled one, or may be because that
// cannot be read.
func enables(mesh *kuma.Mesh, name string) bool {
	enabled, err := mesh.EnabledBackend()
	return err != nil || enabled == name
}

// An inUseError reports that mTLS of a mesh is not turned off, because proxies
// use it.
type inUseError struct {
	old     priorBackend
	what    string // the action, from turnsOff
	proxies []kuma.Dataplane
}

func (e *inUseError) Error() string { return "data plane proxies are connected" }

// refuse returns the error for disabling a backend while its mesh has these
// proxies: an *inUseError, or the error of reading the proxies.
func refuse(old priorBackend, what string, proxies []kuma.Dataplane, err error) error {
	switch {
	case old.ForceDestroy || kuma.Absent(err):
		return nil
	case err == nil && len(connected(served(proxies))) > 0:
		return &inUseError{old, what, proxies}
	}
	return err
}

// refuseDisabling is refuse for an update, with the current mesh.
func (r *backend) refuseDisabling(ctx context.Context, asPrior, plan model) error {
	if plan.Enabled.ValueBool() || !asPrior.Enabled.ValueBool() {
		return nil
	}
	mesh, err := r.Client.Mesh(ctx, asPrior.Mesh.ValueString())
	if err != nil || !enables(mesh, asPrior.Name.ValueString()) {
		return err
	}
	proxies, err := r.Client.Dataplanes(ctx, asPrior.Mesh.ValueString())
	return refuse(asPrior.asPrior(), disabling, proxies, err)
}

// remove removes a backend from its mesh. warned reports whether the plan has
// warned of the loss of mTLS.
func (r *backend) remove(ctx context.Context, state model, warned bool, diags *diag.Diagnostics) (mesh *kuma.Mesh, removed kuma.Backend, err error) {
	var proxies []kuma.Dataplane
	name, off := state.Name.ValueString(), false
	mesh, err = r.write(ctx, state, func(mesh *kuma.Mesh) error {
		now, there, err := mesh.Backend(name)
		if err != nil || !there { // another client or an earlier write has deleted it
			return errors.Join(err, mesh.RemoveBackend(name))
		}
		removed = now
		if enables(mesh, name) {
			off = true
			proxies, err = r.Client.Dataplanes(ctx, state.Mesh.ValueString())
			if err = refuse(state.asPrior(), deleting, proxies, err); err != nil {
				return err
			}
		}
		return mesh.RemoveBackend(name)
	})
	if err == nil && off {
		r.Run.Note(turnedOff(state.Mesh.ValueString()))
	}
	if err == nil && off && !warned {
		warnOff(state.asPrior(), replacing, proxies, diags)
	}
	return mesh, removed, err
}

// addOffError adds the diagnostic for an error of refuse.
func addOffError(diags *diag.Diagnostics, old priorBackend, err error) {
	if inUse := (*inUseError)(nil); errors.As(err, &inUse) {
		addInUse(diags, inUse)
		return
	}
	tfkit.AddError(diags, fmt.Sprintf("list the data plane proxies of mesh %q (without force_destroy, none may be connected when mTLS is turned off)", old.Mesh), err)
}

// addInUse adds the diagnostic for an inUseError.
func addInUse(diags *diag.Diagnostics, err *inUseError) {
	advice := "To change the CA, keep the backend, and set cert and key to another CA secret."
	if err.what == deleting {
		advice = "Stop these proxies first."
	}
	diags.AddAttributeError(path.Root("force_destroy"), "mTLS backend is in use", fmt.Sprintf(
		"%s the enabled backend %q turns off mTLS of mesh %q, which has %s. The proxies would send plain text, and "+
			"accept it from anyone. Nothing was changed.\n\n"+
			"%s On Kong Mesh, enable another backend first: add it to depends_on of this one, disable this one, and delete "+
			"it in a later apply. To turn off mTLS anyway, set force_destroy = true in the current resource, apply, and "+
			"then apply this change.",
		err.what, err.old.Name, err.old.Mesh, tfkit.Proxies(served(err.proxies)), advice))
}

// warnOff warns that a mesh loses its mTLS.
func warnOff(old priorBackend, what string, proxies []kuma.Dataplane, diags *diag.Diagnostics) {
	if others := connected(proxies); len(others) > 0 && len(served(proxies)) == 0 {
		diags.AddAttributeWarning(path.Root("enabled"), "mTLS of the mesh goes off", fmt.Sprintf(
			"%s the enabled backend %q turns off mTLS of mesh %q. No proxy needs it: the certificates of all %d connected proxies are from a MeshIdentity. "+
				"A proxy that connects later and that no MeshIdentity selects communicates in plain text.", what, old.Name, old.Mesh, len(others)))
		return
	}
	proxies = served(proxies)
	until, has := "", ""
	if what == replacing {
		until = " until the new one exists"
	}
	switch {
	case len(connected(proxies)) > 0:
		has = fmt.Sprintf(" The mesh has %s, and force_destroy is true.", tfkit.Proxies(proxies))
	case len(proxies) > 0:
		has = fmt.Sprintf(" The mesh has %s. Disconnected proxies can still serve traffic, and get the change when they reconnect.", tfkit.Proxies(proxies))
	}
	diags.AddAttributeWarning(path.Root("enabled"), "mTLS of the mesh goes off", fmt.Sprintf(
		"%s the enabled backend %q turns off mTLS of mesh %q%s: proxies then communicate in plain text. Zone egress, "+
			"which needs mTLS, is turned off too.%s If another backend of this run replaces it, add that backend to "+
			"depends_on, so that Terraform enables it first.",
		what, old.Name, old.Mesh, until, has))
}
