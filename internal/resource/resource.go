// Package resource has kongmesh_resource: any document of the control plane
// without a resource of its own in this provider, such as a policy.
package resource

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource                 = (*anyResource)(nil)
	_ resource.ResourceWithConfigValidators = (*anyResource)(nil)
	_ resource.ResourceWithValidateConfig   = (*anyResource)(nil)
	_ resource.ResourceWithMoveState        = (*anyResource)(nil)
)

// NewResource returns kongmesh_resource.
func NewResource() resource.Resource { return newAny() }

func newAny() *anyResource { return &anyResource{tfkit.Resource{TypeName: "resource"}} }

type anyResource struct {
	tfkit.Resource
}

type model struct {
	Type   types.String  `tfsdk:"type"`
	Mesh   types.String  `tfsdk:"mesh"`
	Name   types.String  `tfsdk:"name"`
	Labels types.Map     `tfsdk:"labels"`
	Spec   types.Dynamic `tfsdk:"spec"`
	Fields types.Dynamic `tfsdk:"fields"`
}

type identity struct {
	Type types.String `tfsdk:"type"`
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

// imported is the key in the private state of an object that was imported or
// moved, and has not been read yet.
const imported = "imported"

func (r *anyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replaces := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Any resource of the control plane that no other resource of this provider manages: a policy such as " +
			"MeshTrafficPermission, a MeshService, a HostnameGenerator, a Zone, and others.\n\n" +
			"The content has the control plane's own names, so that you can paste an example from Kuma's documentation " +
			"through `yamldecode`. The data source `kongmesh_control_plane` lists the types that your control plane has.\n\n" +
			"The provider compares everything that the configuration contains with the control plane. Defaults that the " +
			"control plane adds cause no differences. Durations and numbers are compared by value. Lists are compared in " +
			"order.\n\n" +
			"A control plane drops what its version does not know, without an error. The provider reads each write back, " +
			"and fails if a part of the configuration is missing. It shows the warnings of the control plane, for example " +
			"about deprecated fields.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: "Type, such as `MeshTrafficPermission`. `Mesh`, `Secret` and `GlobalSecret` have resources of their own. " +
					"Changing this replaces the resource.",
				Required:      true,
				Validators:    []validator.String{unownedType()},
				PlanModifiers: replaces,
			},
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh that the resource belongs to. Required for a type of scope Mesh, and not allowed for a type " +
					"of scope Global. Refer to the mesh, as in `kongmesh_mesh.this.name`, so that Terraform creates it first. " +
					"Changing this replaces the resource.",
				Optional:      true,
				Validators:    []validator.String{tfkit.MeshReference()},
				PlanModifiers: replaces,
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the resource: at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the resource.",
				Required:            true,
				Validators:          []validator.String{tfkit.SecretName()},
				PlanModifiers:       replaces,
			},
			"labels": schema.MapAttribute{
				MarkdownDescription: "Labels. Labels that the control plane adds (`kuma.io/…`) cause no differences. You can set such a label where the " +
					"control plane allows it, for example `kuma.io/effect`.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.Map{tfkit.NoNulls(), mapvalidator.KeysAre(tfkit.AnyLabelName()), mapvalidator.ValueStringsAre(tfkit.LabelValue())},
			},
			"spec": schema.DynamicAttribute{
				MarkdownDescription: "Content of the resource: an object with the members of `spec` in Kuma's documentation. For a resource in a YAML " +
					"file, use `yamldecode(file(\"policy.yaml\")).spec`.",
				Optional: true,
			},
			"fields": schema.DynamicAttribute{
				MarkdownDescription: "Content of a resource whose type has no `spec`, such as `Dataplane`, `Zone` or `TrafficPermission`: an object " +
					"with the members that the document has besides type, mesh, name and labels.",
				Optional: true,
			},
		},
	}
}

func (r *anyResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	identity := tfkit.IdentitySchema("type", "Type of the resource.", "name", "Name of the resource.")
	identity.Attributes["mesh"] = identityschema.StringAttribute{OptionalForImport: true, Description: "Name of the mesh, for a type of scope Mesh."}
	resp.IdentitySchema = identity
}

func (r *anyResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{tfkit.ExactlyOneOf("spec", "fields")}
}

func (r *anyResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		config.checkContent(&resp.Diagnostics)
	}
}

