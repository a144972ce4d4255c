package identity

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/object"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var _ datasource.DataSourceWithConfigure = (*identitySource)(nil)

// NewDataSource returns the data source kongmesh_mesh_identity.
func NewDataSource() datasource.DataSource {
	return &identitySource{object.DataSource{
		DataSource: tfkit.DataSource{TypeName: "mesh_identity"}, Kind: identityKind(),
		Description: "An existing MeshIdentity, with the conditions that the control plane reports. Private keys are not available here.",
		More:        statusAttributes(),
	}}
}

// NewTrustDataSource returns the data source kongmesh_mesh_trust.
func NewTrustDataSource() datasource.DataSource {
	return &object.DataSource{
		DataSource: tfkit.DataSource{TypeName: "mesh_trust"}, Kind: trustKind(),
		Description: "An existing MeshTrust, also one that the control plane generated for a MeshIdentity, with its certificates.",
		More: map[string]schema.Attribute{
			"origin_kri": schema.StringAttribute{
				MarkdownDescription: "Kuma resource identifier of the MeshIdentity for which the control plane generated the trust. Null for any other trust.",
				Computed:            true,
			},
			"certificates": schema.ListNestedAttribute{
				MarkdownDescription: "All certificates of `ca_bundles`, in their order.",
				Computed:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: tfkit.AllCertificateFields().DataSource()},
			},
		},
		ReadMore: readTrust,
	}
}

// readTrust sets the values beyond those of the parts.
func readTrust(document *kuma.Document, values part.Values) error {
	origin, err := document.OriginKRI()
	var all []byte
	for _, bundle := range part.ElementsOf(values["ca_bundles"]) {
		all = append(all, part.TextOf(bundle)+"\n"...)
	}
	certificates, _ := pki.ReadCertificates(all) // what is no certificate is in ca_bundles
	values["origin_kri"], values["certificates"] = tfkit.Optional(origin), tfkit.AllCertificateFields().List(certificates)
	return err
}

type identitySource struct{ object.DataSource }

type identitySourceModel struct {
	object.Described
	members
	Ready           types.Bool      `tfsdk:"ready"`
	Conditions      []conditionItem `tfsdk:"conditions"`
	TrustDomain     types.String    `tfsdk:"trust_domain"`
	DataplaneLabels types.Map       `tfsdk:"dataplane_labels"`
	Dataplane       types.String    `tfsdk:"dataplane_spiffe_id"`
}

type conditionItem struct {
	Type    string `tfsdk:"type"`
	Status  string `tfsdk:"status"`
	Reason  string `tfsdk:"reason"`
	Message string `tfsdk:"message"`
}

// statusAttributes returns the attributes beyond those of the parts.
func statusAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"ready": schema.BoolAttribute{
			MarkdownDescription: "Whether the control plane reports that the identity issues certificates. Null if it reports nothing: for a few " +
				"seconds after a write, and on a global control plane always.",
			Computed: true,
		},
		"conditions": schema.ListNestedAttribute{
			MarkdownDescription: "List of conditions that the control plane reports.",
			Computed:            true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"type":    schema.StringAttribute{MarkdownDescription: "Type, such as `Provider` or `Ready`.", Computed: true},
				"status":  schema.StringAttribute{MarkdownDescription: "`True`, `False` or `Unknown`.", Computed: true},
				"reason":  schema.StringAttribute{MarkdownDescription: "Reason in one word, such as `ProviderValidationError`.", Computed: true},
				"message": schema.StringAttribute{MarkdownDescription: "Reason as text.", Computed: true},
			}},
		},
		"trust_domain": schema.StringAttribute{
			MarkdownDescription: "Trust domain without template, for `trust_domain` of a `kongmesh_mesh_trust`. Null if the provider cannot render it, " +
				"such as on a global control plane, where each zone has its own.",
			Computed: true,
		},
		"dataplane_labels": schema.MapAttribute{
			MarkdownDescription: "Labels of a data plane proxy, such as `kuma.io/workload`, for `dataplane_spiffe_id`.",
			ElementType:         types.StringType,
			Optional:            true,
			Validators:          []validator.Map{tfkit.NoNulls()},
		},
		"dataplane_spiffe_id": schema.StringAttribute{
			MarkdownDescription: "SPIFFE ID of the data plane proxy with `dataplane_labels`. Null without them, or if they lack a label that the " +
				"template needs. Whether the identity selects the proxy does not matter.",
			Computed: true,
		},
	}
}

func (d *identitySource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config identitySourceModel
	if !d.ReadConfig(ctx, req, resp, &config) {
		return
	}
	document, is, ok := d.ReadDescribed(ctx, config.Envelope, &resp.Diagnostics)
	if !ok {
		return
	}
	values, err := identityParts().ForDataSource().Read(document, nil)
	conditions, errConditions := d.Client.Conditions(document)
	if err := errors.Join(err, errConditions); err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, d.What(config.Envelope), err)
		return
	}
	state := identitySourceModel{Described: is, members: membersOf(values), DataplaneLabels: config.DataplaneLabels, Conditions: []conditionItem{}}
	for _, c := range conditions {
		state.Conditions = append(state.Conditions, conditionItem(c))
	}
	if ready, reported := readiness(conditions); reported {
		state.Ready = types.BoolValue(ready.Holds())
	}
	labels, _ := document.AllLabels() // ReadDescribed has read them
	proxy := part.StringMap(config.DataplaneLabels)
	id := proxyID{
		mesh: config.Mesh.ValueString(), zone: labels[zoneLabel], environment: labels["kuma.io/env"], labels: labels,
		trustDomain: part.TextOf(part.AttributesOf(state.SpiffeID)["trust_domain"]), path: part.TextOf(part.AttributesOf(state.SpiffeID)["path"]),
	}
	state.TrustDomain = tfkit.Optional(id.domain())
	if !config.DataplaneLabels.IsNull() {
		if id.zone == "" { // on a global control plane
			id.zone = proxy[zoneLabel]
		}
		id.labels = proxy
		state.Dataplane = tfkit.Optional(id.id())
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
