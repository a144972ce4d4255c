package kumatest

import "time"

// This file has the connections of zones to a global control plane, and their failures.

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
	types        map[string]*sending
	open         bool
	reporting    bool // the insight is about to report a change
	told         bool // the insight shows it
}

// A sending has the resources of one type that were sent to a zone. More are sent only after it has acknowledged.
type sending struct {
	counts
	at     time.Time
	early  int // number of checks by which it is read earlier than others, because each type has its own cache
	behind bool
}

// Zone returns a zone of a global control plane, and connects it if it does not exist yet. InZone selects the zone of a
// proxy.
func (cp *ControlPlane) Zone(name string) *Zone {
	if !cp.global {
		panic("kumatest: only a global control plane has zones")
	}
	f := cp.fleet
	f.runDue()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.zone(name)
}

// Hang stops all actions of the zone, or resumes them. The global control plane shows it as online until a keepalive
// fails, after 16 to 30 s, and its proxies forever.
func (z *Zone) Hang(yes bool) {
	defer z.enter()()
	switch {
	case yes && z.state == zoneOnline:
		z.state = zoneHanging
		s := z.current()
		z.hanging++
		hanging := z.hanging
		z.fleet.after(z.fleet.between(keepaliveLeast, keepaliveMost), nil, func() {
			if s.open && z.state == zoneHanging && z.hanging == hanging {
				z.disconnect(true)
			}
		})
	case !yes && z.state == zoneHanging:
		z.thaw()
	}
}

// Kill ends the zone. The global control plane notices at once, but continues to show its proxies as online. They keep
// their material and do not connect to another zone.
func (z *Zone) Kill() {
	defer z.enter()()
	if z.state == zoneKilled {
		return
	}
	z.state, z.frozen = zoneKilled, nil
	for _, p := range z.proxies() {
		p.session++
	}
	z.disconnect(true)
}

// Start starts a killed zone again. Its proxies connect to it within a second.
func (z *Zone) Start() {
	defer z.enter()()
	if z.state != zoneKilled {
		return
	}
	z.state, z.frozen = zoneOnline, nil
	z.forget()
	z.connect()
	for _, p := range z.proxies() {
		p.current().disconnected = z.fleet.now
		p.within(0, startMost, p.connect)
	}
}

func (z *Zone) thaw() {
	z.state = zoneOnline
	for _, waiting := range z.frozen {
		waiting.at = z.fleet.now
		z.fleet.schedule(waiting)
	}
	z.frozen = nil
	if s := z.current(); !s.open {
		z.fleet.after(z.fleet.between(0, reconnectMost), z, func() {
			if z.current() == s {
				z.connect()
			}
		})
	}
}

func (z *Zone) enter() (leave func()) {
	z.fleet.runDue()
	z.fleet.mu.Lock()
	return z.fleet.mu.Unlock
}

// proxies returns the proxies that are connected to the zone.
func (z *Zone) proxies() []*Proxy {
	var all []*Proxy
	for _, p := range z.fleet.proxies {
		if p.zone == z && p.connected {
			all = append(all, p)
		}
	}
	return all
}

// forget deletes the state that a restart loses.
func (z *Zone) forget() {
	z.memory = newMemory()
	z.cache.empty()
	z.reconciler.restart(z.fleet.now)
}

// connect connects the zone to the global control plane, which sends it all resources.
func (z *Zone) connect() {
	f := z.fleet
	s := &zoneStream{id: f.uuid(), connected: f.now, updated: f.now, open: true, types: map[string]*sending{}}
	for _, name := range f.cp.zoneTypes() {
		s.types[name] = &sending{counts: counts{sent: 1, acknowledged: 1}}
	}
	s.types["Secret"].early = f.random.IntN(4) / 3
	z.streams = append(z.streams, s)
	z.streams = z.streams[max(0, len(z.streams)-zoneStreamsMost):]
	z.receiveAll()
	z.show()
	z.report(s)
	z.beat(s)
	for _, mesh := range f.cp.meshes() {
		z.notice(mesh.name)
	}
	for _, p := range f.proxies {
		if p.zone == z {
			f.after(f.between(syncedUpLeast, syncedUpMost), z, p.show)
		}
	}
}

// disconnect closes the connection. It is recorded at once, or when there is another one.
func (z *Zone) disconnect(noted bool) {
	s := z.current()
	s.open = false
	if noted {
		s.disconnected, s.told = z.fleet.now, true
		z.show()
	}
}

func (z *Zone) current() *zoneStream { return z.streams[len(z.streams)-1] }

// sync sends a write to the zone when the global control plane checks for changes. It arrives unless the zone hangs or
// is killed.
func (z *Zone) sync(kind string, arrive func()) {
	f, s := z.fleet, z.current()
	sent := z.untilSent(s, kind)
	f.after(sent, nil, func() { z.send(s, kind) })
	f.after(sent+f.between(sentLeast, sentMost), z, func() {
		if s.open {
			z.acknowledge(s, kind)
			arrive()
		}
	})
}

