package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ list.ListResourceWithConfigure = (*caSecret)(nil)
	_ list.ListResourceWithConfigure = (*meshSecret)(nil)
	_ list.ListResourceWithConfigure = (*globalSecret)(nil)
)

// NewCASecretList lists what kongmesh_mesh_ca_secret can manage.
func NewCASecretList() list.ListResource { return &caSecret{} }

// NewMeshSecretList lists what kongmesh_mesh_secret can manage.
func NewMeshSecretList() list.ListResource { return &meshSecret{} }

// NewGlobalSecretList lists what kongmesh_global_secret can manage.
func NewGlobalSecretList() list.ListResource { return &globalSecret{} }

func (r *caSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The CAs of meshes: CA secrets with names from `kongmesh_mesh_ca_secret`, and CA secrets that a `provided` " +
		"mTLS backend uses.")
}

func (r *caSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(found func(tfkit.Found) bool, diags *diag.Diagnostics) {
		querySecrets(ctx, &r.ProviderData, req, diags, func(here meshSecrets) bool {
			for _, id := range here.cas {
				if !found(here.foundCA(id)) {
					return false
				}
			}
			return true
		})
	})
}

func (r *meshSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = tfkit.MeshQuery("The secrets of meshes, except secrets that the control plane created for itself, and except CA secrets, which " +
		"`kongmesh_mesh_ca_secret` lists.")
}

func (r *meshSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(found func(tfkit.Found) bool, diags *diag.Diagnostics) {
		querySecrets(ctx, &r.ProviderData, req, diags, func(here meshSecrets) bool {
			for _, name := range slices.Sorted(maps.Keys(here.secrets)) {
				at := place{mesh: here.name, name: name}
				if what, _ := at.owned(); what != "" || here.ofCA(name) {
					continue
				}
				if !found(foundSecret(at, meshSecretIdentity{types.StringValue(here.name), types.StringValue(name)})) {
					return false
				}
			}
			return true
		})
	})
}

func (r *globalSecret) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: "The secrets that do not belong to a mesh, except those that the control plane created for itself."}
}

func (r *globalSecret) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	r.Query(ctx, req, stream, func(found func(tfkit.Found) bool, diags *diag.Diagnostics) {
		all, err := r.Client.GlobalSecrets(ctx)
		secrets, errNames := byName(all)
		if err := errors.Join(err, errNames); err != nil {
			tfkit.AddError(diags, "list the global secrets", err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			at := place{global: true, name: name}
			if what, _ := at.owned(); what == "" && !found(foundSecret(at, globalSecretIdentity{types.StringValue(name)})) {
				return
			}
		}
	})
}

// meshSecrets are the secrets of one mesh by their names, and the CAs among them.
type meshSecrets struct {
	name    string
	secrets map[string]*kuma.Secret
	cas     []identity
}

// querySecrets gives the secrets of the mesh that a query names, or of each
// there is, as long as each wants more.
func querySecrets(ctx context.Context, provider *tfkit.ProviderData, req list.ListRequest, diags *diag.Diagnostics, each func(meshSecrets) bool) {
	var only types.String
	diags.Append(req.Config.GetAttribute(ctx, path.Root("mesh"), &only)...)
	if diags.HasError() {
		return
	}
	for _, mesh := range provider.QueriedMeshes(ctx, only, diags) {
		here, err := secretsOf(ctx, provider.Client, mesh)
		if kuma.Absent(err) {
			continue // it has gone in the meantime
		}
		if err != nil {
			tfkit.AddError(diags, fmt.Sprintf("list the secrets of mesh %q", here.name), err)
			return
		}
		if !each(here) {
			return
		}
	}
}

func secretsOf(ctx context.Context, client *kuma.Client, mesh *kuma.Mesh) (meshSecrets, error) {
	name, errName := mesh.Name()
	here := meshSecrets{name: name}
	backends, err := mesh.Backends()
	if err := errors.Join(err, errName); err != nil {
		return here, err
	}
	all, err := client.Secrets(ctx, here.name)
	if err != nil {
		return here, err
	}
	if here.secrets, err = byName(all); err != nil {
		return here, err
	}
	for _, prefix := range derivedPairs(here.secrets) {
		here.addCA(prefix+"-cert", prefix+"-key")
	}
	for _, backend := range backends {
		here.addCA(backend.Cert.Secret, backend.Key.Secret)
	}
	return here, nil
}

// addCA adds a pair that is there as a whole. What stands between two CAs for
// the time of a rotation is none.
func (s *meshSecrets) addCA(certificate, key string) {
	id := identity{types.StringValue(s.name), types.StringValue(certificate), types.StringValue(key)}
	if s.secrets[certificate] != nil && s.secrets[key] != nil && !kuma.IsStepSecret(certificate) && !slices.Contains(s.cas, id) {
		s.cas = append(s.cas, id)
	}
}

// ofCA tells whether a secret belongs to a CA.
func (s *meshSecrets) ofCA(name string) bool {
	return slices.ContainsFunc(s.cas, func(id identity) bool {
		return id.CertificateSecret.ValueString() == name || id.KeySecret.ValueString() == name
	})
}

// foundCA is a CA as the result of a query.
func (s *meshSecrets) foundCA(id identity) tfkit.Found {
	there := pair{s.secrets[id.CertificateSecret.ValueString()], s.secrets[id.KeySecret.ValueString()]}
	return tfkit.Found{
		ID:       model{}.of(id).id(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			var blank model
			diags := state.SetAttribute(ctx, path.Root("mesh"), id.Mesh)
			diags.Append(state.Get(ctx, &blank)...)
			full, more := stateFrom(there, blank.of(id))
			return append(append(diags, more...), state.Set(ctx, full)...)
		},
	}
}

// foundSecret is a secret as the result of a query, without its value, as it is
// after an import.
func foundSecret(at place, id any) tfkit.Found {
	return tfkit.Found{
		ID:       at.id(),
		Identity: id,
		State: func(ctx context.Context, state *tfsdk.Resource) diag.Diagnostics {
			diags := state.SetAttribute(ctx, path.Root("name"), at.name)
			if !at.global {
				diags.Append(state.SetAttribute(ctx, path.Root("mesh"), at.mesh)...)
			}
			return append(diags, state.SetAttribute(ctx, path.Root("in_sync"), true)...)
		},
	}
}
