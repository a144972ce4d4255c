package kumatest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A sample is how long something took, over many rounds.
type sample []time.Duration

// within checks that a sample lies within what was measured, and that it makes use of it: a round that is always the
// same would let a client pass that relies on it.
func (s sample) within(t *testing.T, what string, least, most, median time.Duration) {
	t.Helper()
	slices.Sort(s)
	low, middle, high := s[0], s[len(s)/2], s[len(s)-1]
	t.Logf("%s: %s to %s, median %s", what, low, high, middle)
	if low < least || high > most {
		t.Errorf("%s: %s to %s, measured were %s to %s", what, low, high, least, most)
	}
	if spread := (most - least) / 2; high-low < spread {
		t.Errorf("%s: %s to %s is always the same", what, low, high)
	}
	if median != 0 && (middle < median*2/3 || middle > median*3/2) {
		t.Errorf("%s: median %s, measured was %s", what, middle, median)
	}
}

// TestRotationTimings is how long it takes from the put of a mesh to three proxies and to the overview.
func TestRotationTimings(t *testing.T) {
	var toProxy, spread, toOverview sample
	for seed := range uint64(25) {
		r := newRotation(t, 3, kumatest.Seed(seed))
		r.pass(time.Duration(seed) * 400 * time.Millisecond)
		had, held, told := map[string]seen{}, map[string]time.Duration{}, map[string]time.Duration{}
		identities := map[string]kumatest.Holding{}
		for _, p := range r.Proxies("m") {
			had[p.Name()], identities[p.Name()] = r.see(p), p.Holds()
		}
		r.putPair("second", r.b, r.b)
		r.pass(2 * time.Second)
		put := r.clock.Now()
		r.putMesh("second")
		r.Watch(func(now time.Time) {
			for _, p := range r.Proxies("m") {
				name := p.Name()
				if _, done := held[name]; !done && !p.Holds().Identity.Equal(identities[name].Identity) {
					held[name] = now.Sub(put)
				}
				if _, done := told[name]; !done && r.see(p).MTLS.Made.After(had[name].MTLS.Made) {
					told[name] = now.Sub(put)
				}
			}
		})
		r.pass(15 * time.Second)
		var ones sample
		for name := range held {
			ones = append(ones, held[name])
			toProxy, toOverview = append(toProxy, held[name]), append(toOverview, told[name])
		}
		spread = append(spread, slices.Max(ones)-slices.Min(ones))
	}
	toProxy.within(t, "put to proxy", 90*time.Millisecond, 2130*time.Millisecond, 1200*time.Millisecond)
	spread.within(t, "first to last proxy", 0, 1030*time.Millisecond, 0)
	// The flush has its own phase, so that nothing keeps it from coming at once; measured were 1.3 to 12.1 s.
	toOverview.within(t, "put to overview", 90*time.Millisecond, 12130*time.Millisecond, 5700*time.Millisecond)
}

// TestRotationConnecting is how long it takes from a connection to the first certificate, by release.
func TestRotationConnecting(t *testing.T) {
	for version, measured := range map[string]struct{ least, most time.Duration }{
		"2.7.29": {1040 * time.Millisecond, 1330 * time.Millisecond},
		"2.14.3": {70 * time.Millisecond, 330 * time.Millisecond},
	} {
		var served sample
		for seed := range uint64(25) {
			r := newRotation(t, 1, kumatest.Seed(seed), kumatest.Version(version))
			p, before := r.Proxies("m")[0], r.Proxies("m")[0].Holds().Identity
			p.Reconnect()
			connected := r.clock.Now()
			var at time.Duration
			r.Watch(func(now time.Time) {
				if at == 0 && !p.Holds().Identity.Equal(before) {
					at = now.Sub(connected)
				}
			})
			r.pass(2 * time.Second)
			served = append(served, at)
		}
		served.within(t, version, measured.least, measured.most, 0)
	}
}

// TestRotationManyProxies is the same for 200 proxies, to which two cores issue one after another.
func TestRotationManyProxies(t *testing.T) {
	r := newRotation(t, 200)
	r.putPair("second", r.b, r.b)
	r.pass(2 * time.Second)
	put := r.clock.Now()
	r.putMesh("second")
	r.pass(20 * time.Second)
	var made []time.Time
	for _, p := range r.Proxies("m") {
		made = append(made, r.see(p).MTLS.Made)
	}
	slices.SortFunc(made, time.Time.Compare)
	if spread := made[199].Sub(made[0]); made[0].Before(put) || spread < 7*time.Second || spread > 9*time.Second {
		t.Errorf("from the first to the last of 200 proxies %s; measured were 7.8 and 8.8 s", spread)
	}
	r.allMustHold(r.b, r.b)
}

