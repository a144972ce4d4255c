// Command profiled is the provider with profiles of each of its processes, in the folder in BENCH_PROFILES: CPU,
// allocations, and the calls of Terraform with their requests. `make profile` runs it.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"
)

func main() {
	if err := profile(os.Getenv("BENCH_PROFILES")); err != nil {
		log.Fatal(err)
	}
}

// profile runs the provider, and writes cpu-PID, allocs-PID and spans-PID.
func profile(folder string) (err error) {
	var files []*os.File
	defer func() {
		for _, file := range files {
			err = errors.Join(err, file.Close())
		}
	}()
	for _, kind := range []string{"cpu", "allocs", "spans"} {
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("%s-%d", kind, os.Getpid())))
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	if err := pprof.StartCPUProfile(files[0]); err != nil {
		return err
	}
	create := provider.New("profiled", provider.Options{Tune: traced})
	err = serve.Serve(serve.Address, func() tfprotov6.ProviderServer {
		return tracer{serve.Server(create()), &sync.Mutex{}, files[2]}
	}, false)
	pprof.StopCPUProfile()
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(files[1], 0))
}
