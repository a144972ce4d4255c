// Package identity has kongmesh_mesh_identity and kongmesh_mesh_trust: who
// issues the certificates of proxies, and whom proxies trust, without mTLS
// backends.
package identity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/object"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource                 = (*meshIdentity)(nil)
	_ resource.ResourceWithConfigValidators = (*meshIdentity)(nil)
	_ resource.ResourceWithMoveState        = (*meshIdentity)(nil)
)

const (
	defaultTimeout       = 5 * time.Minute
	defaultUpdateTimeout = 30 * time.Minute // a rotation waits for each proxy
)

// NewResource returns kongmesh_mesh_identity.
func NewResource() resource.Resource { return newIdentity() }

func newIdentity() *meshIdentity {
	return &meshIdentity{object.Resource{Resource: tfkit.Resource{TypeName: "mesh_identity"}, Kind: identityKind(), QueryDescription: "The identities of meshes."}}
}

func identityKind() object.Kind {
	return object.Kind{Noun: "identity", Key: kuma.MeshIdentityKey, Parts: identityParts, Supported: (*kuma.Client).CheckIdentities}
}

type meshIdentity struct{ object.Resource }

type model struct {
	object.Envelope
	members
	ForceDestroy types.Bool      `tfsdk:"force_destroy"`
	Rollout      *rotation.Model `tfsdk:"rollout"`
	Timeouts     timeouts.Value  `tfsdk:"timeouts"`
}

// members are the values of the parts in [identityParts].
type members struct {
	Selector  types.Object `tfsdk:"selector"`
	SpiffeID  types.Object `tfsdk:"spiffe_id"`
	Bundled   types.Object `tfsdk:"bundled"`
	Spire     types.Object `tfsdk:"spire"`
	Extension types.Object `tfsdk:"extension"`
}

func membersOf(values part.Values) members {
	return members{
		part.ObjectOf(values["selector"]), part.ObjectOf(values["spiffe_id"]), part.ObjectOf(values["bundled"]), part.ObjectOf(values["spire"]),
		part.ObjectOf(values["extension"]),
	}
}

func (m members) values() part.Values {
	return part.Values{"selector": m.Selector, "spiffe_id": m.SpiffeID, "bundled": m.Bundled, "spire": m.Spire, "extension": m.Extension}
}

func (m model) content() object.Content {
	return object.Content{Envelope: m.Envelope, Values: m.values()}
}

// with returns the model with the content of a document.
func (m model) with(now object.Content) model {
	m.Envelope, m.members = now.Envelope, membersOf(now.Values)
	return m
}

func (r *meshIdentity) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := r.Attributes(" In Kuma 2, the mode of its `mesh_services` must be `Exclusive`.")
	maps.Copy(attributes, map[string]schema.Attribute{
		"force_destroy": schema.BoolAttribute{
			MarkdownDescription: "Whether Terraform can delete or replace this identity, or select fewer proxies, while connected proxies have their " +
				"certificate from it and no other identity selects them. These proxies lose their certificate. The argument has an effect once it is in " +
				"the state: apply it before the change. Defaults to `false`.",
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
		},
		"rollout": rotation.Attribute(),
		"timeouts": tfkit.Timeouts(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "Timeout for creating, until the identity is ready. Defaults to `5m`.",
			UpdateDescription: "Timeout for updating, including a rotation of the CA, until the identity is ready. Defaults to `30m`.",
			DeleteDescription: "Timeout for deleting. Defaults to `5m`.",
		}),
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "A MeshIdentity: which proxies of a mesh get which SPIFFE ID, and who issues their certificates. It replaces the mTLS " +
			"backends of a mesh, which Kuma 3 does not have. Kuma has it since version 2.12.\n\n" +
			"A CA of your own is in the two secrets of a `kongmesh_mesh_ca_secret`. Proxies accept only certificates of a trust domain and a CA " +
			"that a `kongmesh_mesh_trust` contains. Without a MeshTLS policy, proxies accept only mTLS.\n\n" +
			"The provider checks the CA with the rules for a mesh's mTLS backend, on each version: Kuma 2.14 reports that an identity with a " +
			"wrong key is ready, and issues nothing. After each write, the provider waits until the control plane reports that the identity is " +
			"ready. A global control plane does not report it.\n\n" +
			"By default, the control plane generates a MeshTrust with the name of the identity, and appends each further CA to it. Set " +
			"`mesh_trust_creation = \"Disabled\"`, and manage a `kongmesh_mesh_trust` with another name, so that you decide what proxies trust. " +
			"A generated MeshTrust stays when its identity is deleted: the provider deletes it, unless it has labels.\n\n" +
			"Unknown members of the document stay unchanged.",
		Attributes: attributes,
	}
}

