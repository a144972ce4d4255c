// Package mesh has kongmesh_mesh: a service mesh, without its mTLS backends.
package mesh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource          = (*meshResource)(nil)
	_ resource.ResourceWithMoveState = (*meshResource)(nil)
)

// NewResource returns kongmesh_mesh.
func NewResource() resource.Resource { return newMesh() }

func newMesh() *meshResource { return &meshResource{tfkit.Resource{TypeName: "mesh"}} }

type meshResource struct {
	tfkit.Resource
}

type model struct {
	Name                        types.String `tfsdk:"name"`
	Labels                      types.Map    `tfsdk:"labels"`
	SkipCreatingInitialPolicies types.Set    `tfsdk:"skip_creating_initial_policies"`
	Networking                  types.Object `tfsdk:"networking"`
	Routing                     types.Object `tfsdk:"routing"`
	MeshServices                types.Object `tfsdk:"mesh_services"`
	Constraints                 types.Object `tfsdk:"constraints"`
	Logging                     types.Object `tfsdk:"logging"`
	Tracing                     types.Object `tfsdk:"tracing"`
	Metrics                     types.Object `tfsdk:"metrics"`
}

// sections returns the values of the parts in [sections] by name.
func (m *model) sections() map[string]*types.Object {
	return map[string]*types.Object{
		"networking":    &m.Networking,
		"routing":       &m.Routing,
		"mesh_services": &m.MeshServices,
		"constraints":   &m.Constraints,
		"logging":       &m.Logging,
		"tracing":       &m.Tracing,
		"metrics":       &m.Metrics,
	}
}

// imported is the key in the private state of a mesh that was imported or
// moved, and has not been read yet.
const imported = "imported"

type identity struct {
	Name types.String `tfsdk:"name"`
}

func (r *meshResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A service mesh, without its mTLS.\n\n" +
			"A mesh can use a CA only after the CA's secrets exist, and the secrets need the mesh. Use " +
			"`kongmesh_mesh_ca_secret` to upload the CA, and `kongmesh_mtls_provided_backend` to make the mesh use it.\n\n" +
			"The provider only manages what the configuration contains. Other labels, and sections such as `logging` that " +
			"the configuration does not contain, stay in the mesh unchanged and cause no differences. In a section that " +
			"the configuration contains, the provider manages everything, and omitted arguments have their defaults. If " +
			"you remove a section from the configuration, the provider removes it from the mesh.\n\n" +
			"An import reads the complete mesh. The next plan removes every section that the configuration does not " +
			"contain. The same applies to a `moved` block from `kong-mesh_mesh`, the resource of Kong's provider.\n\n" +
			"The control plane deletes a mesh only after its data plane proxies are gone. The plan fails if it destroys or " +
			"renames a mesh that has proxies.\n\n" +
			"Unknown members of the document, and backends of unknown types, stay unchanged.\n\n" +
			"Kuma 3 does not support `networking`, `routing`, `mesh_services`, `constraints`, `logging`, `tracing` and " +
			"`metrics` in a mesh. There, setting one of them is an error.",
		Attributes: sections().Attributes(),
	}
	maps.Copy(resp.Schema.Attributes, map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the mesh: at most 63 lowercase letters, digits, `-` and `.`. Changing this replaces the mesh.",
			Required:            true,
			Validators:          []validator.String{tfkit.MeshName()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"labels": tfkit.LabelsAttribute("mesh"),
		"skip_creating_initial_policies": schema.SetAttribute{
			MarkdownDescription: "Types of policies, such as `MeshTimeout`, that the control plane does not create with the mesh. `*` means all " +
				"types. A change does not affect an existing mesh.",
			ElementType: types.StringType,
			Optional:    true,
			Validators:  []validator.Set{tfkit.NoNulls()},
		},
	})
}

func (r *meshResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("name", "Name of the mesh.")
}

func (r *meshResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.try(ctx, req, resp)
	defer r.Preflight(ctx, kuma.MeshType, req, resp)
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	var before types.String
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &before)...)
	}
	if req.Plan.Raw.IsNull() {
		r.checkDelete(ctx, before.ValueString(), &resp.Diagnostics)
		return
	}
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	stays := before.Equal(plan.Name)
	if !before.IsNull() && !stays {
		r.checkDelete(ctx, before.ValueString(), &resp.Diagnostics)
	}
	if req.State.Raw.IsNull() {
		r.Run.NoteMesh(plan.Name.ValueString())
	}
	r.Run.PlanMeshServices(plan.Name.ValueString(), plan.meshServicesMode(req.State.Raw.IsNull()))
	missing := missingChoices(plan)
	if len(missing) == 0 && !plan.zoneEgress() {
		return
	}
	mesh := kuma.NewMesh(plan.Name.ValueString())
	if stays {
		if mesh = r.current(ctx, plan.Name.ValueString()); mesh == nil {
			return // the control plane reports it during apply
		}
		warnZoneEgressWaits(mesh, plan, &resp.Diagnostics)
	}
	for _, section := range sections() { // it may be a backend of another type, which only the mesh itself contains
		if name, is := missing[section.Name]; is && !slices.Contains(section.Unmanaged(mesh.Document), name) {
			addMissingChoice(&resp.Diagnostics, section.Name, name)
		}
	}
}

// meshServicesMode returns the planned mode of MeshServices, or "" if it is
// unknown, or not managed in an existing mesh.
func (m model) meshServicesMode(creates bool) string {
	if creates && m.MeshServices.IsNull() {
		return "Disabled"
	}
	return part.TextOf(part.AttributesOf(m.MeshServices)["mode"])
}

