package kumatest

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"
)

// A Zone is a zone control plane, to which proxies connect. A control plane that is not global has one, which is the
// control plane itself. A global one has those of its proxies, and those that a test has requested.
type Zone struct {
	fleet   *fleet
	name    string
	store   *store      // of a control plane that is not global: its own
	arrived map[key]key // from the global control plane: the key there, and here
	cache   *secretCache
	memory
	busy     [issuers]time.Time // until when each core is issuing
	services map[string]*services
	phase    time.Duration // of the moments at which MeshServices are updated

	reconciler *reconciler

	state   zoneState
	hanging int           // number of times it began to hang
	streams []*zoneStream // to the global control plane; the last may be the current one
	frozen  []event       // events that wait until it continues
}

// A memory is the state of a zone control plane that a restart loses.
type memory struct {
	meshes    map[string]*view     // as it has noticed them
	loaded    map[string]time.Time // time at which each was read into the cache, as far as that is known
	loading   map[string]bool      // it is read again when the cache entry expires
	limiters  map[string]*limiter
	pairs     map[string]cachedPair
	servicing map[string]bool // meshes whose MeshServices are about to be updated
}

func newMemory() memory {
	return memory{
		meshes: map[string]*view{}, loaded: map[string]time.Time{}, loading: map[string]bool{}, limiters: map[string]*limiter{},
		pairs: map[string]cachedPair{}, servicing: map[string]bool{},
	}
}

func newZone(f *fleet, name string, cache *secretCache) *Zone {
	z := &Zone{
		fleet: f, name: name, store: f.cp.store, arrived: map[key]key{}, cache: cache, memory: newMemory(), services: map[string]*services{},
		phase: time.Duration(f.phases.Int64N(int64(serviceInterval))),
	}
	if f.cp.global {
		z.store = newStore()
	}
	z.reconciler = newReconciler(z)
	return z
}

// zone returns the zone with this name, and creates it if necessary.
func (f *fleet) zone(name string) *Zone {
	if z, ok := f.zones[name]; ok {
		return z
	}
	z := newZone(f, name, nil)
	z.cache = newSecretCache(defaultIntervals().storeCache, f.cp.release.missing, func(mesh, name string) (*resource, bool) {
		return z.store.get("Secret", mesh, name)
	})
	f.zones[name] = z
	f.show(&resource{kind: f.cp.typeOf("Zone"), name: name, content: json.RawMessage(`{"enabled":true}`)})
	z.connect()
	return z
}

func (z *Zone) stopped() bool { return z.state != zoneOnline }

func (z *Zone) instance() string {
	if z.fleet.cp.global {
		return z.name + "-1"
	}
	return instanceID
}

// meshWritten makes the zone notice a mesh.
func (z *Zone) meshWritten(name string) {
	if !z.fleet.cp.global {
		z.outdated(name)
		return
	}
	z.sync("Mesh", func() { z.outdated(name) })
}

// outdated schedules the times at which the zone notices a mesh, and then its proxies, each at its own.
func (z *Zone) outdated(name string) {
	f := z.fleet
	z.serviceDue(name)
	z.reconciler.wake()
	switch {
	case f.cp.global:
		f.after(f.between(syncedNoticeLeast, syncedNoticeMost), z, func() { z.notice(name) })
	case !z.loading[name]:
		z.loading[name] = true
		f.after(z.untilLoad(name), z, func() {
			z.loading[name] = false
			z.notice(name)
		})
	}
}

// untilLoad returns how long the cache keeps the current version of a mesh. If proxies keep it filled since an unknown
// time, that is random.
func (z *Zone) untilLoad(name string) time.Duration {
	age := z.fleet.cp.every.storeCache
	switch gone := z.fleet.now.Sub(z.loaded[name]); {
	case gone < age:
		return age - gone
	case z.isPolled(name):
		return z.fleet.between(0, share(age, noticeMost))
	default:
		return 0
	}
}

// isPolled reports whether the zone checks a mesh because a proxy of it is connected.
func (z *Zone) isPolled(name string) bool {
	return slices.ContainsFunc(z.proxies(), func(p *Proxy) bool { return p.mesh == name })
}

// polled records when the cache was filled: when the first proxy of a mesh connects, and when the last one disconnects.
func (z *Zone) polled(name string, connects bool) {
	age := z.fleet.cp.every.storeCache
	if z.isPolled(name) || z.fleet.now.Sub(z.loaded[name]) < age {
		return
	}
	z.loaded[name] = z.fleet.now
	if !connects {
		z.loaded[name] = z.fleet.now.Add(-z.fleet.between(0, age))
	}
}

func (z *Zone) notice(name string) {
	v := z.viewOf(name)
	if z.isPolled(name) {
		z.loaded[name] = z.fleet.now
	}
	if v == nil || v == z.meshes[name] {
		return
	}
	z.meshes[name] = v
	for _, p := range z.proxies() {
		if p.mesh == name {
			p.atNextTick(p.consider)
		}
	}
}

func (z *Zone) limiter(name string) *limiter {
	if z.limiters[name] == nil {
		z.limiters[name] = &limiter{}
	}
	return z.limiters[name]
}

// reserve returns the time until a core is free, and reserves it for one certificate.
func (z *Zone) reserve(cost time.Duration) time.Duration {
	core := 0
	for i := range z.busy {
		if z.busy[i].Before(z.busy[core]) {
			core = i
		}
	}
	start := z.fleet.now
	if z.busy[core].After(start) {
		start = z.busy[core]
	}
	z.busy[core] = start.Add(cost)
	return start.Sub(z.fleet.now)
}

// syncedName returns the name of a zone's resource on a global control plane.
func syncedName(mesh, name, zone string) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	sum := sha256.Sum256([]byte(mesh + "/" + zone + "/" + name))
	suffix := make([]byte, 16)
	for i := range suffix {
		suffix[i] = letters[int(sum[i])%len(letters)]
	}
	return name + "-" + string(suffix)
}
