package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// pollEvery is the interval between reads during a wait.
const pollEvery = time.Second

// A View is the status of a mesh on the control plane at one moment. Zones are
// those of a global control plane. Mesh is nil for a view of its proxies alone.
type View struct {
	Mesh    *kuma.Mesh
	Proxies []kuma.Dataplane
	Zones   []kuma.Zone
}

// CountingFrom returns the view in which the responses of each connection are
// those of an earlier view.
func (v View) CountingFrom(earlier View) View {
	counted := map[string]kuma.Dataplane{}
	for _, d := range earlier.Proxies {
		counted[d.Subscription] = d
	}
	v.Proxies = slices.Clone(v.Proxies)
	for i, d := range v.Proxies {
		if was, is := counted[d.Subscription]; is && d.Subscription != "" {
			v.Proxies[i].Secrets, v.Proxies[i].Total = was.Secrets, was.Total
		}
	}
	return v
}

// Read reads a view. The error is [kuma.Absent] if the mesh does not exist.
func Read(ctx context.Context, client *kuma.Client, mesh string) (v View, err error) {
	document, err := client.Mesh(ctx, mesh)
	if err == nil {
		v, err = ReadProxies(ctx, client, mesh)
	}
	v.Mesh = document
	return v, err
}

// ReadProxies reads a view without its mesh.
func ReadProxies(ctx context.Context, client *kuma.Client, mesh string) (v View, err error) {
	v.Proxies, err = client.Dataplanes(ctx, mesh)
	if err == nil && client.Settings(ctx).Global {
		v.Zones, err = client.Zones(ctx)
	}
	return v, err
}

// Persist repeats an operation while the control plane does not answer, for
// example because it restarts. It returns the last error of the operation once
// that is permanent, and the context's error once the context is done: silent
// then says which requests have no answer, and since when.
func Persist(ctx context.Context, clock kuma.Clock, do func() error) (silent []Pending, err error) {
	began := clock.Now()
	for {
		err := do()
		switch {
		case err == nil:
			return nil, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !kuma.Transient(err):
			return nil, err
		}
		if ended := clock.Sleep(ctx, pollEvery); ended != nil {
			return []Pending{{Name: "control plane", Why: "it does not answer: " + err.Error(), Since: began}}, ended
		}
	}
}

// A Wait waits until the proxies of a mesh are done.
type Wait struct {
	Clock kuma.Clock
	// Read reads a view. Its error ends the wait.
	Read func() (View, error)
	// Judge returns what is still pending.
	Judge func(View) []Pending
	// Report is called for each change of the number of proxies that are done.
	Report func(done, total int)
}

// Run reads for the first time after a pause, and then every second. It ends
// when nothing is pending, or when a proxy rejects: pending is not empty then.
// An error is that of Read, or of the context.
func (w Wait) Run(ctx context.Context, pause time.Duration) (pending []Pending, err error) {
	reported := -1
	for {
		if err := w.Clock.Sleep(ctx, pause); err != nil {
			return pending, err
		}
		pause = pollEvery
		v, err := w.Read()
		if err != nil {
			return pending, err
		}
		pending = w.Judge(v)
		if done, total := Count(v.Proxies, pending); done != reported {
			reported = done
			w.Report(done, total)
		}
		if len(pending) == 0 || slices.ContainsFunc(pending, func(p Pending) bool { return p.Rejects }) {
			return pending, nil
		}
	}
}

// Count returns the number of connected proxies that are not pending, and of
// all connected proxies.
func Count(proxies []kuma.Dataplane, pending []Pending) (done, total int) {
	for _, d := range proxies {
		if d.Online {
			total++
		}
	}
	done = total
	for _, p := range pending {
		if p.Connected {
			done--
		}
	}
	return done, total
}

// mostNamed is the maximum number of proxies that a message names.
const mostNamed = 10

// Describe lists for a message what is pending, one in each line.
func Describe(pending []Pending) string {
	lines := make([]string, len(pending))
	for i, p := range pending {
		lines[i] = p.Name + ": " + p.Why
		if !p.Since.IsZero() {
			lines[i] += fmt.Sprintf(" (since %s)", p.Since.UTC().Format(time.RFC3339))
		}
	}
	return strings.Join(Some(lines), "\n  ")
}

// Some returns the first items of a list for a message, and the number of the
// others.
func Some(all []string) []string {
	if len(all) <= mostNamed {
		return all
	}
	return append(slices.Clone(all[:mostNamed]), fmt.Sprintf("and %d more", len(all)-mostNamed))
}
