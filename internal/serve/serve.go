// Package serve is the process that Terraform starts: a provider behind the
// plugin protocol.
package serve

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Address is what configurations call the provider.
const Address = "registry.terraform.io/kongmesh/kongmesh"

// Provider serves a provider until Terraform has no more use for it. debugger:
// wait for one, and print how Terraform reaches this process.
func Provider(address string, create func() provider.Provider, debugger bool) error {
	var options []tf6server.ServeOpt
	if debugger {
		options = append(options, tf6server.WithManagedDebug())
	} else {
		Quiet()
		lazy()
	}
	return tf6server.Serve(address, func() tfprotov6.ProviderServer { return Server(create()) }, options...)
}

// Server is a provider as the plugin protocol has it.
func Server(p provider.Provider) tfprotov6.ProviderServer {
	inner := providerserver.NewProtocol6(p)()
	if all, ok := inner.(everything); ok {
		return &server{all}
	}
	return inner
}

// Quiet turns the log off, unless somebody asked Terraform, or a test, for one:
// it is a fifth of the work of a plan, and Terraform throws it away.
func Quiet() {
	asked := slices.ContainsFunc(os.Environ(), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return (strings.HasPrefix(name, "TF_LOG") || strings.HasPrefix(name, "TF_ACC_LOG")) && value != ""
	})
	if !asked {
		_ = os.Setenv("TF_LOG_SDK", "off") // a log too many is no reason to fail
		_ = os.Setenv("TF_LOG_PROVIDER_KONGMESH", "off")
	}
}

// lazy lets the garbage be collected less often, within bounds: a call leaves
// much of it and next to nothing that lasts.
func lazy() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		const mebibyte = 1 << 20
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(40 * mebibyte)
	}
}

// everything is what the framework's server can do.
type everything interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// A server is the framework's, which keeps the context of every call until the
// process ends, to cancel it then: 70 KiB a resource. It gets contexts that have
// nothing in them once their call is over.
type server struct {
	everything
}

func call[Q, R any](ctx context.Context, request Q, do func(context.Context, Q) (R, error)) (R, error) {
	ctx, end := newPassing(ctx)
	defer end()
	return do(ctx, request)
}

// What Terraform calls for each resource and each read.

func (s *server) ValidateResourceConfig(ctx context.Context, r *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return call(ctx, r, s.everything.ValidateResourceConfig)
}

func (s *server) UpgradeResourceState(ctx context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return call(ctx, r, s.everything.UpgradeResourceState)
}

func (s *server) UpgradeResourceIdentity(ctx context.Context, r *tfprotov6.UpgradeResourceIdentityRequest) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return call(ctx, r, s.everything.UpgradeResourceIdentity)
}

func (s *server) ReadResource(ctx context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return call(ctx, r, s.everything.ReadResource)
}

func (s *server) PlanResourceChange(ctx context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return call(ctx, r, s.everything.PlanResourceChange)
}

func (s *server) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return call(ctx, r, s.everything.ApplyResourceChange)
}

func (s *server) ValidateDataResourceConfig(ctx context.Context, r *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return call(ctx, r, s.everything.ValidateDataResourceConfig)
}

func (s *server) ReadDataSource(ctx context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	return call(ctx, r, s.everything.ReadDataSource)
}

func (s *server) CallFunction(ctx context.Context, r *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	return call(ctx, r, s.everything.CallFunction)
}
