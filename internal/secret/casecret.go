// Package secret holds the secrets of a mesh and of its control plane:
// kongmesh_mesh_ca_secret, the CA of a mesh as a pair of secrets, and any other
// one, kongmesh_mesh_secret and kongmesh_global_secret.
package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
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
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ resource.ResourceWithConfigure        = (*caSecret)(nil)
	_ resource.ResourceWithConfigValidators = (*caSecret)(nil)
	_ resource.ResourceWithValidateConfig   = (*caSecret)(nil)
	_ resource.ResourceWithModifyPlan       = (*caSecret)(nil)
	_ resource.ResourceWithIdentity         = (*caSecret)(nil)
	_ resource.ResourceWithImportState      = (*caSecret)(nil)
	_ resource.ResourceWithMoveState        = (*caSecret)(nil)
)

const (
	timeFormat     = time.RFC3339
	defaultTimeout = 5 * time.Minute
	// privateContent is where private state keeps the fingerprint of what was
	// last uploaded, which tells drift from a new CA.
	privateContent = "content"
)

// NewCASecret is kongmesh_mesh_ca_secret. random is for the IDs of its objects.
func NewCASecret(random io.Reader) func() resource.Resource {
	return func() resource.Resource { return &caSecret{random: random} }
}

type caSecret struct {
	tfkit.Resource
	random io.Reader
}

type model struct {
	Mesh                  types.String   `tfsdk:"mesh"`
	Name                  types.String   `tfsdk:"name"`
	CertificateSecretName types.String   `tfsdk:"certificate_secret_name"`
	KeySecretName         types.String   `tfsdk:"key_secret_name"`
	CertificateChain      types.String   `tfsdk:"certificate_chain"`
	TrustedCertificates   types.String   `tfsdk:"trusted_certificates"`
	PrivateKey            types.String   `tfsdk:"private_key"`
	PrivateKeyWO          types.String   `tfsdk:"private_key_wo"`
	PrivateKeyWOVersion   types.Int64    `tfsdk:"private_key_wo_version"`
	CertificateSecret     types.String   `tfsdk:"certificate_secret"`
	KeySecret             types.String   `tfsdk:"key_secret"`
	PublicKeySHA256       types.String   `tfsdk:"public_key_sha256"`
	AcceptWarnings        types.Set      `tfsdk:"accept_warnings"`
	Certificates          types.List     `tfsdk:"certificates"`
	Timeouts              timeouts.Value `tfsdk:"timeouts"`
}

// certificateType is an element of `certificates`.
func certificateType() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{
		"subject":              types.StringType,
		"issuer":               types.StringType,
		"serial_number":        types.StringType,
		"not_before":           types.StringType,
		"not_after":            types.StringType,
		"public_key_algorithm": types.StringType,
		"sha256_fingerprint":   types.StringType,
	}}
}

type identity struct {
	Mesh              types.String `tfsdk:"mesh"`
	CertificateSecret types.String `tfsdk:"certificate_secret"`
	KeySecret         types.String `tfsdk:"key_secret"`
}

func (r *caSecret) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mesh_ca_secret"
}

