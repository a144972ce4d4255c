// Package chain inspects certificate chains: with the data source
// kongmesh_ca_chain, and the functions parse_chain, order_chain and spiffe_id.
package chain

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ datasource.DataSourceWithConfigure        = (*caChain)(nil)
	_ datasource.DataSourceWithConfigValidators = (*caChain)(nil)
)

// NewDataSource returns kongmesh_ca_chain.
func NewDataSource() datasource.DataSource { return &caChain{tfkit.DataSource{TypeName: "ca_chain"}} }

type caChain struct {
	tfkit.DataSource
}

type model struct {
	Content  types.String `tfsdk:"content"`
	Mesh     types.String `tfsdk:"mesh"`
	Secret   types.String `tfsdk:"secret"`
	Backend  types.String `tfsdk:"backend"`
	Identity types.String `tfsdk:"identity"`
	Trust    types.String `tfsdk:"trust"`
	inspection
}

// An inspection has the content of a chain, and its problems.
type inspection struct {
	Certificates       types.List `tfsdk:"certificates"`
	Valid              types.Bool `tfsdk:"valid"`
	Problems           []problem  `tfsdk:"problems"`
	IssuingCertificate *string    `tfsdk:"issuing_certificate"`
	RootCertificate    *string    `tfsdk:"root_certificate"`
	ExpiresAt          *string    `tfsdk:"expires_at"`
	TrustBundle        *string    `tfsdk:"trust_bundle"`
}

type problem struct {
	Severity    string  `tfsdk:"severity"`
	Certificate *int64  `tfsdk:"certificate"`
	Subject     *string `tfsdk:"subject"`
	Rule        string  `tfsdk:"rule"`
	Message     string  `tfsdk:"message"`
}

func (d *caChain) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	content, mesh := path.MatchRoot("content"), path.MatchRoot("mesh")
	resp.Schema = schema.Schema{
		MarkdownDescription: "The certificates in a CA's chain, and every problem with them, by the rules of the control plane and of " +
			"SPIFFE. An invalid chain is not an error of this data source: it sets `valid` to `false`, so that a `check` " +
			"block, a precondition or `terraform test` can decide. A chain that the provider cannot read is an error.\n\n" +
			"Terraform reads this data source during plan. With `content`, the provider sends no request and needs no " +
			"address.\n\n" +
			"The provider treats `content` as one chain, from the issuing CA to its root: certificates in another order, " +
			"or of another CA, are problems. A secret or a backend can contain further trusted CAs after the root. There, " +
			"the issuing chain ends with the first self-signed certificate, or before the first certificate that did not " +
			"sign the previous one. The provider checks the certificates after it one by one.\n\n" +
			"A MeshTrust has no chain: it is a set of CAs that proxies trust, and the provider checks each of them by itself.",
		Attributes: map[string]schema.Attribute{
			"content": schema.StringAttribute{
				MarkdownDescription: "The chain in PEM: the issuing CA first, its root last. It is stored in the state, so it must not contain a " +
					"private key. Set exactly one of `content`, `secret`, `backend`, `identity` and `trust`.",
				Optional: true,
			},
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh that contains `secret`, `backend`, `identity` or `trust`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.MeshReference(), stringvalidator.ConflictsWith(content)},
			},
			"secret": schema.StringAttribute{
				MarkdownDescription: "Name of a secret of the mesh with the chain. Requires `mesh`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.SecretName(), stringvalidator.AlsoRequires(mesh)},
			},
			"backend": schema.StringAttribute{
				MarkdownDescription: "Name of a `provided` mTLS backend of the mesh, whose chain is in a secret or inline. Requires `mesh`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.Text(), stringvalidator.AlsoRequires(mesh)},
			},
			"identity": schema.StringAttribute{
				MarkdownDescription: "Name of a MeshIdentity of the mesh, whose CA is in a secret or inline. Requires `mesh`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.Text(), stringvalidator.AlsoRequires(mesh)},
			},
			"trust": schema.StringAttribute{
				MarkdownDescription: "Name of a MeshTrust of the mesh, whose bundles contain trusted CAs in any order. Requires `mesh`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.Text(), stringvalidator.AlsoRequires(mesh)},
			},
			"certificates": schema.ListNestedAttribute{
				MarkdownDescription: "Certificates, in the order of the chain, or of the bundles of `trust`.",
				Computed:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: tfkit.AllCertificateFields().DataSource()},
			},
			"valid": schema.BoolAttribute{
				MarkdownDescription: "Whether the chain has no errors. Warnings are allowed.",
				Computed:            true,
			},
			"problems": schema.ListNestedAttribute{
				MarkdownDescription: "List of problems.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"severity": text("`error`, or `warning` if the chain works today."),
					"certificate": schema.Int64Attribute{
						MarkdownDescription: "Index of the certificate in `certificates`, starting at 0. Null if the problem is about the whole chain, or " +
							"about a PEM block that the provider could not read. In the second case, `message` contains the number of the " +
							"block, starting at 0.",
						Computed: true,
					},
					"subject": text("Subject of the certificate, or null if `certificate` is null."),
					"rule":    text("Name of the rule, such as `expired`, `chain-order` or `key-usage-cert-sign`. These names do not change."),
					"message": text("What is wrong, why it matters, and what to do."),
				}},
			},
			"issuing_certificate": text("First certificate in PEM: the CA that issues proxy certificates. Null if there are no certificates, and with " +
				"`trust`."),
			"root_certificate": text("Root of the chain in PEM. Null if the chain does not end with a self-signed certificate, and with `trust`."),
			"expires_at":       text("Earliest expiry date of the certificates (RFC 3339). Null if there are no certificates."),
			"trust_bundle": text("Trust bundle of the proxies in PEM: each certificate once, as `kongmesh_mesh_ca_secret` uploads them. Null if " +
				"there are no certificates."),
		},
	}
}