// current returns a mesh from the control plane. It returns one without
// settings if the mesh does not exist, and nil if that is unknown.
func (r *meshResource) current(ctx context.Context, name string) *kuma.Mesh {
	if r.Client == nil {
		return nil
	}
	mesh, err := r.Client.MeshAsOf(ctx, name, kuma.Recent)
	if kuma.Absent(err) {
		return kuma.NewMesh(name)
	}
	return mesh
}

func (r *meshResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	name := plan.Name.ValueString()
	task := fmt.Sprintf("create mesh %q", name)
	if !r.CanCreate(existing(name), task, func() error { _, err := r.Client.Mesh(ctx, name); return err }, &resp.Diagnostics) {
		return
	}
	sent := kuma.NewMesh(name)
	mesh, err := r.write(ctx, r.Client.CreateMesh, plan, nil, sent)
	addWriteError(&resp.Diagnostics, task, plan, sent, err)
	if mesh == nil {
		return
	}
	r.Run.Create(existing(name).RunName())
	state, diags := r.stateAfter(ctx, mesh, plan) // also after an uncertain write, so that Terraform does not forget the mesh
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{plan.Name})...)
}

func (r *meshResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{state.Name})...)
	if resp.Diagnostics.HasError() || r.Defers(req, resp) || r.Client == nil {
		return
	}
	name := state.Name.ValueString()
	mesh, err := r.Client.MeshAsOf(ctx, name, kuma.Recent)
	if kuma.Absent(err) {
		r.RemoveAbsent(ctx, kuma.MeshType, fmt.Sprintf("mesh %q", name), resp)
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("read mesh %q", name), err)
		return
	}
	fresh, _ := tfkit.LoadPrivate[bool](ctx, req.Private, imported, &resp.Diagnostics)
	now, diags := stateFrom(ctx, mesh, state, fresh)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, state, now)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, imported, nil)...)
}

func (r *meshResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	prior := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	task := fmt.Sprintf("change mesh %q", plan.Name.ValueString())
	sent := kuma.NewMesh(plan.Name.ValueString())
	mesh, err := r.write(ctx, r.Client.UpdateMesh, plan, &prior, sent)
	addWriteError(&resp.Diagnostics, task, plan, sent, err)
	if mesh == nil || resp.Diagnostics.HasError() {
		return // the state stays the same
	}
	state, diags := r.stateAfter(ctx, mesh, plan)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{plan.Name})...)
}

func (r *meshResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	name := state.Name.ValueString()
	if r.Run.Created(existing(name).RunName()) {
		return
	}
	err := r.Client.DeleteMesh(ctx, name)
	if kuma.Refused(err) {
		r.addRefused(ctx, name, err, &resp.Diagnostics)
		return
	}
	tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("delete mesh %q", name), err)
}

func (r *meshResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if tfkit.Import(ctx, req, resp, "name") != nil {
		tfkit.KeepPrivate(ctx, resp.Private, imported, true, &resp.Diagnostics)
	}
}

// existing returns a mesh for the error that it already exists.
func existing(name string) tfkit.Existing {
	return tfkit.Existing{At: path.Root("name"), What: fmt.Sprintf("Mesh %q", name), ResourceType: "kongmesh_mesh", ID: name}
}

// edit returns the function that changes a mesh's document to the plan. It
// removes a value that is in the prior state but not in the plan, and leaves
// others untouched. sent becomes the changed document.
func edit(ctx context.Context, plan model, prior *model, sent *kuma.Mesh) func(*kuma.Mesh) error {
	if prior == nil {
		prior = &model{}
	}
	return func(mesh *kuma.Mesh) error {
		*sent = *mesh
		if !part.IsNull(plan.Labels) || !part.IsNull(prior.Labels) {
			if err := mesh.SetLabels(part.StringMap(plan.Labels)); err != nil {
				return err
			}
		}
		if !part.IsNull(plan.SkipCreatingInitialPolicies) || !part.IsNull(prior.SkipCreatingInitialPolicies) {
			var skip []string
			if diags := plan.SkipCreatingInitialPolicies.ElementsAs(ctx, &skip, false); diags.HasError() {
				return errors.New(diags[0].Detail())
			}
			if err := mesh.SetSkipCreatingInitialPolicies(skip); err != nil {
				return err
			}
		}
		for _, section := range sections() {
			value := *plan.sections()[section.Name]
			if part.IsNull(value) && part.IsNull(*prior.sections()[section.Name]) {
				continue
			}
			if err := section.Edit(mesh.Document, value); err != nil {
				return err
			}
		}
		return nil
	}
}

// stateFrom returns the state of a mesh's document. prior decides what is
// managed, and whether an absent part is null or empty. With managesAll, all
// parts are managed.
func stateFrom(ctx context.Context, mesh *kuma.Mesh, prior model, managesAll bool) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	state := prior
	labels, err := mesh.Labels()
	skip, errSkip := mesh.SkipCreatingInitialPolicies()
	err = errors.Join(err, errSkip)
	if !part.IsNull(prior.Labels) || managesAll && len(labels) > 0 {
		value, more := types.MapValueFrom(ctx, types.StringType, labels)
		diags.Append(more...)
		state.Labels = value
	}
	if !part.IsNull(prior.SkipCreatingInitialPolicies) || managesAll && len(skip) > 0 {
		value, more := types.SetValueFrom(ctx, types.StringType, skip)
		diags.Append(more...)
		state.SkipCreatingInitialPolicies = value
	}
	for _, section := range sections() {
		value := state.sections()[section.Name]
		if part.IsNull(*value) && !managesAll {
			continue
		}
		now, errSection := section.Read(mesh.Document, *value)
		*value, err = part.ObjectOf(now), errors.Join(err, errSection)
	}
	if err != nil {
		tfkit.AddUnreadable(&diags, fmt.Sprintf("Mesh %q", prior.Name.ValueString()), err)
		return prior, diags
	}
	return state, diags
}