func (r *caSecret) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The certificate authority (CA) of a mesh: the certificate secret and the key secret that a `provided` mTLS " +
			"backend uses.\n\n" +
			"The content of these secrets never changes while a mesh uses them. Otherwise, proxies would get their next " +
			"certificate from the new CA and still trust the current one. The provider derives the names of the secrets " +
			"from their content, so that a new CA has new secrets. With `create_before_destroy`, Terraform creates the new " +
			"secrets before the mesh switches to them, and deletes the previous ones afterwards.\n\n" +
			"A `moved` block migrates the `kong-mesh_mesh_secret` with the certificates, a resource of Kong's provider. " +
			"The provider finds the secret with the key. Remove the resource of the key from the state with a `removed` " +
			"block and `destroy = false`. The configuration then needs the fixed names of both secrets.",
		Attributes: map[string]schema.Attribute{
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh. It must exist. Refer to the mesh, as in `kongmesh_mesh.this.name`, so that Terraform deletes the secrets before the mesh. " +
					"If it deletes the mesh first, the control plane keeps the secrets, the private key included.",
				Required:      true,
				Validators:    []validator.String{tfkit.MeshReference()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the CA. The secrets are named `<name>-<fingerprint>-cert` and `<name>-<fingerprint>-key`. The " +
					"fingerprint is the first 10 hex digits of the SHA-256 of all certificates (DER). Optional if " +
					"`certificate_secret_name` and `key_secret_name` are set.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{tfkit.SecretName(), stringvalidator.LengthAtMost(kuma.MaxSecretName - fingerprintLength - len("--cert"))},
			},
			"certificate_secret_name": schema.StringAttribute{
				MarkdownDescription: "Fixed name of the certificate secret, for existing secrets. Requires `key_secret_name`. With fixed names, the " +
					"CA cannot change while a mesh uses it.",
				Optional:   true,
				Validators: []validator.String{tfkit.SecretName()},
			},
			"key_secret_name": schema.StringAttribute{
				MarkdownDescription: "Fixed name of the key secret. Requires `certificate_secret_name`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.SecretName()},
			},
			"certificate_chain": schema.StringAttribute{
				MarkdownDescription: "Certificate of the CA in PEM, followed by the certificates above it up to the root. The provider compares the " +
					"certificates, so a different form of the same PEM causes no change.",
				Required:      true,
				PlanModifiers: []planmodifier.String{tfkit.KeepEquivalent(sameChain)},
			},
			"trusted_certificates": schema.StringAttribute{
				MarkdownDescription: "Additional CA certificates in PEM that proxies trust, in any order. They follow the chain in the certificate " +
					"secret.",
				Optional:      true,
				Computed:      true,
				PlanModifiers: []planmodifier.String{tfkit.KeepEquivalent(sameSet)},
			},
			"private_key": schema.StringAttribute{
				MarkdownDescription: "Private key of the first certificate in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted. It is stored in plan " +
					"and state. Use `private_key_wo` to avoid this.",
				Optional:      true,
				Sensitive:     true,
				PlanModifiers: []planmodifier.String{tfkit.KeepEquivalent(sameKey)},
			},
			"private_key_wo": schema.StringAttribute{
				MarkdownDescription: "Private key of the first certificate in PEM. Write-only: not stored in plan or state. Requires Terraform 1.11 " +
					"or later.",
				Optional:  true,
				Sensitive: true,
				WriteOnly: true,
			},
			"private_key_wo_version": schema.Int64Attribute{
				MarkdownDescription: "Number that uploads `private_key_wo` again if it changes. You rarely need it, because the provider compares " +
					"the key with its certificate by its public key.",
				Optional: true,
			},
			"accept_warnings": schema.SetAttribute{
				MarkdownDescription: "Rules whose warnings you accept, such as `key-usage-should-not` for a CA whose key usages you cannot change. " +
					"The provider does not show these warnings. [Fix an error](../guides/errors.md#ca-material) lists the rules. You cannot accept an error.",
				ElementType: types.StringType,
				Optional:    true,
				Validators:  []validator.Set{tfkit.NoNulls(), setvalidator.ValueStringsAre(warningRule())},
			},
			"certificate_secret": schema.StringAttribute{
				MarkdownDescription: "Name of the certificate secret, for use in a backend. Known during plan.",
				Computed:            true,
			},
			"key_secret": schema.StringAttribute{
				MarkdownDescription: "Name of the key secret, for use in a backend. Known during plan.",
				Computed:            true,
			},
			"public_key_sha256": schema.StringAttribute{
				MarkdownDescription: "SHA-256 in hex of the public key (DER of SubjectPublicKeyInfo) of the private key on the control plane. It " +
					"shows a key that another client replaced.",
				Computed: true,
			},
			"certificates": schema.ListNestedAttribute{
				MarkdownDescription: "Certificates in the certificate secret, each once: the chain in its order, then the trusted certificates.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"subject":              schema.StringAttribute{Computed: true, MarkdownDescription: "Subject, as in RFC 2253."},
					"issuer":               schema.StringAttribute{Computed: true, MarkdownDescription: "Issuer, as in RFC 2253."},
					"serial_number":        schema.StringAttribute{Computed: true, MarkdownDescription: "Serial number in hex."},
					"not_before":           schema.StringAttribute{Computed: true, MarkdownDescription: "Start of validity (RFC 3339)."},
					"not_after":            schema.StringAttribute{Computed: true, MarkdownDescription: "Expiry date (RFC 3339)."},
					"public_key_algorithm": schema.StringAttribute{Computed: true, MarkdownDescription: "`RSA`, `ECDSA` or `Ed25519`."},
					"sha256_fingerprint":   schema.StringAttribute{Computed: true, MarkdownDescription: "SHA-256 of the certificate (DER) in hex."},
				}},
			},
			"timeouts": tfkit.Timeouts(ctx, timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "Timeout for creating. Defaults to `5m`.",
				UpdateDescription: "Timeout for updating. Defaults to `5m`.",
				DeleteDescription: "Timeout for deleting, including the wait after the mesh stops using the secrets: 5 seconds, 15 on a global control plane, and " +
					"longer if the control plane caches secrets for longer. Defaults to `5m`.",
			}),
		},
	}
}

