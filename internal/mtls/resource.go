// Package mtls has kongmesh_mtls_provided_backend: the part of a mesh that
// makes it use your own CA.
package mtls

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ tfkit.ManagedResource = (*backend)(nil)

const (
	defaultTimeout       = 5 * time.Minute
	defaultUpdateTimeout = 30 * time.Minute
	// unusedSteps is the key in the private state for interim CA secrets of an
	// interrupted rotation.
	unusedSteps = "unused_steps"
)

// NewResource returns kongmesh_mtls_provided_backend.
func NewResource() resource.Resource { return newBackend() }

func newBackend() *backend { return &backend{tfkit.Resource{TypeName: "mtls_provided_backend"}} }

type backend struct {
	tfkit.Resource
}

type model struct {
	Mesh    types.String `tfsdk:"mesh"`
	Name    types.String `tfsdk:"name"`
	Enabled types.Bool   `tfsdk:"enabled"`
	entry
	SkipValidation types.Bool      `tfsdk:"skip_validation"`
	ForceDestroy   types.Bool      `tfsdk:"force_destroy"`
	Rollout        *rotation.Model `tfsdk:"rollout"`
	Timeouts       timeouts.Value  `tfsdk:"timeouts"`
}

type identity struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

func (r *backend) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := backendParts().Attributes()
	maps.Copy(attributes, map[string]schema.Attribute{
		"mesh": tfkit.MeshAttribute(""),
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the backend, unique in the mesh.",
			Required:            true,
			Validators:          []validator.String{tfkit.Text()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether this is the enabled backend of the mesh (`enabledBackend`). A backend that is not enabled stays in " +
				"the list of backends, but is not used. Without an enabled backend, a mesh has no mTLS. Defaults to `true`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(true),
		},
		"skip_validation": schema.BoolAttribute{
			MarkdownDescription: "Whether the control plane and this provider skip the validation of the CAs of all backends " +
				"(`mtls.skipValidation` of the mesh). Defaults to `false`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
		},
		"force_destroy": schema.BoolAttribute{
			MarkdownDescription: "Whether Terraform can delete, disable, rename or replace this backend while it is enabled and proxies of the " +
				"mesh are connected. This turns off mTLS of the mesh. The argument has an effect once it is in the state: " +
				"apply it before the change. Defaults to `false`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
		},
		"rollout": rotation.Attribute(),
		"timeouts": tfkit.Timeouts(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "Timeout for creating. Defaults to `5m`.",
			UpdateDescription: "Timeout for updating, including a rotation of the CA. Defaults to `30m`.",
			DeleteDescription: "Timeout for deleting. Defaults to `5m`.",
		}),
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "An mTLS backend of type `provided`: one entry of a mesh's `mtls.backends`, and whether it is the enabled one. " +
			"The control plane issues the certificates of all proxies from the CA that the backend uses.\n\n" +
			"The provider does not change the rest of the mesh, including other backends.",
		Attributes: attributes,
	}
}

func (r *backend) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("mesh", "Name of the mesh.", "name", "Name of the backend.")
}

func (r *backend) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	r.Preflight(ctx, kuma.MeshType, req, resp)
	if r.Client != nil && !req.Plan.Raw.IsNull() {
		r.AddErrorOnce(&resp.Diagnostics, "add an mTLS backend to a mesh", r.Client.CheckMeshMTLS(ctx))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	old, replaces := predecessor(ctx, req, &resp.Diagnostics)
	if old != nil {
		r.checkOff(ctx, *old, replaces, req, resp)
	}
	if resp.Diagnostics.HasError() || req.Plan.Raw.IsNull() || unknownParts(ctx, req.Plan) {
		return // unknown values are checked during apply
	}
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	var state *model
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	checkInline(r.Clock.Now(), plan, state, &resp.Diagnostics)
	r.checkMesh(ctx, old, plan, &resp.Diagnostics)
	if r.planSecrets(plan, &resp.Diagnostics); !resp.Diagnostics.HasError() {
		r.checkFit(ctx, state, plan, &resp.Diagnostics)
	}
	if state != nil {
		r.planRotation(ctx, *state, plan, &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() && req.Plan.Raw.IsFullyKnown() {
		r.try(ctx, old, plan, &resp.Diagnostics)
	}
}

// unknownParts reports whether a nested attribute is unknown as a whole.
func unknownParts(ctx context.Context, plan tfsdk.Plan) bool {
	for _, at := range []path.Path{
		path.Root("cert"), path.Root("key"), path.Root("dp_cert"), path.Root("dp_cert").AtName("rotation"), path.Root("root_chain"), path.Root("rollout"),
	} {
		var part types.Object
		if plan.GetAttribute(ctx, at, &part).HasError() || part.IsUnknown() {
			return true
		}
	}
	return false
}

func (r *backend) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	existing := plan.existing()
	if !r.Run.Begin(existing.RunName()) {
		existing.AddTwice(&resp.Diagnostics)
		return
	}
	task := fmt.Sprintf("add backend %q to mesh %q", plan.Name.ValueString(), plan.Mesh.ValueString())
	inspected := false
	mesh, err := r.put(ctx, plan, func(mesh *kuma.Mesh) error {
		if inspected {
			return nil
		}
		inspected = true
		other, there, err := mesh.Backend(plan.Name.ValueString())
		if there {
			err = &existsError{other.Type}
		}
		return err
	}, &resp.Diagnostics)
	if exists := (*existsError)(nil); errors.As(err, &exists) && exists.kind == kuma.Provided {
		existing.Add(&resp.Diagnostics)
		return
	}
	addWriteError(&resp.Diagnostics, task, plan, err)
	if mesh == nil {
		return
	}
	r.Run.Create(existing.RunName())
	state, diags := stateFrom(ctx, mesh, plan)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{state.Mesh, state.Name})...)
}

