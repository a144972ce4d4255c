// Command terraform-provider-kongmesh is a Terraform provider for the service
// meshes of a Kong Mesh or Kuma control plane.
package main

import (
	"flag"
	"log"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"
)

// version is set by the release build.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "wait for a debugger, and print how Terraform reaches this process")
	flag.Parse()
	if err := serve.Provider(serve.Address, provider.New(version, provider.Options{}), *debug); err != nil {
		log.Fatal(err)
	}
}
