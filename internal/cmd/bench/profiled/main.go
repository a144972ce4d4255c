// Command profiled is the provider with CPU and allocation profiles of each of its processes, in the folder in
// BENCH_PROFILES. `make profile` runs it.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

func main() {
	if err := profile(os.Getenv("BENCH_PROFILES"), run); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	return serve.Provider(serve.Address, provider.New("profiled", provider.Options{}), false)
}

// profile writes cpu-PID and allocs-PID, the profiles of run.
func profile(folder string, run func() error) (err error) {
	cpu, err := os.Create(filepath.Join(folder, fmt.Sprintf("cpu-%d", os.Getpid())))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cpu.Close()) }()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	err = run()
	pprof.StopCPUProfile()

	allocs, failed := os.Create(filepath.Join(folder, fmt.Sprintf("allocs-%d", os.Getpid())))
	if failed != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
}
