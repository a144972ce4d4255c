// Command terraform-provider-kongmesh is a Terraform provider for service
// meshes run by a Kong Mesh or Kuma control plane.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// version is set by the release.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "wait for a debugger, and print how Terraform reaches this process")
	flag.Parse()
	if !*debug {
		quiet()
	}
	err := providerserver.Serve(context.Background(), provider.New(version, provider.Options{}), providerserver.ServeOpts{
		Address: "registry.terraform.io/kongmesh/kongmesh",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// quiet turns the log off, unless somebody asked Terraform for a
// log: it is a fifth of the work of a plan, and Terraform throws it away.
func quiet() {
	asked := slices.ContainsFunc(os.Environ(), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "TF_LOG") && value != ""
	})
	if !asked {
		_ = os.Setenv("TF_LOG_SDK", "off") // a log too many is no reason to fail
		_ = os.Setenv("TF_LOG_PROVIDER_KONGMESH", "off")
	}
}
