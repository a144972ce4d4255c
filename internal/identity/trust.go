package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ resource.ResourceWithConfigure   = (*meshTrust)(nil)
	_ resource.ResourceWithModifyPlan  = (*meshTrust)(nil)
	_ resource.ResourceWithIdentity    = (*meshTrust)(nil)
	_ resource.ResourceWithImportState = (*meshTrust)(nil)
	_ resource.ResourceWithMoveState   = (*meshTrust)(nil)
)

// NewTrustResource returns kongmesh_mesh_trust.
func NewTrustResource() resource.Resource { return newTrust() }

func newTrust() *meshTrust {
	return &meshTrust{object{Resource: tfkit.Resource{TypeName: "mesh_trust"}, noun: "trust", key: kuma.MeshTrustKey, parts: trustParts}}
}

type meshTrust struct{ object }

type trustModel struct {
	envelope
	TrustDomain types.String `tfsdk:"trust_domain"`
	CABundles   types.List   `tfsdk:"ca_bundles"`
}

func (m *trustModel) content() content {
	return content{m.envelope, part.Values{"trust_domain": m.TrustDomain, "ca_bundles": m.CABundles}}
}

// with returns the model with the content of a document.
func (m trustModel) with(now content) trustModel {
	m.envelope = now.envelope
	m.TrustDomain, _ = now.values["trust_domain"].(types.String)
	m.CABundles, _ = now.values["ca_bundles"].(types.List)
	return m
}

func (r *meshTrust) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A MeshTrust: CAs whose certificates proxies of a mesh accept in a trust domain. Several MeshTrusts of one trust domain add " +
			"up. Kuma has it since version 2.12.\n\n" +
			"Use it together with a `kongmesh_mesh_identity` that has `mesh_trust_creation = \"Disabled\"`. Otherwise, the control plane generates a " +
			"MeshTrust with the name of the identity, and changes it itself. The name of this resource must not be the name of such an identity.\n\n" +
			"A proxy presents its own certificate without the CAs above it. If the issuing CA is an intermediate CA, put its certificate and its root " +
			"into the trust.\n\n" +
			"Unknown members of the document stay unchanged.",
		Attributes: r.attributes(""),
	}
}

func (r *meshTrust) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan, state trustModel
	diags.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		diags.Append(req.State.Get(ctx, &state)...)
	}
	if diags.HasError() {
		return
	}
	if named(plan.envelope) {
		r.Run.PlanTrust(plan.Mesh.ValueString(), plan.Name.ValueString())
	}
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.checkWrites(ctx, req, resp); diags.HasError() {
		return
	}
	if !plan.CABundles.Equal(state.CABundles) {
		warnUntrustworthy(plan, diags)
	}
	if named(plan.envelope) {
		r.checkIdentity(ctx, plan, kuma.Recent, diags)
	}
}

// checkIdentity adds an error for an identity with the name of a trust, for which
// the control plane generates a trust: it would change this one.
func (r *meshTrust) checkIdentity(ctx context.Context, plan trustModel, age kuma.MaxAge, diags *diag.Diagnostics) {
	mesh, name := plan.Mesh.ValueString(), plan.Name.ValueString()
	generates, planned := r.Run.PlannedIdentity(mesh, name)
	if document := r.current(ctx, kuma.MeshIdentityKey(mesh, name), age); document != nil && !planned {
		is, err := modelOf(document, mesh)
		generates = err == nil && is.generatesTrust()
	}
	if generates {
		addSharedTrust(path.Root("name"), mesh, name, diags)
	}
}

func (r *meshTrust) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan trustModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) || !r.begin(ctx, plan.envelope, &resp.Diagnostics) {
		return
	}
	document := r.change(ctx, nil, plan, trustModel{}, &resp.Diagnostics)
	if document == nil {
		return
	}
	r.Run.Create(r.existing(plan.envelope).RunName())
	state := plan.with(r.readBack(ctx, document, plan.content(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...) // also after an uncertain write, so that Terraform does not forget the object
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identifier())...)
}

// change writes a planned trust after the checks that need the control plane. It
// returns nil if nothing was written, and current if nothing has to be.
//
// Identities move to another CA after their trust does: until then, an interim
// MeshTrust keeps the CA that they use. No other resource changes this one.
func (r *meshTrust) change(ctx context.Context, current *kuma.Document, plan, prior trustModel, diags *diag.Diagnostics) *kuma.Document {
	if r.checkIdentity(ctx, plan, kuma.Fresh, diags); diags.HasError() {
		return nil
	}
	if current != nil {
		if err := r.keepUsed(ctx, current, plan); err != nil {
			r.addWriteError(plan.content(), kuma.NewDocument(), err, diags)
			return nil
		}
	}
	return r.write(ctx, current, plan.content(), prior.Labels, diags)
}

// keepUsed keeps the CAs trusted that a planned trust leaves out and an identity
// uses.
func (r *meshTrust) keepUsed(ctx context.Context, current *kuma.Document, plan trustModel) error {
	before, err := trustFrom(current)
	if err != nil {
		return err
	}
	after := plan.trust()
	dropped := without(before.certificates, after.certificates)
	if len(dropped) == 0 && before.domain == after.domain {
		return nil
	}
	mesh := plan.Mesh.ValueString()
	users, err := losers(ctx, r.Client, mesh, before, &after)
	for _, user := range users {
		err = errors.Join(err, hold(ctx, r.Client, mesh, user.name, before.domain, before.certificates...))
	}
	return err
}

