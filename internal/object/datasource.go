package object

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
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*DataSource)(nil)

// A DataSource is complete with its fields. It is a [Resource] that reads.
type DataSource struct {
	tfkit.DataSource
	Kind

	Description string // in Markdown
	// More are attributes beyond those of the parts, and ReadMore sets their values.
	// Both are optional.
	More     map[string]schema.Attribute
	ReadMore func(document *kuma.Document, values part.Values) error
}

// Described has what a data source shows of each object.
type Described struct {
	Envelope
	KRI              types.String `tfsdk:"kri"`
	CreationTime     types.String `tfsdk:"creation_time"`
	ModificationTime types.String `tfsdk:"modification_time"`
}

// Schema returns the schema.
func (d *DataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := d.Parts().ForDataSource().Computed()
	maps.Copy(attributes, map[string]schema.Attribute{
		"mesh":              schema.StringAttribute{MarkdownDescription: "Name of the mesh.", Required: true, Validators: []validator.String{tfkit.MeshReference()}},
		"name":              schema.StringAttribute{MarkdownDescription: "Name of the " + d.Noun + ".", Required: true, Validators: []validator.String{tfkit.SecretName()}},
		"labels":            schema.MapAttribute{MarkdownDescription: "Labels, without the labels that the control plane adds (`kuma.io/…`).", ElementType: types.StringType, Computed: true},
		"kri":               schema.StringAttribute{MarkdownDescription: "Kuma resource identifier.", Computed: true},
		"creation_time":     schema.StringAttribute{MarkdownDescription: "Time at which the " + d.Noun + " was created (RFC 3339).", Computed: true},
		"modification_time": schema.StringAttribute{MarkdownDescription: "Time at which the " + d.Noun + ", or its status, was last written (RFC 3339).", Computed: true},
	})
	maps.Copy(attributes, d.More)
	resp.Schema = schema.Schema{MarkdownDescription: d.Description, Attributes: attributes}
}

// Read reads the object.
func (d *DataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config := contentOf(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || d.Defers(req, resp) || !d.Ready(&resp.Diagnostics) {
		return
	}
	document, is, ok := d.ReadDescribed(ctx, config.Envelope, &resp.Diagnostics)
	if !ok {
		return
	}
	values, err := d.Parts().ForDataSource().Read(document, nil)
	if err == nil && d.ReadMore != nil {
		err = d.ReadMore(document, values)
	}
	if err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, d.What(config.Envelope), err)
		return
	}
	values["kri"], values["creation_time"], values["modification_time"] = is.KRI, is.CreationTime, is.ModificationTime
	resp.Diagnostics.Append(resp.State.Set(ctx, Content{is.Envelope, values}.object(ctx))...)
}

// ReadDescribed reads the object, and what is shown of each.
func (d *DataSource) ReadDescribed(ctx context.Context, config Envelope, diags *diag.Diagnostics) (document *kuma.Document, is Described, ok bool) {
	of, is := d.Of(config), Described{Envelope: config}
	err := d.check(ctx, d.Client)
	if err == nil {
		document, err = d.Client.Object(ctx, of, kuma.Recent)
	}
	if kuma.Absent(err) {
		diags.AddAttributeError(path.Root("name"), "No such resource", fmt.Sprintf(
			"The control plane does not have %s. If this run creates it, add depends_on with its resource.", Describe(of)))
		return nil, is, false
	}
	if err != nil {
		tfkit.AddError(diags, "read "+Describe(of), err)
		return nil, is, false
	}
	kri, errKRI := document.KRI()
	created, errCreated := document.CreationTime()
	modified, errModified := document.ModificationTime()
	labels, errLabels := document.Labels()
	if err := errors.Join(errKRI, errCreated, errModified, errLabels); err != nil {
		tfkit.AddUnreadable(diags, Describe(of), err)
		return nil, is, false
	}
	is.KRI, is.CreationTime, is.ModificationTime = tfkit.Optional(kri), tfkit.OptionalTime(created, time.RFC3339), tfkit.OptionalTime(modified, time.RFC3339)
	value, more := types.MapValueFrom(ctx, types.StringType, labels)
	diags.Append(more...)
	is.Labels = value
	return document, is, true
}