// TestRotationConnection is when a proxy that connects and disconnects is served and told of.
func TestRotationConnection(t *testing.T) {
	for seed := range uint64(10) {
		r := newRotation(t, 2, kumatest.Seed(seed))
		start := r.clock.Now()
		p := r.Connect("m", "new")
		var served, told, gone, counted time.Duration
		r.Watch(func(now time.Time) {
			since := now.Sub(start)
			s := r.see(p)
			if served == 0 && p.Holds().Identity != nil {
				served = since
			}
			if told == 0 && s.MTLS != nil {
				told = since
			}
			if !s.online() && gone == 0 {
				gone = since
			}
			var insight struct{ Dataplanes struct{ Offline int } }
			if err := json.Unmarshal(do(t, r.ControlPlane, "GET", "/mesh-insights/m", nil, http.StatusOK), &insight); err != nil {
				t.Error(err)
			}
			if insight.Dataplanes.Offline == 1 && counted == 0 {
				counted = since
			}
			if now.Equal(start.Add(5*time.Second)) && (!s.online() || s.MTLS != nil) {
				t.Errorf("after 5 s it is told of as %+v", s)
			}
		})
		for range 3 {
			r.pass(5 * time.Second)
		}
		p.Disconnect()
		r.pass(5 * time.Second)
		if served < 70*time.Millisecond || served > 330*time.Millisecond {
			t.Errorf("served after %s", served)
		}
		if told != 10*time.Second {
			t.Errorf("certificate told of after %s", told)
		}
		if gone != 15*time.Second+100*time.Millisecond {
			t.Errorf("disconnection told of after %s", gone)
		}
		if counted < gone || counted > gone+1100*time.Millisecond {
			t.Errorf("disconnection counted after %s", counted)
		}
	}
}

// TestRotationJump lets the clock go in one jump and in small steps: the same happens at the same times.
func TestRotationJump(t *testing.T) {
	run := func(step time.Duration) (log []string) {
		r := newRotation(t, 3)
		r.backend["dpCert"] = object{"rotation": object{"expiration": "10m"}}
		r.putMesh("first")
		before := ""
		r.Watch(func(now time.Time) {
			entry := ""
			for _, p := range r.Proxies("m") {
				s := r.see(p)
				entry += fmt.Sprint(p.Holds().Identity.NotAfter.Unix(), s.MTLS.Made.UnixNano(), s.Subscriptions[0].Status, " ")
			}
			if entry != before {
				log = append(log, now.Format(time.RFC3339Nano)+" "+entry)
			}
			before = entry
		})
		for gone := time.Duration(0); gone < 40*time.Minute; gone += step {
			r.pass(step)
		}
		return log
	}
	jump, steps := run(40*time.Minute), run(12*time.Second)
	if len(jump) < 25 || !slices.Equal(jump, steps) {
		t.Errorf("%d changes in one jump, %d in steps", len(jump), len(steps))
	}
}

// TestRotationSeed gives other delays to other seeds, and the same ones to the same.
func TestRotationSeed(t *testing.T) {
	run := func(seed uint64) (log string) {
		r := newRotation(t, 3, kumatest.Seed(seed))
		r.touch()
		r.Watch(func(now time.Time) { log += now.String() })
		r.pass(20 * time.Second)
		return log
	}
	first := run(7)
	if again := run(7); again != first {
		t.Error("the same seed gives other times")
	}
	if run(8) == first {
		t.Error("another seed gives the same times")
	}
}

// TestRotationAfter does things in their place between all else, requests included.
func TestRotationAfter(t *testing.T) {
	r := newRotation(t, 1)
	p := r.Proxies("m")[0]
	start := r.clock.Now()
	r.After(10*time.Second, func() {
		p.Disconnect()
		r.touch()
	})
	r.After(20*time.Second, p.Reconnect)
	var offline []time.Duration
	r.Watch(func(now time.Time) {
		if !p.Connected() {
			offline = append(offline, now.Sub(start))
		}
	})
	r.pass(time.Minute)
	if len(offline) == 0 || offline[0] != 10*time.Second || offline[len(offline)-1] >= 20*time.Second {
		t.Errorf("offline at %v", offline)
	}
	var mesh struct{ ModificationTime time.Time }
	if err := json.Unmarshal(do(t, r.ControlPlane, "GET", "/meshes/m", nil, http.StatusOK), &mesh); err != nil {
		t.Fatal(err)
	}
	if got := mesh.ModificationTime.Sub(start); got != 10*time.Second {
		t.Errorf("the mesh was put after %s", got)
	}
}
