// Package dataplane holds kongmesh_dataplanes: the data plane proxies of a mesh
// and their certificates.
package dataplane

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*dataplanes)(nil)

// NewDataSource is kongmesh_dataplanes.
func NewDataSource() datasource.DataSource { return &dataplanes{} }

type dataplanes struct {
	tfkit.DataSource
}

type model struct {
	Mesh       types.String `tfsdk:"mesh"`
	Name       types.String `tfsdk:"name"`
	Tags       types.Map    `tfsdk:"tags"`
	Dataplanes []dataplane  `tfsdk:"dataplanes"`
	Total      types.Int64  `tfsdk:"total"`
	Online     types.Int64  `tfsdk:"online"`
	Offline    types.Int64  `tfsdk:"offline"`
}

type dataplane struct {
	Name                 types.String `tfsdk:"name"`
	Zone                 types.String `tfsdk:"zone"`
	Tags                 types.Map    `tfsdk:"tags"`
	Online               types.Bool   `tfsdk:"online"`
	CertificateIssuedAt  types.String `tfsdk:"certificate_issued_at"`
	CertificateExpiresAt types.String `tfsdk:"certificate_expires_at"`
	IssuedBackend        types.String `tfsdk:"issued_backend"`
	Version              types.String `tfsdk:"version"`
}

func tagsType() attr.Type { return types.ListType{ElemType: types.StringType} }

func (d *dataplanes) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_dataplanes"
}

func (d *dataplanes) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The data plane proxies of a mesh, whether they are connected, and of when their certificates are: what a `check` block asks before and after a rotation.\n\n" +
			"What the control plane knows of a proxy is up to 12 seconds old. It does not say which CA a certificate is from.",
		Attributes: map[string]schema.Attribute{
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh.",
				Required:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Only proxies with this in their names.",
				Optional:            true,
			},
			"tags": schema.MapAttribute{
				MarkdownDescription: "Only proxies that have all these tags, such as `{ \"kuma.io/service\" = \"backend\" }`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
			"dataplanes": schema.ListNestedAttribute{
				MarkdownDescription: "The proxies, by name.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":                   schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the proxy, on a global control plane the one that it has in its zone."},
					"zone":                   schema.StringAttribute{Computed: true, MarkdownDescription: "Zone of the proxy, null if the control plane does not say."},
					"tags":                   schema.MapAttribute{Computed: true, ElementType: tagsType(), MarkdownDescription: "Tags of its inbounds or its gateway, with all their values."},
					"online":                 schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it is connected to the control plane."},
					"certificate_issued_at":  schema.StringAttribute{Computed: true, MarkdownDescription: "When its certificate was made, RFC 3339; null as long as none is known."},
					"certificate_expires_at": schema.StringAttribute{Computed: true, MarkdownDescription: "When its certificate ends, RFC 3339; null as long as none is known."},
					"issued_backend":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the mTLS backend that its certificate is from."},
					"version":                schema.StringAttribute{Computed: true, MarkdownDescription: "Version of its data plane, `kuma-dp`."},
				}},
			},
			"total":   schema.Int64Attribute{Computed: true, MarkdownDescription: "How many proxies these are."},
			"online":  schema.Int64Attribute{Computed: true, MarkdownDescription: "How many of them are connected."},
			"offline": schema.Int64Attribute{Computed: true, MarkdownDescription: "How many of them are not."},
		},
	}
}

func (d *dataplanes) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	tags := map[string]string{}
	resp.Diagnostics.Append(config.Tags.ElementsAs(ctx, &tags, false)...)
	if resp.Diagnostics.HasError() || !d.Ready(&resp.Diagnostics) {
		return
	}
	mesh := config.Mesh.ValueString()
	found, err := d.Client.Dataplanes(ctx, mesh)
	if kuma.Absent(err) {
		resp.Diagnostics.AddAttributeError(path.Root("mesh"), "No such mesh", fmt.Sprintf("There is no mesh %q on the control plane. "+
			"Where the same run makes it, refer to the resource that does, as in `mesh = kongmesh_mesh.this.name`.", mesh))
		return
	}
	if err != nil {
		tfkit.AddError(&resp.Diagnostics, fmt.Sprintf("list the data plane proxies of mesh %q", mesh), err)
		return
	}
	config.Dataplanes = []dataplane{}
	online := int64(0)
	slices.SortFunc(found, func(a, b kuma.Dataplane) int { return strings.Compare(a.Zone+"/"+a.Name, b.Zone+"/"+b.Name) })
	for _, proxy := range found {
		if !strings.Contains(proxy.Name, config.Name.ValueString()) || !hasTags(proxy, tags) {
			continue
		}
		value, diags := types.MapValueFrom(ctx, tagsType(), proxy.Tags)
		resp.Diagnostics.Append(diags...)
		config.Dataplanes = append(config.Dataplanes, valueOf(proxy, value))
		if proxy.Online {
			online++
		}
	}
	total := int64(len(config.Dataplanes))
	config.Total, config.Online, config.Offline = types.Int64Value(total), types.Int64Value(online), types.Int64Value(total-online)
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}

func hasTags(proxy kuma.Dataplane, tags map[string]string) bool {
	for name, value := range tags {
		if !slices.Contains(proxy.Tags[name], value) {
			return false
		}
	}
	return true
}

func valueOf(proxy kuma.Dataplane, tags types.Map) dataplane {
	value := dataplane{
		Name:    types.StringValue(proxy.Name),
		Zone:    optional(proxy.Zone),
		Tags:    tags,
		Online:  types.BoolValue(proxy.Online),
		Version: optional(proxy.Version),
	}
	if certificate := proxy.Certificate; certificate != nil {
		value.CertificateIssuedAt = types.StringValue(certificate.Issued.UTC().Format(time.RFC3339))
		value.CertificateExpiresAt = types.StringValue(certificate.Expires.UTC().Format(time.RFC3339))
		value.IssuedBackend = optional(certificate.Backend)
	}
	return value
}

// optional is null for what the control plane does not say.
func optional(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}
