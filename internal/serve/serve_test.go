package serve

import (
	"context"
	"runtime"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	framework "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

type key struct{}

// A call has its context, and afterwards nothing keeps it, although the
// framework keeps what it was given.
func TestCallContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	defer cancel()
	var kept context.Context
	_, err := call(ctx, 1, func(during context.Context, request int) (int, error) {
		inner, stop := context.WithCancel(during) // which the framework keeps
		t.Cleanup(stop)
		kept = inner
		if kept.Value(key{}) != "value" || kept.Err() != nil {
			t.Errorf("value %v, error %v during the call", kept.Value(key{}), kept.Err())
		}
		return request, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Value(key{}) != nil {
		t.Error("the context's value outlives its call")
	}
	_, _ = call(ctx, 1, func(during context.Context, _ int) (int, error) {
		inner, stop := context.WithCancel(during)
		defer stop()
		cancel()
		<-inner.Done()
		return 0, inner.Err()
	})
}

// What the framework's server offers besides is offered still.
func TestServer(t *testing.T) {
	s := Server(provider.New("test", provider.Options{})())
	if _, is := s.(*diagnosticServer); !is {
		t.Errorf("%T serves: the framework's server lacks a part of the protocol", s)
	}
	if _, is := s.(tfprotov6.ListResourceServer); !is {
		t.Error("queries are not offered")
	}
}

// noticer is a provider that notices something once.
type noticer struct {
	framework.Provider
	noticed *bool
}

func (n noticer) Noticed(diags *diag.Diagnostics) {
	if !*n.noticed {
		diags.AddWarning("summary", "detail")
	}
	*n.noticed = true
}

// What a provider notices is a warning of the next change.
func TestNoticed(t *testing.T) {
	s := Server(noticer{provider.New("test", provider.Options{})(), new(bool)})
	for i, want := range []int{1, 0} {
		response, err := s.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{TypeName: "kongmesh_none"})
		if err != nil {
			t.Fatal(err)
		}
		warnings := 0
		for _, d := range response.Diagnostics {
			if d.Severity == tfprotov6.DiagnosticSeverityWarning && d.Summary == "summary" && d.Detail == "detail" {
				warnings++
			}
		}
		if warnings != want {
			t.Errorf("change %d has %d warnings, not %d: %v", i, warnings, want, response.Diagnostics)
		}
	}
}

// steering answers each call with a diagnostic that steers a terminal.
type steering struct{ frameworkServer }

func steer() []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{Summary: "a\x1b[31mb", Detail: "c\u202ed\ne"}}
}

func (steering) ApplyResourceChange(context.Context, *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return &tfprotov6.ApplyResourceChangeResponse{Diagnostics: steer()}, nil
}

func (steering) PlanResourceChange(context.Context, *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return &tfprotov6.PlanResourceChangeResponse{Diagnostics: steer()}, nil
}

func (steering) ReadResource(context.Context, *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{Diagnostics: steer()}, nil
}

func (steering) ImportResourceState(context.Context, *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	return &tfprotov6.ImportResourceStateResponse{Diagnostics: steer()}, nil
}

func (steering) MoveResourceState(context.Context, *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	return &tfprotov6.MoveResourceStateResponse{Diagnostics: steer()}, nil
}

func (steering) ReadDataSource(context.Context, *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	return &tfprotov6.ReadDataSourceResponse{Diagnostics: steer()}, nil
}

func (steering) OpenEphemeralResource(context.Context, *tfprotov6.OpenEphemeralResourceRequest) (*tfprotov6.OpenEphemeralResourceResponse, error) {
	return &tfprotov6.OpenEphemeralResourceResponse{Diagnostics: steer()}, nil
}

func (steering) ListResource(context.Context, *tfprotov6.ListResourceRequest) (*tfprotov6.ListResourceServerStream, error) {
	return &tfprotov6.ListResourceServerStream{Results: func(yield func(tfprotov6.ListResourceResult) bool) {
		yield(tfprotov6.ListResourceResult{DisplayName: "a\x1b[31mb", Diagnostics: steer()})
	}}, nil
}

// Nothing that steers a terminal is in a diagnostic, whichever call asked the
// control plane.
func TestDiagnosticsSteerNoTerminal(t *testing.T) {
	s, _ := withCheckedDiagnostics(provider.New("test", provider.Options{})(), steering{}).(frameworkServer)
	ctx := t.Context()
	apply, _ := s.ApplyResourceChange(ctx, nil)
	plan, _ := s.PlanResourceChange(ctx, nil)
	read, _ := s.ReadResource(ctx, nil)
	imported, _ := s.ImportResourceState(ctx, nil)
	moved, _ := s.MoveResourceState(ctx, nil)
	data, _ := s.ReadDataSource(ctx, nil)
	opened, _ := s.OpenEphemeralResource(ctx, nil)
	listed, _ := s.ListResource(ctx, nil)
	answers := map[string][]*tfprotov6.Diagnostic{
		"apply": apply.Diagnostics, "plan": plan.Diagnostics, "read": read.Diagnostics, "import": imported.Diagnostics,
		"move": moved.Diagnostics, "data": data.Diagnostics, "open": opened.Diagnostics,
	}
	for result := range listed.Results {
		answers["list"] = result.Diagnostics
		if result.DisplayName != "a[31mb" {
			t.Errorf("the name is %q", result.DisplayName)
		}
	}
	for call, diagnostics := range answers {
		if len(diagnostics) != 1 || diagnostics[0].Summary != "a[31mb" || diagnostics[0].Detail != "cd\ne" {
			t.Errorf("%s: %+v", call, diagnostics[0])
		}
	}
}

// Calls leave next to nothing behind.
func TestCallsLeaveNothing(t *testing.T) {
	s := Server(provider.New("test", provider.Options{})())
	const calls, most = 1000, 2048 // bytes a call
	large := func() context.Context { return context.WithValue(t.Context(), key{}, make([]byte, 100*most)) }
	request := &tfprotov6.ValidateResourceConfigRequest{TypeName: "kongmesh_none"}
	if _, err := s.ValidateResourceConfig(large(), request); err != nil {
		t.Fatal(err)
	}
	before := heap()
	for range calls {
		if _, err := s.ValidateResourceConfig(large(), request); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > calls*most {
		t.Errorf("%d bytes are left of each call", grown/calls)
	}
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
