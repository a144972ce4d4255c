//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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

// A terraform runs Terraform with the bench's providers and nothing of the user's.
type terraform struct {
	binary  string
	product string // as it calls itself: "Terraform v1.11.4"
	usage   string // the file that meters write to
	env     []string
}

// newTerraform takes each provider, by its source address, from a folder.
func newTerraform(ctx context.Context, work string, providers map[string]string) (*terraform, error) {
	tf := &terraform{
		binary: cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"),
		usage:  filepath.Join(work, "usage"),
	}
	var overrides strings.Builder
	for source, folder := range providers {
		fmt.Fprintf(&overrides, "    %q = %q\n", source, folder)
	}
	config := filepath.Join(work, "bench.tfrc")
	content := "provider_installation {\n  dev_overrides {\n" + overrides.String() + "  }\n  direct {}\n}\n"
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, err
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TF_") && !strings.HasPrefix(variable, "KONGMESH_") {
			tf.env = append(tf.env, variable)
		}
	}
	tf.env = append(tf.env, "HOME="+work, "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1",
		"BENCH_USAGE="+tf.usage)

	version, err := tf.run(ctx, work, nil, "version")
	tf.product, _, _ = strings.Cut(version, "\n")
	return tf, err
}

// A cost is what one command took, and what it used.
type cost struct {
	Seconds float64 `json:"seconds"`
	// CPU is that of all processes of the provider together, Peak the memory of the largest.
	CPU  float64 `json:"cpu_seconds"`
	Peak int64   `json:"peak_bytes"`
	// Requests that the control plane got, by method.
	Requests map[string]int `json:"requests,omitempty"`
}

// measure runs a step, and fails unless that came to what it has to.
func (tf *terraform) measure(ctx context.Context, folder string, env []string, s step, size int) (cost, error) {
	if err := os.Remove(tf.usage); err != nil && !errors.Is(err, os.ErrNotExist) {
		return cost{}, err
	}
	start := time.Now()
	output, err := tf.run(ctx, folder, env, s.args...)
	c := cost{Seconds: time.Since(start).Seconds()}
	if err != nil {
		return cost{}, err
	}
	if want := s.want(size); !strings.Contains(output, want) {
		return cost{}, fmt.Errorf("%s: there is no %q in\n%s", s.Name, want, output)
	}
	return c, tf.used(&c)
}

// used adds what the meters wrote.
func (tf *terraform) used(c *cost) error {
	content, err := os.ReadFile(tf.usage)
	if errors.Is(err, os.ErrNotExist) {
		return nil // no provider was needed
	}
	if err != nil {
		return err
	}
	for line := range bytes.Lines(content) {
		var used struct {
			CPU  float64
			Peak int64
		}
		if err := json.Unmarshal(line, &used); err != nil {
			return err
		}
		c.CPU += used.CPU
		c.Peak = max(c.Peak, used.Peak)
	}
	return nil
}

// run returns what the command prints. When ctx ends first, Terraform is interrupted and has ten seconds to stop.
// It is a process group of its own, of which nothing is left in the end.
func (tf *terraform) run(ctx context.Context, folder string, env []string, args ...string) (string, error) {
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, tf.binary, args...) //nolint:gosec // the binary is the user's choice
	cmd.Dir, cmd.Env = folder, append(slices.Clip(tf.env), env...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	err := cmd.Start()
	if err == nil {
		err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nobody any more
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(tf.binary), args[0], err, output.String())
	}
	return output.String(), nil
}
