// Package identity has kongmesh_mesh_identity and kongmesh_mesh_trust: who
// issues the certificates of proxies, and whom proxies trust, without mTLS
// backends.
package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

// An object is a resource for one type of document of a mesh, whose content its
// parts describe.
type object struct {
	tfkit.Resource
	noun  string // as in "identity"
	key   func(mesh, name string) kuma.ObjectKey
	parts func() part.Parts
}

// An envelope has the attributes of both resources.
type envelope struct {
	Mesh   types.String `tfsdk:"mesh"`
	Name   types.String `tfsdk:"name"`
	Labels types.Map    `tfsdk:"labels"`
}

type identifier struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

func (e envelope) identifier() identifier { return identifier{e.Mesh, e.Name} }

// imported is the key in the private state of an object that was imported or
// moved, and has not been read yet.
const imported = "imported"

func (o *object) of(e envelope) kuma.ObjectKey {
	return o.key(e.Mesh.ValueString(), e.Name.ValueString())
}

// what names an object in messages.
func (o *object) what(e envelope) string { return describe(o.of(e)) }

func describe(of kuma.ObjectKey) string {
	return fmt.Sprintf("%s %q of mesh %q", of.Type.Name, of.Name, of.Mesh)
}

func (o *object) existing(e envelope) tfkit.Existing {
	return tfkit.Existing{At: path.Root("name"), What: o.what(e), ResourceType: "kongmesh_" + o.TypeName, ID: e.Mesh.ValueString() + "/" + e.Name.ValueString()}
}

// IdentitySchema returns the schema of [identifier].
func (o *object) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("mesh", "Name of the mesh.", "name", "Name of the "+o.noun+".")
}

// attributes returns the attributes of the envelope and the parts. more is
// appended to the description of the mesh.
func (o *object) attributes(more string) map[string]schema.Attribute {
	all := o.parts().Attributes()
	all["mesh"] = tfkit.MeshAttribute(more)
	all["name"] = schema.StringAttribute{
		MarkdownDescription: "Name of the " + o.noun + ": at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the " + o.noun + ".",
		Required:            true,
		Validators:          []validator.String{tfkit.SecretName()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
	all["labels"] = tfkit.LabelsAttribute(o.noun)
	return all
}

// begin reports whether the run can create an object, and adds an error if it
// exists.
func (o *object) begin(ctx context.Context, e envelope, diags *diag.Diagnostics) bool {
	existing := o.existing(e)
	if !o.Run.Begin(existing.RunName()) {
		existing.AddTwice(diags)
		return false
	}
	_, err := o.Client.Object(ctx, o.of(e), kuma.Fresh)
	switch {
	case err == nil:
		existing.Add(diags)
	case !kuma.Absent(err):
		tfkit.AddError(diags, "create "+o.what(e), err)
	default:
		return true
	}
	return false
}

// A content is what a document has, according to a plan or a state.
type content struct {
	envelope
	values part.Values
}

// edit changes a document to a content. It removes labels that are in the prior
// state but not in the plan, and leaves them untouched without both.
func (o *object) edit(document *kuma.Document, plan content, prior types.Map) error {
	if !part.IsNull(plan.Labels) || !part.IsNull(prior) {
		if err := document.SetLabels(part.StringMap(plan.Labels)); err != nil {
			return err
		}
	}
	if err := o.parts().Edit(document, plan.values); err != nil {
		return err
	}
	if document.Get("spec") == nil { // the control plane rejects a document without it
		document.Set("spec", json.RawMessage("{}"))
	}
	return nil
}

// read returns the content of a document. prior decides whether labels are
// managed, and the form of equal values; with all, labels are managed.
func (o *object) read(ctx context.Context, document *kuma.Document, prior content, all bool) (now content, diags diag.Diagnostics) {
	now = prior
	values, err := o.parts().Read(document, prior.values)
	labels, errLabels := document.Labels()
	if err := errors.Join(err, errLabels); err != nil {
		tfkit.AddUnreadable(&diags, o.what(prior.envelope), err)
		return prior, diags
	}
	now.values = values
	if !part.IsNull(prior.Labels) || all && len(labels) > 0 {
		now.Labels, diags = types.MapValueFrom(ctx, types.StringType, labels)
	}
	return now, diags
}

// refresh reads an object for a refresh, and removes one that does not exist from
// the state. fresh reports whether it was imported or moved and is read for the
// first time, ok whether there is anything to store.
func (o *object) refresh(ctx context.Context, prior content, req resource.ReadRequest, resp *resource.ReadResponse) (now content, fresh, ok bool) {
	diags := &resp.Diagnostics
	diags.Append(resp.Identity.Set(ctx, prior.identifier())...)
	if diags.HasError() || o.Defers(req, resp) || o.Client == nil {
		return prior, false, false
	}
	of := o.of(prior.envelope)
	document, err := o.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		o.RemoveAbsent(ctx, of.Type.Name, describe(of), resp)
		return prior, false, false
	}
	if err != nil {
		tfkit.AddError(diags, "read "+describe(of), err)
		return prior, false, false
	}
	fresh, _ = tfkit.LoadPrivate[bool](ctx, req.Private, imported, diags)
	now, more := o.read(ctx, document, prior, fresh)
	diags.Append(more...)
	diags.Append(resp.Private.SetKey(ctx, imported, nil)...)
	return now, fresh, !diags.HasError()
}

// existingDocument reads an object for an update.
func (o *object) existingDocument(ctx context.Context, e envelope, diags *diag.Diagnostics) *kuma.Document {
	document, err := o.Client.Object(ctx, o.of(e), kuma.Fresh)
	if err != nil {
		tfkit.AddError(diags, "change "+o.what(e), err)
		return nil
	}
	return document
}

// write writes a planned object, unless the document already has the content. It
// returns nil if nothing was written; a document with an error is one that was
// written, or may have been.
func (o *object) write(ctx context.Context, current *kuma.Document, plan content, prior types.Map, diags *diag.Diagnostics) *kuma.Document {
	if current != nil {
		same := current.Clone()
		if err := o.edit(same, plan, prior); err == nil && bytes.Equal(same.Bytes(), current.Bytes()) {
			return current // an unchanged write makes some versions issue certificates
		}
	}
	sent := kuma.NewDocument()
	document, warnings, err := o.Client.WriteObject(ctx, o.of(plan.envelope), current, func(document *kuma.Document) error {
		sent = document
		return o.edit(document, plan, prior)
	})
	for _, warning := range warnings {
		if o.Run.Note("warning about " + o.what(plan.envelope) + ": " + warning) {
			diags.AddWarning("Control plane warns of "+o.of(plan.envelope).Type.Name, fmt.Sprintf("The control plane accepted %s, and warns: %s", o.what(plan.envelope), warning))
		}
	}
	o.addWriteError(plan, sent, err, diags)
	return document
}

// readBack returns the content of a written document. It adds an error for each
// attribute that the control plane did not store.
func (o *object) readBack(ctx context.Context, document *kuma.Document, plan content, diags *diag.Diagnostics) content {
	now, more := o.read(ctx, document, plan, false)
	diags.Append(more...)
	if diags.HasError() {
		return plan
	}
	for _, p := range o.parts() {
		o.addDropped(path.Root(p.Name), plan, plan.values[p.Name], now.values[p.Name], diags)
	}
	if !plan.Labels.Equal(now.Labels) {
		o.addDropped(path.Root("labels"), plan, plan.Labels, now.Labels, diags)
	}
	return now
}

func (o *object) addDropped(at path.Path, plan content, wanted, has attr.Value, diags *diag.Diagnostics) {
	inner, there := part.AttributesOf(wanted), part.AttributesOf(has)
	switch {
	case wanted == nil || wanted.IsUnknown() || wanted.Equal(has):
	case len(inner) > 0 && len(there) > 0:
		for name := range inner {
			o.addDropped(at.AtName(name), plan, inner[name], there[name], diags)
		}
	default:
		diags.AddAttributeError(at, "Control plane dropped the change", tfkit.WithPath(at, fmt.Sprintf(
			"Could not write %s: the control plane accepted it, but its document has another value. This version does not support it, or another "+
				"client wrote the object at the same time. Remove it from the configuration, or apply again.", o.what(plan.envelope))))
	}
}

// addWriteError adds the error of a failed write to the attribute that caused
// it. sent is the document.
func (o *object) addWriteError(plan content, sent *kuma.Document, err error, diags *diag.Diagnostics) {
	task := "write " + o.what(plan.envelope)
	switch {
	case kuma.Absent(err):
		tfkit.AddMeshAbsent(diags, plan.Mesh.ValueString())
	case tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) { return o.attributeOf(field, plan, sent), "" }):
	default:
		tfkit.AddError(diags, task, err)
	}
}

