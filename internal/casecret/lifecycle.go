package casecret

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func (r *caSecret) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	config := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	b, key, ok := r.readMaterial(config, &resp.Diagnostics)
	if !ok {
		return
	}
	r.describe(&plan, b)
	if !r.begin(plan, &resp.Diagnostics) {
		return
	}
	unlock, err := r.Client.LockSecret(ctx, plan.Mesh.ValueString(), plan.CertificateSecret.ValueString())
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("write %s", plan), err)
		return
	}
	defer unlock()
	found, ok := r.readStored(ctx, plan, kuma.Fresh, &resp.Diagnostics)
	if !ok {
		return
	}
	holders, ok := r.mayUseStored(ctx, plan, found, b, &resp.Diagnostics)
	if !ok {
		return
	}
	id, err := newHolder(r.random)
	if err != nil {
		tfkit.AddNoRandom(&resp.Diagnostics, err)
		return
	}
	made := r.upload(ctx, plan, found, upload{bundle: b, key: key, holders: append(slices.Clone(holders), id)}, &resp.Diagnostics)
	if made == untouched {
		return
	}
	tfkit.KeepPrivate(ctx, resp.Private, privateHolding, holding{IDs: []string{id}, Before: holders}, &resp.Diagnostics)
	if made == whole {
		tfkit.KeepPrivate(ctx, resp.Private, privateContent, b.Fingerprint(), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.as(made))...) // also after an uncertain write, so that Terraform does not forget the secrets
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

// begin records that this run creates a CA secret. It adds an error if another
// resource of the run creates the same one.
func (r *caSecret) begin(plan model, diags *diag.Diagnostics) bool {
	mesh := plan.Mesh.ValueString()
	for _, name := range []string{plan.CertificateSecret.ValueString(), plan.KeySecret.ValueString()} {
		if !r.Run.Begin(tfkit.SecretRunName(mesh, name)) {
			plan.existing().AddTwice(diags)
			return false
		}
	}
	return true
}

func (r *caSecret) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	before := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	state := before
	if !resp.Diagnostics.HasError() && state.KeySecret.IsNull() && !r.Defers(req, resp) {
		state = r.findKey(ctx, state, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if resp.Diagnostics.HasError() || r.Defers(req, resp) || r.Client == nil {
		return
	}
	h := loadHolding(ctx, req.Private, &resp.Diagnostics)
	h.note(r.Run, state.id())
	found, ok := r.readStored(ctx, state, kuma.Recent, &resp.Diagnostics)
	if !ok {
		return
	}
	if found.certificate == nil && found.key == nil {
		r.RemoveAbsent(ctx, kuma.SecretType, fmt.Sprintf("the secrets %s of mesh %q", tfkit.Quote(state.CertificateSecret.ValueString(), state.KeySecret.ValueString()), state.Mesh.ValueString()), resp)
		return
	}
	state, diags := stateFrom(found, state)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, before, state)...)
	if _, uploaded := tfkit.LoadPrivate[string](ctx, req.Private, privateContent, &resp.Diagnostics); !uploaded {
		if bundle, ok := found.bundle(); ok { // after an import, the current content counts as applied
			tfkit.KeepPrivate(ctx, resp.Private, privateContent, bundle.Fingerprint(), &resp.Diagnostics)
		}
	}
	if len(h.Before) > 0 {
		tfkit.KeepPrivate(ctx, resp.Private, privateHolding, r.refreshed(ctx, h, state.id()), &resp.Diagnostics)
	}
}

