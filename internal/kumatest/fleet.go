package kumatest

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A fleet is the data plane proxies of a control plane and what the control plane does for them by itself, in the
// course of time. Nothing of it runs in the background: whenever a request comes or a test looks, all that was due
// until then is done, in the order of time. A clock may jump; nothing in between is left out.
type fleet struct {
	cp    *ControlPlane
	clock func() time.Time

	stepping sync.Mutex  // held while time is made up for, the hooks of Watch and After included
	hooked   atomic.Bool // such a hook runs

	mu       sync.Mutex // guards all that follows, and all of the proxies and zones
	now      time.Time  // up to when everything is done
	agenda   []event    // what is to come, the next first
	random   *rand.Rand
	proxies  []*Proxy // in the order in which they first connected
	zones    map[string]*Zone
	bundles  map[string]*bundle
	stale    map[string]bool // meshes whose MeshInsight is about to be made anew
	watchers []func(now time.Time)
}

// An event is one thing that the control plane or a proxy does at its time. In a zone that hangs it waits.
type event struct {
	at   time.Time
	zone *Zone
	do   func()
	hook bool // do is a test's, which may look at everything
}

func newFleet(cp *ControlPlane) *fleet {
	f := &fleet{
		cp: cp, clock: cp.now,
		random:  rand.New(rand.NewPCG(cp.seed, 0)), //nolint:gosec // delays, not secrets
		zones:   map[string]*Zone{},
		bundles: map[string]*bundle{}, stale: map[string]bool{},
	}
	if !cp.global {
		f.zones[zoneName] = newZone(f, zoneName, cp.secrets)
	}
	return f
}

// Advance does all that is due by the clock. Requests do so by themselves, and so does whatever looks at proxies.
func (cp *ControlPlane) Advance() { cp.fleet.look() }

// Watch calls hook after each thing that the control plane or a proxy has done, with the time at which it did it, and
// whenever the clock has gone on without any. In hook everything may be looked at and proxies may be told what to do,
// all as of that time; a request is made by Do, as one over HTTP would wait for hook to end.
func (cp *ControlPlane) Watch(hook func(now time.Time)) {
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, hook)
}

// After calls hook once, d from now by the clock, in its place between all else that happens. The rules of Watch hold
// for it.
func (cp *ControlPlane) After(d time.Duration, hook func()) {
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schedule(event{at: f.now.Add(d), do: hook, hook: true})
}

// WriteBack lets somebody read a document at a path, such as /meshes/default, read from now, and put what was read once
// more write from now, whatever it has become.
func (cp *ControlPlane) WriteBack(path string, read, write time.Duration) {
	var stale []byte
	cp.After(read, func() { _, stale = cp.Do(http.MethodGet, path, nil) })
	cp.After(write, func() { cp.Do(http.MethodPut, path, stale) })
}

// time is what the control plane takes for the time: that of the clock, and while a hook runs that which it is called for.
func (f *fleet) time() time.Time {
	if !f.hooked.Load() {
		return f.clock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// look does what is due, unless it is called by a hook, which sees the world as of the time it is called for.
func (f *fleet) look() {
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
		case next.hook:
			f.call(next.do)
		case next.zone != nil && next.zone.stopped():
			next.zone.frozen = append(next.zone.frozen, next)
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

// tell calls the watchers, with the time as it is now: while they run a request may move it.
func (f *fleet) tell() {
	now := f.now
	for _, watch := range f.watchers {
		f.call(func() { watch(now) })
	}
}

// call lets a hook run, which takes the lock by itself.
func (f *fleet) call(hook func()) {
	f.hooked.Store(true)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.hooked.Store(false)
	}()
	hook()
}

// schedule puts an event into the agenda, behind those of the same time.
func (f *fleet) schedule(e event) {
	i, _ := slices.BinarySearchFunc(f.agenda, e.at, func(other event, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1
	})
	f.agenda = slices.Insert(f.agenda, i, e)
}

// after schedules something that a zone does, d from now.
func (f *fleet) after(d time.Duration, zone *Zone, do func()) {
	f.schedule(event{at: f.now.Add(d), zone: zone, do: do})
}

// tick returns how long it takes at most until a proxy is looked at.
func (f *fleet) tick() time.Duration { return share(f.cp.every.proxyRefresh, tickMost) }

func share(of time.Duration, share float64) time.Duration {
	return time.Duration(float64(of) * share)
}

// untilNext returns how long it takes until the next of the moments that come in regular intervals, the last of which
// began gone ago or earlier.
func untilNext(gone, interval time.Duration) time.Duration { return interval - gone%interval }

// between returns a duration from least to most.
func (f *fleet) between(least, most time.Duration) time.Duration {
	return least + time.Duration(f.random.Int64N(int64(most-least)+1))
}

// wrote makes the control plane take notice, in time, of what was written. That is counted from the time that it says
// it was written at, to which the clock may have gone on since the request came.
func (f *fleet) wrote(r *resource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func(now time.Time) { f.now = now }(f.now)
	f.pass(r.modified)
	if r.kind.wrote != nil {
		r.kind.wrote(f, r)
	}
	f.outdate(r.kind.meshOf(r.mesh, r.name))
}

// deleted makes the control plane take notice of what was deleted.
func (f *fleet) deleted(r *resource) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.kind.deleted != nil {
		r.kind.deleted(f, r)
	}
	f.outdate(r.kind.meshOf(r.mesh, r.name))
}

// eachZone calls do for the zones in the order of their names.
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

// find returns the proxy of a Dataplane, or nil when it never connected.
func (f *fleet) find(mesh, resource string) *Proxy {
	for _, p := range f.proxies {
		if p.mesh == mesh && p.resource == resource {
			return p
		}
	}
	return nil
}

// show puts an insight into the store, where requests find it.
func (f *fleet) show(r *resource) {
	r.created, r.modified = f.now.UTC(), f.now.UTC()
	if before, ok := f.cp.store.get(r.kind.name, r.mesh, r.name); ok {
		r.created = before.created
	}
	f.cp.store.put(r, r.mesh)
}