// attributeOf returns the attribute of a field of the document, or the nearest
// one.
func (o *object) attributeOf(field string, plan content, sent *kuma.Document) path.Path {
	parts := append(o.parts(), part.Labels(), part.Part{Name: "mesh", Member: "mesh", Kind: part.Text{}})
	if at, found := parts.Follow(path.Empty(), tfkit.NewFieldSteps(field), sent, plan.values); found {
		return at
	}
	return path.Root("name")
}

// checkWrites adds an error if the control plane would refuse a planned write.
func (o *object) checkWrites(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	kind := o.key("", "").Type.Name
	o.Preflight(ctx, kind, req, resp)
	if o.Client != nil && !resp.Diagnostics.HasError() {
		o.AddErrorOnce(&resp.Diagnostics, "write a "+kind, o.Client.CheckIdentities(ctx))
	}
}

// current returns the object from the control plane for a plan, or nil if it
// does not exist or cannot be read, which the apply reports.
func (o *object) current(ctx context.Context, of kuma.ObjectKey, age kuma.MaxAge) *kuma.Document {
	if o.Client == nil {
		return nil
	}
	document, err := o.Client.Object(ctx, of, age)
	if err != nil {
		return nil
	}
	return document
}

// ImportState imports an object, whose content the read that follows takes.
func (o *object) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if tfkit.Import(ctx, req, resp, "mesh", "name") != nil {
		tfkit.KeepPrivate(ctx, resp.Private, imported, true, &resp.Diagnostics)
	}
}

// moved is what a state to move has: that of Kong's resource, or of
// kongmesh_resource.
type moved struct{ Type, Mesh, Name string }

// MoveState returns the moves to this resource: from the type of Kong's provider,
// and from kongmesh_resource.
func (o *object) MoveState(context.Context) []resource.StateMover {
	move := func(ctx context.Context, source moved, resp *resource.MoveStateResponse) {
		id := identifier{types.StringValue(source.Mesh), types.StringValue(source.Name)}
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), id.Name)...)
		resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, id)...)
		tfkit.KeepPrivate(ctx, resp.TargetPrivate, imported, true, &resp.Diagnostics)
	}
	return []resource.StateMover{
		tfkit.MoveFromVendor("kong-mesh_"+o.TypeName, move),
		tfkit.MoveFromOwn("kongmesh_resource", func(ctx context.Context, source moved, resp *resource.MoveStateResponse) {
			if source.Type == o.key("", "").Type.Name { // otherwise, the framework reports that there is no such move
				move(ctx, source, resp)
			}
		}),
	}
}
