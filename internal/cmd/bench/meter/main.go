//go:build unix

// Command meter replaces a provider's binary. It runs the one next to it, called "provider", and appends the resource
// usage of that process to the file in BENCH_USAGE. It is small, because its start is part of the time that `make
// bench` measures.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	provider := exec.Command(filepath.Join(filepath.Dir(self), "provider"), os.Args[1:]...) //nolint:gosec,noctx // it runs as long as this process
	provider.Stdin, provider.Stdout, provider.Stderr = os.Stdin, os.Stdout, os.Stderr
	ended := provider.Run()
	if provider.ProcessState == nil {
		log.Fatal(ended)
	}
	if err := errors.Join(ended, record(provider.ProcessState)); err != nil {
		log.Fatal(err)
	}
}

func record(state *os.ProcessState) error {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not say what a process used")
	}
	peak := usage.Maxrss // in KiB, except on macOS
	if runtime.GOOS != "darwin" {
		peak *= 1024
	}
	line, err := json.Marshal(map[string]any{
		"cpu":  time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(),
		"peak": peak,
	})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(os.Getenv("BENCH_USAGE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n')) // in one write, because Terraform may run several providers concurrently
	return errors.Join(err, file.Close())
}
