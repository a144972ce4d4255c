package acctest_test

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	ephemeralschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// thing is a type of another provider as far as guides use it: what it takes,
// and what it gives, which is always the same. So it is tested that a guide
// hands over the right values, and not that the other provider has them.
type thing struct {
	name   string
	takes  []string          // arguments of any type
	blocks []string          // with texts as arguments
	gives  map[string]string // texts
	data   map[string]string // a map of texts, under this name
	wants  string            // a write-only argument
	wrote  func(text string) // gets what that argument has, as a text
}

// standIns are in place of the providers that are not installed with the tests.
func standIns(files files) acctest.Providers {
	own := strings.TrimSuffix(files.ca.Chain, files.root.Chain)
	return acctest.Providers{
		"tls": standIn(
			thing{name: "tls_private_key", takes: []string{"algorithm", "ecdsa_curve"}, gives: map[string]string{"private_key_pem": files.ca.Key}},
			thing{name: "tls_self_signed_cert",
				takes:  []string{"private_key_pem", "is_ca_certificate", "validity_period_hours", "early_renewal_hours", "allowed_uses", "set_subject_key_id"},
				blocks: []string{"subject"}, gives: map[string]string{"cert_pem": files.root.Chain}},
			thing{name: "tls_cert_request", takes: []string{"private_key_pem"}, blocks: []string{"subject"}, gives: map[string]string{"cert_request_pem": "a request"}},
			thing{name: "tls_locally_signed_cert",
				takes: []string{"cert_request_pem", "ca_private_key_pem", "ca_cert_pem", "is_ca_certificate", "validity_period_hours",
					"early_renewal_hours", "allowed_uses", "set_subject_key_id"},
				gives: map[string]string{"cert_pem": own}},
		),
		"aws": standIn(
			thing{name: "aws_acmpca_certificate",
				takes:  []string{"certificate_authority_arn", "certificate_signing_request", "signing_algorithm", "template_arn"},
				blocks: []string{"validity"}, gives: map[string]string{"certificate": own, "certificate_chain": files.root.Chain}},
		),
		"vault": standIn(
			thing{name: "vault_pki_secret_backend_intermediate_cert_request", takes: []string{"backend", "type", "common_name", "key_type", "key_bits"},
				gives: map[string]string{"csr": "a request", "private_key": files.ca.Key}},
			thing{name: "vault_pki_secret_backend_root_sign_intermediate",
				takes: []string{"backend", "csr", "common_name", "ttl"},
				gives: map[string]string{"certificate": own, "certificate_bundle": own + files.root.Chain}},
			thing{name: "vault_kv_secret_v2", takes: []string{"mount", "name"},
				data: map[string]string{"private_key": files.ca.Key, "certificate_chain": files.ca.Chain}},
		),
	}
}

func standIn(things ...thing) func() (tfprotov6.ProviderServer, error) {
	return providerserver.NewProtocol6WithError(&otherProvider{things: things})
}

type otherProvider struct {
	provider.Provider
	things []thing
}

var _ provider.ProviderWithEphemeralResources = (*otherProvider)(nil)

func (p *otherProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, _, _ = strings.Cut(p.things[0].name, "_")
}

func (*otherProvider) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (*otherProvider) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}

func (p *otherProvider) Resources(context.Context) []func() resource.Resource {
	var made []func() resource.Resource
	for _, thing := range p.things {
		made = append(made, func() resource.Resource { return &otherResource{thing: thing} })
	}
	return made
}

func (p *otherProvider) DataSources(context.Context) []func() datasource.DataSource {
	var made []func() datasource.DataSource
	for _, thing := range p.things {
		made = append(made, func() datasource.DataSource { return &otherData{thing: thing} })
	}
	return made
}

func (p *otherProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	var made []func() ephemeral.EphemeralResource
	for _, thing := range p.things {
		made = append(made, func() ephemeral.EphemeralResource { return &otherEphemeral{thing: thing} })
	}
	return made
}

type otherResource struct {
	resource.Resource
	thing
}

func (r *otherResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = r.name
}

func (r *otherResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: make(map[string]schema.Attribute), Blocks: make(map[string]schema.Block)}
	for _, name := range r.takes {
		resp.Schema.Attributes[name] = schema.DynamicAttribute{Optional: true}
	}
	if r.wants != "" {
		resp.Schema.Attributes[r.wants] = schema.DynamicAttribute{Required: true, WriteOnly: true}
	}
	for name := range r.gives {
		resp.Schema.Attributes[name] = schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
	}
	for _, name := range r.blocks {
		inner := make(map[string]schema.Attribute)
		for _, argument := range []string{"common_name", "organization", "type", "value", "name", "namespace"} {
			inner[argument] = schema.StringAttribute{Optional: true}
		}
		resp.Schema.Blocks[name] = schema.SingleNestedBlock{Attributes: inner}
	}
}

func (r *otherResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
	if r.wants != "" {
		var value types.Dynamic
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(r.wants), &value)...)
		r.wrote(value.String())
	}
	for _, name := range slices.Sorted(maps.Keys(r.gives)) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), r.gives[name])...)
	}
}

func (*otherResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (*otherResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

type otherData struct {
	datasource.DataSource
	thing
}

func (d *otherData) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = d.name
}

func (d *otherData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = dataschema.Schema{Attributes: map[string]dataschema.Attribute{
		"data": dataschema.MapAttribute{ElementType: types.StringType, Computed: true},
	}}
	for _, name := range d.takes {
		resp.Schema.Attributes[name] = dataschema.DynamicAttribute{Optional: true}
	}
}

func (d *otherData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	resp.State.Raw = req.Config.Raw
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("data"), d.data)...)
}

type otherEphemeral struct {
	ephemeral.EphemeralResource
	thing
}

func (e *otherEphemeral) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = e.name
}

func (e *otherEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = ephemeralschema.Schema{Attributes: map[string]ephemeralschema.Attribute{
		"data": ephemeralschema.MapAttribute{ElementType: types.StringType, Computed: true},
	}}
	for _, name := range e.takes {
		resp.Schema.Attributes[name] = ephemeralschema.DynamicAttribute{Optional: true}
	}
}

func (e *otherEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	resp.Result.Raw = req.Config.Raw
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("data"), e.data)...)
}
