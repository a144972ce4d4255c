// Package mesh holds kongmesh_mesh: a service mesh, without its mTLS backends.
package mesh

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ resource.ResourceWithConfigure   = (*meshResource)(nil)
	_ resource.ResourceWithIdentity    = (*meshResource)(nil)
	_ resource.ResourceWithImportState = (*meshResource)(nil)
)

// NewResource is kongmesh_mesh.
func NewResource() resource.Resource { return &meshResource{} }

type meshResource struct {
	tfkit.Resource
}

type model struct {
	Name                        types.String `tfsdk:"name"`
	Labels                      types.Map    `tfsdk:"labels"`
	SkipCreatingInitialPolicies types.Set    `tfsdk:"skip_creating_initial_policies"`
}

type identity struct {
	Name types.String `tfsdk:"name"`
}

func (r *meshResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mesh"
}

func (r *meshResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A service mesh.\n\n" +
			"Its mTLS is not part of this resource: a mesh can name a CA only once the CA's secrets are there, and the secrets can be there only " +
			"once the mesh is. `kongmesh_mesh_ca_secret` uploads the CA and `kongmesh_mtls_provided_backend` makes the mesh use it. " +
			"Whatever else is in the mesh's document stays as it is.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh: at most 63 lower-case letters, digits, `-` and `.`. Another name is another mesh.",
				Required:            true,
				Validators:          []validator.String{tfkit.MeshName()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"labels": schema.MapAttribute{
				MarkdownDescription: "Labels of the mesh. Those that the control plane adds, `kuma.io/…`, are not among them.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{mapvalidator.KeysAre(labelName()), mapvalidator.ValueStringsAre(labelValue())},
			},
			"skip_creating_initial_policies": schema.SetAttribute{
				MarkdownDescription: "Kinds of policies, `MeshTimeout` for example, that the control plane does not make together with the mesh; `*` is all of them. " +
					"A change has no effect on a mesh that is there.",
				ElementType: types.StringType,
				Optional:    true,
			},
		},
	}
}

func (r *meshResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the mesh."},
		},
	}
}

func (r *meshResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	name := plan.Name.ValueString()
	task := fmt.Sprintf("create mesh %q", name)
	switch _, err := r.Client.Mesh(ctx, name); {
	case err == nil:
		tfkit.AddExists(&resp.Diagnostics, path.Root("name"), "kongmesh_mesh", fmt.Sprintf("a mesh %q", name), name)
		return
	case !kuma.Absent(err):
		tfkit.AddError(&resp.Diagnostics, task, err)
		return
	}
	mesh, err := r.Client.CreateMesh(ctx, name, edit(ctx, plan))
	tfkit.AddError(&resp.Diagnostics, task, err)
	if mesh == nil {
		return
	}
	r.Claims.Take("kongmesh_mesh/" + name)
	state, diags := stateFrom(ctx, mesh, plan) // also of one that only may be there: it must not be forgotten
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{plan.Name})...)
}

func (r *meshResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{state.Name})...)
	if resp.Diagnostics.HasError() || r.Client == nil {
		return
	}
	name := state.Name.ValueString()
	mesh, err := r.Client.Mesh(ctx, name)
	if kuma.Absent(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("read mesh %q", name), err)
		return
	}
	state, diags := stateFrom(ctx, mesh, state)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *meshResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	task := fmt.Sprintf("change mesh %q", plan.Name.ValueString())
	mesh, err := r.Client.UpdateMesh(ctx, plan.Name.ValueString(), edit(ctx, plan))
	tfkit.AddError(&resp.Diagnostics, task, err)
	if mesh == nil || resp.Diagnostics.HasError() {
		return // the state stays as it was
	}
	state, diags := stateFrom(ctx, mesh, plan)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{plan.Name})...)
}

func (r *meshResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	name := state.Name.ValueString()
	if r.Claims.Release("kongmesh_mesh/" + name) {
		return
	}
	err := r.Client.DeleteMesh(ctx, name)
	if kuma.Refused(err) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Mesh is still in use", fmt.Sprintf(
			"The control plane does not delete mesh %q:\n\n%s\n\nA mesh goes only when its data plane proxies are gone: stop them, or move them to another mesh, and apply again.",
			name, err))
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("delete mesh %q", name), err)
	}
}

func (r *meshResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("name"), path.Root("name"), req, resp)
}

// edit is the change of a mesh's document that makes it as planned.
func edit(ctx context.Context, plan model) func(*kuma.Mesh) error {
	return func(mesh *kuma.Mesh) error {
		labels := map[string]string{}
		var skip []string
		diags := plan.Labels.ElementsAs(ctx, &labels, false)
		diags.Append(plan.SkipCreatingInitialPolicies.ElementsAs(ctx, &skip, false)...)
		if diags.HasError() {
			return fmt.Errorf("%s", diags[0].Detail())
		}
		if err := mesh.SetLabels(labels); err != nil {
			return err
		}
		return mesh.SetSkipCreatingInitialPolicies(skip)
	}
}

// stateFrom is what a mesh's document says. prior tells how an absent part was
// written: null, or empty.
func stateFrom(ctx context.Context, mesh *kuma.Mesh, prior model) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	labels, err := mesh.Labels()
	if err == nil {
		prior.Labels, diags = labelsFrom(ctx, labels, prior.Labels)
	}
	skip, errSkip := mesh.SkipCreatingInitialPolicies()
	if err == nil {
		err = errSkip
	}
	if err != nil {
		diags.AddError("Unexpected mesh document", fmt.Sprintf("Mesh %q cannot be read: %s.", prior.Name.ValueString(), err))
		return prior, diags
	}
	if len(skip) > 0 || !prior.SkipCreatingInitialPolicies.IsNull() {
		value, more := types.SetValueFrom(ctx, types.StringType, skip)
		diags.Append(more...)
		prior.SkipCreatingInitialPolicies = value
	}
	return prior, diags
}

func labelsFrom(ctx context.Context, labels map[string]string, prior types.Map) (types.Map, diag.Diagnostics) {
	if len(labels) == 0 && prior.IsNull() {
		return types.MapNull(types.StringType), nil
	}
	return types.MapValueFrom(ctx, types.StringType, labels)
}
