package kumatest

import (
	"crypto/rsa"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A fleet has the data plane proxies of a control plane, and what the control plane does for them over time. Nothing
// runs in the background: each request, and each look of a test, first runs all events that are due, in the order of
// their time. A clock may jump; no event is skipped.
type fleet struct {
	cp    *ControlPlane
	clock func() time.Time

	stepping sync.Mutex  // held while due events run, including the hooks of Watch and After
	hooked   atomic.Bool // such a hook is running

	mu       sync.Mutex // guards all fields below, and those of the proxies and zones
	started  time.Time
	now      time.Time // the time up to which all events have run
	agenda   []event   // future events, the next one first
	random   *rand.Rand
	phases   *rand.Rand // of what happens at regular moments
	rsaKey   *rsa.PrivateKey
	proxies  []*Proxy // in the order in which they first connected
	zones    map[string]*Zone
	bundles  map[string]*bundle
	stale    map[string]bool // meshes whose MeshInsight is about to be updated
	watchers []func(now time.Time)
}

// An event is an action of the control plane or a proxy at a time. In a zone that hangs, it waits.
type event struct {
	at   time.Time
	zone *Zone
	do   func()
	hook bool // do is a test's hook, or uses the control plane like one: it may inspect everything
}

func newFleet(cp *ControlPlane) *fleet {
	f := &fleet{
		cp: cp, clock: cp.now,
		started: cp.now(),
		random:  rand.New(rand.NewPCG(cp.seed, 0)), //nolint:gosec // delays, not secrets
		phases:  rand.New(rand.NewPCG(cp.seed, 2)), //nolint:gosec // delays, not secrets
		zones:   map[string]*Zone{},
		bundles: map[string]*bundle{}, stale: map[string]bool{},
	}
	if !cp.global {
		f.zones[zoneName] = newZone(f, zoneName, cp.secrets)
	}
	return f
}

// Advance runs all events that are due by the clock. Requests and inspections of proxies do so themselves.
func (cp *ControlPlane) Advance() { cp.fleet.runDue() }

// Watch calls hook after each event, with its time, and after each change of the clock without an event. In hook, the
// test may inspect everything and control proxies, as of that time. Requests in hook must use Do: a request over HTTP
// would wait for the end of hook.
func (cp *ControlPlane) Watch(hook func(now time.Time)) {
	f := cp.fleet
	f.runDue()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, hook)
}

// After calls hook once, d from now by the clock, in the order of events. The rules of Watch apply.
func (cp *ControlPlane) After(d time.Duration, hook func()) {
	f := cp.fleet
	f.runDue()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schedule(event{at: f.now.Add(d), do: hook, hook: true})
}

// WriteBack reads a document at a path such as /meshes/default after read, and writes the same content again after
// write, like another client that overwrites a change.
func (cp *ControlPlane) WriteBack(path string, read, write time.Duration) {
	var stale []byte
	cp.After(read, func() { _, stale = cp.Do(http.MethodGet, path, nil) })
	cp.After(write, func() { cp.Do(http.MethodPut, path, stale) })
}

