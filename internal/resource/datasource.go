package resource

import (
	"context"
	"errors"
	"fmt"
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

var (
	_ datasource.DataSourceWithConfigure = (*source)(nil)
	_ datasource.DataSourceWithConfigure = (*listSource)(nil)
)

// NewDataSource returns the data source kongmesh_resource.
func NewDataSource() datasource.DataSource { return &source{tfkit.DataSource{TypeName: "resource"}} }

// NewResourcesDataSource returns the data source kongmesh_resources.
func NewResourcesDataSource() datasource.DataSource {
	return &listSource{tfkit.DataSource{TypeName: "resources"}}
}

type source struct {
	tfkit.DataSource
}

type sourceModel struct {
	model
	KRI              types.String  `tfsdk:"kri"`
	CreationTime     types.String  `tfsdk:"creation_time"`
	ModificationTime types.String  `tfsdk:"modification_time"`
	Status           types.Dynamic `tfsdk:"status"`
}

func (d *source) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Any resource of the control plane, as the control plane has it: a policy, a MeshService, a Zone, and others. " +
			"Secrets and private keys are not available here.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: "Type, such as `MeshTrafficPermission`.",
				Required:            true,
				Validators:          []validator.String{readableType()},
			},
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh, for a type of scope Mesh.",
				Optional:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"name":              schema.StringAttribute{MarkdownDescription: "Name of the resource.", Required: true, Validators: []validator.String{tfkit.Text()}},
			"labels":            schema.MapAttribute{MarkdownDescription: "Labels, including those that the control plane adds.", ElementType: types.StringType, Computed: true},
			"spec":              schema.DynamicAttribute{MarkdownDescription: "Content of the resource. Null for a type without `spec`.", Computed: true},
			"fields":            schema.DynamicAttribute{MarkdownDescription: "Content of a resource whose type has no `spec`.", Computed: true},
			"kri":               schema.StringAttribute{MarkdownDescription: "Kuma resource identifier. Null before Kuma 2.12, for types without one, and for resources that the provider reads with the Kubernetes API.", Computed: true},
			"creation_time":     schema.StringAttribute{MarkdownDescription: "Time at which the resource was created, in RFC 3339.", Computed: true},
			"modification_time": schema.StringAttribute{MarkdownDescription: "Time at which the resource was last written, in RFC 3339.", Computed: true},
			"status":            schema.DynamicAttribute{MarkdownDescription: "Status that the control plane reports. Null for types without one.", Computed: true},
		},
	}
}

// readableType rejects secrets, because a data source stores what it reads in
// the state.
func readableType() validator.String {
	return tfkit.Check("Invalid type", "a type of resource that holds no secrets", func(kind string) error {
		switch kind {
		case kuma.SecretType, kuma.GlobalSecretType:
			return fmt.Errorf("the provider does not store secrets in the state")
		case "":
			return fmt.Errorf("a type is a name such as MeshTimeout")
		}
		return nil
	})
}

