package kumatest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Proxy is a simulated data plane proxy: it gets identity and trust bundle when a real one does, and keeps them as a
// real one does.
type Proxy struct {
	fleet    *fleet
	zone     *Zone
	mesh     string
	name     string
	resource string // the name of its Dataplane on this control plane

	connected bool
	gone      bool      // its Dataplane was deleted
	session   int       // counts connections: actions of an earlier one are dropped
	held      *material // what it has, which stays when it disconnects

	manners
	identity *meshIdentity // the source of its identity if that is not the CA of the mesh
	skew     time.Duration // of the clock of the control plane's instance

	stream
	record         // what the control plane knows of it
	told   telling // what the control plane has reported of it
}

// A ProxyOption configures the new Dataplane of Connect. An existing Dataplane stays the same.
type ProxyOption func(*proxyOptions)

type proxyOptions struct {
	service  string
	zone     string
	identity *meshIdentity
	skew     time.Duration
}

// Service sets the service of the proxy; the default is the name of the proxy.
func Service(name string) ProxyOption {
	return func(o *proxyOptions) { o.service = name }
}

// InZone sets the zone of a global control plane to which the proxy is connected; the default is zone-1.
func InZone(name string) ProxyOption {
	return func(o *proxyOptions) { o.zone = name }
}

// WithIdentity gives the proxy an identity from a MeshIdentity with that name, which is not created, instead of the CA
// of the mesh. Its insight names that instead of the backend, or nothing if told is false, as when a proxy connects for
// the first time. It takes no part in handshakes.
func WithIdentity(name string, told bool) ProxyOption {
	return func(o *proxyOptions) { o.identity = &meshIdentity{name, told} }
}

// Skewed connects the proxy to another instance of the control plane, whose clock is ahead by this time. The times in
// its insight are from that clock.
func Skewed(ahead time.Duration) ProxyOption {
	return func(o *proxyOptions) { o.skew = ahead }
}

// Connect connects a new proxy. It creates a Dataplane unless there is one. It panics if the mesh does not exist. On a
// global control plane, the proxy belongs to a zone: its Dataplane has another name there, and the proxy's name as
// label kuma.io/display-name.
func (cp *ControlPlane) Connect(mesh, name string, opts ...ProxyOption) *Proxy {
	o := proxyOptions{service: name, zone: "zone-1"}
	for _, opt := range opts {
		opt(&o)
	}
	if !cp.global {
		o.zone = zoneName
	}
	dataplane := cp.putDataplane(mesh, name, o)
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.find(mesh, dataplane)
	if p == nil {
		p = &Proxy{fleet: f, zone: f.zone(o.zone), mesh: mesh, name: name, resource: dataplane, identity: o.identity, skew: o.skew}
		f.proxies = append(f.proxies, p)
	}
	p.disconnect()
	p.connect()
	return p
}

// Proxies returns the proxies of a mesh that have ever connected, in the order of their first connection.
func (cp *ControlPlane) Proxies(mesh string) []*Proxy {
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.proxies), func(p *Proxy) bool { return p.mesh != mesh })
}

// Remove shuts a proxy down: it disconnects, and its Dataplane is deleted. On a global control plane, only its zone can
// do that.
func (cp *ControlPlane) Remove(p *Proxy) {
	p.Disconnect()
	if dataplane, ok := cp.store.get("Dataplane", p.mesh, p.resource); ok {
		cp.store.delete(dataplane)
		cp.fleet.deleted(dataplane)
	}
}

// Name returns the proxy's own name.
func (p *Proxy) Name() string { return p.name }

// Resource returns the name of its Dataplane, which differs from the proxy's name on a global control plane.
func (p *Proxy) Resource() string { return p.resource }

// Connected reports whether the proxy is connected to its control plane.
func (p *Proxy) Connected() bool {
	defer p.enter()()
	return p.connected
}

// Disconnect disconnects the proxy. It keeps its material.
func (p *Proxy) Disconnect() {
	defer p.enter()()
	p.disconnect()
}

// Reconnect connects the proxy again. If it is connected, it disconnects first.
func (p *Proxy) Reconnect() {
	defer p.enter()()
	p.disconnect()
	p.connect()
}

// Holds returns the material of the proxy.
func (p *Proxy) Holds() Holding {
	defer p.enter()()
	if p.held == nil || p.held.bundle == nil {
		return Holding{}
	}
	return Holding{Identity: p.held.identity, Key: p.held.key, Bundle: slices.Clone(p.held.bundle.certs)}
}

// Accepts returns why the proxy would reject another one at a time, as its client and as its server, or nil if it
// accepts it. Both use their current material.
func (p *Proxy) Accepts(other *Proxy, at time.Time) error {
	defer p.enter()()
	if p.held == nil || other.held == nil || p.identity != nil || other.identity != nil {
		return errHoldsNothing
	}
	return p.held.bundle.verify(other.held.identity, at)
}