func (r *caSecret) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"mesh":               identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the mesh."},
			"certificate_secret": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the certificate secret."},
			"key_secret":         identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the key secret."},
		},
	}
}

func (r *caSecret) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.Conflicting(path.MatchRoot("private_key"), path.MatchRoot("private_key_wo")),
		resourcevalidator.RequiredTogether(path.MatchRoot("certificate_secret_name"), path.MatchRoot("key_secret_name")),
		resourcevalidator.AtLeastOneOf(path.MatchRoot("name"), path.MatchRoot("certificate_secret_name")),
	}
}

func (r *caSecret) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() && config.PrivateKey.IsNull() && config.PrivateKeyWO.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("private_key_wo"), "No private key",
			"Set private_key_wo or private_key to the private key of the first certificate. Terraform cannot generate it "+
				"for an import: replace `private_key_wo = null` with a reference to the key, such as an ephemeral variable. "+
				"The provider compares it with the key on the control plane, and does not upload the same key again.")
	}
}

func (r *caSecret) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	defer r.Preflight(ctx, kuma.SecretType, req, resp)
	if req.Plan.Raw.IsNull() {
		var state model
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		r.Run.Depose(state.object(loadHolding(ctx, req.Private, &resp.Diagnostics)))
		return
	}
	var config, plan model
	var state *model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if state != nil && state.KeySecret.IsNull() {
		addNotRead(&resp.Diagnostics)
		return
	}
	proposed := plan
	plan.planComputed(config, state)
	if config.known() {
		b, ok := r.checkPlan(config, plan, state, &resp.Diagnostics)
		if !ok {
			return
		}
		plan.describe(b)
		plan.keepEqual(b, state)
		r.Run.PlanBundle(plan.Mesh.ValueString(), plan.CertificateSecret.ValueString(), b)
	}
	resp.RequiresReplace.Append(plan.replaced(state)...)
	if state != nil && len(resp.RequiresReplace) == 0 && plan.fixed() {
		applied, diags := req.Private.GetKey(ctx, privateContent)
		resp.Diagnostics.Append(diags...)
		r.refuseNewContent(ctx, plan, *state, string(applied), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(tfkit.SetChanged(ctx, &resp.Plan, proposed, plan)...)
}

// planComputed fills in what does not depend on the certificates.
func (m *model) planComputed(config model, state *model) {
	m.CertificateSecret, m.KeySecret = types.StringUnknown(), types.StringUnknown()
	m.PublicKeySHA256, m.Certificates = types.StringUnknown(), types.ListUnknown(certificateType())
	if config.TrustedCertificates.IsNull() {
		m.TrustedCertificates = types.StringNull() // computed, so that keepEqual may plan another value
	}
	switch {
	case m.CertificateSecretName.IsUnknown() && config.Name.IsNull():
		m.Name = types.StringUnknown()
		return
	case !m.fixed() || m.CertificateSecretName.IsUnknown():
		m.Name = config.Name
		return
	}
	m.CertificateSecret, m.KeySecret = m.CertificateSecretName, m.KeySecretName
	// With fixed names the name of the CA says nothing, so a change of it is none.
	switch {
	case state != nil && !state.Name.IsNull():
		m.Name = state.Name
	case config.Name.IsNull():
		m.Name = m.CertificateSecretName
	}
}

// keepEqual keeps the certificates of the state where the configuration has the
// same: an import can't know which of them the author takes for the chain.
func (m *model) keepEqual(b pki.Bundle, state *model) {
	if state == nil || !m.CertificateSecret.Equal(state.CertificateSecret) || !m.KeySecret.Equal(state.KeySecret) {
		return
	}
	if had, ok := state.parse(&diag.Diagnostics{}); !ok || !b.Equal(had) {
		return
	}
	m.Certificates = state.Certificates
	if m.TrustedCertificates.IsNull() || !state.TrustedCertificates.IsNull() { // Terraform does not allow null for a value
		m.CertificateChain, m.TrustedCertificates = state.CertificateChain, state.TrustedCertificates
	}
}

// describe fills in what the certificates tell.
func (m *model) describe(b pki.Bundle) {
	if !m.Name.IsUnknown() && !m.CertificateSecretName.IsUnknown() && !m.KeySecretName.IsUnknown() {
		certificate, key := m.names(b)
		m.CertificateSecret, m.KeySecret = types.StringValue(certificate), types.StringValue(key)
	}
	m.PublicKeySHA256 = types.StringValue(b.PublicKeySHA256())
	if m.Certificates.IsUnknown() { // else the plan has them
		m.Certificates = certificateList(b.Certificates())
	}
}

// replaced are the attributes for which the pair must be another one.
func (m model) replaced(state *model) path.Paths {
	if state == nil || m.CertificateSecret.Equal(state.CertificateSecret) && m.KeySecret.Equal(state.KeySecret) {
		return nil
	}
	// Terraform takes only those of them that really change.
	return path.Paths{
		path.Root("name"), path.Root("certificate_secret_name"), path.Root("key_secret_name"),
		path.Root("certificate_chain"), path.Root("trusted_certificates"),
		path.Root("certificate_secret"), path.Root("key_secret"),
	}
}

// checkPlan applies all rules to what the configuration says. Of a CA that is
// already uploaded no error stops a plan, or an expired CA could never be
// replaced together with anything else.
func (r *caSecret) checkPlan(config, plan model, state *model, diags *diag.Diagnostics) (pki.Bundle, bool) {
	b, ok := config.parse(diags)
	if !ok {
		return b, false
	}
	chain, trusted := b.Check(pki.Options{Now: r.Clock.Now()})
	if state != nil && plan.CertificateChain.Equal(state.CertificateChain) && plan.TrustedCertificates.Equal(state.TrustedCertificates) {
		chain, trusted = timely(chain), timely(trusted)
	}
	config.addProblems(diags, path.Root("certificate_chain"), chain)
	config.addProblems(diags, path.Root("trusted_certificates"), trusted)
	if text, at := config.privateKey(); text != nil {
		_, fits := parseKey(diags, at, *text, b)
		ok = fits
	}
	return b, ok && !chain.HasErrors() && !trusted.HasErrors()
}

// timely keeps the problems that come with time, as warnings.
func timely(problems pki.Problems) pki.Problems {
	var kept pki.Problems
	for _, p := range problems {
		switch p.Rule {
		case pki.RuleExpired, pki.RuleExpiresSoon:
			p.Severity = pki.Warning
			kept = append(kept, p)
		}
	}
	return kept
}

// refuseNewContent is the error for another CA under fixed names that a
// backend uses. applied is the fingerprint of what was last uploaded: content
// that is put back to that is drift put right.
func (r *caSecret) refuseNewContent(ctx context.Context, plan, state model, applied string, diags *diag.Diagnostics) {
	if r.Client == nil || !plan.known() {
		return
	}
	b, ok := plan.parse(&diag.Diagnostics{})
	had, known := state.parse(&diag.Diagnostics{})
	if !ok || fingerprintJSON(b) == applied || known && b.Equal(had) {
		return
	}
	mesh, err := r.Client.Mesh(ctx, plan.Mesh.ValueString())
	if kuma.Absent(err) {
		return
	}
	var users []string
	if err == nil {
		users, err = mesh.Users(plan.CertificateSecret.ValueString(), plan.KeySecret.ValueString())
	}
	switch {
	case err != nil:
		tfkit.AddError(diags, fmt.Sprintf("read mesh %q", plan.Mesh.ValueString()), err)
	case len(users) > 0:
		diags.AddAttributeError(path.Root("certificate_chain"), "CA secret is in use", fmt.Sprintf(
			"The configuration has another CA for %s, and %s. Proxies would continue to trust the current CA. Hours later, "+
				"they would get their next certificate from the new CA, and handshakes would fail.\n\n"+
				"Let the provider derive the names from the content: replace certificate_secret_name and key_secret_name with "+
				"`name`, and add to the resource"+replaceSafely+
				"The mesh then switches to the new CA secrets in one write.", plan, inUse(users)))
	}
}

func (r *caSecret) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var config, plan model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	limit, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	ctx, cancel := r.Clock.WithTimeout(ctx, limit)
	defer cancel()

	b, key, ok := r.material(config, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	plan.describe(b)
	if !r.begin(plan, &resp.Diagnostics) {
		return
	}
	unlock, err := r.Client.LockSecret(ctx, plan.Mesh.ValueString(), plan.CertificateSecret.ValueString())
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("write %s", plan), err)
		return
	}
	defer unlock()
	found, ok := r.look(ctx, plan, kuma.Fresh, &resp.Diagnostics)
	if !ok {
		return
	}
	holders, ok := r.adopt(ctx, plan, found, b, &resp.Diagnostics)
	if !ok {
		return
	}
	id, err := newHolder(r.random)
	if err != nil {
		addNoRandom(&resp.Diagnostics, err)
		return
	}
	made := r.upload(ctx, plan, found, upload{bundle: b, key: key, holders: append(slices.Clone(holders), id)}, &resp.Diagnostics)
	if made == untouched {
		return
	}
	keepHolding(ctx, resp.Private, holding{IDs: []string{id}, Before: holders}, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateContent, made.content(b))...)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.as(made))...) // also of what only may be there: it must not be forgotten
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
}

