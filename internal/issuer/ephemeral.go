package issuer

import (
	"context"
	"io"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ ephemeral.EphemeralResourceWithConfigure        = (*ephemeralCertificate)(nil)
	_ ephemeral.EphemeralResourceWithConfigValidators = (*ephemeralCertificate)(nil)
)

// NewEphemeral returns the ephemeral resource kongmesh_proxy_certificate.
// random is the source of serial numbers and keys.
func NewEphemeral(random io.Reader) func() ephemeral.EphemeralResource {
	return func() ephemeral.EphemeralResource {
		return &ephemeralCertificate{tfkit.EphemeralResource{TypeName: typeName}, random}
	}
}

type ephemeralCertificate struct {
	tfkit.EphemeralResource
	random io.Reader
}

func (e *ephemeralCertificate) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The certificate that the control plane would issue to a proxy, with its private key, which is not stored in " +
			"plan or state. Terraform opens it once during plan and once during apply. Each time, the provider creates a " +
			"new key and serial number, as the control plane does.\n\n" +
			profile +
			"If the same run creates them, set `backend` to a value that is unknown during plan, such as the output of a " +
			"`terraform_data` whose input is the name of the backend. Terraform, unlike OpenTofu, opens ephemeral " +
			"resources during plan regardless of their dependencies.",
		Attributes: map[string]schema.Attribute{},
	}
	for name, attribute := range attributes("The value can be ephemeral.", "RSA with 2048 bits, PKCS #1. Of a MeshIdentity, it is of the same kind as the CA's: RSA with "+
		"2048 bits, the same curve in SEC 1, or Ed25519 in PKCS #8.") {
		resp.Schema.Attributes[name] = attribute
	}
}

func (e *ephemeralCertificate) ConfigValidators(context.Context) []ephemeral.ConfigValidator {
	return []ephemeral.ConfigValidator{oneProxy(), oneCA()}
}

func (e *ephemeralCertificate) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	m := tfkit.Get[model](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	m.fill(ctx, &e.ProviderData, func(ca pki.CA, request pki.ProxyRequest, now time.Time) (*pki.ProxyCertificate, error) {
		return pki.Issue(ca, request, now, e.random)
	}, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Result.Set(ctx, m)...)
	}
}
