// Command terraform-provider-kongmesh is a Terraform provider for service
// meshes run by a Kong Mesh or Kuma control plane.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// version is set by the release.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "wait for a debugger, and print how Terraform reaches this process")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version, provider.Options{}), providerserver.ServeOpts{
		Address: "registry.terraform.io/kongmesh/kongmesh",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
