//go:build unix

// Package cli runs Terraform, or OpenTofu, without the user's settings: CLI configuration, variables, plug-in cache and
// provider settings.
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

// Name returns the binary: the one in TF_ACC_TERRAFORM_PATH, otherwise terraform on PATH.
func Name() string { return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform") }

// Environ returns the environment with another home folder, a CLI configuration, and more variables.
func Environ(home, config string, more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "TF_") || strings.HasPrefix(variable, "KONGMESH_")
	})
	return slices.Concat(env, []string{"HOME=" + home, "TF_CLI_CONFIG_FILE=" + config, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1"}, more)
}

// Command returns a command for [Run]. If ctx ends first, Terraform is interrupted and has half a minute to stop. It is
// in a new process group: otherwise, Ctrl-C in a terminal would interrupt it too, and a second interrupt makes it stop
// without cleaning up.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, Name(), args...) //nolint:gosec // the user chooses the binary
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// Run runs a command to its end, and then kills the rest of its process group.
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
