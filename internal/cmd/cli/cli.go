//go:build unix

// Package cli runs Terraform, or OpenTofu, with nothing of the user's: neither CLI configuration nor variables,
// plug-in cache or provider settings.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Name is the binary: the one that TF_ACC_TERRAFORM_PATH names, else terraform on PATH.
func Name() string { return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform") }

// Environ has a folder in place of the user's own, a CLI configuration, and more.
func Environ(home, config string, more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "TF_") || strings.HasPrefix(variable, "KONGMESH_")
	})
	return slices.Concat(env, []string{"HOME=" + home, "TF_CLI_CONFIG_FILE=" + config, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1"}, more)
}

// Command is to be run by [Run]. When ctx ends first, Terraform is interrupted and has half a minute to stop.
// It is a process group of its own: a terminal's Ctrl-C would reach it too, and a second interrupt makes it drop
// everything at once.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, Name(), args...) //nolint:gosec // the binary is the user's choice
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// Run runs a command to its end, and kills what is left of its process group then.
func Run(cmd *exec.Cmd) error {
	err := cmd.Start()
	if err == nil {
		err = cmd.Wait()
		if killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); killed != nil && !errors.Is(killed, syscall.ESRCH) {
			err = errors.Join(err, killed)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(Name()), cmd.Args[1], err)
	}
	return nil
}
