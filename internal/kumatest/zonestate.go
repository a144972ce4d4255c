package kumatest

import "time"

// This file is what a global control plane knows of its zones, and what may happen to one.

type zoneState int

const (
	zoneOnline zoneState = iota
	zoneHanging
	zoneKilled
)

// A zoneStream is the connection of a zone to the global control plane.
type zoneStream struct {
	id           string
	connected    time.Time
	disconnected time.Time
	updated      time.Time
	meshes       counts
	secrets      counts
}

// Zone returns a zone of a global control plane, and connects it when it is not there yet. Proxies are put into one
// by InZone.
func (cp *ControlPlane) Zone(name string) *Zone {
	if !cp.global {
		panic("kumatest: only a global control plane has zones")
	}
	f := cp.fleet
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.zone(name)
}

// Hang makes the zone do nothing, its connections open, or go on with all that it did not do. The global control
// plane takes it and its proxies for online.
func (z *Zone) Hang(yes bool) {
	defer z.enter()()
	switch {
	case yes && z.state == zoneOnline:
		z.state = zoneHanging
	case !yes && z.state == zoneHanging:
		z.thaw()
	}
}

// Kill ends the zone. The global control plane sees that at once, and goes on taking its proxies for online. They keep
// what they have and do not connect to another one.
func (z *Zone) Kill() {
	defer z.enter()()
	if z.state == zoneKilled {
		return
	}
	z.state, z.frozen = zoneKilled, nil
	for _, p := range z.proxies() {
		p.session++
	}
	z.stream.disconnected = z.fleet.now
	z.show()
}

// Start starts a killed zone anew. Its proxies connect to it within a second.
func (z *Zone) Start() {
	defer z.enter()()
	if z.state != zoneKilled {
		return
	}
	z.state, z.frozen, z.limiters = zoneOnline, nil, map[string]*limiter{}
	z.connect()
	for _, p := range z.proxies() {
		p.current().disconnected = z.fleet.now
		p.within(tickLeast, tickMost, p.connect)
	}
}

func (z *Zone) thaw() {
	z.state = zoneOnline
	for _, waiting := range z.frozen {
		waiting.at = z.fleet.now
		z.fleet.schedule(waiting)
	}
	z.frozen = nil
}

func (z *Zone) enter() (leave func()) {
	z.fleet.look()
	z.fleet.mu.Lock()
	return z.fleet.mu.Unlock
}

// proxies returns those that are connected to the zone.
func (z *Zone) proxies() []*Proxy {
	var all []*Proxy
	for _, p := range z.fleet.proxies {
		if p.zone == z && p.connected {
			all = append(all, p)
		}
	}
	return all
}

// connect connects the zone to the global control plane, which gives it all that there is.
func (z *Zone) connect() {
	f := z.fleet
	for _, mesh := range f.cp.store.list("Mesh", "", nil) {
		z.meshes[mesh.name] = mesh
	}
	for _, secret := range f.cp.store.list("Secret", "", nil) {
		z.secrets[secret.key()] = secret
	}
	all := counts{sent: 1, acknowledged: 1}
	z.stream = zoneStream{id: f.uuid(), connected: f.now, updated: f.now, meshes: all, secrets: all}
	z.show()
}

// sync sends the zone something and lets it arrive, unless the zone hangs or is gone.
func (z *Zone) sync(c func(*zoneStream) *counts, least, most time.Duration, arrive func()) {
	f := z.fleet
	id := z.stream.id
	f.after(0, nil, func() {
		if z.state != zoneKilled && z.stream.id == id {
			c(&z.stream).sent++
			z.stream.updated = f.now
			z.show()
		}
	})
	f.after(f.between(least, most), z, func() {
		arrive()
		if z.stream.id == id {
			c(&z.stream).acknowledged++
			z.stream.updated = f.now
			z.show()
		}
	})
}

// show puts what is known of the zone where requests find it.
func (z *Zone) show() {
	f := z.fleet
	total := counts{}
	stat := map[string]any{}
	for _, name := range f.cp.zoneTypes() {
		c := counts{sent: 1, acknowledged: 1}
		switch name {
		case "Mesh":
			c = z.stream.meshes
		case "Secret":
			c = z.stream.secrets
		}
		stat[name] = c.describe()
		total.sent += c.sent
		total.acknowledged += c.acknowledged
	}
	subscription := map[string]any{
		"id": z.stream.id, "globalInstanceId": instanceID, "zoneInstanceId": z.instance(), "config": "{}",
		"connectTime": timestamp(z.stream.connected),
		"status":      map[string]any{"lastUpdateTime": timestamp(z.stream.updated), "total": total.describe(), "stat": stat},
		"version": map[string]any{"kumaCp": map[string]any{
			"version": f.cp.release.version, "gitTag": "unknown", "gitCommit": "unknown", "buildDate": "unknown", "kumaCpGlobalCompatible": true,
		}},
	}
	if beats := int(f.now.Sub(z.stream.connected) / heartbeat); beats > 0 {
		subscription["generation"] = beats
	}
	if !z.stream.disconnected.IsZero() {
		subscription["disconnectTime"] = timestamp(z.stream.disconnected)
	}
	opened := map[string]any{"globalInstanceId": instanceID, "connectTime": timestamp(z.stream.connected)}
	f.show(&resource{kind: f.cp.typeOf("ZoneInsight"), name: z.name, content: mustMarshal(map[string]any{
		"subscriptions": []any{subscription},
		"envoyAdminStreams": map[string]any{
			"configDumpGlobalInstanceId": instanceID, "statsGlobalInstanceId": instanceID, "clustersGlobalInstanceId": instanceID,
		},
		"kdsStreams": map[string]any{
			"clusters": opened, "configDump": opened, "stats": opened, "globalToZone": opened, "zoneToGlobal": opened,
		},
	})})
}

// zoneTypes returns the types of resources that a global control plane sends to its zones.
func (cp *ControlPlane) zoneTypes() []string {
	names := []string{"Config"}
	for _, t := range cp.types {
		switch t.name {
		case "Secret", "GlobalSecret", "MeshService", "MeshZoneAddress", "ZoneIngress":
			names = append(names, t.name)
		default:
			if t.is(synced) {
				names = append(names, t.name)
			}
		}
	}
	return names
}