// begin notes that this run creates a pair, and adds an error where it does so
// for another resource as well.
func (r *caSecret) begin(plan model, diags *diag.Diagnostics) bool {
	mesh := plan.Mesh.ValueString()
	for _, name := range []string{plan.CertificateSecret.ValueString(), plan.KeySecret.ValueString()} {
		if !r.Run.Begin(secretClaim(mesh, name)) {
			plan.existing().AddTwice(diags)
			return false
		}
	}
	return true
}

func (r *caSecret) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var before model
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	state := before
	if !resp.Diagnostics.HasError() && state.KeySecret.IsNull() {
		state = r.findKey(ctx, state, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, state.identity())...)
	if resp.Diagnostics.HasError() || r.Client == nil {
		return
	}
	h := loadHolding(ctx, req.Private, &resp.Diagnostics)
	h.note(r.Run, state.id())
	found, ok := r.look(ctx, state, kuma.Recent, &resp.Diagnostics)
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
	applied, diags := req.Private.GetKey(ctx, privateContent)
	resp.Diagnostics.Append(diags...)
	if meant, ok := found.meant(); ok && applied == nil { // an import: what somebody applied is what counts as applied
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateContent, []byte(fingerprintJSON(meant)))...)
	}
	if len(h.Before) > 0 {
		keepHolding(ctx, resp.Private, h.look(r.Run, state.id()), &resp.Diagnostics)
	}
}

