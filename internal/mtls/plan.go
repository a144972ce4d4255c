package mtls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// checkMesh reports during plan what prevents a backend in its mesh, and the
// consequences of enabling it. old is the backend that it replaces or changes,
// or nil. If it cannot read the mesh, the apply reports that.
func (r *backend) checkMesh(ctx context.Context, old *priorBackend, plan model, diags *diag.Diagnostics) {
	name := plan.Mesh.ValueString()
	if r.Client == nil || plan.Mesh.IsUnknown() || plan.Name.IsUnknown() {
		return
	}
	if r.Run.CreatesMesh(name) {
		if plan.Enabled.ValueBool() {
			r.warnDenied(ctx, name, diags)
		}
		return
	}
	mesh, err := r.Client.MeshAsOf(ctx, name, kuma.Recent)
	if err != nil {
		return
	}
	in, err := neighborsIn(mesh, old, plan)
	if err == nil && plan.Enabled.ValueBool() && in.enabled == nil {
		r.warnDenied(ctx, name, diags)
	}
	switch {
	case err != nil: // the read has reported it
	case in.namesake != nil && in.namesake.Type != kuma.Provided:
		addOtherType(diags, plan, in.namesake.Type)
	case in.namesake == nil && in.other != nil && r.Client.OneBackend(ctx):
		addSecond(diags, plan, *in.other)
	case !plan.Enabled.ValueBool():
	case in.instead != nil:
		r.Run.Note(enabling(name))
		warnInstead(plan, *in.instead, in.namesake != nil, diags)
	case plan.Mode.ValueString() == kuma.Strict && (in.enabled == nil || in.enabled.Mode == kuma.Permissive):
		r.warnStrict(ctx, plan, in.enabled, diags)
	}
}

// try asks the control plane on Kubernetes whether it accepts the planned backend. It
// asks only if the mesh and the secrets are already as the apply finds them: without
// another backend, and without a secret that this run writes.
func (r *backend) try(ctx context.Context, old *priorBackend, plan model, diags *diag.Diagnostics) {
	name := plan.Mesh.ValueString()
	if r.Client == nil || !r.Kubernetes || r.Run.CreatesMesh(name) || old != nil && (old.Mesh != name || old.Name != plan.Name.ValueString()) {
		return
	}
	mesh, err := r.Client.MeshAsOf(ctx, name, kuma.Recent)
	if err != nil {
		return
	}
	if in, err := neighborsIn(mesh, old, plan); err != nil || in.other != nil || in.namesake != nil && in.namesake.Type != kuma.Provided {
		return // the other checks report it
	}
	var wanted []string
	for _, secret := range []types.String{plan.Cert.Secret, plan.Key.Secret} {
		switch {
		case secret.IsNull():
		case r.Run.PlansSecret(name, secret.ValueString()):
			return
		default:
			wanted = append(wanted, secret.ValueString())
		}
	}
	if found, err := r.Client.SecretsByName(ctx, name, kuma.Recent, wanted...); err != nil || len(found) < len(wanted) {
		return
	}
	var sent *kuma.Mesh
	err = r.Client.TryMesh(ctx, name, func(mesh *kuma.Mesh) error {
		sent = mesh
		egress, errEgress := mesh.ZoneEgress()
		err := errors.Join(errEgress, edit(ctx, plan, mesh))
		if enabled, errEnabled := mesh.EnabledBackend(); egress && enabled == "" { // as the apply does
			err = errors.Join(err, errEnabled, mesh.SetZoneEgress(false))
		}
		return err
	})
	addWriteError(diags, "plan "+plan.String(), plan, refusedWith(sent, err))
}

// neighbors has the backends of a mesh that matter for a new one.
type neighbors struct {
	namesake *kuma.Backend // with the same name
	enabled  *kuma.Backend // the enabled one
	other    *kuma.Backend // one that stays next to it
	instead  *kuma.Backend // the enabled one that it replaces
}