func (r *meshIdentity) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{resourcevalidator.Conflicting(path.MatchRoot("bundled"), path.MatchRoot("spire"), path.MatchRoot("extension"))}
}

func (r *meshIdentity) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	if !r.Begin(ctx, plan.Envelope, &resp.Diagnostics) {
		return
	}
	document := r.change(ctx, nil, plan, model{}, &resp.Diagnostics)
	if document == nil {
		return
	}
	r.Run.Create(r.Existing(plan.Envelope).RunName())
	state := plan.with(r.ReadBack(ctx, document, plan.content(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...) // also after an uncertain write, so that Terraform does not forget the object
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.Identifier())...)
	r.awaitReady(ctx, plan, &resp.Diagnostics)
}

func (r *meshIdentity) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	now, fresh, ok := r.Refresh(ctx, state.content(), req, resp)
	if !ok {
		return
	}
	full := state.with(now)
	if fresh {
		full.ForceDestroy = types.BoolValue(state.ForceDestroy.ValueBool())
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, state, full)...)
	tfkit.KeepPrivate(ctx, resp.Private, replaced, full.standing(), &resp.Diagnostics)
	r.warnHeld(ctx, full, &resp.Diagnostics)
	r.Run.NoteRefresh(full.String())
}

// warnHeld warns of CAs that proxies trust only because of an interim MeshTrust,
// although no rotation is in the midst.
func (r *meshIdentity) warnHeld(ctx context.Context, state model, diags *diag.Diagnostics) {
	mesh, name := state.Mesh.ValueString(), state.Name.ValueString()
	if secrets, _ := state.secrets(); rotation.Interrupted(secrets) { // the next apply ends it
		return
	}
	trusts, err := trustsOf(ctx, r.Client, mesh, kuma.Recent)
	if err != nil {
		return // it says nothing of the identity
	}
	for _, t := range interimTrusts(trusts, name) {
		diags.AddAttributeWarning(path.Root("bundled"), "CAs stay trusted", fmt.Sprintf(
			"MeshTrust %q of mesh %q keeps CAs of %s trusted that ca_bundles of the kongmesh_mesh_trust left out, because the identity issues from one of "+
				"them, or an interrupted run did not delete it. It goes when the identity changes to another CA. If the identity is to keep its CA, add that CA to "+
				"ca_bundles, apply, and run `kumactl delete meshtrust %[1]s --mesh %[2]s`.", t.name, mesh, state.String()))
	}
}

func (r *meshIdentity) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan := tfkit.Get[model](ctx, req.Plan, &resp.Diagnostics)
	prior := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, plan.Timeouts.Update, defaultUpdateTimeout, &resp.Diagnostics)
	defer cancel()

	current := r.Current(ctx, plan.Envelope, &resp.Diagnostics)
	if current == nil {
		return
	}
	if plan.takesFrom(prior) {
		if err := r.refuseOutage(ctx, prior.standing(), disabling, plan.serves(), kuma.Fresh); err != nil {
			addOutageError(&resp.Diagnostics, prior.standing(), err)
			return
		}
	}
	document := r.change(ctx, current, plan, prior, &resp.Diagnostics)
	if document == nil {
		return // the state stays the same
	}
	state := plan.with(r.ReadBack(ctx, document, plan.content(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.Identifier())...)
	if document != current {
		r.awaitReady(ctx, plan, &resp.Diagnostics)
	}
}

// change writes a planned identity after the checks that need the control plane.
// It returns nil if nothing was written, and current if nothing has to be.
func (r *meshIdentity) change(ctx context.Context, current *kuma.Document, plan, prior model, diags *diag.Diagnostics) *kuma.Document {
	r.checkMeshServices(ctx, plan, kuma.Fresh, diags)
	r.checkTrust(ctx, plan, kuma.Fresh, diags)
	if changesCA(plan, prior) {
		r.checkCA(ctx, plan, diags)
	}
	if diags.HasError() {
		return nil
	}
	if current != nil && movesCA(current, plan, prior) {
		return r.changeCA(ctx, current, plan, prior, diags)
	}
	proxies, anonymous, err := r.newcomers(ctx, current, plan, kuma.Fresh)
	if err != nil {
		tfkit.AddError(diags, "write "+plan.String(), err)
		return nil
	}
	if len(proxies) > 0 {
		return r.moveProxies(ctx, current, plan, prior, anonymous, diags)
	}
	return r.Write(ctx, current, plan.content(), prior.Labels, diags)
}

