// Package controlplane has the data source kongmesh_control_plane: the product
// and version of the control plane.
package controlplane

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*source)(nil)

// NewDataSource returns kongmesh_control_plane.
func NewDataSource() datasource.DataSource {
	return &source{tfkit.DataSource{TypeName: "control_plane"}}
}

type source struct {
	tfkit.DataSource
}

type model struct {
	Product          types.String `tfsdk:"product"`
	Version          types.String `tfsdk:"version"`
	Mode             types.String `tfsdk:"mode"`
	Environment      types.String `tfsdk:"environment"`
	SupportsMeshMTLS types.Bool   `tfsdk:"supports_mesh_mtls"`
	ReadOnly         types.Bool   `tfsdk:"read_only"`
	ResourceTypes    []kindModel  `tfsdk:"resource_types"`
}

type kindModel struct {
	Name     types.String `tfsdk:"name"`
	Path     types.String `tfsdk:"path"`
	Scope    types.String `tfsdk:"scope"`
	ReadOnly types.Bool   `tfsdk:"read_only"`
	Policy   types.Bool   `tfsdk:"policy"`
}

func (d *source) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Information about the control plane. Attributes that the control plane does not report to the user of the " +
			"token are null.",
		Attributes: map[string]schema.Attribute{
			"product": schema.StringAttribute{MarkdownDescription: "Product: `Kuma` or `Kong Mesh`.", Computed: true},
			"version": schema.StringAttribute{MarkdownDescription: "Version of the control plane, or `unknown` for a build without a version.", Computed: true},
			"mode":    schema.StringAttribute{MarkdownDescription: "Mode: `zone`, `global`, or `standalone` in versions before 2.6.", Computed: true},
			"environment": schema.StringAttribute{
				MarkdownDescription: "Environment: `universal`, or `kubernetes` for a control plane whose meshes and secrets are objects of a Kubernetes " +
					"cluster. The provider then writes them with the argument `kubernetes` of the provider block.",
				Computed: true,
			},
			"supports_mesh_mtls": schema.BoolAttribute{
				MarkdownDescription: "Whether meshes support mTLS backends (`kongmesh_mtls_provided_backend`). Kuma 3 has MeshIdentity and " +
					"MeshTrust resources instead.",
				Computed: true,
			},
			"read_only": schema.BoolAttribute{
				MarkdownDescription: "Whether the HTTP API of the control plane rejects changes of meshes. For a zone, change meshes on the global control " +
					"plane. On Kubernetes, set `kubernetes` in the provider block.",
				Computed: true,
			},
			"resource_types": schema.ListNestedAttribute{
				MarkdownDescription: "Types of resources that the control plane has, sorted by name. `kongmesh_resource` manages those that have no " +
					"resource of their own.",
				Computed: true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":      schema.StringAttribute{MarkdownDescription: "Name of the type, such as `MeshTimeout`.", Computed: true},
					"path":      schema.StringAttribute{MarkdownDescription: "Part of the URL that stands for the type, such as `meshtimeouts`.", Computed: true},
					"scope":     schema.StringAttribute{MarkdownDescription: "Scope: `Mesh` or `Global`.", Computed: true},
					"read_only": schema.BoolAttribute{MarkdownDescription: "Whether this control plane does not accept writes of the type.", Computed: true},
					"policy":    schema.BoolAttribute{MarkdownDescription: "Whether the type is a policy.", Computed: true},
				}},
			},
		},
	}
}

func (d *source) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if d.Defers(req, resp) || !d.Ready(&resp.Diagnostics) {
		return
	}
	is, err := d.Client.ControlPlane(ctx)
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "read the control plane's version", err)
		return
	}
	state := model{
		Product:          types.StringValue(is.Product),
		Version:          types.StringValue(is.Version),
		SupportsMeshMTLS: types.BoolPointerValue(is.MeshMTLS),
		ReadOnly:         types.BoolPointerValue(is.ReadOnly),
		Mode:             tfkit.Optional(is.Mode),
		Environment:      tfkit.Optional(is.Environment),
	}
	for _, t := range is.Types {
		state.ResourceTypes = append(state.ResourceTypes, kindModel{
			types.StringValue(t.Name), types.StringValue(t.Path), types.StringValue(t.Scope), types.BoolValue(t.ReadOnly), types.BoolValue(t.IsPolicy()),
		})
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
