package object

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
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Begin reports whether the run can create an object, and adds an error if it
// exists.
func (r *Resource) Begin(ctx context.Context, e Envelope, diags *diag.Diagnostics) bool {
	return r.CanCreate(r.Existing(e), "create "+r.What(e), func() error { _, err := r.Client.Object(ctx, r.Of(e), kuma.Fresh); return err }, diags)
}

// Peek returns the object from the control plane for a plan, or nil if it
// does not exist or cannot be read, which the apply reports.
func (r *Resource) Peek(ctx context.Context, of kuma.ObjectKey, age kuma.MaxAge) *kuma.Document {
	if r.Client == nil {
		return nil
	}
	document, err := r.Client.Object(ctx, of, age)
	if err != nil {
		return nil
	}
	return document
}

// Current reads an object for an update.
func (r *Resource) Current(ctx context.Context, e Envelope, diags *diag.Diagnostics) *kuma.Document {
	document, err := r.Client.Object(ctx, r.Of(e), kuma.Fresh)
	if err != nil {
		tfkit.AddError(diags, "change "+r.What(e), err)
		return nil
	}
	return document
}

// Edit changes a document to a content. It removes labels that are in the prior
// state but not in the plan, and leaves them untouched without both.
func (r *Resource) Edit(document *kuma.Document, plan Content, prior types.Map) error {
	if !part.IsNull(plan.Labels) || !part.IsNull(prior) {
		if err := document.SetLabels(part.StringMap(plan.Labels)); err != nil {
			return err
		}
	}
	if err := r.Parts().Edit(document, plan.Values); err != nil {
		return err
	}
	if document.Get("spec") == nil { // the control plane rejects a document without it
		document.Set("spec", json.RawMessage("{}"))
	}
	return nil
}

// ReadDocument returns the content of a document. prior decides whether labels are
// managed, and the form of equal values; with all, labels are managed.
func (r *Resource) ReadDocument(ctx context.Context, document *kuma.Document, prior Content, all bool) (now Content, diags diag.Diagnostics) {
	now = prior
	values, err := r.Parts().Read(document, prior.Values)
	labels, errLabels := document.Labels()
	if err := errors.Join(err, errLabels); err != nil {
		tfkit.AddUnreadable(&diags, r.What(prior.Envelope), err)
		return prior, diags
	}
	now.Values = values
	if !part.IsNull(prior.Labels) || all && len(labels) > 0 {
		now.Labels, diags = types.MapValueFrom(ctx, types.StringType, labels)
	}
	return now, diags
}

// Refresh reads an object for a refresh, and removes one that does not exist from
// the state. fresh reports whether it was imported or moved and is read for the
// first time, ok whether there is anything to store.
func (r *Resource) Refresh(ctx context.Context, prior Content, req resource.ReadRequest, resp *resource.ReadResponse) (now Content, fresh, ok bool) {
	diags := &resp.Diagnostics
	diags.Append(resp.Identity.Set(ctx, prior.Identifier())...)
	if diags.HasError() || r.Defers(req, resp) || r.Client == nil {
		return prior, false, false
	}
	of := r.Of(prior.Envelope)
	document, err := r.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		r.RemoveAbsent(ctx, of.Type.Name, Describe(of), resp)
		return prior, false, false
	}
	if err != nil {
		tfkit.AddError(diags, "read "+Describe(of), err)
		return prior, false, false
	}
	fresh, _ = tfkit.LoadPrivate[bool](ctx, req.Private, imported, diags)
	now, more := r.ReadDocument(ctx, document, prior, fresh)
	diags.Append(more...)
	diags.Append(resp.Private.SetKey(ctx, imported, nil)...)
	return now, fresh, !diags.HasError()
}

// Write writes a planned object, unless the document already has the content. It
// returns nil if nothing was written; a document with an error is one that was
// written, or may have been.
func (r *Resource) Write(ctx context.Context, current *kuma.Document, plan Content, prior types.Map, diags *diag.Diagnostics) *kuma.Document {
	if current != nil {
		same := current.Clone()
		if err := r.Edit(same, plan, prior); err == nil && bytes.Equal(same.Bytes(), current.Bytes()) {
			return current // an unchanged write makes some versions issue certificates
		}
	}
	sent := kuma.NewDocument()
	document, warnings, err := r.Client.WriteObject(ctx, r.Of(plan.Envelope), current, func(document *kuma.Document) error {
		sent = document
		return r.Edit(document, plan, prior)
	})
	for _, warning := range warnings {
		if r.Run.Note("warning about " + r.What(plan.Envelope) + ": " + warning) {
			diags.AddWarning("Control plane warns of "+r.Of(plan.Envelope).Type.Name, fmt.Sprintf("The control plane accepted %s, and warns: %s", r.What(plan.Envelope), warning))
		}
	}
	r.AddWriteError(plan, sent, err, diags)
	return document
}

// ReadBack returns the content of a written document. It adds an error for each
// attribute that the control plane did not store.
func (r *Resource) ReadBack(ctx context.Context, document *kuma.Document, plan Content, diags *diag.Diagnostics) Content {
	now, more := r.ReadDocument(ctx, document, plan, false)
	diags.Append(more...)
	if diags.HasError() {
		return plan
	}
	for _, p := range r.Parts() {
		r.addDropped(path.Root(p.Name), plan, plan.Values[p.Name], now.Values[p.Name], diags)
	}
	if !plan.Labels.Equal(now.Labels) {
		r.addDropped(path.Root("labels"), plan, plan.Labels, now.Labels, diags)
	}
	return now
}

func (r *Resource) addDropped(at path.Path, plan Content, wanted, has attr.Value, diags *diag.Diagnostics) {
	inner, there := part.AttributesOf(wanted), part.AttributesOf(has)
	switch {
	case wanted == nil || wanted.IsUnknown() || wanted.Equal(has):
	case len(inner) > 0 && len(there) > 0:
		for name := range inner {
			r.addDropped(at.AtName(name), plan, inner[name], there[name], diags)
		}
	default:
		diags.AddAttributeError(at, "Control plane dropped the change", tfkit.WithPath(at, fmt.Sprintf(
			"Could not write %s: the control plane accepted it, but its document has another value. This version does not support it, or another "+
				"client wrote the object at the same time. Remove it from the configuration, or apply again.", r.What(plan.Envelope))))
	}
}

// AddWriteError adds the error of a failed write to the attribute that caused
// it. sent is the document.
func (r *Resource) AddWriteError(plan Content, sent *kuma.Document, err error, diags *diag.Diagnostics) {
	task := "write " + r.What(plan.Envelope)
	switch {
	case kuma.Absent(err):
		tfkit.AddMeshAbsent(diags, plan.Mesh.ValueString())
	case tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) { return r.attributeOf(field, plan, sent), "" }):
	default:
		tfkit.AddError(diags, task, err)
	}
}

// attributeOf returns the attribute of a field of the document, or the nearest
// one.
func (r *Resource) attributeOf(field string, plan Content, sent *kuma.Document) path.Path {
	parts := append(r.Parts(), part.Labels(), part.Part{Name: "mesh", Member: "mesh", Kind: part.Text{}})
	if at, found := parts.Follow(path.Empty(), tfkit.NewFieldSteps(field), sent, plan.Values); found {
		return at
	}
	return path.Root("name")
}