func neighborsIn(mesh *kuma.Mesh, old *priorBackend, plan model) (in neighbors, err error) {
	backends, err := mesh.Backends()
	if err != nil {
		return in, err
	}
	enabled, err := mesh.EnabledBackend()
	for i := range backends {
		b := &backends[i]
		goes := old != nil && old.Mesh == plan.Mesh.ValueString() && old.Name == b.Name
		switch {
		case b.Name == plan.Name.ValueString():
			in.namesake = b
		case !goes:
			in.other = b
		}
		if b.Name == enabled {
			in.enabled = b
			if !goes && b != in.namesake {
				in.instead = b
			}
		}
	}
	return in, err
}

// fromBuiltin is the advice to replace a backend of another type by a provided
// one.
const fromBuiltin = "On Kuma, a mesh has one backend: remove `mtls` from the mesh with the tool that created it, and apply again. " +
	"In the meantime, proxies send plain text. On Kong Mesh, a mesh can have several: use another name for this " +
	`backend, and migrate in steps. See the section "Migrate from a builtin backend" of the guide "Rotate a CA".`

// addOtherType adds the error for a backend with this name that is not of type
// provided.
func addOtherType(diags *diag.Diagnostics, m model, is string) {
	diags.AddAttributeError(path.Root("name"), "Backend has another type", fmt.Sprintf(
		"Mesh %q has a backend %q of type %s. This resource manages backends of type provided, and cannot change the "+
			"type of a backend. %s",
		m.Mesh.ValueString(), m.Name.ValueString(), is, fromBuiltin))
}

// addSecond reports that Kuma rejects a second backend. It is an error if this
// run cannot delete the other one, because that has another type.
func addSecond(diags *diag.Diagnostics, m model, other kuma.Backend) {
	const summary = "Mesh has another backend"
	mesh := m.Mesh.ValueString()
	if other.Type != kuma.Provided {
		diags.AddAttributeError(path.Root("name"), summary, fmt.Sprintf("Mesh %q has the backend %q of type %s, and Kuma rejects a second one. %s", mesh, other.Name, other.Type, fromBuiltin))
		return
	}
	diags.AddAttributeWarning(path.Root("name"), summary, fmt.Sprintf(
		"Mesh %q has the backend %q, and Kuma rejects a second one: the apply fails unless it deletes that backend "+
			"first. To change the CA of a mesh, keep the backend, and set cert and key to another CA secret.", mesh, other.Name))
}

// tooEarly is why a replacement is rejected in a mesh with one backend.
const tooEarly = "If this backend replaces another one of this configuration, create_before_destroy creates it too early. " +
	"Remove create_before_destroy from this resource, and from every resource that depends on it and passes it on. " +
	"In the meantime, mTLS is off."

// warnInstead warns during plan that this backend replaces another enabled one,
// unless both have the same CA, so that proxies do not notice.
func warnInstead(plan model, other kuma.Backend, listed bool, diags *diag.Diagnostics) {
	name, wanted := plan.Name.ValueString(), plan.backend()
	if other.Type == kuma.Provided && other.Cert == wanted.Cert && other.Key == wanted.Key {
		return
	}
	advice := "Kuma changes the enabled backend only while mTLS is off. Kong Mesh changes it in one write."
	if !listed {
		advice += " On Kong Mesh, first add this backend with `enabled = false` in a separate apply. Otherwise, proxies that do " +
			"not trust its CA yet reject certificates from it."
	}
	diags.AddAttributeWarning(path.Root("enabled"), "Another backend is enabled", fmt.Sprintf(
		"Mesh %q now uses its backend %q of type %s. Enabling %q replaces it: the next certificate of each proxy comes "+
			"from another CA. Backend %q stays in the mesh, but is not used.\n\n"+
			"%s", plan.Mesh.ValueString(), other.Name, other.Type, name, other.Name, advice))
}

