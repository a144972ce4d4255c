package issuer

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ datasource.DataSourceWithConfigure        = (*derived)(nil)
	_ datasource.DataSourceWithConfigValidators = (*derived)(nil)
)

// NewDataSource is the data source kongmesh_proxy_certificate.
func NewDataSource() datasource.DataSource { return &derived{} }

type derived struct {
	tfkit.DataSource
}

func (d *derived) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + typeName
}

func (d *derived) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The certificate that the control plane would issue to a proxy, with its private key: for tests of a mesh, and for what speaks to it from outside. " +
			"It is derived from the CA: the same CA and inputs give the same certificate, on any machine, for four fifths of `expiration`; then another one follows. " +
			"So plans do not differ all the time, and at least a fifth of its life is always left.\n\n" +
			"The private key is stored in the state, and so is that of `ca`. The ephemeral resource of the same name stores nothing.\n\n" + profile +
			"where the same run makes them, add a `depends_on` with the backend.",
		Attributes: attributes("It is stored in the state.", "ECDSA P-256, SEC 1. It is stored in the state."),
	}
}

func (d *derived) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{oneProxy(), oneCA()}
}

func (d *derived) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	m := configured(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	m.fill(ctx, &d.ProviderData, pki.Derive, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, m.object(ctx, &resp.Diagnostics))...)
	}
}
