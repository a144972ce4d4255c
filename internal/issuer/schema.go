// Package issuer has kongmesh_proxy_certificate, as a data source and as an
// ephemeral resource: a certificate like the one that a proxy gets.
package issuer

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const typeName = "proxy_certificate"

// defaultExpiration is the control plane's default,
// pki.DefaultProxyCertificateLifetime.
const defaultExpiration = "24h"

// oneProxy and oneCA are the rules for the proxy of the certificate and for its
// issuer.
func oneProxy() tfkit.OneAttribute {
	return tfkit.ExactlyOneOf("tags", "services", "spiffe_id", "path")
}
func oneCA() tfkit.OneAttribute { return tfkit.ExactlyOneOf("ca", "backend", "identity") }

// model has the configuration and the issued certificate, for both the data
// source and the ephemeral resource.
type model struct {
	Mesh     types.String `tfsdk:"mesh"`
	Tags     types.Map    `tfsdk:"tags"`
	Services types.List   `tfsdk:"services"`

	TrustDomain types.String `tfsdk:"trust_domain"`
	Path        types.String `tfsdk:"path"`

	Expiration types.String `tfsdk:"expiration"`
	Backend    types.String `tfsdk:"backend"`
	Identity   types.String `tfsdk:"identity"`
	CA         *caModel     `tfsdk:"ca"`

	Certificate  types.String `tfsdk:"certificate"`
	PrivateKey   types.String `tfsdk:"private_key"`
	TrustBundle  types.String `tfsdk:"trust_bundle"`
	SPIFFEID     types.String `tfsdk:"spiffe_id"`
	URIs         types.List   `tfsdk:"uris"`
	SerialNumber types.String `tfsdk:"serial_number"`
	NotBefore    types.String `tfsdk:"not_before"`
	NotAfter     types.String `tfsdk:"not_after"`
	Issuer       types.String `tfsdk:"issuer"`
}

// caModel is the CA that the configuration contains.
type caModel struct {
	CertificateChain types.String `tfsdk:"certificate_chain"`
	PrivateKey       types.String `tfsdk:"private_key"`
}

// profile is part of both descriptions.
const profile = "The certificate has the profile of the control plane's certificates: no subject, for TLS servers and clients, valid " +
	"from 10 seconds before it is issued. Its URIs depend on what issues certificates in the mesh:\n\n" +
	"- An mTLS backend: set `mesh`, and `tags` or `services`. The certificate contains a SPIFFE ID for each service and a " +
	"`kuma://` URI for each value of a tag.\n" +
	"- A MeshIdentity: set `spiffe_id`, or `trust_domain` and `path`. The certificate contains this SPIFFE ID alone.\n\n" +
	"With `ca`, the provider sends no request and needs no address. With `backend` or `identity`, the provider reads the mesh " +
	"and the CA's secrets, which requires a token that can read secrets. It reads them during plan. "