func (r *caSecret) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var config, plan, state model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	limit, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	ctx, cancel := r.Clock.WithTimeout(ctx, limit)
	defer cancel()

	b, key, ok := r.material(config, plan, &resp.Diagnostics)
	if !ok {
		return
	}
	plan.describe(b)
	if plan.fixed() {
		applied, diags := req.Private.GetKey(ctx, privateContent)
		resp.Diagnostics.Append(diags...)
		if r.refuseNewContent(ctx, plan, state, string(applied), &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	found, ok := r.look(ctx, plan, kuma.Fresh, &resp.Diagnostics)
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
		return // the state stays as it was, and the next refresh looks
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan.as(made))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, plan.identity())...)
	if made == whole {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateContent, made.content(b))...)
	}
}

func (r *caSecret) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || !r.Ready(&resp.Diagnostics) {
		return
	}
	limit, diags := state.Timeouts.Delete(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	ctx, cancel := r.Clock.WithTimeout(ctx, limit)
	defer cancel()

	left, err := r.remove(ctx, state, loadHolding(ctx, req.Private, &resp.Diagnostics))
	if warnOrphaned(&resp.Diagnostics, err, state.CertificateSecret.ValueString(), state.KeySecret.ValueString()) {
		return
	}
	if err != nil {
		addDeleteError(&resp.Diagnostics, fmt.Sprintf("delete %s", state), state, err)
		return
	}
	addKept(&resp.Diagnostics, state, left)
}

