package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// A span is a call of Terraform, with the requests that were sent for it. It is a line of the file spans-PID.
type span struct {
	Call     string    `json:"call"`     // such as "read"
	Resource string    `json:"resource"` // its type
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Requests []request `json:"requests"`

	mu    sync.Mutex
	asked time.Time // when the request under way began, zero for another one beside it
}

// A request is one to the control plane, with its retries.
type request struct {
	What  string    `json:"what"` // method and path
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

type spanKey struct{}

// ask records that a request begins. A retry does not begin another one.
func (s *span) ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() {
		s.asked = time.Now()
	}
}

// answered is the log of a client: it gets one entry for each request.
func answered(ctx context.Context, _ string, fields map[string]any) {
	s, ok := ctx.Value(spanKey{}).(*span)
	method, isMethod := fields["method"].(string)
	path, isPath := fields["path"].(string)
	took, isTime := fields["milliseconds"].(int64)
	if !ok || !isMethod || !isPath || !isTime {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.asked.IsZero() {
		s.asked = now.Add(-time.Duration(took) * time.Millisecond)
	}
	s.Requests = append(s.Requests, request{method + " /" + path, s.asked, now})
	s.asked = time.Time{}
}

// traced adds the log to the configuration of a client.
func traced(config *kuma.Config) { config.Log = answered }

// A tracer is a server whose calls for resources are recorded.
type tracer struct {
	tfprotov6.ProviderServer
	mu  *sync.Mutex
	out io.Writer
}

func (t tracer) write(s *span) {
	s.mu.Lock()
	line, err := json.Marshal(s)
	s.mu.Unlock()
	if err != nil {
		panic(err) // times and strings
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.out.Write(append(line, '\n')) // without a line, the timeline has a gap
}

// record makes a call, and records it.
func record[Q, R any](ctx context.Context, t tracer, call, resource string, request Q, do func(context.Context, Q) (R, error)) (R, error) {
	s := &span{Call: call, Resource: resource, Start: time.Now()}
	ctx = context.WithValue(ctx, spanKey{}, s)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { s.ask() }})
	defer func() {
		s.End = time.Now()
		t.write(s)
	}()
	return do(ctx, request)
}

func (t tracer) ConfigureProvider(ctx context.Context, r *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return record(ctx, t, "configure", "", r, t.ProviderServer.ConfigureProvider)
}

func (t tracer) ValidateResourceConfig(ctx context.Context, r *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return record(ctx, t, "validate", r.TypeName, r, t.ProviderServer.ValidateResourceConfig)
}

func (t tracer) UpgradeResourceState(ctx context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return record(ctx, t, "upgrade", r.TypeName, r, t.ProviderServer.UpgradeResourceState)
}

func (t tracer) ReadResource(ctx context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return record(ctx, t, "read", r.TypeName, r, t.ProviderServer.ReadResource)
}

func (t tracer) PlanResourceChange(ctx context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return record(ctx, t, "plan", r.TypeName, r, t.ProviderServer.PlanResourceChange)
}

func (t tracer) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return record(ctx, t, "apply", r.TypeName, r, t.ProviderServer.ApplyResourceChange)
}
