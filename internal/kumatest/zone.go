package kumatest

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// A Zone is a zone control plane, to which proxies are connected. A control plane that is not global has one, which
// is the control plane itself; a global one has those that proxies were put into or that were asked for.
type Zone struct {
	fleet    *fleet
	name     string
	meshes   map[string]*resource // as it has noticed them
	secrets  map[key]*resource    // of a zone below a global control plane: those that arrived
	cache    *secretCache
	limiters map[string]*limiter
	busy     [issuers]time.Time // until when each core makes a certificate

	state  zoneState
	stream zoneStream
	frozen []event // what waits until it goes on
}

func newZone(f *fleet, name string, cache *secretCache) *Zone {
	return &Zone{fleet: f, name: name, meshes: map[string]*resource{}, secrets: map[key]*resource{}, cache: cache, limiters: map[string]*limiter{}}
}

// zone returns a zone, and makes it when there is none of that name.
func (f *fleet) zone(name string) *Zone {
	if z, ok := f.zones[name]; ok {
		return z
	}
	z := newZone(f, name, nil)
	z.cache = newSecretCache(func(mesh, name string) (*resource, bool) {
		r, ok := z.secrets[key{"Secret", mesh, name}]
		return r, ok
	}, f.cp.release.missing)
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

// meshWritten lets the zone notice a mesh in time, and then its proxies, each in its own.
func (z *Zone) meshWritten(name string) {
	f := z.fleet
	if f.cp.global {
		z.sync(func(s *zoneStream) *counts { return &s.meshes }, syncedMeshLeast, syncedMeshMost, func() { z.notice(name) })
		return
	}
	f.after(f.between(noticeLeast, noticeMost), z, func() { z.notice(name) })
}

func (z *Zone) notice(name string) {
	mesh, ok := z.fleet.cp.store.get("Mesh", "", name)
	if !ok || mesh == z.meshes[name] {
		return
	}
	z.meshes[name] = mesh
	for _, p := range z.proxies() {
		if p.mesh == name {
			p.within(tickLeast, tickMost, p.consider)
		}
	}
}

// secretWritten lets a secret arrive in a zone below a global control plane. Without one it is read where it is stored.
func (z *Zone) secretWritten(mesh, name string) {
	if !z.fleet.cp.global {
		return
	}
	z.sync(func(s *zoneStream) *counts { return &s.secrets }, syncedSecretLeast, syncedSecretMost, func() {
		k := key{"Secret", mesh, name}
		if secret, ok := z.fleet.cp.store.get(k.kind, mesh, name); ok {
			z.secrets[k] = secret
		} else {
			delete(z.secrets, k)
		}
	})
}

// gone forgets what was deleted.
func (z *Zone) gone(r *resource) {
	switch r.kind.name {
	case "Mesh":
		delete(z.meshes, r.name)
	case "Secret":
		z.secretWritten(r.mesh, r.name)
	}
}

func (z *Zone) limiter(mesh string, backend *document) *limiter {
	name := mesh + "/" + backend.text("name")
	if z.limiters[name] == nil {
		z.limiters[name] = &limiter{}
	}
	return z.limiters[name]
}

// reserve returns how long it takes until a core is free, and takes it for one certificate.
func (z *Zone) reserve() time.Duration {
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
	z.busy[core] = start.Add(issueTime)
	return start.Sub(z.fleet.now)
}

// syncedName returns the name that a zone's resource has on a global control plane.
func syncedName(mesh, name, zone string) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	sum := sha256.Sum256([]byte(mesh + "/" + zone + "/" + name))
	suffix := make([]byte, 16)
	for i := range suffix {
		suffix[i] = letters[int(sum[i])%len(letters)]
	}
	return name + "-" + string(suffix)
}
