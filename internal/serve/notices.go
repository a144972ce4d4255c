package serve

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// noticing is a provider that notices something between the changes that it
// makes. Noticed adds what it has noticed since the last call.
type noticing interface {
	Noticed(diags *diag.Diagnostics)
}

// withNotices returns the server with warnings of what the provider notices: a
// diagnostic needs a call that it is an answer to, so the next change has them.
func withNotices(p provider.Provider, inner tfprotov6.ProviderServer) tfprotov6.ProviderServer {
	notices, is := p.(noticing)
	all, ok := inner.(frameworkServer)
	if is && ok {
		return &noticeServer{all, notices}
	}
	return inner
}

type noticeServer struct {
	frameworkServer
	notices noticing
}

func (s *noticeServer) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	response, err := s.frameworkServer.ApplyResourceChange(ctx, r)
	if err != nil {
		return response, err
	}
	var noticed diag.Diagnostics
	s.notices.Noticed(&noticed)
	for _, d := range noticed {
		response.Diagnostics = append(response.Diagnostics, &tfprotov6.Diagnostic{
			Severity: tfprotov6.DiagnosticSeverityWarning, Summary: d.Summary(), Detail: d.Detail(),
		})
	}
	return response, nil
}