// enter runs due events and locks the fleet.
func (p *Proxy) enter() (leave func()) {
	p.fleet.look()
	p.fleet.mu.Lock()
	return p.fleet.mu.Unlock
}

// A Refusal is a failed handshake: one proxy rejects another one.
type Refusal struct {
	Time time.Time
	By   string // the names of the proxies
	Of   string
	Err  error
}

func (r Refusal) String() string {
	return fmt.Sprintf("%s: %s refuses %s: %v", r.Time.Format("15:04:05.000"), r.By, r.Of, r.Err)
}

// Handshakes lets each connected proxy of a mesh verify every other one now. It returns the number of handshakes, and
// those that failed. A proxy without any material takes no part.
func (cp *ControlPlane) Handshakes(mesh string) (tried int, refused []Refusal) {
	return cp.handshakes(mesh, func(p *Proxy) bool { return p.connected })
}

// HandshakesOfAll is Handshakes with disconnected proxies, which continue to serve traffic with their material.
func (cp *ControlPlane) HandshakesOfAll(mesh string) (tried int, refused []Refusal) {
	return cp.handshakes(mesh, func(*Proxy) bool { return true })
}

func (cp *ControlPlane) handshakes(mesh string, takesPart func(*Proxy) bool) (tried int, refused []Refusal) {
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*Proxy
	for _, p := range f.proxies {
		if p.mesh == mesh && p.held != nil && p.identity == nil && takesPart(p) {
			all = append(all, p)
		}
	}
	refuses := map[*bundle]map[*Proxy]error{} // many proxies have the same bundle
	for _, p := range all {
		if _, known := refuses[p.held.bundle]; !known {
			refuses[p.held.bundle] = refusedBy(p.held.bundle, all, f.now)
		}
		for _, other := range all {
			if len(refuses[p.held.bundle]) == 0 {
				break
			}
			if err := refuses[p.held.bundle][other]; err != nil && p != other {
				refused = append(refused, Refusal{f.now, p.name, other.name, err})
			}
		}
	}
	return len(all) * max(len(all)-1, 0), refused
}

// refusedBy returns the proxies whose identity a peer with this bundle rejects.
func refusedBy(b *bundle, all []*Proxy, now time.Time) map[*Proxy]error {
	refused := map[*Proxy]error{}
	for _, p := range all {
		if err := b.verify(p.held.identity, now); err != nil {
			refused[p] = err
		}
	}
	return refused
}

// Refusals returns the failed handshakes of Handshakes.
func (cp *ControlPlane) Refusals(mesh string) []Refusal {
	_, refused := cp.Handshakes(mesh)
	return refused
}

// putDataplane creates a Dataplane unless it exists, and returns its name.
func (cp *ControlPlane) putDataplane(mesh, name string, o proxyOptions) string {
	tags := map[string]string{serviceTag: o.service, protocolTag: "http"}
	document := map[string]any{
		"type": "Dataplane", "mesh": mesh, "name": name,
		"networking": map[string]any{"address": "127.0.0.1", "inbound": []any{map[string]any{"port": 8080, "tags": tags}}},
	}
	if cp.global {
		tags[zoneTag] = o.zone
		return cp.putSynced(mesh, name, o.zone, document)
	}
	if _, ok := cp.store.get("Dataplane", mesh, name); ok {
		return name
	}
	if status, answer := cp.Do(http.MethodPut, "/meshes/"+mesh+"/dataplanes/"+name, document); status > 299 {
		panic(fmt.Sprintf("kumatest: proxy %s: %d %s", name, status, answer))
	}
	return name
}

// putSynced stores a Dataplane as if it came from a zone.
func (cp *ControlPlane) putSynced(mesh, name, zone string, document map[string]any) string {
	synced := syncedName(mesh, name, zone)
	if _, ok := cp.store.get("Dataplane", mesh, synced); ok {
		return synced
	}
	if _, ok := cp.mesh(mesh); !ok {
		panic(fmt.Sprintf("kumatest: proxy %s: there is no mesh %s", name, mesh))
	}
	kind := cp.typeOf("Dataplane")
	doc, err := kind.schema.decode(mustMarshal(document))
	if err != nil {
		panic(fmt.Sprintf("kumatest: proxy %s: %v", name, err)) // only for a service with an invalid name
	}
	now := cp.now().UTC()
	cp.store.put(&resource{
		kind: kind, mesh: mesh, name: synced, created: now, modified: now, document: doc, content: doc.encode(),
		labels: map[string]string{
			displayLabel: name, envLabel: "universal", meshLabel: mesh, originLabel: "zone", proxyLabel: "sidecar", zoneLabel: zone,
		},
	}, ownedBy(mesh))
	return synced
}
