//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/cli"
)

// A terraform runs Terraform with the bench's providers, without the user's settings.
type terraform struct {
	product string // name and version, such as "Terraform v1.11.4"
	usage   string // the file that meters write to
	env     []string
}

// newTerraform uses each provider, by its source address, from a folder.
func newTerraform(ctx context.Context, work string, providers map[string]string) (*terraform, error) {
	var overrides strings.Builder
	for source, folder := range providers {
		fmt.Fprintf(&overrides, "    %q = %q\n", source, folder)
	}
	config := filepath.Join(work, "bench.tfrc")
	content := "provider_installation {\n  dev_overrides {\n" + overrides.String() + "  }\n  direct {}\n}\n"
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, err
	}
	usage := filepath.Join(work, "usage")
	tf := &terraform{usage: usage, env: cli.Environ(work, config, "BENCH_USAGE="+usage)}
	version, err := tf.run(ctx, work, nil, "version")
	tf.product, _, _ = strings.Cut(version, "\n")
	return tf, err
}

// A cost is the time and the resources that one command used.
type cost struct {
	Seconds float64 `json:"seconds"`
	// CPU is the total of all processes of the provider, Peak the memory of the largest one.
	CPU  float64 `json:"cpu_seconds"`
	Peak int64   `json:"peak_bytes"`
	// Requests to the control plane, by method.
	Requests map[string]int `json:"requests,omitempty"`
}

// measure runs a step. It returns an error if the result is not the expected one.
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

// used adds what the meters recorded.
func (tf *terraform) used(c *cost) error {
	content, err := os.ReadFile(tf.usage)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the command started no provider
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

// run returns the output of the command. If ctx ends first, Terraform has ten seconds to stop.
func (tf *terraform) run(ctx context.Context, folder string, env []string, args ...string) (string, error) {
	var output bytes.Buffer
	cmd := cli.Command(ctx, args...)
	cmd.Dir, cmd.Env = folder, slices.Concat(tf.env, env)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 10 * time.Second
	if err := cli.Run(cmd); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output.String())
	}
	return output.String(), nil
}
