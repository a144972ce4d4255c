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
	if _, is := s.(*noticeServer); !is {
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