func (r *meshIdentity) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := tfkit.Get[model](ctx, req.State, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	ctx, cancel := r.WithTimeout(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()

	if r.Run.Created(r.Existing(state.Envelope).RunName()) {
		return
	}
	task := "delete " + state.String()
	if _, err := r.Client.Object(ctx, r.Of(state.Envelope), kuma.Fresh); err != nil {
		if !kuma.Absent(err) {
			tfkit.AddError(&resp.Diagnostics, task, err)
		}
		return
	}
	if err := r.refuseOutage(ctx, state.standing(), deleting, rollout.Issuer{}, kuma.Fresh); err != nil {
		addOutageError(&resp.Diagnostics, state.standing(), err)
		return
	}
	if err := r.Client.DeleteObject(ctx, r.Of(state.Envelope)); err != nil {
		tfkit.AddError(&resp.Diagnostics, task, err)
		return
	}
	r.deleteGenerated(ctx, state, &resp.Diagnostics)
	tfkit.AddError(&resp.Diagnostics, "delete what an interrupted change of "+state.String()+" has left", r.deleteInterim(ctx, state))
}

// deleteInterim deletes what an interrupted rotation or move of a deleted identity
// has left: copies of CAs with their keys, MeshTrusts, and identities without proxies.
func (r *meshIdentity) deleteInterim(ctx context.Context, state model) error {
	mesh, name := state.Mesh.ValueString(), state.Name.ValueString()
	secrets, err := interimSecrets(ctx, r.Client, mesh, name)
	if kuma.Absent(err) {
		return nil
	}
	if kuma.Forbidden(err) { // who may not list secrets runs no rotations
		err = nil
	}
	for _, secret := range secrets {
		err = errors.Join(err, r.Client.DeleteSecret(ctx, mesh, secret))
	}
	trusts, errTrusts := trustsOf(ctx, r.Client, mesh, kuma.Fresh)
	for _, t := range interimTrusts(trusts, name) {
		err = errors.Join(err, r.Client.DeleteObject(ctx, kuma.MeshTrustKey(mesh, t.name)))
	}
	identities, errIdentities := r.Client.Objects(ctx, kuma.MeshIdentityKey(mesh, "").Type, mesh)
	for _, identity := range identities {
		if is, _ := identity.Name(); is == probeName(name) || strings.HasSuffix(is, announcementSuffix(name)) {
			err = errors.Join(err, r.Client.DeleteObject(ctx, kuma.MeshIdentityKey(mesh, is)))
		}
	}
	return errors.Join(err, errTrusts, errIdentities)
}

// deleteGenerated deletes the MeshTrust that the control plane generated for a
// deleted identity, which would stay. One with labels may belong to someone else.
func (r *meshIdentity) deleteGenerated(ctx context.Context, state model, diags *diag.Diagnostics) {
	mesh, name := state.Mesh.ValueString(), state.Name.ValueString()
	of := kuma.MeshTrustKey(mesh, name)
	trust, err := r.Client.Object(ctx, of, kuma.Fresh)
	if err != nil {
		return // it does not exist, or only its owner can read it
	}
	origin, errOrigin := trust.OriginKRI()
	labels, errLabels := trust.AllLabels()
	switch {
	case errOrigin != nil || errLabels != nil || !kuma.IsIdentity(origin, mesh, name):
		return
	case len(labels) == 0 && !r.Run.PlansTrust(mesh, name):
		err = r.Client.DeleteObject(ctx, of)
	}
	if err != nil || len(labels) > 0 {
		diags.AddWarning("Generated trust is kept", fmt.Sprintf(
			"The control plane generated %s for the deleted identity, and keeps it: proxies still trust its CAs. The provider did not delete it, "+
				"because it has labels, or because the control plane refused it. Delete it when no proxy has a certificate of its CAs any more, "+
				"with `kumactl delete meshtrust %s --mesh %s`, or import it as a kongmesh_mesh_trust.", object.Describe(of), name, mesh))
	}
}
