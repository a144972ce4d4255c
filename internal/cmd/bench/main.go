//go:build unix

// Command bench measures the cost of the provider, against the embedded control plane or a real one. It measures a
// provider that does nothing, one that only has its schemas, and the bare requests in the same run. Only ratios of times are
// meaningful. `make bench` runs it from the root of the repository. With -profile, as in `make profile`, it shows where
// the provider spends its time instead.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are the parameters of a measurement.
type settings struct {
	Runs    int           `json:"runs"`    // of everything except the large round
	Triples int           `json:"triples"` // each is a mesh, a CA and a backend
	Large   int           `json:"large"`   // number of triples to measure growth
	Reads   int           `json:"reads"`   // reads of a data source
	Starts  int           `json:"starts"`  // starts of the provider
	Latency time.Duration `json:"latency"` // of the control plane, in nanoseconds
	Address string        `json:"address"` // of a real control plane, or "" for the embedded one
	Base    string        `json:"base"`    // another build of the provider, or ""
}

// short returns settings that are sufficient to test the bench.
func short() settings { return settings{Runs: 1, Triples: 2, Large: 3, Reads: 2, Starts: 2} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.Runs, "runs", 5, "how often each thing is measured")
	flags.IntVar(&s.Triples, "triples", 50, "meshes, each with its CA and backend")
	flags.IntVar(&s.Large, "large", 500, "triples that show how times grow")
	flags.IntVar(&s.Reads, "reads", 200, "proxy certificates that are read")
	flags.IntVar(&s.Starts, "starts", 20, "starts of the provider")
	flags.DurationVar(&s.Latency, "latency", 0, "how late the control plane answers")
	flags.StringVar(&s.Address, "address", "", "`URL` of a real control plane without meshes bench-N, in place of the embedded one")
	flags.StringVar(&s.Base, "base", "", "`file` of another build of the provider, to compare with")
	quick := flags.Bool("short", false, "measure little, to see that it works")
	profiles := flags.String("profile", "", "write profiles of the provider to this `folder`, and measure nothing")
	result := flags.String("json", "build/bench.json", "`file` for all that was measured")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *quick {
		little := short()
		little.Latency, little.Address, little.Base = s.Latency, s.Address, s.Base
		s = little
	}

	b, err := newBench(ctx, s, *profiles != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if *profiles != "" {
		return b.profile(ctx, *profiles, out)
	}
	if err := b.measure(ctx); err != nil {
		return err
	}
	content, err := json.MarshalIndent(b.report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(*result, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return b.report.write(out)
}