func (d *source) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config sourceModel
	if !d.ReadConfig(ctx, req, resp, &config) {
		return
	}
	of, ok := objectOf(ctx, d.Client, config.model, &resp.Diagnostics)
	if !ok {
		return
	}
	of.Anywhere = true
	document, err := d.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "No such resource", fmt.Sprintf(
			"The control plane does not have %s. If this run creates it, add depends_on with its resource.", config.model))
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, "read "+config.String(), err)
		return
	}
	state, err := sourceFrom(ctx, document, config)
	if err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, config.String(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// sourceFrom returns the model of a document, with all of its content.
func sourceFrom(ctx context.Context, document *kuma.Document, config sourceModel) (state sourceModel, err error) {
	state = config
	old := document.Get(specMember) == nil
	content, err := contentOf(document, old)
	if err != nil {
		return config, err
	}
	if old {
		state.Fields = types.DynamicValue(valueOf(ctx, withoutKeys(content)))
	} else {
		state.Spec = types.DynamicValue(valueOf(ctx, withoutKeys(content)))
	}
	if text := document.Get("status"); text != nil {
		status, err := decodeJSON(text)
		if err != nil {
			return config, err
		}
		state.Status = types.DynamicValue(valueOf(ctx, withoutKeys(status)))
	}
	labels, errLabels := document.AllLabels()
	created, errCreated := document.CreationTime()
	modified, errModified := document.ModificationTime()
	kri, errKRI := document.KRI()
	state.Labels, state.KRI = mapOf(labels), tfkit.Optional(kri)
	state.CreationTime, state.ModificationTime = tfkit.OptionalTime(created, time.RFC3339), tfkit.OptionalTime(modified, time.RFC3339)
	return state, errors.Join(errLabels, errCreated, errModified, errKRI)
}

type listSource struct {
	tfkit.DataSource
}

type listModel struct {
	Type      types.String `tfsdk:"type"`
	Mesh      types.String `tfsdk:"mesh"`
	Labels    types.Map    `tfsdk:"labels"`
	Names     []string     `tfsdk:"names"`
	Resources []listItem   `tfsdk:"resources"`
}

type listItem struct {
	Mesh   types.String `tfsdk:"mesh"`
	Name   types.String `tfsdk:"name"`
	Labels types.Map    `tfsdk:"labels"`
}

func (d *listSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The resources of one type: for example all MeshTimeout policies of a mesh.",
		Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{
				MarkdownDescription: "Type, such as `MeshTrafficPermission`.",
				Required:            true,
				Validators:          []validator.String{readableType()},
			},
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Only resources of this mesh. By default, resources of all meshes.",
				Optional:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"labels": schema.MapAttribute{
				MarkdownDescription: "Only resources with all of these labels, including labels that the control plane adds, such as `kuma.io/origin`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
			"names": schema.ListAttribute{MarkdownDescription: "Names of the resources.", ElementType: types.StringType, Computed: true},
			"resources": schema.ListNestedAttribute{
				MarkdownDescription: "List of resources.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"mesh":   schema.StringAttribute{MarkdownDescription: "Name of the mesh. Null for a type of scope Global.", Computed: true},
					"name":   schema.StringAttribute{MarkdownDescription: "Name of the resource.", Computed: true},
					"labels": schema.MapAttribute{MarkdownDescription: "Labels, including those that the control plane adds.", ElementType: types.StringType, Computed: true},
				}},
			},
		},
	}
}

func (d *listSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state listModel
	if !d.ReadConfig(ctx, req, resp, &state) {
		return
	}
	state.Names, state.Resources = []string{}, []listItem{}
	query := query{d.ProviderData, state.Type, state.Mesh, state.Labels, func(diags *diag.Diagnostics, mesh string) {
		tfkit.AddNoMeshToRead(diags, path.Root("mesh"), mesh)
	}}
	query.each(ctx, func(_ *kuma.Document, found model) bool {
		state.Names = append(state.Names, found.Name.ValueString())
		state.Resources = append(state.Resources, listItem{found.Mesh, found.Name, found.Labels})
		return true
	}, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
}

// A query selects objects of one type.
type query struct {
	tfkit.ProviderData
	kind, mesh types.String
	labels     types.Map
	// noMesh adds the error for a mesh that does not exist.
	noMesh func(diags *diag.Diagnostics, mesh string)
}

// each passes the objects of a query to found, with all of their labels, until
// found returns false.
func (q query) each(ctx context.Context, found func(*kuma.Document, model) bool, diags *diag.Diagnostics) {
	t, ok := findType(ctx, q.Client, q.kind.ValueString(), diags)
	if !ok {
		return
	}
	if !t.InMesh() && !q.mesh.IsNull() {
		diags.AddAttributeError(path.Root("mesh"), "Mesh is not allowed", fmt.Sprintf("A %s does not belong to a mesh. Remove mesh.", t.Name))
		return
	}
	documents, err := q.Client.Objects(ctx, t, q.mesh.ValueString())
	if kuma.Absent(err) {
		q.noMesh(diags, q.mesh.ValueString())
		return
	}
	if err != nil {
		tfkit.AddError(diags, fmt.Sprintf("list the resources of type %s", t.Name), err)
		return
	}
	for _, document := range documents {
		m, matches, err := q.match(t, document)
		if err != nil {
			tfkit.AddUnreadable(diags, "A "+t.Name, err)
			return
		}
		if matches && !found(document, m) {
			return
		}
	}
}

// match returns an object's name and place, and whether it has the labels of a
// query.
func (q query) match(t kuma.Type, document *kuma.Document) (m model, matches bool, err error) {
	m.Type = types.StringValue(t.Name)
	name, err := document.Name()
	if err != nil {
		return m, false, err
	}
	m.Name = types.StringValue(name)
	if t.InMesh() {
		var mesh string
		if err := document.Decode("mesh", &mesh); err != nil {
			return m, false, err
		}
		m.Mesh = types.StringValue(mesh)
	}
	labels, err := document.AllLabels()
	m.Labels = mapOf(labels)
	for name, value := range stringMap(q.labels) {
		if has, ok := labels[name]; !ok || has != value {
			return m, false, err
		}
	}
	return m, true, err
}
