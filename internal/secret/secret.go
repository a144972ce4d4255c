// Package secret has the resources that manage a single secret:
// kongmesh_mesh_secret and kongmesh_global_secret. Package casecret manages CA
// secrets.
package secret

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// plain is embedded by both resources. It has everything except the place of
// the secret.
type plain struct {
	tfkit.Resource
	hashes *Hasher
	model  func() plainModel // an empty one
	kind   string            // kuma.SecretType or kuma.GlobalSecretType
}

// A plainModel is a pointer to the model of one of these resources.
type plainModel interface {
	location() location
	content() *value
	identity() any
}

func (r *plain) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config := r.model()
	resp.Diagnostics.Append(req.Config.Get(ctx, config)...)
	if !resp.Diagnostics.HasError() {
		config.content().wanted(&resp.Diagnostics)
	}
}

func (r *plain) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.Preflight(ctx, r.kind, req, resp)
	if req.Plan.Raw.IsNull() {
		return // a destroy
	}
	config, plan, state := r.model(), r.model(), r.model()
	resp.Diagnostics.Append(req.Config.Get(ctx, config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	data, known := config.content().wanted(&resp.Diagnostics)
	warnOfSize(data, &resp.Diagnostics)
	applied, _ := tfkit.LoadPrivate[saltedHash](ctx, req.Private, privateHash, &resp.Diagnostics)
	same := sync.OnceValue(func() bool { return known && state.content().applied(data, applied, r.hashes) })
	inSync := config.content().planned(*state.content(), same)
	if inSync.IsUnknown() && known && plan.location() == state.location() && !same() {
		r.refuseInUse(ctx, plan.location(), data, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("in_sync"), inSync)...)
	if !resp.Plan.Raw.Equal(req.State.Raw) {
		r.Run.PlanSecret(plan.location().mesh, plan.location().name)
		if known {
			r.try(ctx, plan.location(), len(data), &resp.Diagnostics)
		}
	}
}

// try asks the control plane on Kubernetes whether it accepts a secret.
func (r *plain) try(ctx context.Context, at location, size int, diags *diag.Diagnostics) {
	unknown := at.name == "" || at.mesh == "" && !at.global
	if r.Client != nil && !unknown && !diags.HasError() {
		tfkit.AddError(diags, fmt.Sprintf("plan %s", at), r.Client.TrySecret(ctx, at.mesh, at.name, size))
	}
}

func (r *plain) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	config, plan := r.model(), r.model()
	resp.Diagnostics.Append(req.Config.Get(ctx, config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	data, ok := config.content().wanted(&resp.Diagnostics)
	if !ok {
		return
	}
	at := plan.location()
	if !r.Run.Begin(at.runName()) {
		at.existing().AddTwice(&resp.Diagnostics)
		return
	}
	found, ok := r.readSecret(ctx, at, kuma.Fresh, &resp.Diagnostics)
	if !ok || found != nil && !r.adopt(ctx, at, found, data, &resp.Diagnostics) {
		return
	}
	if found == nil {
		err := at.put(ctx, r.Client, data, nil)
		addWriteError(&resp.Diagnostics, at, err)
		if err != nil && !kuma.Uncertain(err) {
			return
		}
	}
	r.Run.Create(at.runName())
	plan.content().InSync = types.BoolValue(true)
	r.hashes.keep(ctx, resp.Private, data, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...) // also after an uncertain write, so that Terraform does not forget the secret
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

func (r *plain) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	state := r.model()
	resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if resp.Diagnostics.HasError() || r.Defers(req, resp) || r.Client == nil {
		return
	}
	at := state.location()
	found, ok := r.readSecret(ctx, at, kuma.Recent, &resp.Diagnostics)
	switch {
	case !ok:
		return
	case found == nil:
		r.RemoveAbsent(ctx, r.kind, at.String(), resp)
		return
	}
	data, ok := dataOf(found, at, &resp.Diagnostics)
	if !ok {
		return
	}
	applied, ok := tfkit.LoadPrivate[saltedHash](ctx, req.Private, privateHash, &resp.Diagnostics)
	if !ok { // after an import, the current value counts as applied
		r.hashes.keep(ctx, resp.Private, data, &resp.Diagnostics)
	}
	state.content().InSync = types.BoolValue(!ok || state.content().applied(data, applied, r.hashes))
	state.content().record(data)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *plain) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	config, plan, state := r.model(), r.model(), r.model()
	resp.Diagnostics.Append(req.Config.Get(ctx, config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	data, ok := config.content().wanted(&resp.Diagnostics)
	if !ok {
		return
	}
	at := plan.location()
	found, ok := r.readSecret(ctx, at, kuma.Fresh, &resp.Diagnostics)
	if !ok {
		return
	}
	same := found != nil && holds(found, data)
	if !same && state.content().InSync.ValueBool() { // otherwise, it restores a value that another client changed
		if r.refuseInUse(ctx, at, data, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	if !same || plan.content().versionChanged(*state.content()) {
		if err := at.put(ctx, r.Client, data, found); err != nil {
			addWriteError(&resp.Diagnostics, at, err)
			return // the state stays the same, and the next refresh reads again
		}
	}
	plan.content().InSync = types.BoolValue(true)
	r.hashes.keep(ctx, resp.Private, data, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

func (r *plain) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := r.model()
	resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	at := state.location()
	if r.Run.Created(at.runName()) || r.refuseDelete(ctx, at, &resp.Diagnostics) {
		return
	}
	err := at.remove(ctx, r.Client)
	if tfkit.WarnOrphaned(&resp.Diagnostics, err, at.name) {
		return
	}
	if kuma.Refused(err) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Secret is still in use", fmt.Sprintf(
			"The control plane does not delete %s:\n\n"+
				"%s\n\n"+
				"Remove it from the mesh first. If a kongmesh_mtls_provided_backend uses it, set its `cert` or `key` to a "+
				"reference to this resource, so that Terraform knows the order.", at, err))
		return
	}
	tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("delete %s", at), err)
}

// refuseDelete adds the error for a secret that a MeshIdentity uses, which the
// control plane would delete, unlike that of a backend. It reports whether it added
// one.
func (r *plain) refuseDelete(ctx context.Context, at location, diags *diag.Diagnostics) bool {
	if at.global {
		return false
	}
	identities, err := r.Client.IdentityUsers(ctx, at.mesh, kuma.Fresh, at.name)
	switch {
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("read the MeshIdentities of mesh %q", at.mesh), err)
	case len(identities) > 0:
		diags.AddAttributeError(path.Root("name"), "Secret is still in use", fmt.Sprintf(
			"The CA of the %s is in %s. Without it, the control plane would issue no certificates to proxies. Nothing was deleted.\n\n"+
				"Let the identity use another secret first, or delete it. If a kongmesh_mesh_identity uses the secret, set its "+
				"`certificate` or `private_key` to a reference to this resource, so that Terraform knows the order.",
			tfkit.Users{Identities: identities}, at))
	}
	return err != nil || len(identities) > 0
}

// adopt reports whether an existing secret counts as created: one with the same
// value that belonged to a deleted mesh of the same name. Otherwise, it adds an
// error.
func (r *plain) adopt(ctx context.Context, at location, found *kuma.Secret, data []byte, diags *diag.Diagnostics) bool {
	if !at.global && holds(found, data) {
		mesh, err := r.Client.MeshAsOf(ctx, at.mesh, kuma.Recent)
		if err != nil {
			tfkit.AddError(diags, fmt.Sprintf("read mesh %q", at.mesh), err)
			return false
		}
		if tfkit.LeftBehind(found, mesh) {
			return true
		}
	}
	r.addExists(ctx, at, diags)
	return false
}

// addExists adds the error for a secret that already exists.
func (r *plain) addExists(ctx context.Context, at location, diags *diag.Diagnostics) {
	if what, advice := at.owned(); what != "" {
		diags.AddAttributeError(path.Root("name"), "Secret belongs to control plane", fmt.Sprintf("There is already a %s, which is %s. %s", at, what, advice))
		return
	}
	if !r.refuseCASecret(ctx, at, diags) {
		at.existing().Add(diags)
	}
}

// refuseCASecret adds an error if a secret is one of the two of a CA, which
// kongmesh_mesh_ca_secret manages together. It reports whether it did.
func (r *plain) refuseCASecret(ctx context.Context, at location, diags *diag.Diagnostics) bool {
	if at.global || r.Client == nil {
		return false
	}
	ca, err := r.caSecretsOf(ctx, at)
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read %s", at), err)
		return true
	}
	if ca == nil {
		return false
	}
	what := "certificate chain"
	if ca.Key == at.name {
		what = "private key"
	}
	diags.AddAttributeError(path.Root("name"), "Secret belongs to a CA", fmt.Sprintf(
		"The %s is the %s of a CA. A kongmesh_mesh_ca_secret manages the certificates and the key together: it "+
			"validates that they belong together, and does not change them while the mesh uses them. A resource for this "+
			"secret alone could replace or delete half of the CA.\n\n"+
			"Remove this resource. If no resource manages the CA yet, add this block and a kongmesh_mesh_ca_secret "+
			"resource with that name:\n\n"+
			"%s",
		at, what, tfkit.ImportBlock("kongmesh_mesh_ca_secret", at.mesh+"/"+ca.Certificate+"/"+ca.Key)))
	return true
}

