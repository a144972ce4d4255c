// Package controlplane holds the data source kongmesh_control_plane: what
// answers, and which version it is of.
package controlplane

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*source)(nil)

// NewDataSource is the data source kongmesh_control_plane.
func NewDataSource() datasource.DataSource { return &source{} }

type source struct {
	tfkit.DataSource
}

type model struct {
	Product          types.String `tfsdk:"product"`
	Version          types.String `tfsdk:"version"`
	Mode             types.String `tfsdk:"mode"`
	SupportsMeshMTLS types.Bool   `tfsdk:"supports_mesh_mtls"`
	ReadOnly         types.Bool   `tfsdk:"read_only"`
}

func (d *source) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_control_plane"
}

func (d *source) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The control plane that the provider talks to. What it does not tell, or not to the user of the token, is null.",
		Attributes: map[string]schema.Attribute{
			"product": schema.StringAttribute{MarkdownDescription: "`Kuma` or `Kong Mesh`.", Computed: true},
			"version": schema.StringAttribute{MarkdownDescription: "Version of the control plane. Builds without a version say `unknown`.", Computed: true},
			"mode":    schema.StringAttribute{MarkdownDescription: "`zone`, `global`, or in versions before 2.6 `standalone`.", Computed: true},
			"supports_mesh_mtls": schema.BoolAttribute{
				MarkdownDescription: "Whether meshes can have mTLS backends, as `kongmesh_mtls_provided_backend` makes them. Kuma 3 has MeshIdentity and MeshTrust resources instead.",
				Computed:            true,
			},
			"read_only": schema.BoolAttribute{
				MarkdownDescription: "Whether it takes no meshes. A zone that belongs to a global control plane has them there, and on Kubernetes they are applied with kubectl.",
				Computed:            true,
			},
		},
	}
}

func (d *source) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	if d.Client == nil {
		resp.Diagnostics.AddError("Provider configuration is not known",
			"A value in the provider block is still unknown, so there is no control plane to ask. "+
				"Add a depends_on with the resource that the value comes from, so that this is read when that is done, or set the value by a variable.")
		return
	}
	is, err := d.Client.ControlPlane(ctx)
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "ask the control plane what it is", err)
		return
	}
	state := model{
		Product:          types.StringValue(is.Product),
		Version:          types.StringValue(is.Version),
		SupportsMeshMTLS: types.BoolPointerValue(is.MeshMTLS),
		ReadOnly:         types.BoolPointerValue(is.ReadOnly),
	}
	if is.Mode != "" {
		state.Mode = types.StringValue(is.Mode)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
