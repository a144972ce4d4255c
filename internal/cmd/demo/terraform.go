//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/cli"
)

// A terraform runs Terraform or OpenTofu in a folder, without the user's settings.
type terraform struct {
	product string // name and version, such as "Terraform v1.11.4"
	folder  string
	env     []string
	out     *screen
}

// newTerraform initializes the folder. It writes all other files to work.
func newTerraform(ctx context.Context, folder, work, address string, out *screen) (*terraform, error) {
	config, err := writeConfig(work)
	if err != nil {
		return nil, err
	}
	tf := &terraform{folder: folder, env: cli.Environ(work, config, "KONGMESH_ADDRESS="+address), out: out}
	answer, err := tf.output(ctx, "version")
	if err != nil {
		return nil, err
	}
	tf.product, _, _ = strings.Cut(string(answer), "\n")
	_, err = tf.output(ctx, "init", "-no-color")
	return tf, err
}

// writeConfig writes a CLI configuration that installs the provider from the build, and returns its path. It uses a mirror,
// because every command prints a warning about a development override.
func writeConfig(work string) (string, error) {
	built, err := filepath.Abs(provider)
	if err != nil {
		return "", err
	}
	mirror := filepath.Join(work, "mirror")
	for _, registry := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		folder := filepath.Join(mirror, registry, "kongmesh/kongmesh/1.0.0", runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return "", err
		}
		if err := os.Symlink(built, filepath.Join(folder, "terraform-provider-kongmesh_v1.0.0")); err != nil {
			return "", err
		}
	}
	config := filepath.Join(work, "demo.tfrc")
	content := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	return config, os.WriteFile(config, []byte(content), 0o600)
}

// run shows the command and its output.
func (tf *terraform) run(ctx context.Context, args ...string) error {
	return tf.start(ctx, tf.out.block(), tf.out.block(), tf.show(args)...)
}

// runFromPlan shows the command, and its output from the summary of the plan on.
func (tf *terraform) runFromPlan(ctx context.Context, args ...string) error {
	const marker = "Plan:"
	output, err := tf.output(ctx, tf.show(args)...)
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(string(output), marker)
	tf.out.result(fmt.Sprintf("(%d lines omitted)\n\n%s%s", strings.Count(before, "\n"), marker, after))
	return nil
}

// show prints the command, and returns its arguments with -no-color if the screen is not a terminal.
func (tf *terraform) show(args []string) []string {
	tf.out.command("$ %s %s", filepath.Base(cli.Name()), strings.Join(args, " "))
	if !tf.out.terminal {
		args = slices.Insert(args, 1, "-no-color")
	}
	return args
}

// output returns the standard output of the command. An error contains its standard error.
func (tf *terraform) output(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	if err := tf.start(ctx, &stdout, &stderr, args...); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return stdout.Bytes(), nil
}

func (tf *terraform) start(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := cli.Command(ctx, args...)
	cmd.Dir, cmd.Env = tf.folder, tf.env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cli.Run(cmd)
}
