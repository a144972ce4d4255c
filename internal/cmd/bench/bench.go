//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A bench has the providers to measure, in a temporary folder.
type bench struct {
	settings
	work   string
	tf     *terraform
	report *report
}

// newBench builds the providers. Close it unless it returns an error.
func newBench(ctx context.Context, s settings, profiled bool) (_ *bench, err error) {
	work, err := os.MkdirTemp("", "kongmesh-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, work: work}
	defer func() {
		if err != nil {
			_ = b.close()
		}
	}()

	packages := map[string]string{kongmesh: ".", nothing: "./internal/cmd/bench/nothing", hollow: "./internal/cmd/bench/hollow"}
	if profiled {
		packages = map[string]string{kongmesh: "./internal/cmd/bench/profiled"}
	} else if s.Base != "" {
		packages[base] = ""
	}
	providers := make(map[string]string)
	for name, pkg := range packages {
		folder := b.folder(name)
		if err := b.install(ctx, name, pkg); err != nil {
			return nil, err
		}
		if err := build(ctx, filepath.Join(folder, "terraform-provider-"+path.Base(sources()[name])), "./internal/cmd/bench/meter"); err != nil {
			return nil, err
		}
		providers[sources()[name]] = folder
	}
	for i := range max(s.Triples, s.Large, 1) {
		folder := filepath.Join(work, fmt.Sprintf("ca-%d", i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		if err := authority.Write(folder, fmt.Sprintf("Bench %d", i)); err != nil {
			return nil, err
		}
	}
	if b.tf, err = newTerraform(ctx, work, providers); err != nil {
		return nil, err
	}
	b.report = &report{Settings: s, Terraform: b.tf.product, Go: runtime.Version(), Cores: runtime.NumCPU()}
	return b, nil
}

// close deletes the temporary folder.
func (b *bench) close() error { return os.RemoveAll(b.work) }

func (b *bench) folder(provider string) string { return filepath.Join(b.work, "provider-"+provider) }

// provider returns the path of the binary that a meter runs.
func (b *bench) provider(name string) string { return filepath.Join(b.folder(name), "provider") }

// install builds a provider, or copies the build to compare with.
func (b *bench) install(ctx context.Context, name, pkg string) error {
	if name != base {
		return build(ctx, b.provider(name), pkg)
	}
	content, err := os.ReadFile(b.Base)
	if err != nil {
		return err
	}
	if err := os.Mkdir(b.folder(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(b.provider(name), content, 0o700) //nolint:gosec // a program
}

// build builds a binary as a release does.
func build(ctx context.Context, output, pkg string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", output, pkg) //nolint:gosec // a command of the bench itself
	if message, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, message)
	}
	return nil
}

// measure measures all rounds. Subjects take turns, and each of them is sometimes the first.
func (b *bench) measure(ctx context.Context) error {
	for _, name := range []string{nothing, kongmesh} {
		info, err := os.Stat(b.provider(name))
		if err != nil {
			return err
		}
		b.report.binary(name, info.Size())
	}
	for range b.Starts {
		for _, name := range []string{nothing, kongmesh} {
			took, err := start(ctx, b.provider(name))
			if err != nil {
				return err
			}
			b.report.start(name, took)
		}
	}
	for _, r := range b.rounds() {
		for i := range r.runs {
			for j := range r.subjects {
				subject := r.subjects[(i+j)%len(r.subjects)]
				fmt.Fprintf(os.Stderr, "\r\033[K%s of %d: run %d of %d, %s", r.Name, r.size, i+1, r.runs, subject)
				if err := b.through(ctx, r, subject); err != nil {
					return err
				}
			}
		}
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	b.report.judge()
	return nil
}

// through runs the steps of a round for a subject, with a new control plane unless it is a real one.
func (b *bench) through(ctx context.Context, r round, subject string) error {
	address := b.Address
	var embedded *kumatest.Server
	if address == "" {
		embedded = kumatest.NewServer(kumatest.Latency(b.Latency))
		defer embedded.Close()
		address = embedded.URL
	}
	take, end, err := b.subject(ctx, r, subject, address)
	if err != nil {
		return err
	}
	defer end()
	for _, s := range r.steps {
		if embedded != nil {
			embedded.ResetRequests()
		}
		used, err := take(s)
		if err != nil {
			return fmt.Errorf("%s: %w", subject, err)
		}
		if embedded != nil {
			used.Requests = count(embedded.Requests())
		}
		b.report.add(r, s, subject, used)
	}
	return nil
}

// subject returns what makes a step for a subject and measures it, and what ends it.
func (b *bench) subject(ctx context.Context, r round, subject, address string) (take func(step) (cost, error), end func(), err error) {
	if subject == requests {
		bare := newBare(address, b.work, r.size)
		return func(s step) (cost, error) { return bare.take(ctx, s) }, func() {}, nil
	}
	content, err := shape(subject, r.suffix, r.size)
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp(b.work, "run-")
	if err != nil {
		return nil, nil, err
	}
	end = func() { _ = os.RemoveAll(folder) }
	if err := os.WriteFile(filepath.Join(folder, "main.tf"), []byte(content), 0o600); err != nil {
		end()
		return nil, nil, err
	}
	env := []string{"KONGMESH_ADDRESS=" + address, "TF_VAR_changed=none", "TF_VAR_cas=" + b.work}
	return func(s step) (cost, error) { return b.tf.measure(ctx, folder, append(env, s.env), s, r.size) }, end, nil
}

// count counts requests by method. It returns nil for none.
func count(all []kumatest.Request) map[string]int {
	var methods map[string]int
	for _, r := range all {
		if methods == nil {
			methods = make(map[string]int)
		}
		methods[r.Method]++
	}
	return methods
}
