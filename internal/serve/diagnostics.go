package serve

import (
	"context"
	"iter"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// noticing is a provider that detects problems between its changes. Noticed
// adds those since the last call.
type noticing interface {
	Noticed(diags *diag.Diagnostics)
}

// withCheckedDiagnostics returns a server whose diagnostics are safe to show in
// a terminal: names from a control plane can contain control characters. A
// change also reports what the provider noticed since the last one, because
// only the response to a call can contain a diagnostic.
func withCheckedDiagnostics(p provider.Provider, inner tfprotov6.ProviderServer) tfprotov6.ProviderServer {
	all, ok := inner.(frameworkServer)
	if !ok {
		return inner
	}
	notices, _ := p.(noticing)
	return &diagnosticServer{all, notices}
}

// A diagnosticServer checks the responses to calls that send requests to the
// control plane.
type diagnosticServer struct {
	frameworkServer
	notices noticing // nil if the provider reports none
}

// checked makes the diagnostics of a call's response safe to show.
func checked[Q, R any](ctx context.Context, request Q, do func(context.Context, Q) (*R, error), diagnostics func(*R) []*tfprotov6.Diagnostic) (*R, error) {
	response, err := do(ctx, request)
	if response != nil {
		printable(diagnostics(response))
	}
	return response, err
}

func (s *diagnosticServer) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	response, err := s.frameworkServer.ApplyResourceChange(ctx, r)
	if err != nil {
		return response, err
	}
	if s.notices != nil {
		var noticed diag.Diagnostics
		s.notices.Noticed(&noticed)
		for _, d := range noticed {
			response.Diagnostics = append(response.Diagnostics, &tfprotov6.Diagnostic{
				Severity: tfprotov6.DiagnosticSeverityWarning, Summary: d.Summary(), Detail: d.Detail(),
			})
		}
	}
	printable(response.Diagnostics)
	return response, nil
}

func (s *diagnosticServer) PlanResourceChange(ctx context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return checked(ctx, r, s.frameworkServer.PlanResourceChange, func(is *tfprotov6.PlanResourceChangeResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) ReadResource(ctx context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return checked(ctx, r, s.frameworkServer.ReadResource, func(is *tfprotov6.ReadResourceResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) ImportResourceState(ctx context.Context, r *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	return checked(ctx, r, s.frameworkServer.ImportResourceState, func(is *tfprotov6.ImportResourceStateResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) MoveResourceState(ctx context.Context, r *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	return checked(ctx, r, s.frameworkServer.MoveResourceState, func(is *tfprotov6.MoveResourceStateResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) ReadDataSource(ctx context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	return checked(ctx, r, s.frameworkServer.ReadDataSource, func(is *tfprotov6.ReadDataSourceResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) OpenEphemeralResource(ctx context.Context, r *tfprotov6.OpenEphemeralResourceRequest) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	return checked(ctx, r, s.frameworkServer.OpenEphemeralResource, func(is *tfprotov6.OpenEphemeralResourceResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) ListResource(ctx context.Context, r *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	stream, err := s.frameworkServer.ListResource(ctx, r)
	if stream != nil && stream.Results != nil {
		stream.Results = printableResults(stream.Results)
	}
	return stream, err
}

func (s *diagnosticServer) PlanAction(ctx context.Context, r *tfprotov6.PlanActionRequest) (*tfprotov6.PlanActionResponse, error) {
	return checked(ctx, r, s.frameworkServer.PlanAction, func(is *tfprotov6.PlanActionResponse) []*tfprotov6.Diagnostic { return is.Diagnostics })
}

func (s *diagnosticServer) InvokeAction(ctx context.Context, r *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	stream, err := s.frameworkServer.InvokeAction(ctx, r)
	if stream != nil && stream.Events != nil {
		stream.Events = printableEvents(stream.Events)
	}
	return stream, err
}

func printableEvents(events iter.Seq[tfprotov6.InvokeActionEvent]) iter.Seq[tfprotov6.InvokeActionEvent] {
	return func(yield func(tfprotov6.InvokeActionEvent) bool) {
		for event := range events {
			switch of := event.Type.(type) {
			case tfprotov6.ProgressInvokeActionEventType:
				event.Type = tfprotov6.ProgressInvokeActionEventType{Message: kuma.Printable(of.Message)}
			case tfprotov6.CompletedInvokeActionEventType:
				printable(of.Diagnostics)
			}
			if !yield(event) {
				return
			}
		}
	}
}

func printableResults(results iter.Seq[tfprotov6.ListResourceResult]) iter.Seq[tfprotov6.ListResourceResult] {
	return func(yield func(tfprotov6.ListResourceResult) bool) {
		for result := range results {
			result.DisplayName = kuma.Printable(result.DisplayName)
			printable(result.Diagnostics)
			if !yield(result) {
				return
			}
		}
	}
}

func printable(diagnostics []*tfprotov6.Diagnostic) {
	for _, d := range diagnostics {
		d.Summary, d.Detail = kuma.Printable(d.Summary), kuma.Printable(d.Detail)
	}
}
