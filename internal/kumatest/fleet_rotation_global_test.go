package kumatest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestRotationGlobal is a switch at a global control plane: proxies of a zone get it later, and it is told later.
func TestRotationGlobal(t *testing.T) {
	var toProxy, upwards sample
	for seed := range uint64(25) {
		r := newRotation(t, 2, kumatest.Global(), kumatest.Seed(seed))
		r.pass(time.Duration(seed) * 400 * time.Millisecond)
		all := r.Proxies("m")
		before := map[*kumatest.Proxy]kumatest.Holding{}
		shown := map[*kumatest.Proxy]time.Time{}
		for _, p := range all {
			before[p] = p.Holds()
			shown[p] = r.see(p).MTLS.Made
		}
		r.putPair("second", r.b, r.b, r.a)
		r.pass(3 * time.Second)
		put := r.clock.Now()
		r.putMesh("second")
		held := map[*kumatest.Proxy]bool{}
		r.Watch(func(now time.Time) {
			for _, p := range all {
				if !held[p] && !p.Holds().Identity.Equal(before[p].Identity) {
					held[p] = true
					toProxy = append(toProxy, now.Sub(put))
				}
				if s := r.see(p); s.MTLS.Made.After(shown[p]) {
					flushes := s.Subscriptions[0].ConnectTime
					for !flushes.After(s.MTLS.Made) {
						flushes = flushes.Add(10 * time.Second)
					}
					upwards = append(upwards, now.Sub(flushes))
					shown[p] = s.MTLS.Made
				}
			}
		})
		r.pass(25 * time.Second)
		r.allMustHold(r.b, r.b, r.a)
	}
	toProxy.within(t, "put to proxy", 250*time.Millisecond, 4*time.Second, 2650*time.Millisecond)
	upwards.within(t, "flush in the zone to global", 100*time.Millisecond, 3900*time.Millisecond, 0)
}

// TestRotationGlobalNames is how a zone's proxies are named at a global control plane.
func TestRotationGlobalNames(t *testing.T) {
	r := newRotation(t, 1, kumatest.Global())
	p := r.Proxies("m")[0]
	if p.Name() != "dp-1" || len(p.Resource()) != len("dp-1-v4254cwdwfbwb4fx") {
		t.Errorf("names %q and %q", p.Name(), p.Resource())
	}
	r.Connect("m", "dp-1", kumatest.InZone("east"))
	list := do(t, r.ControlPlane, "GET", "/meshes/m/dataplanes/_overview?filter[labels.kuma.io/display-name]=dp-1", nil, http.StatusOK)
	if got := names(t, list); len(got) != 2 || got[0] == got[1] {
		t.Errorf("two zones: %q", got)
	}
}

// A zoneSeen is what the overview says of a zone.
type zoneSeen struct {
	Subscriptions []zoneSubscription
}

type zoneSubscription struct {
	DisconnectTime string
	Status         struct {
		Stat map[string]struct {
			Sent         int `json:"responsesSent,string"`
			Acknowledged int `json:"responsesAcknowledged,string"`
		}
	}
}

func (s zoneSeen) last() zoneSubscription { return s.Subscriptions[len(s.Subscriptions)-1] }

func (r *rotation) seeZone(name string) zoneSeen {
	r.t.Helper()
	var overview struct{ ZoneInsight zoneSeen }
	if err := json.Unmarshal(do(r.t, r.ControlPlane, "GET", "/zones/"+name+"/_overview", nil, http.StatusOK), &overview); err != nil {
		r.t.Fatal(err)
	}
	return overview.ZoneInsight
}

// TestRotationZoneCutOff has a zone that hangs, goes on, is killed and started again. All the while the global control
// plane takes its proxies for online.
func TestRotationZoneCutOff(t *testing.T) {
	r := newRotation(t, 2, kumatest.Global())
	online := func(when string) {
		t.Helper()
		for _, p := range r.Proxies("m") {
			if !r.see(p).online() {
				t.Errorf("%s: %s is shown as offline", when, p.Name())
			}
		}
	}
	zone := r.Zone("zone-1")
	zone.Hang(true)
	r.putPair("second", r.b, r.b, r.a)
	r.pass(time.Second)
	r.putMesh("second")
	r.pass(5 * time.Second)
	r.touch() // waits behind the one that is not acknowledged
	r.pass(9 * time.Second)
	r.allMustHold(r.a, r.a)
	online("hanging")
	s := r.seeZone("zone-1").last()
	if mesh := s.Status.Stat["Mesh"]; mesh.Sent != mesh.Acknowledged+1 || s.DisconnectTime != "" {
		t.Errorf("hanging: %+v", s)
	}
	zone.Hang(false)
	r.pass(20 * time.Second)
	r.allMustHold(r.b, r.b, r.a)
	if mesh := r.seeZone("zone-1").last().Status.Stat["Mesh"]; mesh.Sent != mesh.Acknowledged || mesh.Sent != s.Status.Stat["Mesh"].Sent+1 {
		t.Errorf("going on: %+v", mesh)
	}

	zone.Hang(true)
	r.pass(31 * time.Second)
	online("hanging for long")
	if s := r.seeZone("zone-1").last(); s.DisconnectTime == "" {
		t.Errorf("hanging for long: %+v", s)
	}
	r.switchTo("again", r.b, r.b, r.a)
	zone.Hang(false)
	r.pass(15 * time.Second)
	if s := r.seeZone("zone-1"); s.last().DisconnectTime != "" || len(s.Subscriptions) != 2 {
		t.Errorf("going on after long: %+v", s)
	}

	zone.Kill()
	r.putPair("third", r.b, r.b)
	r.pass(3 * time.Second)
	r.putMesh("third")
	r.pass(25 * time.Second)
	r.allMustHold(r.b, r.b, r.a)
	online("killed")
	if s := r.seeZone("zone-1").last(); s.DisconnectTime == "" {
		t.Errorf("killed: %+v", s)
	}
	zone.Start()
	r.pass(9 * time.Second)
	if s := r.seeZone("zone-1").last(); s.DisconnectTime == "" {
		t.Errorf("started 9 s ago: %+v", s)
	}
	r.pass(11 * time.Second)
	r.allMustHold(r.b, r.b)
	online("started")
	if s := r.seeZone("zone-1").last(); s.DisconnectTime != "" {
		t.Errorf("started: %+v", s)
	}
}

// TestRotationGlobalAtOnce puts other content under the same names at a global control plane, and the mesh at once:
// a zone may get the mesh first.
func TestRotationGlobalAtOnce(t *testing.T) {
	run := func(wait time.Duration) (stale int) {
		for seed := range uint64(20) {
			r := newRotation(t, 2, kumatest.Global(), kumatest.Seed(seed))
			r.pass(time.Duration(seed) * 170 * time.Millisecond) // the global control plane has a phase of its own
			r.putPair("first", r.b, r.b, r.a)
			r.pass(wait)
			r.backend["mode"] = "PERMISSIVE"
			if wait == 0 {
				r.pass(time.Millisecond)
			}
			r.putMesh("first")
			r.pass(30 * time.Second)
			for _, p := range r.Proxies("m") {
				if p.Holds().Identity.CheckSignatureFrom(r.b.cert) != nil {
					stale++
					break
				}
			}
		}
		return stale
	}
	if stale := run(0); stale == 0 || stale == 20 {
		t.Errorf("at once: %d of 20 rounds left proxies with the old CA; measured were 1 of 2", stale)
	}
	if stale := run(1300 * time.Millisecond); stale != 0 {
		t.Errorf("1.3 s later: %d of 20 rounds left proxies with the old CA; measured were 0 of 2", stale)
	}
}
