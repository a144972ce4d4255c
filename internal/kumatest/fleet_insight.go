package kumatest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A subscription is one connection of a proxy.
type subscription struct {
	id           string
	connected    time.Time
	disconnected time.Time
	updated      time.Time
	total        counts
	cds          counts
	eds          counts
	lds          counts
	inbound      string // of the last listener
	outbound     string // of the last clusters
	secrets      string // names of those that the proxy has asked for
}

// A counts has the number of responses, and of their results.
type counts struct {
	sent, acknowledged, rejected int
}

// configure counts the responses besides the secrets, which a proxy gets when it connects and when its listener or its
// clusters change.
func (s *subscription) configure(c *setup, now time.Time) {
	var parts []*counts
	if s.lds.sent == 0 || s.outbound != c.outbound() {
		parts = append(parts, &s.cds, &s.eds)
	}
	if s.lds.sent == 0 || s.inbound != c.inbound() {
		parts = append(parts, &s.lds)
	}
	if len(parts) == 0 {
		return
	}
	s.inbound, s.outbound, s.updated = c.inbound(), c.outbound(), now
	for _, part := range parts {
		part.sent++
		part.acknowledged++
		s.total.sent++
		s.total.acknowledged++
	}
}

func (p *Proxy) current() *subscription { return p.subscriptions[len(p.subscriptions)-1] }

// subscribe begins a subscription. The control plane keeps two.
func (p *Proxy) subscribe() {
	now := p.fleet.now
	if n := len(p.subscriptions); n > 0 && p.current().disconnected.IsZero() {
		p.current().disconnected = now
	}
	s := &subscription{id: p.fleet.uuid(), connected: now, updated: now}
	p.subscriptions = append(p.subscriptions, s)
	p.subscriptions = p.subscriptions[max(0, len(p.subscriptions)-2):]
}

