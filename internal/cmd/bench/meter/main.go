//go:build unix

// Command meter stands where Terraform looks for a provider. It runs the one beside it, called "provider", and adds a
// line to the file that BENCH_USAGE names: what that process used. It is small, for its start is part of the time
// that `make bench` measures.
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
	provider := exec.Command(filepath.Join(filepath.Dir(self), "provider"), os.Args[1:]...) //nolint:gosec,noctx // it lives as long as this
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
	peak := usage.Maxrss // in KiB, but on macOS
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
	_, err = file.Write(append(line, '\n')) // in one piece: Terraform may run several providers at once
	return errors.Join(err, file.Close())
}
