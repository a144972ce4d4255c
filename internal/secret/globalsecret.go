package secret

import (
	"context"
	"io"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ resource.ResourceWithConfigure      = (*globalSecret)(nil)
	_ resource.ResourceWithValidateConfig = (*globalSecret)(nil)
	_ resource.ResourceWithModifyPlan     = (*globalSecret)(nil)
	_ resource.ResourceWithIdentity       = (*globalSecret)(nil)
	_ resource.ResourceWithImportState    = (*globalSecret)(nil)
)

// NewGlobalSecret is kongmesh_global_secret. random is for salts.
func NewGlobalSecret(random io.Reader) func() resource.Resource {
	return func() resource.Resource {
		return &globalSecret{plain{random: random, model: func() plainModel { return &globalSecretModel{} }, kind: kuma.GlobalSecretType}}
	}
}

type globalSecret struct {
	plain
}

type globalSecretModel struct {
	Name types.String `tfsdk:"name"`
	value
}

func (m *globalSecretModel) place() place    { return place{global: true, name: m.Name.ValueString()} }
func (m *globalSecretModel) content() *value { return &m.value }
func (m *globalSecretModel) identity() any   { return globalSecretIdentity{m.Name} }

type globalSecretIdentity struct {
	Name types.String `tfsdk:"name"`
}

func (r *globalSecret) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_global_secret"
}

func (r *globalSecret) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A secret of the control plane that does not belong to a mesh, such as a signing key of user tokens or zone " +
			"tokens, or a list of revoked tokens.\n\n" +
			valueDescription +
			"\n\n" +
			"The provider does not import or overwrite secrets that the control plane creates for itself: " +
			"`admin-user-token`, `inter-cp-ca`, `envoy-admin-ca`, the first signing keys `user-token-signing-key-1` and " +
			"`zone-token-signing-key-1`, and the public keys that a zone gets from its global control plane. You can " +
			"create a signing key with a higher number to rotate signing keys.",
		Attributes: valueAttributes(),
	}
	maps.Copy(resp.Schema.Attributes, map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the secret: at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the secret.",
			Required:            true,
			Validators:          []validator.String{tfkit.SecretName()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
	})
}

func (r *globalSecret) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the secret."},
		},
	}
}

func (r *globalSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := globalSecretIdentity{types.StringValue(req.ID)}
	if req.ID == "" {
		tfkit.ImportIdentity(ctx, req, &id, &resp.Diagnostics)
	} else {
		tfkit.SplitID(&resp.Diagnostics, req.ID, "name")
	}
	place{global: true, name: id.Name.ValueString()}.refuseImport(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), id.Name)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, id)...)
}