func (r *caSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id identity
	if req.ID == "" {
		tfkit.ImportIdentity(ctx, req, &id, &resp.Diagnostics)
	} else {
		id = r.parseID(ctx, req.ID, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if r.Client != nil {
		found := r.checkPair(ctx, id, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		holders, err := found.certificate.Holders()
		if err != nil {
			tfkit.AddUnreadable(&resp.Diagnostics, fmt.Sprintf("Secret %q of mesh %q", id.CertificateSecret.ValueString(), id.Mesh.ValueString()), err)
			return
		}
		keepHolding(ctx, resp.Private, holding{IDs: holders}, &resp.Diagnostics)
	}
	var state model
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
	resp.Diagnostics.Append(resp.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, state.of(id))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, id)...)
}

// pair is what the control plane has under a pair's names; nil is nothing.
type pair struct {
	certificate, key *kuma.Secret
}

// meant is the bundle in the certificate secret as its author means it: with the
// blocks that the control plane does not see.
func (p pair) meant() (b pki.Bundle, ok bool) {
	if p.certificate == nil {
		return b, false
	}
	data, err := p.certificate.Data()
	certificates, problems := pki.ParseCertificates(data)
	return pki.SplitBundle(certificates), err == nil && !problems.HasErrors()
}

// look reads both secrets of a pair.
func (r *caSecret) look(ctx context.Context, m model, age kuma.Freshness, diags *diag.Diagnostics) (found pair, ok bool) {
	mesh, certificate, key := m.Mesh.ValueString(), m.CertificateSecret.ValueString(), m.KeySecret.ValueString()
	secrets, err := r.Client.NamedSecrets(ctx, mesh, age, certificate, key)
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("read the secrets %q and %q of mesh %q", certificate, key, mesh), err)
		return pair{}, false
	}
	return pair{secrets[certificate], secrets[key]}, true
}

// material reads and checks all that is uploaded. The warnings were given with the plan.
func (r *caSecret) material(config, plan model, diags *diag.Diagnostics) (b pki.Bundle, key []byte, ok bool) {
	var found diag.Diagnostics
	b, ok = config.parse(&found)
	if ok {
		chain, trusted := b.Check(pki.Options{Now: r.Clock.Now()})
		if chain.HasErrors() || trusted.HasErrors() {
			tfkit.AddProblems(&found, path.Root("certificate_chain"), chain)
			tfkit.AddProblems(&found, path.Root("trusted_certificates"), trusted)
		}
		text, at := config.privateKey()
		if text == nil {
			text, at = plan.PrivateKey.ValueStringPointer(), path.Root("private_key")
		}
		if text == nil {
			empty := ""
			text, at = &empty, path.Root("private_key_wo")
		}
		key, _ = parseKey(&found, at, *text, b)
	}
	diags.Append(found.Errors()...)
	return b, key, !found.HasError()
}

func certificateRight(secret *kuma.Secret, b pki.Bundle) bool {
	data, err := secret.Data()
	if err != nil {
		return false
	}
	there, ok := readBundle(data)
	return ok && b.Equal(there)
}

func keyRight(secret *kuma.Secret, b pki.Bundle) bool {
	data, err := secret.Data()
	return err == nil && publicKeyOf(data).ValueString() == b.PublicKeySHA256()
}

// An upload is what a pair is to be.
type upload struct {
	bundle  pki.Bundle
	key     []byte
	holders []string
	again   bool // write the key even if the right one is there
}

