package secret

import (
	"context"
	"errors"
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
	_ resource.ResourceWithConfigure      = (*meshSecret)(nil)
	_ resource.ResourceWithValidateConfig = (*meshSecret)(nil)
	_ resource.ResourceWithModifyPlan     = (*meshSecret)(nil)
	_ resource.ResourceWithIdentity       = (*meshSecret)(nil)
	_ resource.ResourceWithImportState    = (*meshSecret)(nil)
	_ resource.ResourceWithMoveState      = (*meshSecret)(nil)
)

// NewMeshSecret is kongmesh_mesh_secret. random is for salts.
func NewMeshSecret(random io.Reader) func() resource.Resource {
	return func() resource.Resource {
		return &meshSecret{plain{random: random, model: func() plainModel { return &meshSecretModel{} }, kind: kuma.SecretType}}
	}
}

type meshSecret struct {
	plain
}

type meshSecretModel struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
	value
}

func (m *meshSecretModel) place() place {
	return place{mesh: m.Mesh.ValueString(), name: m.Name.ValueString()}
}
func (m *meshSecretModel) content() *value { return &m.value }
func (m *meshSecretModel) identity() any   { return meshSecretIdentity{m.Mesh, m.Name} }

type meshSecretIdentity struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

func (r *meshSecret) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mesh_secret"
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
		Attributes: valueAttributes(),
	}
	maps.Copy(resp.Schema.Attributes, map[string]schema.Attribute{
		"mesh": schema.StringAttribute{
			MarkdownDescription: "Name of the mesh that the secret belongs to. It must exist. Refer to the mesh, as in `kongmesh_mesh.this.name`: then Terraform deletes the secret before the mesh. " +
				"If it deletes the mesh first, the control plane keeps the secret.",
			Required:      true,
			Validators:    []validator.String{tfkit.MeshReference()},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the secret: at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the secret.",
			Required:            true,
			Validators:          []validator.String{tfkit.SecretName(), notAStep()},
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
	})
}

// notAStep keeps off the names of secrets that are deleted as a rotation ends.
func notAStep() validator.String {
	return tfkit.Check("Reserved name", "a name that is not of the form <backend>-rollout-<fingerprint>-cert or -key", func(name string) error {
		if kuma.IsStepSecret(name) {
			return errors.New("kongmesh_mtls_provided_backend creates secrets with such names during a rotation, and deletes them at its end")
		}
		return nil
	})
}

func (r *meshSecret) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"mesh": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the mesh."},
			"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the secret."},
		},
	}
}

func (r *meshSecret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id meshSecretIdentity
	if req.ID == "" {
		tfkit.ImportIdentity(ctx, req, &id, &resp.Diagnostics)
	} else if parts := tfkit.SplitID(&resp.Diagnostics, req.ID, "mesh/name"); parts != nil {
		id = meshSecretIdentity{types.StringValue(parts[0]), types.StringValue(parts[1])}
	}
	at := place{mesh: id.Mesh.ValueString(), name: id.Name.ValueString()}
	at.refuseImport(&resp.Diagnostics)
	if resp.Diagnostics.HasError() || r.refusePair(ctx, at, &resp.Diagnostics) {
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("mesh"), id.Mesh)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), id.Name)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, id)...)
}