func (d *caChain) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{tfkit.ExactlyOneOf("content", "secret", "backend", "identity", "trust")}
}

func (d *caChain) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	m := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || m.Content.IsNull() && d.Defers(req, resp) {
		return
	}
	content, ok := d.content(ctx, m, &resp.Diagnostics)
	if !ok {
		return
	}
	options := pki.Options{Now: d.Clock.Now()}
	if !m.Backend.IsNull() {
		options.Mesh = m.Mesh.ValueString()
	}
	m.inspection = inspect(content, m.split(), options)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// content returns the text to inspect.
func (d *caChain) content(ctx context.Context, m model, diags *diag.Diagnostics) (content []byte, ok bool) {
	mesh := m.Mesh.ValueString()
	switch {
	case !m.Content.IsNull():
		return []byte(m.Content.ValueString()), true
	case !m.Secret.IsNull():
		return d.Content(ctx, mesh, kuma.DataSource{Secret: m.Secret.ValueString()}, path.Root("secret"), diags)
	case !m.Identity.IsNull():
		content, _, ok = d.IdentityCA(ctx, mesh, m.Identity.ValueString(), false, diags)
		return content, ok
	case !m.Trust.IsNull():
		bundles, ok := d.Trust(ctx, mesh, m.Trust.ValueString(), diags)
		return []byte(strings.Join(bundles, "\n")), ok
	default:
		content, _, ok = d.BackendCA(ctx, mesh, m.Backend.ValueString(), false, diags)
		return content, ok
	}
}

// split returns how to read the content: content of the configuration is one
// chain, and that of a trust has none. Otherwise, further trusted CAs may follow
// the chain.
func (m model) split() func(content []byte) (pki.Bundle, pki.Problems) {
	switch {
	case !m.Content.IsNull():
		return func(content []byte) (bundle pki.Bundle, problems pki.Problems) {
			bundle.Chain, problems = pki.ParseCertificates(content)
			return bundle, problems
		}
	case !m.Trust.IsNull():
		return func(content []byte) (bundle pki.Bundle, problems pki.Problems) {
			bundle.Trusted, problems = pki.ReadCertificates(content)
			return bundle, problems
		}
	default:
		return pki.ReadBundle
	}
}

// inspect returns the content of a string, which split reads.
func inspect(content []byte, split func([]byte) (pki.Bundle, pki.Problems), options pki.Options) inspection {
	bundle, problems := split(content)
	certificates := slices.Concat(bundle.Chain, bundle.Trusted)
	problems = slices.Concat(problems, bundle.CheckWhole(options))
	f := inspection{
		Certificates: tfkit.AllCertificateFields().List(certificates),
		Valid:        types.BoolValue(!problems.HasErrors()),
		Problems:     problemsFrom(problems),
	}
	if len(certificates) == 0 {
		return f
	}
	if n := len(bundle.Chain); n > 0 {
		f.IssuingCertificate = encode(bundle.Chain[:1])
		if last := bundle.Chain[n-1]; pki.IsSelfSigned(last) {
			f.RootCertificate = encode([]*x509.Certificate{last})
		}
	}
	first := slices.MinFunc(certificates, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	expiresAt := first.NotAfter.UTC().Format(time.RFC3339)
	f.ExpiresAt = &expiresAt
	f.TrustBundle = encode(bundle.Certificates())
	return f
}

func encode(certificates []*x509.Certificate) *string {
	text := string(pki.EncodeCertificates(certificates))
	return &text
}

func problemsFrom(problems pki.Problems) []problem {
	values := make([]problem, 0, len(problems))
	for _, p := range problems {
		value := problem{Severity: p.Severity.String(), Rule: string(p.Rule), Message: p.String()}
		if p.Index >= 0 && p.Subject != "" { // otherwise, the index is that of a PEM block
			index := int64(p.Index)
			value.Certificate, value.Subject, value.Message = &index, &p.Subject, p.Message
		}
		values = append(values, value)
	}
	return values
}