// warnStrict warns if connections without a certificate will be rejected. now
// is the enabled backend, or nil if the mesh has no mTLS.
func (r *backend) warnStrict(ctx context.Context, plan model, now *kuma.Backend, diags *diag.Diagnostics) {
	proxies, err := r.Client.DataplanesAsOf(ctx, plan.Mesh.ValueString(), kuma.Recent)
	if err != nil || r.Run.Noted(turnedOff(plan.Mesh.ValueString())) { // a warning has reported that
		return
	}
	refused, why := known(served(proxies)), "has no mTLS"
	if now != nil { // proxies that have a certificate continue to work
		refused, why = without(connected(served(proxies)), now.Name), "accepts plain text (PERMISSIVE)"
	}
	if len(refused) == 0 {
		return
	}
	advice := `To avoid interruption, apply with mode = "PERMISSIVE" first, wait until every proxy has a certificate ` +
		"(certificate_issued_at in the data source kongmesh_dataplanes), and then remove mode."
	if now != nil {
		advice = "To avoid interruption, wait until each of them has a certificate (certificate_issued_at in the data source " +
			"kongmesh_dataplanes)."
	}
	diags.AddAttributeWarning(path.Root("mode"), "STRICT rejects plain text", fmt.Sprintf(
		"Mesh %q %s. Without a certificate of this backend: %s. In mode STRICT, proxies reject all connections without "+
			"a certificate: those from these proxies until they have one, and all from outside the mesh. %s",
		plan.Mesh.ValueString(), why, tfkit.Proxies(refused), advice))
}

// warnDenied warns of mTLS in a mesh without a traffic permission, because the
// control plane creates none (measured on 2.7.29 and 2.14.3). A permission in
// this run counts if it was planned before, which depends_on guarantees.
func (r *backend) warnDenied(ctx context.Context, mesh string, diags *diag.Diagnostics) {
	if r.Run.PlansPermission(mesh) {
		return
	}
	if !r.Run.CreatesMesh(mesh) {
		if there, known := r.Client.HasPermission(ctx, mesh); there || !known {
			return
		}
	}
	diags.AddAttributeWarning(path.Root("enabled"), "Requests will be denied", fmt.Sprintf(
		"Requests between proxies of mesh %q will be denied: the backend enables mTLS, and the mesh has no MeshTrafficPermission. Without "+
			"mTLS, requests need no permission. Add one in the same run, and let the backend wait for it:\n\n%s\n\n"+
			"In the backend, set `depends_on = [kongmesh_resource.allow]`. Ignore this warning if this run already creates a permission.",
		mesh, allowAll(mesh)))
}

// allowAll returns a permission for all requests in a mesh.
func allowAll(mesh string) string {
	return strings.Join([]string{
		`  resource "kongmesh_resource" "allow" {`,
		`    type = "MeshTrafficPermission"`,
		`    mesh = ` + strconv.Quote(mesh),
		`    name = "allow-all"`,
		`    spec = {`,
		`      targetRef = { kind = "Mesh" }`,
		`      from = [{ targetRef = { kind = "Mesh" }, default = { action = "Allow" } }]`,
		`    }`,
		`  }`,
	}, "\n")
}

// known returns the proxies that are connected, or were.
func known(proxies []kuma.Dataplane) []kuma.Dataplane {
	return slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool { return d.Subscription == "" })
}

// without returns the proxies without a certificate of a backend, as far as the
// control plane shows.
func without(proxies []kuma.Dataplane, backend string) []kuma.Dataplane {
	return slices.DeleteFunc(slices.Clone(proxies), func(d kuma.Dataplane) bool { return d.Certificate != nil && d.Certificate.Backend == backend })
}

