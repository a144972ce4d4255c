package mesh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*meshSource)(nil)

// NewDataSource returns the data source kongmesh_mesh.
func NewDataSource() datasource.DataSource { return &meshSource{tfkit.DataSource{TypeName: "mesh"}} }

type meshSource struct {
	tfkit.DataSource
}

type sourceModel struct {
	model

	CreationTime       types.String    `tfsdk:"creation_time"`
	ModificationTime   types.String    `tfsdk:"modification_time"`
	EnabledBackend     types.String    `tfsdk:"enabled_backend"`
	EnabledBackendType types.String    `tfsdk:"enabled_backend_type"`
	Backends           []backendSource `tfsdk:"backends"`
}

type backendSource struct {
	Name              types.String `tfsdk:"name"`
	Type              types.String `tfsdk:"type"`
	CertificateSecret types.String `tfsdk:"certificate_secret"`
	KeySecret         types.String `tfsdk:"key_secret"`
}

func (d *meshSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := sections().ForDataSource().Computed()
	maps.Copy(attributes, map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the mesh.",
			Required:            true,
			Validators:          []validator.String{tfkit.MeshReference()},
		},
		"labels": schema.MapAttribute{
			MarkdownDescription: "Labels of the mesh, without the labels that the control plane adds (`kuma.io/…`).",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"skip_creating_initial_policies": schema.SetAttribute{
			MarkdownDescription: "Types of policies that the control plane did not create with the mesh. `*` means all types.",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"creation_time":        schema.StringAttribute{MarkdownDescription: "Time at which the mesh was created (RFC 3339).", Computed: true},
		"modification_time":    schema.StringAttribute{MarkdownDescription: "Time of the last change of the mesh (RFC 3339).", Computed: true},
		"enabled_backend":      schema.StringAttribute{MarkdownDescription: "Name of the enabled mTLS backend, or null without mTLS.", Computed: true},
		"enabled_backend_type": schema.StringAttribute{MarkdownDescription: "Type of the enabled mTLS backend, such as `provided` or `builtin`.", Computed: true},
		"backends": schema.ListNestedAttribute{
			MarkdownDescription: "All mTLS backends of the mesh, enabled or not.",
			Computed:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"name": schema.StringAttribute{MarkdownDescription: "Name of the backend.", Computed: true},
				"type": schema.StringAttribute{MarkdownDescription: "Type of the backend, such as `provided` or `builtin`.", Computed: true},
				"certificate_secret": schema.StringAttribute{MarkdownDescription: "Name of the secret with the certificate chain of a `provided` backend, or null if the chain is not in a " +
					"secret.", Computed: true},
				"key_secret": schema.StringAttribute{MarkdownDescription: "Name of the secret with the private key of a `provided` backend, or null if the key is not in a secret.", Computed: true},
			}},
		},
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "An existing mesh: its mTLS backends, labels and sections. A section without content is null. Backends of all " +
			"types are listed, including those that `kongmesh_mesh` does not manage.",
		Attributes: attributes,
	}
}

func (d *meshSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config sourceModel
	if !d.ReadConfig(ctx, req, resp, &config) {
		return
	}
	name := config.Name.ValueString()
	mesh, err := d.Client.Mesh(ctx, name)
	if kuma.Absent(err) {
		tfkit.AddNoMeshToRead(&resp.Diagnostics, path.Root("name"), name)
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("read mesh %q", name), err)
		return
	}
	state, err := sourceFrom(ctx, mesh, config.Name)
	if err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, fmt.Sprintf("Mesh %q", name), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// sourceFrom returns the model of a mesh's document, with all of its parts.
func sourceFrom(ctx context.Context, mesh *kuma.Mesh, name types.String) (*sourceModel, error) {
	state := &sourceModel{model: model{Name: name}, Backends: []backendSource{}}
	for _, section := range sections().ForDataSource() {
		now, err := section.Read(mesh.Document, nil)
		if err != nil {
			return nil, err
		}
		*state.sections()[section.Name] = part.ObjectOf(now)
	}
	labels, errLabels := mesh.Labels()
	skip, errSkip := mesh.SkipCreatingInitialPolicies()
	enabled, errEnabled := mesh.EnabledBackend()
	backends, errBackends := mesh.Backends()
	var created, modified time.Time
	err := errors.Join(errLabels, errSkip, errEnabled, errBackends, mesh.Decode("creationTime", &created), mesh.Decode("modificationTime", &modified))
	if err != nil {
		return nil, err
	}
	state.Labels, _ = types.MapValueFrom(ctx, types.StringType, labels)
	state.SkipCreatingInitialPolicies, _ = types.SetValueFrom(ctx, types.StringType, skip)
	state.CreationTime, state.ModificationTime = tfkit.OptionalTime(created, time.RFC3339Nano), tfkit.OptionalTime(modified, time.RFC3339Nano)
	state.EnabledBackend = tfkit.Optional(enabled)
	for _, backend := range backends {
		state.Backends = append(state.Backends, backendSource{
			Name:              types.StringValue(backend.Name),
			Type:              types.StringValue(backend.Type),
			CertificateSecret: tfkit.Optional(backend.Cert.Secret),
			KeySecret:         tfkit.Optional(backend.Key.Secret),
		})
		if enabled != "" && backend.Name == enabled {
			state.EnabledBackendType = types.StringValue(backend.Type)
		}
	}
	return state, nil
}
