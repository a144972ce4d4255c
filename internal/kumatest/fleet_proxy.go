package kumatest

import (
	"fmt"
	"maps"
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
	gone      bool // its Dataplane was deleted
	session   int  // counts connections: actions of an earlier one are dropped
	member    membership
	equipment

	manners
	claim *claim        // the source of its identity if that is a MeshIdentity that does not exist
	skew  time.Duration // of the clock of the control plane's instance

	stream
	record         // what the control plane knows of it
	told   telling // what the control plane has reported of it
}

// A ProxyOption configures the new Dataplane of Connect. An existing Dataplane stays the same.
type ProxyOption func(*proxyOptions)

type proxyOptions struct {
	service string
	zone    string
	labels  map[string]string
	claim   *claim
	skew    time.Duration
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
	return func(o *proxyOptions) { o.claim = &claim{name, told} }
}

// Labels adds labels to the Dataplane. In a mesh with MeshServices, it has the label kuma.io/workload with the name of its
// service without this.
func Labels(labels map[string]string) ProxyOption {
	return func(o *proxyOptions) { o.labels = labels }
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
	f.runDue()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.find(mesh, dataplane)
	if p == nil {
		p = &Proxy{fleet: f, zone: f.zone(o.zone), mesh: mesh, name: name, resource: dataplane, claim: o.claim, skew: o.skew}
		f.proxies = append(f.proxies, p)
	}
	p.disconnect()
	p.connect()
	return p
}

// Proxies returns the proxies of a mesh that have ever connected, in the order of their first connection.
func (cp *ControlPlane) Proxies(mesh string) []*Proxy {
	f := cp.fleet
	f.runDue()
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

// putDataplane creates a Dataplane unless it exists, and returns its name.
func (cp *ControlPlane) putDataplane(mesh, name string, o proxyOptions) string {
	tags := map[string]string{serviceTag: o.service, protocolTag: "http"}
	labels := map[string]string{}
	if cp.generatesServices(mesh) {
		labels[workloadLabel] = o.service
	}
	maps.Copy(labels, o.labels)
	document := map[string]any{
		"type": "Dataplane", "mesh": mesh, "name": name,
		"networking": map[string]any{"address": "127.0.0.1", "inbound": []any{map[string]any{"port": 8080, "tags": tags}}},
	}
	if cp.global {
		tags[zoneTag] = o.zone
		return cp.putSynced(mesh, name, o.zone, labels, document)
	}
	if len(labels) > 0 {
		document["labels"] = labels
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
func (cp *ControlPlane) putSynced(mesh, name, zone string, given map[string]string, document map[string]any) string {
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
	labels := map[string]string{
		displayLabel: name, envLabel: "universal", meshLabel: mesh, originLabel: "zone", proxyLabel: "sidecar", zoneLabel: zone,
	}
	maps.Copy(labels, given)
	cp.store.put(&resource{
		kind: kind, mesh: mesh, name: synced, created: now, modified: now, document: doc, content: doc.encode(), labels: labels,
	}, ownedBy(mesh))
	return synced
}
