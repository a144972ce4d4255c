package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ tfkit.ManagedResource               = (*meshSecret)(nil)
	_ resource.ResourceWithValidateConfig = (*meshSecret)(nil)
	_ resource.ResourceWithMoveState      = (*meshSecret)(nil)
	_ list.ListResourceWithConfigure      = (*meshSecret)(nil)
)

// NewMeshSecret returns kongmesh_mesh_secret. hashes is for the values of all
// secrets.
func NewMeshSecret(hashes *Hasher) func() resource.Resource {
	return func() resource.Resource {
		return &meshSecret{plain{
			Resource: tfkit.Resource{TypeName: meshSecretName}, hashes: hashes, model: func() plainModel { return &meshSecretModel{} }, kind: kuma.SecretType,
		}}
	}
}

const meshSecretName = "mesh_secret"

type meshSecret struct {
	plain
}

type meshSecretModel struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
	value
}

func (m *meshSecretModel) location() location {
	return location{mesh: m.Mesh.ValueString(), name: m.Name.ValueString()}
}
func (m *meshSecretModel) content() *value { return &m.value }
func (m *meshSecretModel) identity() any   { return meshSecretIdentity{m.Mesh, m.Name} }

type meshSecretIdentity struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

func (r *meshSecret) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A secret of a mesh, such as a signing key, a list of revoked tokens, or a certificate of a gateway. Use " +
			"`kongmesh_mesh_ca_secret` for the CA of a `provided` backend: it validates the CA and rotates it without " +
			"interruption. This resource cannot change a value while a backend uses it.\n\n" +
			valueDescription +
			" The same applies to a `moved` block from `kong-mesh_mesh_secret`, a resource of Kong's provider.\n\n" +
			"The provider does not import or overwrite secrets that the control plane creates for itself: the CA of a " +
			"builtin backend, `<mesh>.ca-builtin-…`, and the first signing key of data plane tokens, " +
			"`dataplane-token-signing-key-<mesh>-1`. You can create a signing key with a higher number to rotate signing " +
			"keys.",
		Attributes: attributes(tfkit.SecretName(), notAStep()),
	}
	resp.Schema.Attributes["mesh"] = tfkit.MeshAttribute(" Refer to the mesh, as in `kongmesh_mesh.this.name`, so that Terraform deletes the secret " +
		"before the mesh. If it deletes the mesh first, the control plane keeps the secret.")
}

// notAStep rejects the names of secrets that a rotation deletes at its end.
func notAStep() validator.String {
	return tfkit.Check("Reserved name", "a name that is not of the form <backend>-rollout-<fingerprint>-cert or -key", func(name string) error {
		if rollout.IsStepSecret(name) {
			return errors.New("kongmesh_mtls_provided_backend creates secrets with such names during a rotation, and deletes them at its end")
		}
		return nil
	})
}

func (r *meshSecret) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = tfkit.IdentitySchema("mesh", "Name of the mesh.", "name", "Name of the secret.")
}

func (r *meshSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if id := tfkit.Import(ctx, req, resp, "mesh", "name"); id != nil {
		at := location{mesh: id[0], name: id[1]}
		if at.refuseImport(&resp.Diagnostics); !resp.Diagnostics.HasError() {
			r.refuseCASecret(ctx, at, &resp.Diagnostics)
		}
	}
}

// MoveState converts the state of Kong's resource as an import would: without
// the value of the secret.
func (r *meshSecret) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{tfkit.MoveFromVendor("kong-mesh_mesh_secret", func(ctx context.Context, source tfkit.VendorSecret, resp *resource.MoveStateResponse) {
		location{mesh: source.Mesh, name: source.Name}.refuseImport(&resp.Diagnostics)
		id := meshSecretIdentity{types.StringValue(source.Mesh), types.StringValue(source.Name)}
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("name"), id.Name)...)
		resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, id)...)
	})}
}

// NewMeshSecretList returns the query for the secrets that kongmesh_mesh_secret
// can manage.
func NewMeshSecretList() list.ListResource {
	return &meshSecret{plain{Resource: tfkit.Resource{TypeName: meshSecretName}}}
}

func (r *meshSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The secrets of meshes, except secrets that the control plane created for itself, and except CA secrets, which " +
		"`kongmesh_mesh_ca_secret` lists.")
}

func (r *meshSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(yield func(tfkit.QueryResult) bool, diags *diag.Diagnostics) {
		r.QuerySecrets(ctx, req, diags, func(meshName string, mesh *kuma.Mesh, secrets map[string]*kuma.Secret) bool {
			cas, err := rollout.FindCAs(mesh, secrets)
			if err != nil {
				tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", meshName), err)
				return false
			}
			for _, name := range slices.Sorted(maps.Keys(secrets)) {
				at := location{mesh: meshName, name: name}
				if what, _ := at.owned(); what != "" || slices.ContainsFunc(cas, func(ca rollout.CASecrets) bool { return ca.Has(name) }) {
					continue
				}
				if !yield(queryResult(at, meshSecretIdentity{types.StringValue(meshName), types.StringValue(name)})) {
					return false
				}
			}
			return true
		})
	})
}