// checkFit reports a CA that does not fit this backend: it expires before a
// certificate that it issues now, or may not issue for the mesh. The resource
// of the CA reports all other problems.
func (r *backend) checkFit(ctx context.Context, state *model, plan model, diags *diag.Diagnostics) {
	unchanged := state != nil && *plan.Cert == *state.Cert && plan.lifetime() == state.lifetime() && plan.SkipValidation.Equal(state.SkipValidation)
	if r.Client == nil || unchanged || plan.SkipValidation.ValueBool() || plan.Mesh.IsUnknown() || plan.Cert.Secret.IsUnknown() || plan.Cert.Secret.IsNull() {
		return
	}
	bundle, known := r.bundle(ctx, plan.Mesh.ValueString(), plan.Cert.Secret.ValueString())
	if !known {
		return // the apply checks it
	}
	now := r.Clock.Now()
	end := now.Add(plan.lifetime())
	chain, _ := bundle.Check(pki.Options{Now: now, ProxyCertificateLifetime: plan.lifetime(), Mesh: plan.Mesh.ValueString()})
	for _, problem := range chain {
		expires := problem.Rule == pki.RuleExpiresSoon && problem.Index >= 0 && bundle.Chain[problem.Index].NotAfter.Before(end)
		if expires || problem.Rule == pki.RuleNameConstraints && problem.Severity == pki.Error {
			tfkit.AddProblems(diags, plan.Cert.at("cert"), pki.Problems{problem})
		}
	}
}

// bundle returns the planned or current content of a certificate secret.
func (r *backend) bundle(ctx context.Context, mesh, name string) (bundle pki.Bundle, known bool) {
	if bundle, known = r.Run.PlannedBundle(mesh, name); known || r.Run.CreatesMesh(mesh) || r.Run.PlansSecret(mesh, name) {
		return bundle, known
	}
	secrets, err := r.Client.SecretsAsOf(ctx, mesh, kuma.Recent)
	secret := secrets[name]
	if err != nil || secret == nil {
		return bundle, false
	}
	text, err := secret.Data()
	bundle, problems := pki.ReadBundle(text)
	return bundle, err == nil && !problems.HasErrors()
}

// lifetime returns the lifetime of a proxy certificate.
func (m model) lifetime() time.Duration {
	if m.DPCert != nil && m.DPCert.Rotation != nil {
		if lifetime, err := kuma.ParseDuration(m.DPCert.Rotation.Expiration.ValueString()); err == nil {
			return lifetime
		}
	}
	return pki.DefaultProxyCertificateLifetime
}

// checkImport adds an error that describes what the mesh has instead of a
// backend that cannot be imported. The read that follows would only report that
// there is none.
func (r *backend) checkImport(ctx context.Context, meshName, name string, diags *diag.Diagnostics) {
	mesh, err := r.Client.MeshAsOf(ctx, meshName, kuma.Recent)
	if kuma.Absent(err) {
		tfkit.AddImportMeshAbsent(diags, meshName)
		return
	}
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read mesh %q", meshName), err)
		return
	}
	backends, err := mesh.Backends()
	if err != nil {
		tfkit.AddUnreadable(diags, fmt.Sprintf("Mesh %q", meshName), err)
		return
	}
	var others []string
	for _, b := range backends {
		switch {
		case b.Name == name && b.Type == kuma.Provided:
			return
		case b.Name == name:
			diags.AddError("Not a provided backend", fmt.Sprintf(
				`Backend %q of mesh %q has type %q. This resource only manages backends of type "provided", which use your own `+
					"CA. Continue to manage this backend with the tool that created it. %s", name, meshName, b.Type, fromBuiltin))
			return
		}
		others = append(others, fmt.Sprintf("%q of type %s", b.Name, b.Type))
	}
	has := "It has no backends"
	if len(others) > 0 {
		has = "It has " + strings.Join(others, ", ")
	}
	diags.AddError("Unknown backend", fmt.Sprintf("Mesh %q has no mTLS backend %q. %s. Check the import ID, which has the form mesh/name.", meshName, name, has))
}
