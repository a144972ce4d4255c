package secret

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource               = (*globalSecret)(nil)
	_ resource.ResourceWithValidateConfig = (*globalSecret)(nil)
	_ list.ListResourceWithConfigure      = (*globalSecret)(nil)
)

// NewGlobalSecret returns kongmesh_global_secret. hashes is for the values of all
// secrets.
func NewGlobalSecret(hashes *Hasher) func() resource.Resource {
	return func() resource.Resource {
		return &globalSecret{plain{
			Resource: tfkit.Resource{TypeName: globalSecretName}, hashes: hashes, model: func() plainModel { return &globalSecretModel{} }, kind: kuma.GlobalSecretType,
		}}
	}
}

const globalSecretName = "global_secret"

type globalSecret struct {
	plain
}

type globalSecretModel struct {
	Name types.String `tfsdk:"name"`
	value
}

func (m *globalSecretModel) location() location {
	return location{global: true, name: m.Name.ValueString()}
}
func (m *globalSecretModel) content() *value { return &m.value }
func (m *globalSecretModel) identity() any   { return globalSecretIdentity{m.Name} }

type globalSecretIdentity struct {
	Name types.String `tfsdk:"name"`
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
		Attributes: attributes(tfkit.SecretName()),
	}
}

func (r *globalSecret) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("name", "Name of the secret.")
}

func (r *globalSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if id := tfkit.Import(ctx, req, resp, "name"); id != nil {
		location{global: true, name: id[0]}.refuseImport(&resp.Diagnostics)
	}
}

// NewGlobalSecretList returns the query for the secrets that
// kongmesh_global_secret can manage.
func NewGlobalSecretList() list.ListResource {
	return &globalSecret{plain{Resource: tfkit.Resource{TypeName: globalSecretName}}}
}

func (r *globalSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = listschema.Schema{MarkdownDescription: "The secrets that do not belong to a mesh, except those that the control plane created for itself."}
}

func (r *globalSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		secrets, err := r.Client.GlobalSecrets(ctx)
		if err != nil {
			tfkit.AddError(diags, "list the global secrets", err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			at := location{global: true, name: name}
			if what, _ := at.owned(); what == "" && !yield(queryResult(at, globalSecretIdentity{types.StringValue(name)})) {
				return
			}
		}
	})
}
