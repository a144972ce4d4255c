// Package serve is the process that Terraform starts: a provider behind the
// plugin protocol.
package serve

import (
	"io"
	"log"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Address is the source address of the provider in configurations.
const Address = "registry.terraform.io/kongmesh/kongmesh"

// Provider serves a provider until Terraform ends it. With debugger, it waits
// for a debugger and prints how Terraform reaches this process.
func Provider(address string, create func() provider.Provider, debugger bool) error {
	log.SetOutput(io.Discard) // net/http quotes there what a server sends without being asked
	var options []tf6server.ServeOpt
	if debugger {
		options = append(options, tf6server.WithManagedDebug())
	} else {
		DisableUnusedLogs()
		tuneGC()
	}
	return tf6server.Serve(address, func() tfprotov6.ProviderServer { return Server(create()) }, options...)
}

// Server returns a provider as a server of the plugin protocol.
func Server(p provider.Provider) tfprotov6.ProviderServer {
	return withCheckedDiagnostics(p, withoutContextLeak(providerserver.NewProtocol6(p)()))
}

// DisableUnusedLogs turns the log off unless Terraform or a test was asked for
// one. The log is a fifth of the work of a plan, and Terraform discards it.
func DisableUnusedLogs() {
	asked := slices.ContainsFunc(os.Environ(), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return (strings.HasPrefix(name, "TF_LOG") || strings.HasPrefix(name, "TF_ACC_LOG")) && value != ""
	})
	if !asked {
		_ = os.Setenv("TF_LOG_SDK", "off") // a log too many is no reason to fail
		_ = os.Setenv("TF_LOG_PROVIDER_KONGMESH", "off")
	}
}

// tuneGC lets the garbage collector run less often, within bounds: a call
// leaves much garbage and next to nothing that lasts.
func tuneGC() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		const mebibyte = 1 << 20
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(40 * mebibyte)
	}
}
