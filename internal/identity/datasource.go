package identity

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
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ datasource.DataSourceWithConfigure = (*identitySource)(nil)
	_ datasource.DataSourceWithConfigure = (*trustSource)(nil)
)

// NewDataSource returns the data source kongmesh_mesh_identity.
func NewDataSource() datasource.DataSource {
	return &identitySource{tfkit.DataSource{TypeName: "mesh_identity"}}
}

// NewTrustDataSource returns the data source kongmesh_mesh_trust.
func NewTrustDataSource() datasource.DataSource {
	return &trustSource{tfkit.DataSource{TypeName: "mesh_trust"}}
}

// A described envelope has what a data source shows of each object.
type described struct {
	envelope
	KRI              types.String `tfsdk:"kri"`
	CreationTime     types.String `tfsdk:"creation_time"`
	ModificationTime types.String `tfsdk:"modification_time"`
}

type identitySource struct{ tfkit.DataSource }

type identitySourceModel struct {
	described
	Selector        types.Object    `tfsdk:"selector"`
	SpiffeID        types.Object    `tfsdk:"spiffe_id"`
	Bundled         types.Object    `tfsdk:"bundled"`
	Spire           types.Object    `tfsdk:"spire"`
	Extension       types.Object    `tfsdk:"extension"`
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

func (d *identitySource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := identityParts().ForDataSource().Computed()
	maps.Copy(attributes, describedAttributes("identity"))
	maps.Copy(attributes, map[string]schema.Attribute{
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
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "An existing MeshIdentity, with the conditions that the control plane reports. Private keys are not available here.",
		Attributes:          attributes,
	}
}

// describedAttributes returns the attributes of [described].
func describedAttributes(noun string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"mesh":              schema.StringAttribute{MarkdownDescription: "Name of the mesh.", Required: true, Validators: []validator.String{tfkit.MeshReference()}},
		"name":              schema.StringAttribute{MarkdownDescription: "Name of the " + noun + ".", Required: true, Validators: []validator.String{tfkit.SecretName()}},
		"labels":            schema.MapAttribute{MarkdownDescription: "Labels, without the labels that the control plane adds (`kuma.io/…`).", ElementType: types.StringType, Computed: true},
		"kri":               schema.StringAttribute{MarkdownDescription: "Kuma resource identifier.", Computed: true},
		"creation_time":     schema.StringAttribute{MarkdownDescription: "Time at which the " + noun + " was created (RFC 3339).", Computed: true},
		"modification_time": schema.StringAttribute{MarkdownDescription: "Time at which the " + noun + ", or its status, was last written (RFC 3339).", Computed: true},
	}
}

// readDescribed reads an object for a data source.
func readDescribed(ctx context.Context, d *tfkit.DataSource, of kuma.ObjectKey, diags *diag.Diagnostics) (*kuma.Document, described, bool) {
	is := described{envelope: envelope{Mesh: types.StringValue(of.Mesh), Name: types.StringValue(of.Name)}}
	if err := d.Client.CheckIdentities(ctx); err != nil {
		tfkit.AddError(diags, "read "+describe(of), err)
		return nil, is, false
	}
	document, err := d.Client.Object(ctx, of, kuma.Recent)
	if kuma.Absent(err) {
		diags.AddAttributeError(path.Root("name"), "No such resource", fmt.Sprintf(
			"The control plane does not have %s. If this run creates it, add depends_on with its resource.", describe(of)))
		return nil, is, false
	}
	if err != nil {
		tfkit.AddError(diags, "read "+describe(of), err)
		return nil, is, false
	}
	kri, errKRI := document.KRI()
	created, errCreated := document.CreationTime()
	modified, errModified := document.ModificationTime()
	labels, errLabels := document.Labels()
	if err := errors.Join(errKRI, errCreated, errModified, errLabels); err != nil {
		tfkit.AddUnreadable(diags, describe(of), err)
		return nil, is, false
	}
	is.KRI, is.CreationTime, is.ModificationTime = tfkit.Optional(kri), timeOf(created), timeOf(modified)
	value, more := types.MapValueFrom(ctx, types.StringType, labels)
	diags.Append(more...)
	is.Labels = value
	return document, is, true
}

func timeOf(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}

func (d *identitySource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config identitySourceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || d.Defers(req, resp) || !d.Ready(&resp.Diagnostics) {
		return
	}
	of := kuma.MeshIdentityKey(config.Mesh.ValueString(), config.Name.ValueString())
	document, is, ok := readDescribed(ctx, &d.DataSource, of, &resp.Diagnostics)
	if !ok {
		return
	}
	values, err := identityParts().ForDataSource().Read(document, nil)
	conditions, errConditions := d.Client.Conditions(document)
	if err := errors.Join(err, errConditions); err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, describe(of), err)
		return
	}
	state := identitySourceModel{described: is, DataplaneLabels: config.DataplaneLabels, Conditions: []conditionItem{}}
	state.Selector, state.SpiffeID, state.Bundled = part.ObjectOf(values["selector"]), part.ObjectOf(values["spiffe_id"]), part.ObjectOf(values["bundled"])
	state.Spire, state.Extension = part.ObjectOf(values["spire"]), part.ObjectOf(values["extension"])
	for _, c := range conditions {
		state.Conditions = append(state.Conditions, conditionItem(c))
	}
	if ready, reported := readiness(conditions); reported {
		state.Ready = types.BoolValue(ready.Holds())
	}
	labels, _ := document.AllLabels() // readDescribed has read them
	proxy := part.StringMap(config.DataplaneLabels)
	id := proxyID{
		mesh: of.Mesh, zone: labels[zoneLabel], environment: labels["kuma.io/env"], labels: labels,
		trustDomain: text(part.AttributesOf(state.SpiffeID), "trust_domain"), path: text(part.AttributesOf(state.SpiffeID), "path"),
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

type trustSource struct{ tfkit.DataSource }

type trustSourceModel struct {
	described
	TrustDomain  types.String `tfsdk:"trust_domain"`
	CABundles    types.List   `tfsdk:"ca_bundles"`
	OriginKRI    types.String `tfsdk:"origin_kri"`
	Certificates types.List   `tfsdk:"certificates"`
}

func (d *trustSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := trustParts().ForDataSource().Computed()
	maps.Copy(attributes, describedAttributes("trust"))
	maps.Copy(attributes, map[string]schema.Attribute{
		"origin_kri": schema.StringAttribute{
			MarkdownDescription: "Kuma resource identifier of the MeshIdentity for which the control plane generated the trust. Null for any other trust.",
			Computed:            true,
		},
		"certificates": schema.ListNestedAttribute{
			MarkdownDescription: "All certificates of `ca_bundles`, in their order.",
			Computed:            true,
			NestedObject:        schema.NestedAttributeObject{Attributes: tfkit.AllCertificateFields().DataSource()},
		},
	})
	resp.Schema = schema.Schema{
		MarkdownDescription: "An existing MeshTrust, also one that the control plane generated for a MeshIdentity, with its certificates.",
		Attributes:          attributes,
	}
}

func (d *trustSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config trustSourceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || d.Defers(req, resp) || !d.Ready(&resp.Diagnostics) {
		return
	}
	of := kuma.MeshTrustKey(config.Mesh.ValueString(), config.Name.ValueString())
	document, is, ok := readDescribed(ctx, &d.DataSource, of, &resp.Diagnostics)
	if !ok {
		return
	}
	values, err := trustParts().Read(document, nil)
	origin, errOrigin := document.OriginKRI()
	if err := errors.Join(err, errOrigin); err != nil {
		tfkit.AddUnreadable(&resp.Diagnostics, describe(of), err)
		return
	}
	state := trustSourceModel{described: is, OriginKRI: tfkit.Optional(origin)}
	state.TrustDomain, _ = values["trust_domain"].(types.String)
	state.CABundles, _ = values["ca_bundles"].(types.List)
	var all []byte
	for _, bundle := range state.CABundles.Elements() {
		all = append(all, plainText(bundle)+"\n"...)
	}
	certificates, _ := pki.ReadCertificates(all) // what is no certificate is in ca_bundles
	state.Certificates = tfkit.AllCertificateFields().List(certificates)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
