//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// lines is the number of functions of a profile to print.
const lines = 25

// profile profiles the provider, in as many runs as configured, and prints where it spends most of its time. It merges
// the profiles of all processes and runs of a step, and draws the calls of the last run.
func (b *bench) profile(ctx context.Context, folder string, out io.Writer) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	steps := resources()
	for i := range steps {
		steps[i].env = "BENCH_PROFILES=" + filepath.Join(b.work, "profiles", steps[i].Name)
		if err := os.MkdirAll(filepath.Join(b.work, "profiles", steps[i].Name), 0o700); err != nil {
			return err
		}
	}
	calls := make(map[string]timeline)
	for range b.Runs {
		if err := b.through(ctx, round{"triples", "", []string{kongmesh}, steps, b.Triples, b.Runs}, kongmesh); err != nil {
			return err
		}
		for _, s := range steps {
			last, err := readTimeline(filepath.Join(b.work, "profiles", s.Name, "spans-*"))
			if err != nil {
				return err
			}
			calls[s.Name] = last
		}
	}
	for _, s := range []string{"apply", "plan"} {
		for _, kind := range []string{"cpu", "allocs"} {
			merged := filepath.Join(folder, s+"-"+kind+".pprof")
			if err := merge(ctx, merged, filepath.Join(b.work, "profiles", s, kind+"-*")); err != nil {
				return err
			}
			if err := top(ctx, out, merged, kind); err != nil {
				return err
			}
		}
	}
	for _, s := range []string{"apply", "plan", "destroy"} {
		file := filepath.Join(folder, s+".svg")
		title := fmt.Sprintf("%s, %d triples", s, b.Triples)
		if err := os.WriteFile(file, []byte(calls[s].svg(title)), 0o600); err != nil {
			return err
		}
		calls[s].summary(out, file+", "+title)
	}
	return nil
}

// merge merges profiles.
func merge(ctx context.Context, merged, pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("the provider left no profile: " + pattern)
	}
	return pprof(ctx, io.Discard, append([]string{"-proto", "-output=" + merged}, files...)...)
}

func top(ctx context.Context, out io.Writer, file, kind string) error {
	for _, order := range []string{"-flat", "-cum"} {
		_, _ = fmt.Fprintf(out, "\n%s, %s:\n", file, map[string]string{"-flat": "where it is", "-cum": "what it comes from"}[order])
		args := []string{"-top", order, fmt.Sprintf("-nodecount=%d", lines)}
		if kind == "allocs" {
			args = append(args, "-sample_index=alloc_space")
		}
		if err := pprof(ctx, out, append(args, file)...); err != nil {
			return err
		}
	}
	return nil
}

func pprof(ctx context.Context, out io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof"}, args...)...) //nolint:gosec // a command of the bench itself
	command.Stdout, command.Stderr = out, os.Stderr
	return command.Run()
}
