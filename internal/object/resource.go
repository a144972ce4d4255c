package object

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/attr"
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
	_ tfkit.ManagedResource          = (*Resource)(nil)
	_ resource.ResourceWithMoveState = (*Resource)(nil)
)

// A Resource is complete with its fields. A resource that embeds it replaces the
// methods that it needs differently.
type Resource struct {
	tfkit.Resource
	Kind

	Description      string // in Markdown
	QueryDescription string // of the query, in Markdown

	// BeforeWrite does what a write needs before, and adds an error if the object
	// must not be written. current is the document, or nil for a new object. It is
	// optional, as are the next two.
	BeforeWrite func(ctx context.Context, current *kuma.Document, plan Content, diags *diag.Diagnostics)
	// BeforeDelete adds an error if the object must not be deleted.
	BeforeDelete func(ctx context.Context, state Content, diags *diag.Diagnostics)
	// Lists reports whether a query returns the object with a document.
	Lists func(*kuma.Document) bool
}

// A Content is what a document has, according to a plan or a state.
type Content struct {
	Envelope
	Values part.Values // of the parts, by name
}

// contentOf returns the content of a plan or a state.
func contentOf(ctx context.Context, from interface {
	Get(ctx context.Context, target any) diag.Diagnostics
}, diags *diag.Diagnostics,
) (c Content) {
	var all types.Object
	diags.Append(from.Get(ctx, &all)...)
	c.Values = all.Attributes()
	c.Mesh, _ = c.Values["mesh"].(types.String)
	c.Name, _ = c.Values["name"].(types.String)
	c.Labels, _ = c.Values["labels"].(types.Map)
	return c
}

// object returns the content as a state.
func (c Content) object(ctx context.Context) types.Object {
	values, kinds := maps.Clone(c.Values), map[string]attr.Type{}
	values["mesh"], values["name"], values["labels"] = c.Mesh, c.Name, c.Labels
	for name, value := range values {
		kinds[name] = value.Type(ctx)
	}
	return types.ObjectValueMust(kinds, values)
}

// Existing returns an object for the error that it already exists.
func (r *Resource) Existing(e Envelope) tfkit.Existing {
	return tfkit.Existing{At: path.Root("name"), What: r.What(e), ResourceType: "kongmesh_" + r.TypeName, ID: e.Mesh.ValueString() + "/" + e.Name.ValueString()}
}

// Schema returns the schema.
func (r *Resource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: r.Description, Attributes: r.Attributes("")}
}

// IdentitySchema returns the schema of [identifier].
func (r *Resource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("mesh", "Name of the mesh.", "name", "Name of the "+r.Noun+".")
}

// Attributes returns the attributes of the envelope and the parts. more is
// appended to the description of the mesh.
func (r *Resource) Attributes(more string) map[string]schema.Attribute {
	all := r.Parts().Attributes()
	all["mesh"] = tfkit.MeshAttribute(more)
	all["name"] = schema.StringAttribute{
		MarkdownDescription: "Name of the " + r.Noun + ": at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the " + r.Noun + ".",
		Required:            true,
		Validators:          []validator.String{tfkit.SecretName()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
	all["labels"] = tfkit.LabelsAttribute(r.Noun)
	return all
}

// ModifyPlan checks whether the control plane would refuse the write.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.CheckWrites(ctx, req, resp)
}

// CheckWrites adds an error if the control plane would refuse a planned write.
func (r *Resource) CheckWrites(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	kind := r.Key("", "").Type.Name
	r.Preflight(ctx, kind, req, resp)
	if r.Client != nil && !resp.Diagnostics.HasError() {
		r.AddErrorOnce(&resp.Diagnostics, "write a "+kind, r.check(ctx, r.Client))
	}
}

// Planned returns the plan, and the state, which is empty for a new object.
func (r *Resource) Planned(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) (plan, state Content) {
	plan = contentOf(ctx, req.Plan, diags)
	if !req.State.Raw.IsNull() {
		state = contentOf(ctx, req.State, diags)
	}
	return plan, state
}

// Create creates the object.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := contentOf(ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) || !r.Begin(ctx, plan.Envelope, &resp.Diagnostics) {
		return
	}
	document := r.change(ctx, nil, plan, Content{}, &resp.Diagnostics)
	if document == nil {
		return
	}
	r.Run.Create(r.Existing(plan.Envelope).RunName())
	state := r.ReadBack(ctx, document, plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state.object(ctx))...) // also after an uncertain write, so that Terraform does not forget the object
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.Identifier())...)
}

// change writes a planned object. It returns nil if nothing was written, and
// current if nothing has to be.
func (r *Resource) change(ctx context.Context, current *kuma.Document, plan, prior Content, diags *diag.Diagnostics) *kuma.Document {
	if r.BeforeWrite != nil {
		if r.BeforeWrite(ctx, current, plan, diags); diags.HasError() {
			return nil
		}
	}
	return r.Write(ctx, current, plan, prior.Labels, diags)
}

// Read refreshes the object.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	prior := contentOf(ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if now, _, ok := r.Refresh(ctx, prior, req, resp); ok {
		resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, prior.object(ctx), now.object(ctx))...)
	}
}

// Update changes the object.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan, prior := contentOf(ctx, req.Plan, &resp.Diagnostics), contentOf(ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	current := r.Current(ctx, plan.Envelope, &resp.Diagnostics)
	if current == nil {
		return
	}
	document := r.change(ctx, current, plan, prior, &resp.Diagnostics)
	if document == nil {
		return // the state stays the same
	}
	state := r.ReadBack(ctx, document, plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state.object(ctx))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.Identifier())...)
}

// Delete deletes the object, unless this run has created it.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := contentOf(ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) || r.Run.Created(r.Existing(state.Envelope).RunName()) {
		return
	}
	if r.BeforeDelete != nil {
		if r.BeforeDelete(ctx, state, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	tfkit.AddError(&resp.Diagnostics, "delete "+r.What(state.Envelope), r.Client.DeleteObject(ctx, r.Of(state.Envelope)))
}

// imported is the key in the private state of an object that was imported or
// moved, and has not been read yet.
const imported = "imported"

// ImportState imports an object, whose content the read that follows takes.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if tfkit.Import(ctx, req, resp, "mesh", "name") != nil {
		tfkit.KeepPrivate(ctx, resp.Private, imported, true, &resp.Diagnostics)
	}
}

// moved is what a state to move has: that of Kong's resource, or of
// kongmesh_resource.
type moved struct{ Type, Mesh, Name string }

// MoveState returns the moves to this resource: from the type of Kong's provider,
// and from kongmesh_resource.
func (r *Resource) MoveState(context.Context) []resource.StateMover {
	move := func(ctx context.Context, source moved, resp *resource.MoveStateResponse) {
		id := Identifier{types.StringValue(source.Mesh), types.StringValue(source.Name)}
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), id.Name)...)
		resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, id)...)
		tfkit.KeepPrivate(ctx, resp.TargetPrivate, imported, true, &resp.Diagnostics)
	}
	return []resource.StateMover{
		tfkit.MoveFromVendor("kong-mesh_"+r.TypeName, move),
		tfkit.MoveFromOwn("kongmesh_resource", func(ctx context.Context, source moved, resp *resource.MoveStateResponse) {
			if source.Type == r.Key("", "").Type.Name { // otherwise, the framework reports that there is no such move
				move(ctx, source, resp)
			}
		}),
	}
}
