package token

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// NewDataplaneToken returns the ephemeral resource kongmesh_dataplane_token.
func NewDataplaneToken() ephemeral.EphemeralResource {
	return &token{
		EphemeralResource: tfkit.EphemeralResource{TypeName: "dataplane_token"},
		kind:              kuma.DataplaneToken,
		description: "A token with which a data plane proxy connects to the control plane. Without `name`, `tags` and `workload`, any " +
			"proxy of the mesh can use it.",
		attributes: map[string]schema.Attribute{
			"mesh": schema.StringAttribute{
				MarkdownDescription: "Name of the mesh that the proxy belongs to.",
				Required:            true,
				Validators:          []validator.String{tfkit.MeshReference()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the only proxy that can use the token.",
				Optional:            true,
				Validators:          []validator.String{tfkit.Text()},
			},
			"tags": schema.MapAttribute{
				MarkdownDescription: "Tags that a proxy must have to use the token: for each tag, the list of allowed values.",
				ElementType:         types.ListType{ElemType: types.StringType},
				Optional:            true,
				Validators: []validator.Map{
					tfkit.NoNulls(), mapvalidator.ValueListsAre(tfkit.NoNulls(), listvalidator.SizeAtLeast(1)),
				},
			},
			"type": schema.StringAttribute{
				MarkdownDescription: "Type of the proxy: `dataplane`, `ingress` or `egress`. Kuma 3 has only `dataplane`. Defaults to `dataplane`.",
				Optional:            true,
				Validators:          []validator.String{tfkit.OneOf("dataplane", "ingress", "egress")},
			},
			"workload": schema.StringAttribute{
				MarkdownDescription: "Workload of the proxies that can use the token (the label `kuma.io/workload`). Requires a control plane with " +
					"workloads.",
				Optional:   true,
				Validators: []validator.String{tfkit.Text()},
			},
		},
		model: func() model { return &dataplaneModel{} },
	}
}

type dataplaneModel struct {
	Mesh     types.String        `tfsdk:"mesh"`
	Name     types.String        `tfsdk:"name"`
	Tags     map[string][]string `tfsdk:"tags"`
	Type     types.String        `tfsdk:"type"`
	Workload types.String        `tfsdk:"workload"`
	issued
}

func (m *dataplaneModel) members() map[string]any {
	members := map[string]any{"mesh": text(m.Mesh), "name": text(m.Name), "type": text(m.Type), "workload": text(m.Workload)}
	if len(m.Tags) > 0 {
		members["tags"] = m.Tags
	}
	return members
}

// NewUserToken returns the ephemeral resource kongmesh_user_token.
func NewUserToken() ephemeral.EphemeralResource {
	return &token{
		EphemeralResource: tfkit.EphemeralResource{TypeName: "user_token"},
		kind:              kuma.UserToken,
		description:       "A token with which a user calls the API of the control plane, as this provider does.",
		attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the user.",
				Required:            true,
				Validators:          []validator.String{tfkit.Text()},
			},
			"groups": schema.ListAttribute{
				MarkdownDescription: "Groups of the user, such as `mesh-system:admin`.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.List{tfkit.NoNulls(), listvalidator.ValueStringsAre(tfkit.Text())},
			},
		},
		model: func() model { return &userModel{} },
	}
}

type userModel struct {
	Name   types.String `tfsdk:"name"`
	Groups []string     `tfsdk:"groups"`
	issued
}

func (m *userModel) members() map[string]any {
	members := map[string]any{"name": text(m.Name)}
	if len(m.Groups) > 0 {
		members["groups"] = m.Groups
	}
	return members
}

// NewZoneToken returns the ephemeral resource kongmesh_zone_token.
func NewZoneToken() ephemeral.EphemeralResource {
	return &token{
		EphemeralResource: tfkit.EphemeralResource{TypeName: "zone_token"},
		kind:              kuma.ZoneToken,
		description:       "A token with which a zone control plane, a zone ingress or a zone egress connects.",
		attributes: map[string]schema.Attribute{
			"zone": schema.StringAttribute{
				MarkdownDescription: "Name of the zone.",
				Required:            true,
				Validators:          []validator.String{tfkit.SecretName()},
			},
			"scope": schema.ListAttribute{
				MarkdownDescription: "What can use the token: `egress`, `ingress`, `cp`.",
				ElementType:         types.StringType,
				Required:            true,
				Validators: []validator.List{
					tfkit.NoNulls(), listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(tfkit.OneOf("cp", "egress", "ingress")),
				},
			},
		},
		model: func() model { return &zoneModel{} },
	}
}

type zoneModel struct {
	Zone  types.String `tfsdk:"zone"`
	Scope []string     `tfsdk:"scope"`
	issued
}

func (m *zoneModel) members() map[string]any {
	return map[string]any{"zone": text(m.Zone), "scope": m.Scope}
}
