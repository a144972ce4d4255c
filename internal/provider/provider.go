// Package provider has the provider block: its schema, its configuration, and
// the lists of resources, data sources and functions.
package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/action"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/casecret"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/chain"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/controlplane"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/dataplane"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/identity"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/issuer"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mesh"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mtls"
	anyresource "github.com/kongmesh/terraform-provider-kongmesh/internal/resource"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/secret"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/token"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/upgrade"
)

var (
	_ provider.ProviderWithActions            = (*kongmesh)(nil)
	_ provider.ProviderWithEphemeralResources = (*kongmesh)(nil)
	_ provider.ProviderWithFunctions          = (*kongmesh)(nil)
	_ provider.ProviderWithListResources      = (*kongmesh)(nil)
)

// Options replaces parts of the provider for a test.
type Options struct {
	// Clock returns the time and waits. nil means the system's clock.
	Clock kuma.Clock
	// Tune changes the configuration of the client, such as the pause before a
	// retry.
	Tune func(*kuma.Config)
}

// New returns a function that creates the provider. version is the released
// version, or "dev".
func New(version string, options Options) func() provider.Provider {
	if options.Clock == nil {
		options.Clock = kuma.SystemClock{}
	}
	return func() provider.Provider {
		return &kongmesh{version: version, options: options}
	}
}

type kongmesh struct {
	version string
	options Options
	client  atomic.Pointer[kuma.Client] // of the last call of Configure
}

type model struct {
	Address            types.String `tfsdk:"address"`
	Token              types.String `tfsdk:"token"`
	Headers            types.Map    `tfsdk:"headers"`
	CACertPEM          types.String `tfsdk:"ca_cert_pem"`
	CACertFile         types.String `tfsdk:"ca_cert_file"`
	ClientCertPEM      types.String `tfsdk:"client_cert_pem"`
	ClientCertFile     types.String `tfsdk:"client_cert_file"`
	ClientKeyPEM       types.String `tfsdk:"client_key_pem"`
	ClientKeyFile      types.String `tfsdk:"client_key_file"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
	ConfigPath         types.String `tfsdk:"config_path"`
	ConfigContext      types.String `tfsdk:"config_context"`
	RequestTimeout     types.String `tfsdk:"request_timeout"`
	MaxRetries         types.Int64  `tfsdk:"max_retries"`

	Kubernetes *kubernetesModel `tfsdk:"kubernetes"`
}

func (p *kongmesh) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "kongmesh"
	resp.Version = p.version
}

func (p *kongmesh) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages service meshes of Kong Mesh and Kuma control planes, and the `provided` mTLS backend, with which your " +
			"own certificate authority (CA) issues the certificates of all proxies. The provider validates the CA, uploads " +
			"it, makes the mesh use it, and rotates it while proxies serve traffic.",
		Attributes: map[string]schema.Attribute{
			"address": schema.StringAttribute{
				MarkdownDescription: "URL of the control plane's HTTP API. It can contain a base path. Can also be set with `KONGMESH_ADDRESS`. " +
					"Defaults to `http://localhost:5681`. With `kubernetes`, it is optional and has no default: the provider then only reads " +
					"proxies and settings there.",
				Optional: true,
			},
			"token": schema.StringAttribute{
				MarkdownDescription: "User token. Can also be set with `KONGMESH_TOKEN`. By default, writing secrets requires a token of the group " +
					"`mesh-system:admin`.",
				Optional:  true,
				Sensitive: true,
			},
			"headers": schema.MapAttribute{
				MarkdownDescription: "Headers for every request, for example for a gateway in front of the control plane.",
				ElementType:         types.StringType,
				Optional:            true,
				Sensitive:           true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
			"ca_cert_pem": schema.StringAttribute{
				MarkdownDescription: "Certificates in PEM of the authorities to trust for https, instead of the authorities of the system. " +
					"Conflicts with `ca_cert_file`.",
				Optional: true,
			},
			"ca_cert_file": schema.StringAttribute{
				MarkdownDescription: "Path to a file with the value of `ca_cert_pem`. Can also be set with `KONGMESH_CA_CERT_FILE`.",
				Optional:            true,
			},
			"client_cert_pem": schema.StringAttribute{
				MarkdownDescription: "Client certificate in PEM, for mutual TLS. Requires `client_key_pem`. Conflicts with `client_cert_file`.",
				Optional:            true,
			},
			"client_cert_file": schema.StringAttribute{
				MarkdownDescription: "Path to a file with the value of `client_cert_pem`. Can also be set with `KONGMESH_CLIENT_CERT_FILE`. " +
					"Requires `client_key_file`.",
				Optional: true,
			},
			"client_key_pem": schema.StringAttribute{
				MarkdownDescription: "Private key of the client certificate in PEM, not encrypted. Conflicts with `client_key_file`.",
				Optional:            true,
				Sensitive:           true,
			},
			"client_key_file": schema.StringAttribute{
				MarkdownDescription: "Path to a file with the value of `client_key_pem`. Can also be set with `KONGMESH_CLIENT_KEY_FILE`.",
				Optional:            true,
			},
			"insecure_skip_verify": schema.BoolAttribute{
				MarkdownDescription: "Whether to skip the verification of the control plane's certificate. Anyone on the network path can then read " +
					"the token and the private key of the CA. Defaults to `false`.",
				Optional: true,
			},
			"config_path": schema.StringAttribute{
				MarkdownDescription: "Path to kumactl's configuration file, of which the provider uses `config_context`, or the current context. " +
					"Can also be set with `KONGMESH_CONFIG_PATH`.",
				Optional: true,
			},
			"config_context": schema.StringAttribute{
				MarkdownDescription: "Name of a context in kumactl's configuration. The provider takes the address, token, headers and certificates " +
					"from it, if neither an argument nor the environment sets them. Can also be set with " +
					"`KONGMESH_CONFIG_CONTEXT`. The path of the file is `config_path`, or `~/.kumactl/config`.",
				Optional: true,
			},
			"kubernetes": kubernetesAttribute(),
			"request_timeout": schema.StringAttribute{
				MarkdownDescription: "Maximum duration of one request, more than 0. Defaults to `30s`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.Limit()},
			},
			"max_retries": schema.Int64Attribute{
				MarkdownDescription: "Maximum number of retries after connection errors and HTTP 429, 502, 503, or 504 responses. Defaults to `4`; " +
					"`0` disables retries.",
				Optional:   true,
				Validators: []validator.Int64{int64validator.Between(0, 20)},
			},
		},
	}
}

