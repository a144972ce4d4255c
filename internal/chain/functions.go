package chain

import (
	"context"
	"crypto/x509"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A namedFunction is a function of the provider.
type namedFunction struct {
	name       string
	definition function.Definition
	run        func(ctx context.Context, req function.RunRequest, resp *function.RunResponse)
}

func (f namedFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

func (f namedFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = f.definition
}

func (f namedFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	f.run(ctx, req, resp)
}

// NewParseChain returns the function parse_chain.
func NewParseChain() function.Function {
	return namedFunction{"parse_chain", function.Definition{
		Summary: "Parses a certificate chain",
		MarkdownDescription: "Returns all certificates in a PEM string, in their order. Each one is an object with the attributes of " +
			"`certificates` in the data source `kongmesh_ca_chain`, which also reports problems of a chain. A string that " +
			"contains anything but certificates is an error.",
		Parameters: []function.Parameter{pemParameter()},
		Return:     function.ListReturn{ElementType: tfkit.AllCertificateFields().Type()},
	}, parseChain}
}

func parseChain(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	certificates, wrong := argument(ctx, req)
	if resp.Error = wrong; wrong != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, tfkit.AllCertificateFields().List(certificates))
}

// NewOrderChain returns the function order_chain.
func NewOrderChain() function.Function {
	return namedFunction{"order_chain", function.Definition{
		Summary: "Sorts a certificate chain",
		MarkdownDescription: "Returns the certificates in a PEM string in the order that a control plane requires: the issuing CA first, " +
			"then the CA that signed it, up to the root. The result contains each certificate once, without text around " +
			"it. Certificates that do not form a chain are an error.",
		Parameters: []function.Parameter{pemParameter()},
		Return:     function.StringReturn{},
	}, orderChain}
}

func orderChain(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	certificates, wrong := argument(ctx, req)
	if resp.Error = wrong; wrong != nil {
		return
	}
	ordered, err := pki.Order(certificates)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, unpunctuated(noOrder(err, certificates)))
		return
	}
	resp.Error = resp.Result.Set(ctx, string(pki.EncodeCertificates(ordered)))
}

// noOrder returns a message with an error, and with the place where the current
// order breaks.
func noOrder(err error, certificates []*x509.Certificate) string {
	lines := []string{err.Error() + "."}
	for _, p := range pki.CheckChain(certificates, pki.Options{Now: certificates[0].NotBefore}) { // the time has no effect on the order
		if p.Rule == pki.RuleChainOrder {
			lines = append(lines, p.String())
		}
	}
	return strings.Join(lines, "\n\n")
}

// NewSPIFFEID returns the function spiffe_id.
func NewSPIFFEID() function.Function {
	return namedFunction{"spiffe_id", function.Definition{
		Summary:             "SPIFFE ID of a service",
		MarkdownDescription: "Returns the SPIFFE ID in the certificates of a service's proxies, `spiffe://<mesh>/<service>`.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "mesh", MarkdownDescription: "Name of the mesh."},
			function.StringParameter{Name: "service", MarkdownDescription: "Name of the service: the value of the tag `kuma.io/service`."},
		},
		Return: function.StringReturn{},
	}, spiffeID}
}

func spiffeID(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var mesh, service string
	if resp.Error = req.Arguments.Get(ctx, &mesh, &service); resp.Error != nil {
		return
	}
	if _, err := pki.SPIFFEID(mesh, "any"); err != nil { // the service has no effect on the check of the mesh
		resp.Error = function.NewArgumentFuncError(0, unpunctuated(err.Error()))
		return
	}
	id, err := pki.SPIFFEID(mesh, service)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(1, unpunctuated(err.Error()))
		return
	}
	resp.Error = resp.Result.Set(ctx, id)
}

// unpunctuated returns the text of an error without its full stop, because
// Terraform appends one.
func unpunctuated(text string) string { return strings.TrimSuffix(text, ".") }

func pemParameter() function.Parameter {
	return function.StringParameter{Name: "pem", MarkdownDescription: "Certificates in PEM."}
}

// argument reads the first argument, or returns an error for it.
func argument(ctx context.Context, req function.RunRequest) ([]*x509.Certificate, *function.FuncError) {
	var text string
	if err := req.Arguments.Get(ctx, &text); err != nil {
		return nil, err
	}
	certificates, problems := pki.ParseCertificates([]byte(text))
	if err := problems.Err(); err != nil {
		return nil, function.NewArgumentFuncError(0, unpunctuated(err.Error()))
	}
	return certificates, nil
}
