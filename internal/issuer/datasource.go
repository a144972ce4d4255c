package issuer

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ datasource.DataSourceWithConfigure        = (*certificateSource)(nil)
	_ datasource.DataSourceWithConfigValidators = (*certificateSource)(nil)
)

// NewDataSource returns the data source kongmesh_proxy_certificate.
func NewDataSource() datasource.DataSource {
	return &certificateSource{tfkit.DataSource{TypeName: typeName}}
}

type certificateSource struct {
	tfkit.DataSource
}

func (d *certificateSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The certificate that the control plane would issue to a proxy, with its private key. Use it to test a mesh, " +
			"or for a client outside of the mesh. The provider derives the certificate from the CA: the same CA and " +
			"arguments result in the same certificate on every machine, for four fifths of `expiration`. Then the next " +
			"certificate follows. Plans therefore stay stable, and a certificate always has at least a fifth of its " +
			"lifetime left.\n\n" +
			"The private key is stored in the state, and so is the private key in `ca`. The ephemeral resource with the " +
			"same name stores nothing.\n\n" +
			profile +
			"If the same run creates them, add `depends_on` with the backend.",
		Attributes: attributes("It is stored in the state.", "ECDSA P-256, SEC 1. Of a MeshIdentity, it is of the same kind as the CA's: the same "+
			"curve, or Ed25519 in PKCS #8, and P-256 for an RSA CA. It is stored in the state."),
	}
}

func (d *certificateSource) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{oneProxy(), oneCA()}
}

func (d *certificateSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	m := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || m.CA == nil && d.Defers(req, resp) {
		return
	}
	m.fill(ctx, &d.ProviderData, pki.Derive, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	}
}
