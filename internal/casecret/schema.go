// Package casecret has kongmesh_mesh_ca_secret: the CA of a mesh as two
// secrets, one with the certificates and one with the key.
package casecret

import (
	"context"
	"io"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource               = (*caSecret)(nil)
	_ resource.ResourceWithValidateConfig = (*caSecret)(nil)
	_ resource.ResourceWithMoveState      = (*caSecret)(nil)
)

const (
	typeName       = "mesh_ca_secret"
	defaultTimeout = 5 * time.Minute
	// privateContent is the key in the private state of the fingerprint of the
	// last upload, which distinguishes drift from a new CA.
	privateContent = "content"
)

// NewResource returns kongmesh_mesh_ca_secret. random is the source of the IDs
// of its objects.
func NewResource(random io.Reader) func() resource.Resource {
	return func() resource.Resource {
		return &caSecret{Resource: tfkit.Resource{TypeName: typeName}, random: random}
	}
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

type identity struct {
	Mesh              types.String `tfsdk:"mesh"`
	CertificateSecret types.String `tfsdk:"certificate_secret"`
	KeySecret         types.String `tfsdk:"key_secret"`
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
			"mesh": tfkit.MeshAttribute(" Refer to the mesh, as in `kongmesh_mesh.this.name`, so that Terraform deletes the secrets before the mesh. " +
				"If it deletes the mesh first, the control plane keeps the secrets, the private key included."),
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the CA. The secrets are named `<name>-<fingerprint>-cert` and `<name>-<fingerprint>-key`. The " +
					"fingerprint is the first 10 hex digits of the SHA-256 of all certificates (DER). Optional if " +
					"`certificate_secret_name` and `key_secret_name` are set.",
				Optional: true,
				Computed: true,
				Validators: []validator.String{
					tfkit.SecretName(), stringvalidator.LengthAtMost(rollout.MaxCAName), stringvalidator.AtLeastOneOf(path.MatchRoot("certificate_secret_name")),
				},
			},
			"certificate_secret_name": schema.StringAttribute{
				MarkdownDescription: "Fixed name of the certificate secret, for existing secrets. Requires `key_secret_name`. With fixed names, the " +
					"CA cannot change while a mesh uses it.",
				Optional:   true,
				Validators: []validator.String{tfkit.SecretName(), stringvalidator.AlsoRequires(path.MatchRoot("key_secret_name"))},
			},
			"key_secret_name": schema.StringAttribute{
				MarkdownDescription: "Fixed name of the key secret. Requires `certificate_secret_name`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.SecretName(), stringvalidator.AlsoRequires(path.MatchRoot("certificate_secret_name"))},
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
				Validators:    []validator.String{stringvalidator.ConflictsWith(path.MatchRoot("private_key_wo"))},
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
			"certificates": tfkit.ListNested(schema.ListNestedAttribute{
				MarkdownDescription: "Certificates in the certificate secret, each once: the chain in its order, then the trusted certificates.",
				Computed:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: certificateFields().Resource()},
			}),
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
	resp.IdentitySchema = tfkit.IdentitySchema(
		"mesh", "Name of the mesh.",
		"certificate_secret", "Name of the certificate secret.",
		"key_secret", "Name of the key secret.",
	)
}
