package mesh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*meshSource)(nil)

// NewDataSource is the data source kongmesh_mesh.
func NewDataSource() datasource.DataSource { return &meshSource{} }

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

func (d *meshSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_mesh"
}

func (d *meshSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := computed(inFull(sections()))
	maps.Copy(attributes, map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the mesh.",
			Required:            true,
			Validators:          []validator.String{tfkit.MeshReference()},
		},
		"labels": schema.MapAttribute{
			MarkdownDescription: "Labels of the mesh. Those that the control plane adds, `kuma.io/…`, are not among them.",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"skip_creating_initial_policies": schema.SetAttribute{
			MarkdownDescription: "Kinds of policies that the control plane did not make together with the mesh; `*` is all of them.",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"creation_time":        schema.StringAttribute{MarkdownDescription: "When the mesh was made (RFC 3339).", Computed: true},
		"modification_time":    schema.StringAttribute{MarkdownDescription: "When the mesh was last written (RFC 3339).", Computed: true},
		"enabled_backend":      schema.StringAttribute{MarkdownDescription: "Name of the mTLS backend in use, null without mTLS.", Computed: true},
		"enabled_backend_type": schema.StringAttribute{MarkdownDescription: "Type of the mTLS backend in use, such as `provided` or `builtin`.", Computed: true},
		"backends": schema.ListNestedAttribute{
			MarkdownDescription: "All mTLS backends of the mesh, the one in use and others.",
			Computed:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"name":               schema.StringAttribute{MarkdownDescription: "Name of the backend.", Computed: true},
				"type":               schema.StringAttribute{MarkdownDescription: "Type of the backend, such as `provided` or `builtin`.", Computed: true},
				"certificate_secret": schema.StringAttribute{MarkdownDescription: "Secret of the mesh that a provided backend has its certificate chain from, null if it is elsewhere.", Computed: true},
				"key_secret":         schema.StringAttribute{MarkdownDescription: "Secret of the mesh that a provided backend has its private key from, null if it is elsewhere.", Computed: true},
			}},
		},
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "A mesh as it is: its mTLS backends, its labels and its sections. A section without content is null, and backends of every type are listed, " +
			"those that `kongmesh_mesh` leaves alone among them.",
		Attributes: attributes,
	}
}

func (d *meshSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config sourceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || !connected(d.Client, &resp.Diagnostics) {
		return
	}
	name := config.Name.ValueString()
	mesh, err := d.Client.Mesh(ctx, name)
	if kuma.Absent(err) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "No such mesh", fmt.Sprintf(
			"There is no mesh %q on the control plane. It is read while planning, unless something that it depends on is about to change. "+
				"Where the same run makes it, refer to the resource that does, as in `name = kongmesh_mesh.this.name`.", name))
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

// connected tells whether requests can be made. Terraform takes no unknown
// values from what it reads.
func connected(client *kuma.Client, diags *diag.Diagnostics) bool {
	if client == nil {
		diags.AddError("Provider configuration is not known",
			"A value in the provider block is still unknown, so there is no control plane to ask. "+
				"Add a depends_on with the resource that the value comes from, so that this is read when that is done, or set the value by a variable.")
	}
	return client != nil
}

// sourceFrom is all that a mesh's document says.
func sourceFrom(ctx context.Context, mesh *kuma.Mesh, name types.String) (*sourceModel, error) {
	state := &sourceModel{model: model{Name: name}, Backends: []backendSource{}}
	for _, section := range inFull(sections()) {
		now, err := section.read(mesh.Document, nil)
		if err != nil {
			return nil, err
		}
		*state.sections()[section.name] = objectOf(now)
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
	state.CreationTime, state.ModificationTime = timeOf(created), timeOf(modified)
	state.EnabledBackend = orNull(enabled)
	for _, backend := range backends {
		state.Backends = append(state.Backends, backendSource{
			Name:              types.StringValue(backend.Name),
			Type:              types.StringValue(backend.Type),
			CertificateSecret: orNull(backend.Cert.Secret),
			KeySecret:         orNull(backend.Key.Secret),
		})
		if enabled != "" && backend.Name == enabled {
			state.EnabledBackendType = types.StringValue(backend.Type)
		}
	}
	return state, nil
}

func timeOf(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339Nano))
}

// orNull is null for an absent text.
func orNull(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}
