// Package upgrade has the data source kongmesh_upgrade_check: what the next
// version of the control plane would drop or reject.
package upgrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*source)(nil)

// NewDataSource returns kongmesh_upgrade_check.
func NewDataSource() datasource.DataSource {
	return &source{tfkit.DataSource{TypeName: "upgrade_check"}}
}

type source struct {
	tfkit.DataSource
}

type model struct {
	TargetVersion types.String   `tfsdk:"target_version"`
	Mesh          types.String   `tfsdk:"mesh"`
	Ready         types.Bool     `tfsdk:"ready"`
	Problems      []problemModel `tfsdk:"problems"`
}

type problemModel struct {
	Type    types.String `tfsdk:"type"`
	Mesh    types.String `tfsdk:"mesh"`
	Name    types.String `tfsdk:"name"`
	Path    types.String `tfsdk:"path"`
	Effect  types.String `tfsdk:"effect"`
	Message types.String `tfsdk:"message"`
}

// version3 is the version whose differences the package knows.
const version3 = "3.0"

func (d *source) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Whether the documents of the control plane are ready for an upgrade, and a list of everything that the new version " +
			"drops without an error, rejects, or treats differently. Terraform reads it during plan, and changes nothing.\n\n" +
			"The data source checks meshes, policies, services, external services, identities with their CAs, trusts, proxies and zones, " +
			"whether Terraform manages them or not. It sends one request for each type. It also reads the secrets of identities, which " +
			"requires a token that can read secrets.\n\n" +
			"It does not check what the API does not show: the configuration of the control plane, a CA in a file of the control plane, and " +
			"manifests of Kubernetes. Read the upgrade notes of the new version as well.",
		Attributes: map[string]schema.Attribute{
			"target_version": schema.StringAttribute{
				MarkdownDescription: "Version of Kuma to upgrade to: `3.0`.",
				Required:            true,
				Validators:          []validator.String{tfkit.OneOf(version3)},
			},
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Only this mesh and the documents in it. By default, everything on the control plane.",
				Optional:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"ready": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether there are no problems."},
			"problems": schema.ListNestedAttribute{
				MarkdownDescription: "List of problems, sorted by type, mesh and name.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"type": text("Type of the document, such as `MeshTimeout`."),
					"mesh": text("Mesh of the document. Null for a type of scope Global, such as a mesh itself."),
					"name": text("Name of the document."),
					"path": text("Path of the member, such as `spec.from`. Null if the new version does not have the type."),
					"effect": text("`dropped`: the new version accepts the document and ignores the member. `refused`: it rejects the document or its " +
						"CA. `changed`: it behaves differently with the same document. `unchecked`: the provider could not find out."),
					"message": text("What the new version does, and what to do before the upgrade."),
				}},
			},
		},
	}
}

func (d *source) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state model
	if !d.ReadConfig(ctx, req, resp, &state) {
		return
	}
	mesh := state.Mesh.ValueString()
	kinds, err := d.Client.Types(ctx)
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "list the types of resources", err)
		return
	}
	isVersion2 := slices.ContainsFunc(kinds, func(t kuma.Type) bool { return t.Name == "TrafficPermission" })
	state.Problems = []problemModel{}
	for _, t := range kinds {
		if !isChecked(t) {
			continue
		}
		found, err := d.problems(ctx, t, mesh, isVersion2)
		if kuma.Absent(err) {
			tfkit.AddNoMeshToRead(&resp.Diagnostics, path.Root("mesh"), mesh)
			return
		}
		if err != nil {
			tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("list the resources of type %s", t.Name), err)
			return
		}
		for _, f := range found {
			state.Problems = append(state.Problems, f.model())
		}
	}
	state.Ready = types.BoolValue(len(state.Problems) == 0)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// problems returns the problems of the documents of one type: of one mesh, or
// with "" of all.
func (d *source) problems(ctx context.Context, t kuma.Type, mesh string, isVersion2 bool) ([]finding, error) {
	documents, err := d.documents(ctx, t, mesh)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, document := range documents {
		root, err := nodeOf(document)
		if err != nil {
			return nil, err
		}
		is := finding{kind: t.Name, mesh: root.to("mesh").text(), name: root.to("name").text()}
		problems := check(t, root)
		switch {
		case t.Name == kuma.MeshType && isVersion2:
			problems = append(problems, checkMeshServices(root)...)
		case t.Name == kuma.MeshIdentityType:
			rejected, err := d.identityCA(ctx, is.mesh, document, root)
			if err != nil {
				return nil, err
			}
			problems = append(problems, rejected...)
		}
		for _, p := range problems {
			is.problem = p
			found = append(found, is)
		}
	}
	slices.SortStableFunc(found, func(a, b finding) int {
		return slices.Compare([]string{a.mesh, a.name}, []string{b.mesh, b.name})
	})
	return found, nil
}

// documents returns the documents of a type in one mesh, or with "" in all. Of
// the types outside of meshes, one mesh has only itself.
func (d *source) documents(ctx context.Context, t kuma.Type, mesh string) ([]*kuma.Document, error) {
	switch {
	case mesh == "" || t.InMesh():
		return d.Client.Objects(ctx, t, mesh)
	case t.Name != kuma.MeshType:
		return nil, nil
	}
	only, err := d.Client.Mesh(ctx, mesh)
	if err != nil {
		return nil, err
	}
	return []*kuma.Document{only.Document}, nil
}

func (f finding) model() problemModel {
	return problemModel{
		types.StringValue(f.kind), tfkit.Optional(f.mesh), types.StringValue(f.name), tfkit.Optional(f.path), types.StringValue(f.effect),
		types.StringValue(f.message),
	}
}