// attributes returns the attributes of both. key describes the kind of the key.
func attributes(caKey, key string) map[string]schema.Attribute {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	mesh, backend, identity := path.MatchRoot("mesh"), path.MatchRoot("backend"), path.MatchRoot("identity")
	return map[string]schema.Attribute{
		"mesh": schema.StringAttribute{
			MarkdownDescription: "Name of the mesh. With `tags` and `services`, it is the trust domain of the SPIFFE ID, and required.",
			Optional:            true,
			Validators:          []validator.String{tfkit.MeshName()},
		},
		"tags": schema.MapAttribute{
			MarkdownDescription: "Tags of the proxy, each with its values in all inbounds. Must include `kuma.io/service`. Set exactly one of " +
				"`tags`, `services`, `spiffe_id` and `path`.",
			ElementType: types.ListType{ElemType: types.StringType},
			Optional:    true,
			Validators: []validator.Map{
				tfkit.NoNulls(), mapvalidator.ValueListsAre(tfkit.NoNulls()), tagsRule{"the tags of a proxy, including kuma.io/service"}, mapvalidator.AlsoRequires(mesh),
				mapvalidator.ConflictsWith(identity),
			},
		},
		"services": schema.ListAttribute{
			MarkdownDescription: "Names of the proxy's services, if the proxy has no other tags.",
			ElementType:         types.StringType,
			Optional:            true,
			Validators: []validator.List{
				listvalidator.SizeAtLeast(1), tfkit.NoNulls(), servicesRule{"names of services"}, listvalidator.AlsoRequires(mesh),
				listvalidator.ConflictsWith(identity),
			},
		},
		"spiffe_id": schema.StringAttribute{
			MarkdownDescription: "SPIFFE ID of the certificate, such as `spiffe://payments.default.mesh.local/workload/web`. Set it, or `path`, for " +
				"a certificate of a MeshIdentity. Otherwise, it is the SPIFFE ID of the first service, sorted by name.",
			Optional:   true,
			Computed:   true,
			Validators: []validator.String{spiffeRule("a SPIFFE ID of a proxy", pki.CheckSPIFFEID), stringvalidator.ConflictsWith(backend)},
		},
		"trust_domain": schema.StringAttribute{
			MarkdownDescription: "Trust domain of the SPIFFE ID, such as `payments.default.mesh.local`. Requires `path`.",
			Optional:            true,
			Validators: []validator.String{
				spiffeRule("a trust domain", pki.CheckTrustDomain), stringvalidator.AlsoRequires(path.MatchRoot("path")),
			},
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path of the SPIFFE ID, which begins with a slash, such as `/workload/web`. Requires `trust_domain`.",
			Optional:            true,
			Validators: []validator.String{
				spiffeRule("the path of a SPIFFE ID", pki.CheckSPIFFEPath), stringvalidator.ConflictsWith(backend),
				stringvalidator.AlsoRequires(path.MatchRoot("trust_domain")),
			},
		},
		"expiration": schema.StringAttribute{
			MarkdownDescription: "Lifetime of the certificate: one whole number and one unit, such as `1d` or `90m`, and at least one minute. " +
				"Defaults to `" +
				defaultExpiration +
				"`.",
			Optional:   true,
			Computed:   true,
			Validators: []validator.String{tfkit.Lifetime()},
		},
		"backend": schema.StringAttribute{
			MarkdownDescription: "Name of a `provided` mTLS backend of the mesh, whose CA issues the certificate. Set exactly one of `backend`, " +
				"`identity` and `ca`.",
			Optional:   true,
			Validators: []validator.String{tfkit.Text(), stringvalidator.AlsoRequires(mesh)},
		},
		"identity": schema.StringAttribute{
			MarkdownDescription: "Name of a MeshIdentity of the mesh, whose CA issues the certificate for `spiffe_id`, or for `trust_domain` and " +
				"`path`. The data source `kongmesh_mesh_identity` renders its templates.",
			Optional:   true,
			Validators: []validator.String{tfkit.Text(), stringvalidator.AlsoRequires(mesh)},
		},
		"ca": schema.SingleNestedAttribute{
			MarkdownDescription: "The CA that issues the certificate.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"certificate_chain": schema.StringAttribute{
					MarkdownDescription: "Certificate of the CA in PEM, followed by the certificates above it up to the root.",
					Required:            true,
				},
				"private_key": schema.StringAttribute{
					MarkdownDescription: "Private key of the first certificate in PEM, not encrypted. " + caKey,
					Required:            true,
					Sensitive:           true,
				},
			},
		},
		"certificate": text("Certificate chain that the proxy presents, in PEM: its certificate, followed by the CAs between it and the " +
			"root, for peers that have only the root."),
		"private_key": schema.StringAttribute{
			MarkdownDescription: "Private key of the certificate in PEM: " + key,
			Computed:            true,
			Sensitive:           true,
		},
		"trust_bundle": text("Trust bundle of the proxy in PEM: the complete chain of the CA, and the further trusted certificates in the " +
			"backend's secret."),
		"uris": schema.ListAttribute{
			MarkdownDescription: "All identities: of a MeshIdentity the SPIFFE ID alone, otherwise first `spiffe://<mesh>/<service>`, then " +
				"`kuma://<tag>/<value>`.",
			ElementType: types.StringType,
			Computed:    true,
		},
		"serial_number": text("Serial number in lowercase hex."),
		"not_before":    text("Start of validity (RFC 3339)."),
		"not_after":     text("Expiry date (RFC 3339)."),
		"issuer":        text("Subject of the CA, as in RFC 2253."),
	}
}

// spiffeRule returns the rule for a part of a SPIFFE ID, or for a whole one.
func spiffeRule(description string, problem func(string) error) validator.String {
	return tfkit.Check("Invalid SPIFFE ID", description, problem)
}

// tagsRule checks the control plane's grammar of tags.
type tagsRule struct{ tfkit.Described }

func (tagsRule) ValidateMap(ctx context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for _, values := range req.ConfigValue.Elements() {
		if values.IsNull() {
			return // another rule reports it
		}
	}
	var tags map[string][]string
	if !req.ConfigValue.IsNull() && !req.ConfigValue.ElementsAs(ctx, &tags, false).HasError() { // otherwise, a part is null or unknown
		addInvalid(&resp.Diagnostics, req.Path, "Invalid tags", pki.CheckTags(tags))
	}
}

// servicesRule checks the control plane's grammar of services.
type servicesRule struct{ tfkit.Described }

func (servicesRule) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	for i, element := range req.ConfigValue.Elements() {
		if service, ok := element.(types.String); ok && !service.IsNull() && !service.IsUnknown() {
			addInvalid(&resp.Diagnostics, req.Path.AtListIndex(i), "Invalid service", pki.CheckTags(pki.ServiceTags(service.ValueString())))
		}
	}
}

func addInvalid(diags *diag.Diagnostics, at path.Path, summary string, err error) {
	if err != nil {
		diags.AddAttributeError(at, summary, tfkit.WithPath(at, err.Error()+"."))
	}
}