// uuid returns an identifier that depends only on the seed.
func (f *fleet) uuid() string {
	a, b := f.random.Uint64(), f.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// ask counts a change of the secrets that a proxy asks for. With state-of-the-world xDS, the control plane takes the request
// for another acknowledgement of its last response, so that it may count more of them than it has sent.
func (s *subscription) ask(names string, incremental bool) {
	if s.secrets != "" && s.secrets != names && !incremental {
		s.total.acknowledged++
	}
	s.secrets = names
}

// A telling is the status that was last reported.
type telling struct {
	content       string
	certificate   string // the reported certificate and what is trusted
	regenerations int
}

// flush reports the status of a proxy if it changed. On a global control plane, it arrives later.
func (p *Proxy) flush() {
	f := p.fleet
	content := string(p.describe())
	if content == p.told.content {
		return
	}
	p.told.content = content
	if f.cp.global {
		f.after(f.between(syncedUpLeast, syncedUpMost), p.zone, p.show)
		return
	}
	p.show()
}

// show stores the last reported status, unless the proxy was removed.
func (p *Proxy) show() {
	f := p.fleet
	if !slices.Contains(f.proxies, p) || p.told.content == "" || f.cp.global && !p.zone.current().open {
		return
	}
	r := &resource{kind: f.cp.typeOf("DataplaneInsight"), mesh: p.mesh, name: p.resource, content: json.RawMessage(p.told.content)}
	if f.cp.global {
		r.labels = map[string]string{displayLabel: p.name, originLabel: "zone", zoneLabel: p.zone.name}
	}
	f.show(r)
	f.outdate(p.mesh)
	p.zone.serviceDue(p.mesh)
}

func (p *Proxy) describe() json.RawMessage {
	type version struct {
		KumaDP map[string]any `json:"kumaDp"`
		Envoy  map[string]any `json:"envoy"`
	}
	release := p.fleet.cp.release.version
	dp := map[string]any{"version": release, "gitTag": "v" + release, "gitCommit": "none", "buildDate": "none"}
	envoy := map[string]any{"version": envoyVersion, "build": "fake/" + envoyVersion, "kumaDpCompatible": true}
	type described struct {
		ID           string         `json:"id"`
		ControlPlane string         `json:"controlPlaneInstanceId"`
		Connected    string         `json:"connectTime"`
		Disconnected string         `json:"disconnectTime,omitempty"`
		Status       map[string]any `json:"status"`
		Version      version        `json:"version"`
		Generation   int            `json:"generation,omitempty"`
	}
	var all struct {
		Subscriptions []described    `json:"subscriptions"`
		MTLS          map[string]any `json:"mTLS,omitempty"`
		Metadata      map[string]any `json:"metadata"`
	}
	compatible := map[string]any{"kumaCpCompatible": true, "version": release, "gitTag": "v" + release, "gitCommit": "none", "buildDate": "none"}
	instance := p.zone.instance()
	if p.skew != 0 {
		instance += "-of-another-clock"
	}
	for _, s := range p.subscriptions {
		one := described{
			ID: s.id, ControlPlane: instance, Connected: p.timestamp(s.connected), Version: version{compatible, envoy},
			Status: map[string]any{
				"lastUpdateTime": p.timestamp(s.updated),
				"total":          s.total.describe(), "cds": s.cds.describe(), "eds": s.eds.describe(), "lds": s.lds.describe(), "rds": counts{}.describe(),
			},
		}
		until := p.fleet.now
		if !s.disconnected.IsZero() {
			one.Disconnected = p.timestamp(s.disconnected)
			until = s.disconnected
		}
		one.Generation = int(until.Sub(s.connected) / heartbeat)
		all.Subscriptions = append(all.Subscriptions, one)
	}
	all.MTLS = p.describeMTLS()
	all.Metadata = map[string]any{"dataplane.proxyType": "dataplane", "version": version{dp, envoy}}
	return mustMarshal(all)
}

// describeMTLS returns the status of the last identity, and counts the reported ones.
func (p *Proxy) describeMTLS() map[string]any {
	i := p.issued
	if p.workload != nil {
		i = &issued{made: p.workload.made, expires: p.workload.expires, backend: p.workload.kri, supported: p.zone.trustsOf(p.mesh)}
	}
	if i == nil || p.claim != nil && !p.claim.told {
		p.told.certificate, p.told.regenerations = "", 0
		return nil
	}
	if certificate := fmt.Sprint(i.made, i.backend, i.supported); certificate != p.told.certificate {
		p.told.certificate = certificate
		p.told.regenerations++
	}
	described := map[string]any{
		"certificateExpirationTime":   p.timestamp(i.expires),
		"lastCertificateRegeneration": p.timestamp(i.made),
		"certificateRegenerations":    p.told.regenerations,
		"issuedBackend":               i.backend,
	}
	if len(i.supported) > 0 {
		described["supportedBackends"] = i.supported
	}
	return described
}

// trustsOf returns the identifiers of all trusts of a mesh. They are read from the store: a proxy may not have them yet,
// or have rejected them.
func (z *Zone) trustsOf(mesh string) []string {
	var all []string
	for _, trust := range z.listed("MeshTrust", mesh) {
		all = append(all, trust.kri())
	}
	slices.Sort(all)
	return all
}

// describe returns counts in the JSON form of protocol buffers: 64-bit numbers as strings, and no zero.
func (c counts) describe() map[string]string {
	described := map[string]string{}
	for name, n := range map[string]int{"responsesSent": c.sent, "responsesAcknowledged": c.acknowledged, "responsesRejected": c.rejected} {
		if n != 0 {
			described[name] = strconv.Itoa(n)
		}
	}
	return described
}

const envoyVersion = "1.37.0"

// timestamp formats a time by the clock of the instance that the proxy is connected to.
func (p *Proxy) timestamp(t time.Time) string { return timestamp(t.Add(p.skew)) }

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