func (r *anyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if req.Plan.Raw.IsNull() {
		r.noteDelete(state)
		return
	}
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || plan.Type.IsUnknown() || plan.Mesh.IsUnknown() {
		return
	}
	if r.Client != nil {
		if _, err := r.Client.Types(ctx); kuma.Transient(err) {
			return // the control plane reports it during apply
		}
		if of, ok := objectOf(ctx, r.Client, plan, &resp.Diagnostics); ok {
			if r.checkWritable(ctx, of.Type, &resp.Diagnostics); !resp.Diagnostics.HasError() && resp.Plan.Raw.IsFullyKnown() {
				r.try(ctx, of, plan, state, &resp.Diagnostics)
			}
		}
		if plan.permitsTraffic() {
			r.Run.PlanPermission(plan.Mesh.ValueString())
		}
	}
	if plan.key() == state.key() && plan.keepEquivalent(state) {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
}

// noteDelete records that the run deletes a proxy, which then does not block
// the deletion of its mesh.
func (r *anyResource) noteDelete(state model) {
	if state.Type.ValueString() == "Dataplane" && r.Run != nil {
		r.Run.DeleteProxy(state.Mesh.ValueString(), state.Name.ValueString())
	}
}

func (r *anyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	plan.checkContent(&resp.Diagnostics) // values that were unknown during plan
	of, ok := objectOf(ctx, r.Client, plan, &resp.Diagnostics)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	existing := plan.existing()
	if !r.CanCreate(existing, "create "+plan.String(), func() error { _, err := r.Client.Object(ctx, of, kuma.Fresh); return err }, &resp.Diagnostics) {
		return
	}
	state, written := r.write(ctx, of, nil, plan, model{}, &resp.Diagnostics)
	if !written {
		return
	}
	r.Run.Create(existing.RunName())
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...) // also after an uncertain write, so that Terraform does not forget the object
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

func (r *anyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if resp.Diagnostics.HasError() || r.Defers(req, resp) || r.Client == nil {
		return
	}
	of, ok := objectOf(ctx, r.Client, state, &resp.Diagnostics)
	if !ok {
		return
	}
	document, err := r.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		r.RemoveAbsent(ctx, of.Type.Name, state.String(), resp)
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "read "+state.String(), err)
		return
	}
	read := stateFrom
	if fresh, _ := tfkit.LoadPrivate[bool](ctx, req.Private, imported, &resp.Diagnostics); fresh {
		read = importFrom
		if state.addKeyInside(document, &resp.Diagnostics) {
			return
		}
	}
	now, err := read(ctx, document, state)
	if err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, state.String(), err)
		return
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, state, now)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, imported, nil)...)
}

func (r *anyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	prior := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	plan.checkContent(&resp.Diagnostics)
	of, ok := objectOf(ctx, r.Client, plan, &resp.Diagnostics)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	current, err := r.Client.Object(ctx, of, kuma.Fresh)
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "change "+plan.String(), err)
		return
	}
	state, written := r.write(ctx, of, current, plan, prior, &resp.Diagnostics)
	if written {
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	}
}

func (r *anyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	of, ok := objectOf(ctx, r.Client, state, &resp.Diagnostics)
	if !ok || r.Run.Created(state.existing().RunName()) {
		return
	}
	err := r.Client.DeleteObject(ctx, of)
	if kuma.Refused(err) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Deletion was refused", fmt.Sprintf(
			"The control plane refuses to delete %s:\n\n%s\n\nChange what the message names first. Terraform keeps the "+
				"resource in its state. To leave the object on the control plane, use a removed block with `destroy = false`.", state, err))
		return
	}
	tfkit.AddError(&resp.Diagnostics, "delete "+state.String(), err)
}

func (r *anyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	names := importedNames(ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	id := identity{Type: types.StringValue(names[0]), Name: types.StringValue(names[len(names)-1])}
	if len(names) == 3 {
		id.Mesh = types.StringValue(names[1])
	}
	if use := owner(names[0]); use != "" {
		resp.Diagnostics.AddError("Type has its own resource", fmt.Sprintf("Import %s %s as a %s.", names[0], tfkit.Quote(id.Name.ValueString()), use))
		return
	}
	importAs(ctx, id, &resp.State, resp.Identity, resp.Private, &resp.Diagnostics)
}

// importedNames returns the type, the mesh if there is one, and the name of an
// import, or nil with an error.
func importedNames(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) []string {
	if req.ID != "" {
		return tfkit.SplitID(diags, req.ID, "type/mesh/name", "type/name")
	}
	var mesh types.String
	diags.Append(req.Identity.GetAttribute(ctx, path.Root("mesh"), &mesh)...)
	if mesh.IsNull() {
		return tfkit.ImportedIdentity(ctx, req, diags, "type", "name")
	}
	return tfkit.ImportedIdentity(ctx, req, diags, "type", "mesh", "name")
}

// importAs sets the names of an imported or moved object. The read that follows
// takes its content.
func importAs(ctx context.Context, id identity, state *tfsdk.State, to *tfsdk.ResourceIdentity, private tfkit.PrivateWriter, diags *diag.Diagnostics) {
	diags.Append(state.SetAttribute(ctx, path.Root("type"), id.Type)...)
	diags.Append(state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
	diags.Append(state.SetAttribute(ctx, path.Root("name"), id.Name)...)
	diags.Append(to.Set(ctx, id)...)
	tfkit.KeepPrivate(ctx, private, imported, true, diags)
}

// vendorObject is the part of the state of Kong's types that a move needs.
type vendorObject struct{ Type, Mesh, Name string }

// MoveState converts a policy of Kong's provider as an import would. Its state
// contains the type, so the names of Kong's types do not matter.
func (r *anyResource) MoveState(context.Context) []resource.StateMover {
	movable := func(sourceType string) bool { return strings.HasPrefix(sourceType, "kong-mesh_") }
	return []resource.StateMover{tfkit.MoveTypesFromVendor(movable, func(ctx context.Context, source vendorObject, resp *resource.MoveStateResponse) {
		if source.Type == "" || source.Name == "" || owner(source.Type) != "" {
			return // the framework reports that there is no such move
		}
		id := identity{Type: types.StringValue(source.Type), Name: types.StringValue(source.Name)}
		if source.Mesh != "" {
			id.Mesh = types.StringValue(source.Mesh)
		}
		importAs(ctx, id, &resp.TargetState, resp.TargetIdentity, resp.TargetPrivate, &resp.Diagnostics)
	})}
}
