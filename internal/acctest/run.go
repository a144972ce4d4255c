package acctest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Run is a folder in which a test runs Terraform commands with the provider as
// a separate process, for what resource.Test cannot check: output, saved plans,
// logs. The process has the real time.
type Run struct {
	t      *testing.T
	folder string
	tools  string
	env    []string
	served []Providers
	newer  string // the Terraform to use, "" for the one of all tests
}

// newerTerraform is the environment variable with the path of a Terraform for
// tests that need a newer one than the others.
const newerTerraform = "KONGMESH_TEST_TERRAFORM"

// NeedTerraform makes all following commands use a Terraform 1.minor or later:
// the one of all tests, the one in KONGMESH_TEST_TERRAFORM, or the one on PATH.
// Without any, it skips the test.
func (r *Run) NeedTerraform(minor int) {
	r.t.Helper()
	for _, path := range []string{cli(), os.Getenv(newerTerraform), "terraform"} {
		if path == "" {
			continue
		}
		command, output := r.command(path, []string{"version"})
		var is int
		if command.Run() != nil {
			continue
		}
		if _, err := fmt.Sscanf(output.String(), "Terraform v1.%d.", &is); err == nil && is >= minor {
			r.newer = path
			return
		}
	}
	r.t.Skipf("needs Terraform 1.%d or later: set %s to the path of one", minor, newerTerraform)
}

func (r *Run) cli() string { return cmp.Or(r.newer, cli()) }

// NewRun creates a folder with a configuration. The provider is the test
// binary, see [Main].
func NewRun(t *testing.T, config string) *Run {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("Acceptance tests skipped unless env 'TF_ACC' set")
	}
	run := &Run{t: t, folder: t.TempDir(), tools: t.TempDir()}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(run.tools, "terraform-provider-kongmesh")); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(run.tools, "terraform.rc")
	write(t, settings, fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n    %q = %q\n    %q = %q\n  }\n  direct {}\n}\n",
		"hashicorp/kongmesh", run.tools, "kongmesh/kongmesh", run.tools, "kong/kong-mesh", run.tools))
	run.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings, "HOME="+t.TempDir(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
		"TF_LOG_SDK=", "TF_LOG_PROVIDER_KONGMESH=", // a separate process decides itself what it logs
		"GORACE=atexit_sleep_ms=0") // by default, each process sleeps a second before it exits
	run.Config(config)
	return run
}

// Elsewhere returns another folder with the same configuration and another
// HOME, as on another machine.
func (r *Run) Elsewhere() *Run {
	r.t.Helper()
	other := &Run{t: r.t, folder: r.t.TempDir(), tools: r.tools, newer: r.newer, env: append(r.env, "HOME="+r.t.TempDir())}
	write(r.t, other.Path("main.tf"), string(r.Read("main.tf")))
	return other
}

// Setenv adds variables to the environment of each command.
func (r *Run) Setenv(pairs ...string) { r.env = append(r.env, pairs...) }

// Config replaces the configuration.
func (r *Run) Config(config string) {
	r.t.Helper()
	write(r.t, r.Path("main.tf"), config)
}

// Write writes a file in the folder.
func (r *Run) Write(name, content string) {
	r.t.Helper()
	write(r.t, r.Path(name), content)
}

// Path returns the path of a file in the folder.
func (r *Run) Path(name string) string { return filepath.Join(r.folder, name) }

// Read returns the content of a file in the folder.
func (r *Run) Read(name string) []byte {
	r.t.Helper()
	content, err := os.ReadFile(r.Path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return content
}

// Terraform runs a command that must succeed, and returns its output.
func (r *Run) Terraform(args ...string) string {
	r.t.Helper()
	output, err := r.Try(args...)
	if err != nil {
		r.t.Fatalf("terraform %s: %s\n%s", strings.Join(args, " "), err, output)
	}
	return output
}

// NoChanges runs a plan, which must have no changes, and returns its output.
func (r *Run) NoChanges() string {
	r.t.Helper()
	return r.Terraform("plan", "-detailed-exitcode")
}

// TakeOver applies an import or a move of existing objects: since the last
// check, nothing was written, and there are no changes after it. It returns the
// output. plan is a saved plan.
func (r *Run) TakeOver(env *Env, plan ...string) string {
	r.t.Helper()
	output := r.Terraform(append([]string{"apply", "-auto-approve"}, plan...)...)
	if !strings.Contains(output, "0 added, 0 changed, 0 destroyed") {
		r.t.Errorf("it is not taken over as it is:\n%s", output)
	}
	if err := env.Wrote()(nil); err != nil {
		r.t.Error(err)
	}
	return output + r.NoChanges()
}

// Try runs a command, and returns its output, including errors.
func (r *Run) Try(args ...string) (string, error) {
	r.t.Helper()
	return r.try(r.cli(), args...)
}

// Shell runs a command in a shell, where terraform is the one of the tests, and
// answers yes to questions.
func (r *Run) Shell(line string) (string, error) {
	r.t.Helper()
	path, err := exec.LookPath(r.cli())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(r.tools, "terraform")); err != nil && !os.IsExist(err) {
		r.t.Fatal(err)
	}
	return r.try("bash", "-euo", "pipefail", "-c", "PATH="+r.tools+":$PATH\n"+line)
}

// Tool adds a command that [Run.Shell] finds before any other with that name: a
// script for sh.
func (r *Run) Tool(name, script string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // it must be executable
		r.t.Fatal(err)
	}
}

func (r *Run) try(name string, args ...string) (string, error) {
	r.t.Helper()
	command, output := r.command(name, args)
	command.Stdin = strings.NewReader("yes\n")
	if r.served != nil {
		ctx, stop := context.WithCancel(context.WithoutCancel(r.t.Context()))
		defer stop()
		command.Env = append(command.Env, r.serve(ctx)...)
	}
	err := command.Run()
	return output.String(), err
}

// Interrupt runs a command, and interrupts it as Ctrl-C does after started is
// closed. If the command does not exit within ten seconds, the test fails.
func (r *Run) Interrupt(started <-chan struct{}, args ...string) (string, error) {
	r.t.Helper()
	command, output := r.command(r.cli(), args)
	startsGroup(command)
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	select {
	case err := <-done:
		return output.String(), err
	case <-started:
	}
	if err := interruptGroup(command); err != nil {
		r.t.Error(err)
	}
	select {
	case err := <-done:
		return output.String(), err
	case <-time.After(10 * time.Second):
		killed := killGroup(command)
		r.t.Fatalf("terraform %s goes on after an interrupt (%v):\n%s", strings.Join(args, " "), errors.Join(<-done, killed), output)
		return "", nil
	}
}

func cli() string { return cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform") }

func (r *Run) command(name string, args []string) (*exec.Cmd, *bytes.Buffer) {
	// Not the test's own context: a cleanup runs commands after its end.
	command := exec.CommandContext(context.WithoutCancel(r.t.Context()), name, args...) //nolint:gosec // the test's own command
	command.Dir = r.folder
	command.Env = r.env
	output := &bytes.Buffer{}
	command.Stdout, command.Stderr = output, output
	return command, output
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
