package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/object"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// NewTrustResource returns kongmesh_mesh_trust.
func NewTrustResource() resource.Resource { return newTrust() }

type meshTrust struct{ object.Resource }

func newTrust() *meshTrust {
	r := &meshTrust{object.Resource{
		Resource: tfkit.Resource{TypeName: "mesh_trust"}, Kind: trustKind(),
		Description: "A MeshTrust: CAs whose certificates proxies of a mesh accept in a trust domain. Several MeshTrusts of one trust domain add " +
			"up. Kuma has it since version 2.12.\n\n" +
			"Use it together with a `kongmesh_mesh_identity` that has `mesh_trust_creation = \"Disabled\"`. Otherwise, the control plane generates a " +
			"MeshTrust with the name of the identity, and changes it itself. The name of this resource must not be the name of such an identity.\n\n" +
			"A proxy presents its own certificate without the CAs above it. If the issuing CA is an intermediate CA, put its certificate and its root " +
			"into the trust.\n\n" +
			"Unknown members of the document stay unchanged.",
		QueryDescription: "The trusts of meshes, except those that the control plane generates for identities.",
		Lists: func(document *kuma.Document) bool {
			is, err := trustFrom(document)
			return err == nil && is.origin == "" && !is.isInterim()
		},
	}}
	r.BeforeWrite, r.BeforeDelete = r.beforeWrite, r.refuseDelete
	return r
}

func trustKind() object.Kind {
	return object.Kind{Noun: "trust", Key: kuma.MeshTrustKey, Parts: trustParts, Supported: (*kuma.Client).CheckIdentities}
}

func (r *meshTrust) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	if req.Plan.Raw.IsNull() {
		return
	}
	plan, state := r.Planned(ctx, req, diags)
	if diags.HasError() {
		return
	}
	if plan.HasKnownNames() {
		r.Run.PlanTrust(plan.Mesh.ValueString(), plan.Name.ValueString())
	}
	if req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.CheckWrites(ctx, req, resp); diags.HasError() {
		return
	}
	if !plan.Values["ca_bundles"].Equal(state.Values["ca_bundles"]) {
		warnUntrustworthy(plan, diags)
	}
	if plan.HasKnownNames() {
		r.checkIdentity(ctx, plan, kuma.Recent, diags)
	}
}

// checkIdentity adds an error for an identity with the name of a trust, for which
// the control plane generates a trust: it would change this one.
func (r *meshTrust) checkIdentity(ctx context.Context, plan object.Content, age kuma.MaxAge, diags *diag.Diagnostics) {
	mesh, name := plan.Mesh.ValueString(), plan.Name.ValueString()
	generates, planned := r.Run.PlannedIdentity(mesh, name)
	if document := r.Peek(ctx, kuma.MeshIdentityKey(mesh, name), age); document != nil && !planned {
		is, err := modelOf(document, mesh)
		generates = err == nil && is.generatesTrust()
	}
	if generates {
		addSharedTrust(path.Root("name"), mesh, name, diags)
	}
}

// beforeWrite makes the checks that need the control plane.
//
// Identities move to another CA after their trust does: until then, an interim
// MeshTrust keeps the CA that they use. No other resource changes this one.
func (r *meshTrust) beforeWrite(ctx context.Context, current *kuma.Document, plan object.Content, diags *diag.Diagnostics) {
	if r.checkIdentity(ctx, plan, kuma.Fresh, diags); diags.HasError() || current == nil {
		return
	}
	if err := r.keepUsed(ctx, current, plan); err != nil {
		r.AddWriteError(plan, kuma.NewDocument(), err, diags)
	}
}

// keepUsed keeps the CAs trusted that a planned trust leaves out and an identity
// uses.
func (r *meshTrust) keepUsed(ctx context.Context, current *kuma.Document, plan object.Content) error {
	before, err := trustFrom(current)
	if err != nil {
		return err
	}
	after := plannedTrust(plan)
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

func plannedTrust(plan object.Content) trust {
	is := trust{name: plan.Name.ValueString(), domain: part.TextOf(plan.Values["trust_domain"])}
	for _, element := range part.ElementsOf(plan.Values["ca_bundles"]) {
		certificates, _ := pki.ReadCertificates([]byte(part.TextOf(element))) // the rule of the attribute has found no problem
		is.certificates = append(is.certificates, certificates...)
	}
	return is
}

// refuseDelete adds an error if a connected proxy has a certificate that its
// peers accept only because of this trust: a peer that restarts would refuse it.
func (r *meshTrust) refuseDelete(ctx context.Context, state object.Content, diags *diag.Diagnostics) {
	mesh := state.Mesh.ValueString()
	document, err := r.Client.Object(ctx, r.Of(state.Envelope), kuma.Fresh)
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
		tfkit.AddError(diags, "delete "+r.What(state.Envelope), err)
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
func warnUntrustworthy(plan object.Content, diags *diag.Diagnostics) {
	for i, element := range part.ElementsOf(plan.Values["ca_bundles"]) {
		at := path.Root("ca_bundles").AtListIndex(i)
		certificates, problems := pki.ParseCertificates([]byte(part.TextOf(element)))
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