func (r *caSecret) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	config := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	b, key, ok := r.readMaterial(config, &resp.Diagnostics)
	if !ok {
		return
	}
	r.describe(&plan, b)
	if plan.fixed() {
		if r.refuseNewContent(ctx, plan, state, req.Private, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	found, ok := r.readStored(ctx, plan, kuma.Fresh, &resp.Diagnostics)
	if !ok {
		return
	}
	holders := loadHolding(ctx, req.Private, &resp.Diagnostics).IDs
	if found.certificate != nil {
		there, err := found.certificate.Holders()
		if err != nil {
			tfkit.AddUnreadable(&resp.Diagnostics, plan.String(), err)
			return
		}
		holders = append(there, holders...)
	}
	again := !plan.PrivateKeyWOVersion.Equal(state.PrivateKeyWOVersion)
	made := r.upload(ctx, plan, found, upload{bundle: b, key: key, holders: holders, again: again}, &resp.Diagnostics)
	if made < half {
		return // the state stays the same, and the next refresh reads again
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.as(made))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	if made == whole {
		tfkit.KeepPrivate(ctx, resp.Private, privateContent, b.Fingerprint(), &resp.Diagnostics)
	}
}

func (r *caSecret) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	left, err := r.remove(ctx, state, loadHolding(ctx, req.Private, &resp.Diagnostics))
	if tfkit.WarnOrphaned(&resp.Diagnostics, err, state.CertificateSecret.ValueString(), state.KeySecret.ValueString()) {
		return
	}
	if err != nil {
		addDeleteError(&resp.Diagnostics, fmt.Sprintf("delete %s", state), state, err)
		return
	}
	addKept(&resp.Diagnostics, state, left)
}

// readMaterial reads and checks the material to upload. Warnings were part of
// the plan.
func (r *caSecret) readMaterial(config model, diags *diag.Diagnostics) (b pki.Bundle, key []byte, ok bool) {
	var found diag.Diagnostics
	b, ok = config.parse(&found)
	if ok {
		chain, trusted := b.Check(pki.Options{Now: r.Clock.Now()})
		if chain.HasErrors() || trusted.HasErrors() {
			tfkit.AddProblems(&found, path.Root("certificate_chain"), chain)
			tfkit.AddProblems(&found, path.Root("trusted_certificates"), trusted)
		}
		text, at := config.privateKey()
		if text == nil { // a value that was unknown during plan is null
			empty := ""
			text, at = &empty, path.Root("private_key_wo")
		}
		key, _ = parseKey(&found, at, *text, b)
	}
	diags.Append(found.Errors()...)
	return b, key, !found.HasError()
}

// An upload is the wanted content of a CA secret.
type upload struct {
	bundle  pki.Bundle
	key     []byte
	holders []string
	again   bool // write the key even if the secret already contains it
}

// progress is how far an upload got.
type progress int

const (
	untouched progress = iota // nothing was written
	uncertain                 // the certificate secret may have been written
	half                      // the certificate secret was written, and the key secret may have been
	whole                     // both were written
)

// as returns the state of a CA secret after this progress. The key counts once
// its write is certain.
func (m model) as(made progress) model {
	if made < whole {
		m.PublicKeySHA256 = types.StringNull()
	}
	return m
}

// upload writes each secret that does not have the wanted content, the
// certificate secret first.
func (r *caSecret) upload(ctx context.Context, plan model, found stored, wanted upload, diags *diag.Diagnostics) progress {
	mesh := plan.Mesh.ValueString()
	put := func(name string, data []byte, previous *kuma.Secret) error {
		err := r.Client.PutSecret(ctx, mesh, name, data, previous)
		switch {
		case kuma.Absent(err):
			tfkit.AddMeshAbsent(diags, mesh)
		case err != nil:
			tfkit.AddError(diags, fmt.Sprintf("write secret %q of mesh %q", name, mesh), err)
		}
		return err
	}
	held, err := found.certificate.WithHolders(wanted.holders...)
	if err != nil {
		tfkit.AddUnreadable(diags, fmt.Sprintf("Secret %q of mesh %q", plan.CertificateSecret.ValueString(), mesh), err)
		return untouched
	}
	correct := hasBundle(found.certificate, wanted.bundle)
	if !correct || !bytes.Equal(held.Bytes(), found.certificate.Bytes()) {
		data := wanted.bundle.Encode()
		if correct {
			data = dataOf(found.certificate)
		}
		if err := put(plan.CertificateSecret.ValueString(), data, held); kuma.Uncertain(err) {
			return uncertain
		} else if err != nil {
			return untouched
		}
	}
	r.Run.Create(tfkit.SecretRunName(mesh, plan.CertificateSecret.ValueString()))
	if wanted.again || !hasKeyOf(found.key, wanted.bundle) {
		if put(plan.KeySecret.ValueString(), wanted.key, found.key) != nil {
			return half
		}
	}
	return whole
}