// trust returns the planned trust.
func (m trustModel) trust() trust {
	is := trust{name: m.Name.ValueString(), domain: m.TrustDomain.ValueString()}
	for _, element := range m.CABundles.Elements() {
		certificates, _ := pki.ReadCertificates([]byte(plainText(element))) // the rule of the attribute has found no problem
		is.certificates = append(is.certificates, certificates...)
	}
	return is
}

func (r *meshTrust) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state trustModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if now, _, ok := r.refresh(ctx, state.content(), req, resp); ok {
		resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.State, state, state.with(now))...)
	}
}

func (r *meshTrust) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, prior trustModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	current := r.existingDocument(ctx, plan.envelope, &resp.Diagnostics)
	if current == nil {
		return
	}
	document := r.change(ctx, current, plan, prior, &resp.Diagnostics)
	if document == nil {
		return // the state stays the same
	}
	state := plan.with(r.readBack(ctx, document, plan.content(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identifier())...)
}

func (r *meshTrust) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state trustModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) || r.Run.Created(r.existing(state.envelope).RunName()) {
		return
	}
	if r.refuseDelete(ctx, state, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	tfkit.AddError(&resp.Diagnostics, "delete "+r.what(state.envelope), r.Client.DeleteObject(ctx, r.of(state.envelope)))
}

// refuseDelete adds an error if a connected proxy has a certificate that its
// peers accept only because of this trust: a peer that restarts would refuse it.
func (r *meshTrust) refuseDelete(ctx context.Context, state trustModel, diags *diag.Diagnostics) {
	mesh := state.Mesh.ValueString()
	document, err := r.Client.Object(ctx, r.of(state.envelope), kuma.Fresh)
	var users []user
	if err == nil {
		var before trust
		if before, err = trustFrom(document); err == nil {
			users, err = losers(ctx, r.Client, mesh, before, nil)
		}
	}
	if err == nil && len(users) > 0 {
		var proxies []kuma.Dataplane
		proxies, err = r.Client.Dataplanes(ctx, mesh)
		for _, user := range users {
			served := slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool {
				return !d.Online || !rollout.Foreign(d) || !user.issuer.Serves(d)
			})
			if len(served) > 0 {
				addTrustInUse(mesh, state.Name.ValueString(), user.name, served, diags)
			}
		}
	}
	if err != nil && !kuma.Absent(err) && !kuma.NoAddress(err) {
		tfkit.AddError(diags, "delete "+r.what(state.envelope), err)
	}
}

func addTrustInUse(mesh, name, identity string, served []kuma.Dataplane, diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("name"), "MeshTrust is in use", fmt.Sprintf(
		"Deleting MeshTrust %q of mesh %q ends the trust in the CA of MeshIdentity %q, which issues to %s. A proxy that restarts would refuse their "+
			"certificates. Nothing was changed.\n\nTo delete both, add the kongmesh_mesh_trust to depends_on of the kongmesh_mesh_identity, so that Terraform deletes "+
			"the identity first. To keep the identity, trust its CA with another kongmesh_mesh_trust first.", name, mesh, identity, tfkit.Proxies(served)))
}

// trustedCAs returns the rule for an element of ca_bundles.
func trustedCAs() validator.String {
	return bundleRule{"one or more certificates in PEM, and no private key"}
}

type bundleRule struct{ tfkit.Described }

func (bundleRule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	text := req.ConfigValue.ValueString()
	if pki.HasPrivateKey(text) {
		resp.Diagnostics.AddAttributeError(req.Path, "Private key in trust", tfkit.WithPath(req.Path,
			"The value is not shown, because it contains a private key. Every proxy gets the content of a trust, and Terraform stores it in the state. "+
				"Remove the key, and leave the certificates. If it was applied before, replace the CA."))
		return
	}
	_, problems := pki.ParseCertificates([]byte(text))
	tfkit.AddProblems(&resp.Diagnostics, req.Path, problems)
}

// warnUntrustworthy warns of certificates in a trust that cannot have issued
// those of proxies. The control plane accepts them.
func warnUntrustworthy(plan trustModel, diags *diag.Diagnostics) {
	for i, element := range plan.CABundles.Elements() {
		at := path.Root("ca_bundles").AtListIndex(i)
		certificates, problems := pki.ParseCertificates([]byte(plainText(element)))
		if problems.HasErrors() {
			continue // unknown, or the rule of the attribute has reported it
		}
		for j, certificate := range certificates {
			if certificate.IsCA {
				continue
			}
			diags.AddAttributeWarning(at, "Trusted certificate is no CA", tfkit.WithPath(at, fmt.Sprintf(
				"Certificate %d (%s) is not a CA, so no proxy can have a certificate from it, and the trust has no effect for it. Replace it with the CA that "+
					"issued it.", j, pki.Describe(certificate).Subject)))
		}
	}
}

func plainText(value attr.Value) string {
	is, _ := value.(types.String)
	return is.ValueString()
}
