// Package dataplane has the data source kongmesh_dataplanes: the data plane
// proxies of a mesh and their certificates.
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

// NewDataSource returns kongmesh_dataplanes.
func NewDataSource() datasource.DataSource {
	return &dataplanes{tfkit.DataSource{TypeName: "dataplanes"}}
}

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
	IssuedIdentity       types.String `tfsdk:"issued_identity"`
	Version              types.String `tfsdk:"version"`
}

func tagsType() attr.Type { return types.ListType{ElemType: types.StringType} }

func (d *dataplanes) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The data plane proxies of a mesh, whether they are connected, and the dates of their certificates. Use it in " +
			"`check` blocks before and after a rotation, and before and after a mesh moves from mTLS to a MeshIdentity.\n\n" +
			"The status of a proxy can be up to 12 seconds old. The control plane does not report which CA issued a " +
			"certificate.",
		Attributes: map[string]schema.Attribute{
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh.",
				Required:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Only proxies whose names contain this string.",
				Optional:            true,
			},
			"tags": schema.MapAttribute{
				MarkdownDescription: "Only proxies with all of these tags, such as `{ \"kuma.io/service\" = \"backend\" }`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Map{tfkit.NoNulls()},
			},
			"dataplanes": schema.ListNestedAttribute{
				MarkdownDescription: "List of proxies, sorted by name.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":                   schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the proxy. On a global control plane, its name in its zone."},
					"zone":                   schema.StringAttribute{Computed: true, MarkdownDescription: "Zone of the proxy, or null if the control plane does not report it."},
					"tags":                   schema.MapAttribute{Computed: true, ElementType: tagsType(), MarkdownDescription: "Tags of the proxy's inbounds or gateway, with all values."},
					"online":                 schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the proxy is connected to the control plane."},
					"certificate_issued_at":  schema.StringAttribute{Computed: true, MarkdownDescription: "Time at which the certificate was issued (RFC 3339), or null if the control plane does not know a certificate."},
					"certificate_expires_at": schema.StringAttribute{Computed: true, MarkdownDescription: "Expiry date of the certificate (RFC 3339), or null if the control plane does not know a certificate."},
					"issued_backend": schema.StringAttribute{
						Computed: true, MarkdownDescription: "Name of the mTLS backend that issued the certificate, or Kuma resource identifier of the MeshIdentity.",
					},
					"issued_identity": schema.StringAttribute{
						Computed: true, MarkdownDescription: "Name of the MeshIdentity that issued the certificate, or null if an mTLS backend issued it.",
					},
					"version": schema.StringAttribute{Computed: true, MarkdownDescription: "Version of `kuma-dp`."},
				}},
			},
			"total":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of proxies."},
			"online":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of connected proxies."},
			"offline": schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of disconnected proxies."},
		},
	}
}

func (d *dataplanes) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	config := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	tags := map[string]string{}
	resp.Diagnostics.Append(config.Tags.ElementsAs(ctx, &tags, false)...)
	if resp.Diagnostics.HasError() || d.Defers(req, resp) || !d.Ready(&resp.Diagnostics) {
		return
	}
	mesh := config.Mesh.ValueString()
	found, err := d.Client.Dataplanes(ctx, mesh)
	if kuma.Absent(err) {
		tfkit.AddNoMeshToRead(&resp.Diagnostics, path.Root("mesh"), mesh)
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
		Zone:    tfkit.Optional(proxy.Zone),
		Tags:    tags,
		Online:  types.BoolValue(proxy.Online),
		Version: tfkit.Optional(proxy.Version),
	}
	if certificate := proxy.Certificate; certificate != nil {
		value.CertificateIssuedAt = types.StringValue(certificate.Issued.UTC().Format(time.RFC3339))
		value.CertificateExpiresAt = types.StringValue(certificate.Expires.UTC().Format(time.RFC3339))
		value.IssuedBackend, value.IssuedIdentity = tfkit.Optional(certificate.Backend), tfkit.Optional(certificate.Identity())
	}
	return value
}