// time returns the time of the control plane: that of the clock or, in a hook, that of the event.
func (f *fleet) time() time.Time {
	if !f.hooked.Load() {
		return f.clock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// runDue runs due events, unless a hook calls it, which sees the state at the time of its event.
func (f *fleet) runDue() {
	if !f.hooked.Load() {
		f.advance()
	}
}

func (f *fleet) advance() {
	f.stepping.Lock()
	defer f.stepping.Unlock()
	now := f.clock()
	f.mu.Lock()
	for len(f.agenda) > 0 && !f.agenda[0].at.After(now) {
		next := f.agenda[0]
		f.agenda = f.agenda[1:]
		f.pass(next.at)
		switch {
		case next.zone != nil && next.zone.stopped():
			next.zone.frozen = append(next.zone.frozen, next)
		case next.hook:
			f.call(next.do)
		default:
			next.do()
		}
		f.tell()
	}
	if now.After(f.now) {
		f.pass(now)
		f.tell()
	}
	f.mu.Unlock()
}

func (f *fleet) pass(to time.Time) {
	if to.After(f.now) {
		f.now = to
	}
}

// tell calls the watchers with the current time, which a request in a watcher may move.
func (f *fleet) tell() {
	now := f.now
	for _, watch := range f.watchers {
		f.call(func() { watch(now) })
	}
}

// call runs a hook, which locks the fleet itself.
func (f *fleet) call(hook func()) {
	f.hooked.Store(true)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.hooked.Store(false)
	}()
	hook()
}

// schedule adds an event to the agenda, after those at the same time.
func (f *fleet) schedule(e event) {
	i, _ := slices.BinarySearchFunc(f.agenda, e.at, func(other event, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1
	})
	f.agenda = slices.Insert(f.agenda, i, e)
}

// after schedules an action of a zone, d from now.
func (f *fleet) after(d time.Duration, zone *Zone, do func()) {
	f.schedule(event{at: f.now.Add(d), zone: zone, do: do})
}

// tick returns the maximum time until the control plane checks a proxy.
func (f *fleet) tick() time.Duration { return share(f.cp.every.proxyRefresh, tickMost) }

func share(of time.Duration, share float64) time.Duration {
	return time.Duration(float64(of) * share)
}

// untilNext returns the time until the next of a series of moments at regular intervals, the last of which was gone ago
// or earlier.
func untilNext(gone, interval time.Duration) time.Duration { return interval - gone%interval }

// between returns a duration from least to most.
func (f *fleet) between(least, most time.Duration) time.Duration {
	return least + time.Duration(f.random.Int64N(int64(most-least)+1))
}

// wrote schedules what the control plane does after a write. Delays start at the modification time of the object, after
// which the clock may have moved.
func (f *fleet) wrote(r *resource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func(now time.Time) { f.now = now }(f.now)
	f.pass(r.modified)
	if r.kind.wrote != nil {
		r.kind.wrote(f, r)
	}
	f.noticed(r)
}

// noticed schedules when zones and insights take notice of a write or a deletion.
func (f *fleet) noticed(r *resource) {
	f.eachZone(func(z *Zone) { z.written(r) })
	if slices.Contains(viewed(), r.kind.name) {
		for _, p := range f.proxies {
			if p.mesh == r.mesh && p.connected && p.workload != nil {
				p.report() // its insight lists the trusts of the store
			}
		}
	}
	if r.kind.name == "Dataplane" {
		f.eachZone(func(z *Zone) { z.serviceDue(r.mesh) })
	}
	f.outdate(r.kind.meshOf(r.mesh, r.name))
}

// deleted schedules what the control plane does after a deletion.
func (f *fleet) deleted(r *resource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.kind.deleted != nil {
		r.kind.deleted(f, r)
	}
	f.noticed(r)
}

// eachZone calls do for each zone in the order of their names.
func (f *fleet) eachZone(do func(*Zone)) {
	for _, name := range sortedKeys(f.zones) {
		do(f.zones[name])
	}
}

func (f *fleet) drop(kind, mesh, name string) {
	if r, ok := f.cp.store.get(kind, mesh, name); ok {
		f.cp.store.delete(r)
	}
}

// find returns the proxy of a Dataplane, or nil if it never connected.
func (f *fleet) find(mesh, resource string) *Proxy {
	for _, p := range f.proxies {
		if p.mesh == mesh && p.resource == resource {
			return p
		}
	}
	return nil
}

// show stores an insight, so that requests find it.
func (f *fleet) show(r *resource) {
	r.created, r.modified = f.now.UTC(), f.now.UTC()
	if before, ok := f.cp.store.get(r.kind.name, r.mesh, r.name); ok {
		r.created = before.created
	}
	f.cp.store.put(r, ownedBy(r.mesh))
}