// progress is how far an upload came.
type progress int

const (
	untouched progress = iota // nothing is written
	uncertain                 // the certificate secret may be written
	half                      // the certificate secret is written, the key secret may be
	whole                     // both are written
)

// content is what private state says of what was uploaded.
func (p progress) content(b pki.Bundle) []byte {
	if p < whole {
		return nil
	}
	return []byte(fingerprintJSON(b))
}

// as is the state of a pair that was uploaded so far. The key counts once it is
// certain.
func (m model) as(made progress) model {
	if made < whole {
		m.PublicKeySHA256 = types.StringNull()
	}
	return m
}

// upload writes what is not right yet, the certificate first.
func (r *caSecret) upload(ctx context.Context, plan model, found pair, wanted upload, diags *diag.Diagnostics) progress {
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
	right := found.certificate != nil && certificateRight(found.certificate, wanted.bundle)
	if !right || !bytes.Equal(held.Bytes(), found.certificate.Bytes()) {
		data := wanted.bundle.Encode()
		if right {
			data, _ = found.certificate.Data() // which certificateRight has read
		}
		if err := put(plan.CertificateSecret.ValueString(), data, held); kuma.Uncertain(err) {
			return uncertain
		} else if err != nil {
			return untouched
		}
	}
	r.Run.Create(secretClaim(mesh, plan.CertificateSecret.ValueString()))
	if found.key == nil || wanted.again || !keyRight(found.key, wanted.bundle) {
		if put(plan.KeySecret.ValueString(), wanted.key, found.key) != nil {
			return half
		}
	}
	return whole
}

func (m model) identity() identity { return identity{m.Mesh, m.CertificateSecret, m.KeySecret} }

// id is the import ID.
func (m model) id() string {
	return m.Mesh.ValueString() + "/" + m.CertificateSecret.ValueString() + "/" + m.KeySecret.ValueString()
}

// stateFrom is what the two secrets say. What cannot be read as
// it should be is null, which the next plan puts right.
func stateFrom(found pair, prior model) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	state := prior
	state.CertificateChain, state.TrustedCertificates = types.StringNull(), types.StringNull()
	state.Certificates = types.ListNull(certificateType())
	state.PublicKeySHA256 = types.StringNull()
	if found.certificate != nil {
		data, err := found.certificate.Data()
		if err != nil {
			tfkit.AddUnreadable(&diags, fmt.Sprintf("Secret %q of mesh %q", prior.CertificateSecret.ValueString(), prior.Mesh.ValueString()), tfkit.ErrNotBase64)
			return prior, diags
		}
		state.takeCertificates(data, prior)
	}
	if found.key != nil {
		data, err := found.key.Data()
		if err != nil { // not quoted: it may hold a part of the key
			tfkit.AddUnreadable(&diags, fmt.Sprintf("Secret %q of mesh %q", prior.KeySecret.ValueString(), prior.Mesh.ValueString()), tfkit.ErrNotBase64)
			return prior, diags
		}
		state.PublicKeySHA256 = publicKeyOf(data)
	}
	return state, diags
}

// takeCertificates reads a certificate secret's content. Content that is what
// the state had stays as it was written there.
func (m *model) takeCertificates(data []byte, prior model) {
	b, ok := readBundle(data)
	if !ok {
		return
	}
	if had, ok := prior.parse(&diag.Diagnostics{}); ok && had.Equal(b) {
		m.CertificateChain, m.TrustedCertificates, m.Certificates = prior.CertificateChain, prior.TrustedCertificates, prior.Certificates
		return
	}
	b = b.Canonical()
	m.CertificateChain = types.StringValue(string(pki.EncodeCertificates(b.Chain)))
	if len(b.Trusted) > 0 {
		m.TrustedCertificates = types.StringValue(string(pki.EncodeCertificates(b.Trusted)))
	}
	m.Certificates = certificateList(b.Certificates())
}

// fingerprintJSON is a fingerprint as private state takes it.
func fingerprintJSON(b pki.Bundle) string {
	encoded, _ := json.Marshal(b.Fingerprint()) // a string always marshals
	return string(encoded)
}
