package serve

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// This file works around a leak in terraform-plugin-framework 1.19.0. Its
// server registers a cancel function for every call (proto6server,
// registerContext) and drops them only in StopProvider. Each cancel function
// refers to the context of its call, and through it to the request, its logger
// and the stored values: 70 KiB for each resource of a plan.
//
// The server below passes contexts that drop all of that at the end of the
// call. Remove this file when the framework drops the cancel function at the
// end of a call: TestCallsLeaveNothing then passes without it.

// withoutContextLeak returns a server that keeps no context after a call.
func withoutContextLeak(inner tfprotov6.ProviderServer) tfprotov6.ProviderServer {
	if all, ok := inner.(frameworkServer); ok {
		return &server{all}
	}
	return inner
}

// frameworkServer has all methods of the framework's server.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// A server is the framework's server without the leak. The calls that Terraform
// makes for each resource and each read use the method call.
type server struct {
	frameworkServer
}

func call[Q, R any](ctx context.Context, request Q, do func(context.Context, Q) (R, error)) (R, error) {
	ctx, end := newCallContext(ctx)
	defer end()
	return do(ctx, request)
}

func (s *server) ValidateResourceConfig(ctx context.Context, r *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return call(ctx, r, s.frameworkServer.ValidateResourceConfig)
}

func (s *server) UpgradeResourceState(ctx context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return call(ctx, r, s.frameworkServer.UpgradeResourceState)
}

func (s *server) UpgradeResourceIdentity(ctx context.Context, r *tfprotov6.UpgradeResourceIdentityRequest) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return call(ctx, r, s.frameworkServer.UpgradeResourceIdentity)
}

func (s *server) ReadResource(ctx context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return call(ctx, r, s.frameworkServer.ReadResource)
}

func (s *server) PlanResourceChange(ctx context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return call(ctx, r, s.frameworkServer.PlanResourceChange)
}

func (s *server) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return call(ctx, r, s.frameworkServer.ApplyResourceChange)
}

func (s *server) ValidateDataResourceConfig(ctx context.Context, r *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return call(ctx, r, s.frameworkServer.ValidateDataResourceConfig)
}

func (s *server) ReadDataSource(ctx context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	return call(ctx, r, s.frameworkServer.ReadDataSource)
}

func (s *server) CallFunction(ctx context.Context, r *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	return call(ctx, r, s.frameworkServer.CallFunction)
}

// A callContext is the context of a call while the call runs, and an empty
// context afterwards.
type callContext struct {
	during atomic.Pointer[context.Context]
}

// newCallContext returns a context that is ctx until end is called.
func newCallContext(ctx context.Context) (during context.Context, end func()) {
	c := &callContext{}
	c.during.Store(&ctx)
	return c, func() { c.during.Store(nil) }
}

func (c *callContext) context() context.Context {
	if ctx := c.during.Load(); ctx != nil {
		return *ctx
	}
	return context.Background()
}

// Deadline returns the deadline of the call.
func (c *callContext) Deadline() (time.Time, bool) { return c.context().Deadline() }

// Done returns a channel that is closed when the call is canceled.
func (c *callContext) Done() <-chan struct{} { return c.context().Done() }

// Err returns why the call was canceled.
func (c *callContext) Err() error { return c.context().Err() }

// Value returns a value of the call's context.
func (c *callContext) Value(key any) any { return c.context().Value(key) }