func (p *kongmesh) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	// Terraform configures a provider once in each run. Hosts such as -debug
	// use one process for several runs.
	data := &tfkit.ProviderData{Clock: p.options.Clock, Run: &tfkit.Run{}}
	resp.ResourceData, resp.ListResourceData, resp.DataSourceData, resp.EphemeralResourceData, resp.ActionData = data, data, data, data, data
	var kubernetes types.Object
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("kubernetes"), &kubernetes)...)
	data.Kubernetes = !kubernetes.IsNull()
	if !req.Config.Raw.IsFullyKnown() {
		return // the plan continues without requests
	}
	config := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	userAgent := "terraform-provider-kongmesh/" + p.version + " terraform/" + req.TerraformVersion
	client := config.client(ctx, &resp.Diagnostics)
	if config.Kubernetes != nil && !resp.Diagnostics.HasError() {
		client.Kubernetes = config.Kubernetes.access(ctx, userAgent, p.options.Clock.Now, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	client.UserAgent = userAgent
	client.Clock = p.options.Clock
	client.Log = log
	if p.options.Tune != nil {
		p.options.Tune(&client)
	}
	made, err := kuma.New(client)
	if err != nil {
		resp.Diagnostics.AddError("Invalid provider configuration", fmt.Sprintf("The provider cannot use its configuration: %s. Use the value without line breaks or other characters around "+
			"it.", err))
		return
	}
	data.Client = made
	p.client.Store(made)
}

// Resources returns the provider's resources.
func (p *kongmesh) Resources(context.Context) []func() resource.Resource {
	hashes := &secret.Hasher{Random: rand.Reader}
	return []func() resource.Resource{
		mesh.NewResource,
		casecret.NewResource(rand.Reader),
		secret.NewMeshSecret(hashes),
		secret.NewGlobalSecret(hashes),
		mtls.NewResource,
		identity.NewResource,
		identity.NewTrustResource,
		anyresource.NewResource,
	}
}

// ListResources returns the objects that `terraform query` finds.
func (p *kongmesh) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		mesh.NewListResource,
		casecret.NewListResource,
		secret.NewMeshSecretList,
		secret.NewGlobalSecretList,
		mtls.NewListResource,
		identity.NewListResource,
		identity.NewTrustListResource,
		anyresource.NewListResource,
	}
}

// DataSources returns the provider's data sources.
func (p *kongmesh) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		chain.NewDataSource,
		controlplane.NewDataSource,
		dataplane.NewDataSource,
		identity.NewDataSource,
		identity.NewTrustDataSource,
		issuer.NewDataSource,
		mesh.NewDataSource,
		mesh.NewMeshesDataSource,
		anyresource.NewDataSource,
		anyresource.NewResourcesDataSource,
		upgrade.NewDataSource,
	}
}

// Actions returns the actions that `action_trigger` blocks and `terraform apply
// -invoke` run.
func (p *kongmesh) Actions(context.Context) []func() frameworkaction.Action {
	return []func() frameworkaction.Action{
		action.NewAwait,
		action.NewReissue,
		action.NewVerify,
	}
}

// EphemeralResources returns the provider's ephemeral resources.
func (p *kongmesh) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		issuer.NewEphemeral(rand.Reader),
		token.NewDataplaneToken,
		token.NewUserToken,
		token.NewZoneToken,
	}
}

// Functions returns the provider's functions.
func (p *kongmesh) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		chain.NewParseChain,
		chain.NewOrderChain,
		chain.NewSPIFFEID,
	}
}