// caSecretsOf returns the CA that a secret belongs to, or nil.
func (r *plain) caSecretsOf(ctx context.Context, at location) (*rollout.CASecrets, error) {
	mesh, err := r.Client.MeshAsOf(ctx, at.mesh, kuma.Recent)
	if kuma.Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	secrets, err := r.Client.Secrets(ctx, at.mesh)
	if err != nil {
		return nil, err
	}
	cas, err := rollout.FindCAs(mesh, secrets)
	if i := slices.IndexFunc(cas, func(ca rollout.CASecrets) bool { return ca.Has(at.name) }); i >= 0 {
		return &cas[i], err
	}
	return nil, err
}

// readSecret reads a secret, and returns nil if it does not exist. ok is false
// after an error. If a recent answer is enough, it reads from a list that all
// resources of a mesh share.
func (r *plain) readSecret(ctx context.Context, at location, age kuma.MaxAge, diags *diag.Diagnostics) (found *kuma.Secret, ok bool) {
	var err error
	switch {
	case at.global:
		found, err = r.Client.GlobalSecret(ctx, at.name)
	case age == kuma.Recent:
		var all map[string]*kuma.Secret
		all, err = r.Client.SecretsByName(ctx, at.mesh, age, at.name)
		found = all[at.name]
	default:
		found, err = r.Client.Secret(ctx, at.mesh, at.name)
	}
	if kuma.Absent(err) {
		return nil, true
	}
	tfkit.AddError(diags, fmt.Sprintf("read %s", at), err)
	return found, err == nil
}

