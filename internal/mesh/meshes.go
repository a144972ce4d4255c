package mesh

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*meshesSource)(nil)

// NewMeshesDataSource returns the data source kongmesh_meshes.
func NewMeshesDataSource() datasource.DataSource {
	return &meshesSource{tfkit.DataSource{TypeName: "meshes"}}
}

type meshesSource struct {
	tfkit.DataSource
}

type meshesModel struct {
	Labels types.Map    `tfsdk:"labels"`
	Names  []string     `tfsdk:"names"`
	Meshes []meshesItem `tfsdk:"meshes"`
}

type meshesItem struct {
	Name   types.String `tfsdk:"name"`
	Labels types.Map    `tfsdk:"labels"`
}

func (d *meshesSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The meshes of the control plane.",
		Attributes: map[string]schema.Attribute{
			"labels": schema.MapAttribute{
				MarkdownDescription: "Only meshes with all of these labels, including labels that the control plane adds, such as `kuma.io/origin`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
			"names": schema.ListAttribute{
				MarkdownDescription: "Names of the meshes.",
				ElementType:         types.StringType,
				Computed:            true,
			},
			"meshes": schema.ListNestedAttribute{
				MarkdownDescription: "List of meshes.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{MarkdownDescription: "Name of the mesh.", Computed: true},
					"labels": schema.MapAttribute{
						MarkdownDescription: "Labels of the mesh, without the labels that the control plane adds (`kuma.io/…`).",
						ElementType:         types.StringType,
						Computed:            true,
					},
				}},
			},
		},
	}
}

func (d *meshesSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config meshesModel
	if !d.ReadConfig(ctx, req, resp, &config) {
		return
	}
	meshes, err := d.Client.Meshes(ctx)
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "list the meshes", err)
		return
	}
	wanted := part.StringMap(config.Labels)
	state := meshesModel{Labels: config.Labels, Names: []string{}, Meshes: []meshesItem{}}
	for _, mesh := range meshes {
		name, match, err := matches(mesh, wanted)
		labels, errLabels := mesh.Labels()
		if err := errors.Join(err, errLabels); err != nil {
			tfkit.AddUnreadable(&resp.Diagnostics, "A mesh", err)
			return
		}
		if !match {
			continue
		}
		value, diags := types.MapValueFrom(ctx, types.StringType, labels)
		resp.Diagnostics.Append(diags...)
		state.Names = append(state.Names, name)
		state.Meshes = append(state.Meshes, meshesItem{types.StringValue(name), value})
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// matches returns a mesh's name, and whether the mesh has these labels. Labels
// that the control plane adds count as well.
func matches(mesh *kuma.Mesh, wanted map[string]string) (name string, match bool, err error) {
	name, err = mesh.Name()
	labels, errLabels := mesh.AllLabels()
	for label, value := range wanted {
		if has, ok := labels[label]; !ok || has != value {
			return name, false, errors.Join(err, errLabels)
		}
	}
	return name, true, errors.Join(err, errLabels)
}