func (r *backend) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{state.Mesh, state.Name})...)
	if resp.Diagnostics.HasError() || r.Defers(req, resp) || r.Client == nil {
		return
	}
	mesh, err := r.Client.MeshAsOf(ctx, state.Mesh.ValueString(), kuma.Recent)
	if err != nil && !kuma.Absent(err) {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("read mesh %q", state.Mesh.ValueString()), err)
		return
	}
	if kuma.Absent(err) || !lists(mesh, state.Name.ValueString()) {
		r.RemoveAbsent(ctx, kuma.MeshType, state.String(), resp)
		return
	}
	now, diags := stateFrom(ctx, mesh, state)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, state, now)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, unusedSteps, r.unusedSteps(ctx, now, mesh))...)
	r.Run.NoteRefresh(state.String())
	tfkit.KeepPrivate(ctx, resp.Private, replaced, now.asPrior(), &resp.Diagnostics)
}

// existing returns the backend for the error that it already exists.
func (m model) existing() tfkit.Existing {
	mesh, name := m.Mesh.ValueString(), m.Name.ValueString()
	return tfkit.Existing{
		At: path.Root("name"), What: fmt.Sprintf("Backend %q of mesh %q", name, mesh),
		ResourceType: "kongmesh_mtls_provided_backend", ID: mesh + "/" + name,
	}
}

// unusedSteps returns what the private state records of interim CA secrets of a
// rotation that was interrupted at its end, or nil if there are none. Delete
// would need a request to find them; here, the resource of the CA reads the
// same list.
func (r *backend) unusedSteps(ctx context.Context, state model, mesh *kuma.Mesh) []byte {
	if state.Cert == nil || state.Cert.Secret.IsNull() {
		return nil
	}
	names, err := rollout.UnusedSteps(ctx, r.Client, state.Mesh.ValueString(), mesh, kuma.Recent)
	if err != nil || len(names) == 0 {
		return nil // a user who may not list secrets runs no rotations
	}
	return []byte("true")
}

func (r *backend) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	prior := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Update, defaultUpdateTimeout, &resp.Diagnostics)
	defer cancel()

	task := "change " + plan.String()
	if err := r.refuseDisabling(ctx, prior, plan); err != nil {
		addWriteError(&resp.Diagnostics, task, plan, err)
		return
	}
	mesh, err := r.change(ctx, plan, &resp.Diagnostics)
	addWriteError(&resp.Diagnostics, task, plan, err)
	if mesh == nil || resp.Diagnostics.HasError() {
		return // the state stays the same
	}
	state, diags := stateFrom(ctx, mesh, plan)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{state.Mesh, state.Name})...)
}

// change changes the backend to the plan: another CA in steps if proxies would
// notice, everything else in one write.
func (r *backend) change(ctx context.Context, plan model, diags *diag.Diagnostics) (*kuma.Mesh, error) {
	if !plan.SkipValidation.ValueBool() {
		if r.checkSecrets(ctx, plan, diags); diags.HasError() {
			return nil, nil
		}
	}
	var current kuma.Backend
	mesh, err := r.update(ctx, plan, func(mesh *kuma.Mesh) (err error) {
		var other bool
		switch current, other, err = changesCA(mesh, plan); {
		case err != nil:
			return err
		case other:
			return errOtherCA
		}
		return edit(ctx, plan, mesh)
	})
	if errors.Is(err, errOtherCA) {
		return r.rotate(ctx, plan, current, diags)
	}
	return mesh, err
}

// errOtherCA stops a write that would change the CA at once.
var errOtherCA = errors.New("the CA changes")

func (r *backend) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	if r.Run.Created(state.existing().RunName()) {
		return
	}
	left, diags := req.Private.GetKey(ctx, unusedSteps)
	resp.Diagnostics.Append(diags...)
	planned := replacedBackend(ctx, req.Private, &resp.Diagnostics)
	mesh, removed, err := r.remove(ctx, state, planned != nil && planned.Warned, &resp.Diagnostics)
	interrupted := left != nil || rollout.IsStepSecret(removed.Cert.Secret)
	if err == nil && interrupted {
		err = rollout.DeleteUnusedSteps(ctx, r.Client, state.Mesh.ValueString(), mesh)
	}
	if !kuma.Absent(err) {
		addWriteError(&resp.Diagnostics, fmt.Sprintf("remove backend %q from mesh %q", state.Name.ValueString(), state.Mesh.ValueString()), state, err)
	}
}

func (r *backend) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if id := tfkit.Import(ctx, req, resp, "mesh", "name"); id != nil && r.Client != nil {
		r.checkImport(ctx, id[0], id[1], &resp.Diagnostics)
	}
}