// untilSent returns the time until the global control plane notices a write. It checks at regular intervals since the
// zone connected, through a cache whose entry has mostly not quite expired after the same interval.
func (z *Zone) untilSent(s *zoneStream, kind string) time.Duration {
	every := z.fleet.cp.every
	gone, looks := z.fleet.now.Sub(s.connected), every.zoneRefresh
	if every.storeCache >= looks {
		gone += time.Duration(s.types[kind].early) * looks
		looks += every.storeCache / looks * looks
	}
	return untilNext(gone, looks)
}

func (z *Zone) send(s *zoneStream, kind string) {
	t := s.types[kind]
	switch {
	case !s.open || t.at.Equal(z.fleet.now):
	case t.sent > t.acknowledged:
		t.behind = true
	default:
		t.sent, t.at = t.sent+1, z.fleet.now
		z.changed(s)
	}
}

func (z *Zone) acknowledge(s *zoneStream, kind string) {
	t := s.types[kind]
	if t.sent == t.acknowledged {
		return
	}
	t.acknowledged++
	z.changed(s)
	if t.behind {
		t.behind = false
		z.send(s, kind)
		z.fleet.after(sentMost, z, func() {
			if s.open {
				z.acknowledge(s, kind)
			}
		})
	}
}

func (z *Zone) changed(s *zoneStream) {
	s.updated = z.fleet.now
	z.report(s)
}

// report schedules a report of what changed, at the next of the regular moments since the zone connected.
func (z *Zone) report(s *zoneStream) {
	if s.reporting {
		return
	}
	s.reporting = true
	z.fleet.after(untilNext(z.fleet.now.Sub(s.connected), z.fleet.cp.every.zoneFlush), nil, func() {
		s.reporting = false
		if !s.open {
			return
		}
		for _, earlier := range z.streams[:len(z.streams)-1] {
			if earlier.disconnected.IsZero() {
				earlier.disconnected = z.fleet.now
			}
		}
		s.told = true
		z.show()
	})
}

// beat increments the generation of a subscription.
func (z *Zone) beat(s *zoneStream) {
	z.fleet.after(heartbeat, nil, func() {
		if s.open {
			z.report(s)
			z.beat(s)
		}
	})
}

// describe returns the status of one connection.
func (z *Zone) describe(s *zoneStream) map[string]any {
	total := counts{}
	stat := map[string]any{}
	for name, c := range s.types {
		stat[name] = c.describe()
		total.sent += c.sent
		total.acknowledged += c.acknowledged
	}
	subscription := map[string]any{
		"id": s.id, "globalInstanceId": instanceID, "zoneInstanceId": z.instance(), "config": "{}",
		"connectTime": timestamp(s.connected),
		"status":      map[string]any{"lastUpdateTime": timestamp(s.updated), "total": total.describe(), "stat": stat},
		"version": map[string]any{"kumaCp": map[string]any{
			"version": z.fleet.cp.release.version, "gitTag": "unknown", "gitCommit": "unknown", "buildDate": "unknown", "kumaCpGlobalCompatible": true,
		}},
	}
	until := z.fleet.now
	if !s.disconnected.IsZero() {
		subscription["disconnectTime"] = timestamp(s.disconnected)
		until = s.disconnected
	}
	if beats := int(until.Sub(s.connected) / heartbeat); beats > 0 {
		subscription["generation"] = beats
	}
	return subscription
}

// show stores the status of the zone, so that requests find it. A connection is shown for the first time with the first
// regular report.
func (z *Zone) show() {
	f := z.fleet
	insight := map[string]any{}
	var subscriptions []any
	for _, s := range z.streams {
		if s.told {
			subscriptions = append(subscriptions, z.describe(s))
		}
	}
	if len(subscriptions) > 0 {
		insight["subscriptions"] = subscriptions
	}
	opened := map[string]any{"globalInstanceId": instanceID, "connectTime": timestamp(z.current().connected)}
	insight["kdsStreams"] = map[string]any{
		"clusters": opened, "configDump": opened, "stats": opened, "globalToZone": opened, "zoneToGlobal": opened,
	}
	insight["envoyAdminStreams"] = map[string]any{
		"configDumpGlobalInstanceId": instanceID, "statsGlobalInstanceId": instanceID, "clustersGlobalInstanceId": instanceID,
	}
	f.show(&resource{kind: f.cp.typeOf("ZoneInsight"), name: z.name, content: mustMarshal(insight)})
}

// zoneTypes returns the types of resources that a global control plane sends to its zones.
func (cp *ControlPlane) zoneTypes() []string {
	names := []string{"Config"}
	for _, t := range cp.types {
		if t.is(synced) || t.is(relayed) {
			names = append(names, t.name)
		}
	}
	return names
}