// refuseInUse adds the error for a different value of a secret from which a
// backend or an identity of the mesh takes its CA. The same CA material in another encoding is
// allowed.
func (r *plain) refuseInUse(ctx context.Context, at location, data []byte, diags *diag.Diagnostics) {
	if r.Client == nil || at.global {
		return
	}
	if users := r.CurrentUsers(ctx, at.mesh, diags, at.name); users.Any() {
		if found, ok := r.readSecret(ctx, at, kuma.Recent, diags); !ok || found != nil && holdsMaterial(found, data) {
			return
		}
		diags.AddAttributeError(path.Root("name"), "CA secret is in use", fmt.Sprintf(
			"The CA of the %s is in %s, and the configuration has another value for it. Proxies would continue to trust the "+
				"current CA. Hours later, they would get their next certificate from the new CA, and handshakes would fail.\n\n"+
				"Upload the new CA to secrets with other names, and let the backend or the identity use them. A "+
				"kongmesh_mesh_ca_secret does this, and validates the CA.", users, at))
	}
}

// addWriteError adds the diagnostic for a write that failed.
func addWriteError(diags *diag.Diagnostics, at location, err error) {
	if kuma.Absent(err) && !at.global {
		tfkit.AddMeshAbsent(diags, at.mesh)
		return
	}
	tfkit.AddError(diags, fmt.Sprintf("write %s", at), err)
}

// dataOf returns the content of a secret.
func dataOf(secret *kuma.Secret, at location, diags *diag.Diagnostics) (data []byte, ok bool) {
	data, err := secret.Data()
	if err != nil {
		tfkit.AddUnreadable(diags, "The "+at.String(), err)
	}
	return data, err == nil
}

// holds reports whether a secret already contains data.
func holds(secret *kuma.Secret, data []byte) bool {
	there, err := secret.Data()
	return err == nil && bytes.Equal(there, data)
}

// holdsMaterial reports whether a secret contains the same CA material as data.
func holdsMaterial(secret *kuma.Secret, data []byte) bool {
	there, err := secret.Data()
	return err == nil && pki.SameMaterial(there, data)
}

// queryResult returns a secret as the result of a query, without its value, as
// after an import.
func queryResult(at location, id any) tfkit.QueryResult {
	return tfkit.QueryResult{
		ID:       at.id(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			diags := state.SetAttribute(ctx, path.Root("name"), at.name)
			if !at.global {
				diags.Append(state.SetAttribute(ctx, path.Root("mesh"), at.mesh)...)
			}
			return append(diags, state.SetAttribute(ctx, path.Root("in_sync"), true)...)
		},
	}
}
