package kumatest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestRotationNobodyNotices goes to another CA by new names, trust first: no handshake is ever refused.
func TestRotationNobodyNotices(t *testing.T) {
	for seed := range uint64(5) {
		r := newRotation(t, 5, kumatest.Seed(seed))
		tried, refused := r.refused()
		for _, step := range []struct {
			pair  string
			key   *authority
			chain []*authority
		}{
			{"trust", r.a, []*authority{r.a, r.b}},
			{"issue", r.b, []*authority{r.b, r.a}},
			{"drop", r.b, []*authority{r.b}},
		} {
			r.putPair(step.pair, step.key, step.chain...)
			r.pass(2 * time.Second)
			r.putMesh(step.pair)
			r.After(time.Duration(seed)*300*time.Millisecond, r.Proxies("m")[1].Reconnect)
			r.pass(15 * time.Second)
			r.allMustHold(step.key, step.chain...)
		}
		if *tried < 100 || *refused != 0 {
			t.Errorf("seed %d: %d of %d handshakes refused", seed, *refused, *tried)
		}
	}
}

// TestRotationDirectSwitch goes to another CA in one step: while the proxies are switched they refuse one another.
func TestRotationDirectSwitch(t *testing.T) {
	r := newRotation(t, 3)
	r.putPair("second", r.b, r.b)
	r.pass(2 * time.Second)
	ways := map[string]bool{}
	var first, last time.Time
	r.Watch(func(now time.Time) {
		for _, refusal := range r.Refusals("m") {
			ways[refusal.By+" refuses "+refusal.Of] = true
			last = now
			if first.IsZero() {
				first = now
			}
		}
	})
	r.putMesh("second")
	r.pass(15 * time.Second)
	if len(ways) != 6 {
		t.Errorf("of 6 directions refused were %v", ways)
	}
	if took := last.Sub(first); took > 1100*time.Millisecond {
		t.Errorf("refused for %s", took)
	}
	r.allMustHold(r.b, r.b)
	if left := r.Refusals("m"); len(left) > 0 {
		t.Errorf("still refused: %v", left)
	}
}

// TestRotationInPlace puts another CA under the old names, and the mesh not. Nothing happens until the certificates
// are renewed: then they are of a CA that nobody trusts, and the insight looks well.
func TestRotationInPlace(t *testing.T) {
	r := newRotation(t, 2)
	r.backend["dpCert"] = object{"rotation": object{"expiration": "1m"}}
	r.putMesh("first")
	r.pass(15 * time.Second)
	r.putPair("first", r.b, r.b, r.a)
	var first time.Time
	r.Watch(func(now time.Time) {
		if first.IsZero() && len(r.Refusals("m")) > 0 {
			first = now
		}
	})
	put := r.clock.Now()
	r.pass(20 * time.Second)
	if !first.IsZero() {
		t.Fatalf("refused %s after the secrets were put", first.Sub(put))
	}
	r.pass(60 * time.Second)
	r.allMustHold(r.b, r.a)
	if got := len(r.Refusals("m")); got != 2 {
		t.Errorf("%d directions refused, want 2", got)
	}
	for _, p := range r.Proxies("m") {
		if s := r.see(p); !s.online() || s.MTLS.Made.Before(put) || s.Subscriptions[0].Status.Total.Rejected != 0 {
			t.Errorf("the overview shows that something is wrong: %+v", s)
		}
	}
	r.backend["mode"] = "PERMISSIVE"
	r.putMesh("first")
	r.pass(5 * time.Second)
	r.allMustHold(r.b, r.b, r.a)
	if left := r.Refusals("m"); len(left) > 0 {
		t.Errorf("refused after mtls was changed: %v", left)
	}
}

// TestRotationInPlaceAtOnce puts another CA under the old names, and the mesh right after. When the old one was read
// within the second before, it reaches some of the proxies again, and stays.
func TestRotationInPlaceAtOnce(t *testing.T) {
	const rounds = 20
	run := func(wait time.Duration) (stale int) {
		for seed := range uint64(rounds) {
			r := newRotation(t, 4, kumatest.Seed(seed))
			r.touch() // reads the pair
			r.pass(wait)
			r.putPair("first", r.b, r.b, r.a)
			put := r.clock.Now()
			r.backend["mode"] = "PERMISSIVE"
			r.putMesh("first")
			r.pass(15 * time.Second)
			old := 0
			for _, p := range r.Proxies("m") {
				if p.Holds().Identity.CheckSignatureFrom(r.b.cert) != nil {
					old++
				}
				if s := r.see(p); !s.MTLS.Made.After(put) {
					t.Errorf("%s was not issued to after the put", p.Name())
				}
			}
			if old > 0 {
				stale++
			}
		}
		return stale
	}
	if stale := run(0); stale < rounds/3 || stale == rounds {
		t.Errorf("pair just read: %d of %d rounds left proxies with the old CA; measured were 4 of 6", stale, rounds)
	}
	if stale := run(5 * time.Second); stale != 0 {
		t.Errorf("pair not read before: %d of %d rounds left proxies with the old CA", stale, rounds)
	}
}

// TestRotationTwoPuts changes chain and key one after the other in place: in between nobody can be issued to.
func TestRotationTwoPuts(t *testing.T) {
	r := newRotation(t, 3)
	all := r.Proxies("m")
	putSecret(t, r.ControlPlane, "m", "first-cert", r.b.pem)
	r.pass(5 * time.Second)
	r.backend["mode"] = "PERMISSIVE"
	mustContain(t, do(t, r.ControlPlane, "PUT", "/meshes/m", r.mesh(), http.StatusBadRequest), "mtls.backends[0].conf.cert")
	before := all[2].Holds().Identity
	all[2].Reconnect()
	fresh := r.Connect("m", "new")
	r.pass(26 * time.Second)
	if tried, refused := r.Handshakes("m"); tried != 6 || len(refused) != 0 {
		t.Errorf("the proxies that were there: %d handshakes, refused %v", tried, refused)
	}
	if !all[2].Holds().Identity.Equal(before) {
		t.Error("the one that reconnected has lost what it had")
	}
	for _, p := range []*kumatest.Proxy{all[2], fresh} {
		s := r.see(p)
		last := s.Subscriptions[len(s.Subscriptions)-1]
		if p == fresh && p.Holds().Identity != nil || !s.online() || s.MTLS != nil || last.Status.Total.Sent != 0 {
			t.Errorf("%s can't be issued to, and is shown as %+v", p.Name(), s)
		}
	}
	putSecret(t, r.ControlPlane, "m", "first-key", r.b.key)
	right := r.clock.Now()
	var served time.Duration
	r.Watch(func(now time.Time) {
		if served == 0 && fresh.Holds().Identity != nil {
			served = now.Sub(right)
		}
	})
	r.pass(time.Minute)
	r.mustHold(fresh, r.b, r.b)
	r.mustHold(all[0], r.a, r.a)
	if served < 200*time.Millisecond || served > 30*time.Second {
		t.Errorf("served %s after the key was right; measured were 3 to 18.7 s", served)
	}
}

// TestRotationLimiter has twelve new proxies and a key that does not fit for 10 s.
func TestRotationLimiter(t *testing.T) {
	for _, test := range []struct {
		version     string
		proxies     int
		least, most time.Duration
	}{
		{"2.14.3", 12, 285 * time.Second, 302 * time.Second},
		{"2.14.3", 9, 0, 15 * time.Second},
		{"2.7.29", 12, 0, 2 * time.Second},
	} {
		t.Run(fmt.Sprintf("%s with %d proxies", test.version, test.proxies), func(t *testing.T) {
			r := newRotation(t, 1, kumatest.Version(test.version))
			putSecret(t, r.ControlPlane, "m", "first-key", r.b.key)
			r.pass(2 * time.Second)
			for i := range test.proxies {
				r.Connect("m", fmt.Sprintf("new-%d", i))
			}
			r.pass(10 * time.Second)
			putSecret(t, r.ControlPlane, "m", "first-key", r.a.key)
			right := r.clock.Now()
			var first time.Duration
			r.Watch(func(now time.Time) {
				for _, p := range r.Proxies("m")[1:] {
					if first == 0 && p.Holds().Identity != nil {
						first = now.Sub(right)
					}
				}
			})
			r.pass(10 * time.Minute)
			if first < test.least || first > test.most || first == 0 {
				t.Errorf("first certificate %s after the right key, want %s to %s", first, test.least, test.most)
			}
			r.allMustHold(r.a, r.a)
		})
	}
}

// TestRotationDeleteAtOnce deletes the old pair after the switch, while proxies reconnect: at once, or 5 s later.
func TestRotationDeleteAtOnce(t *testing.T) {
	run := func(seed uint64, proxies int, wait, moment time.Duration) (latest time.Duration) {
		r := newRotation(t, proxies+1, kumatest.Seed(seed))
		r.putPair("second", r.b, r.b, r.a)
		r.pass(2 * time.Second)
		r.putMesh("second")
		r.pass(wait)
		r.deletePair("first")
		r.pass(moment)
		start := r.clock.Now()
		before := map[*kumatest.Proxy]kumatest.Holding{}
		for i, p := range r.Proxies("m") {
			if i > 0 {
				before[p] = p.Holds()
				p.Reconnect()
			}
		}
		r.Watch(func(now time.Time) {
			for p, had := range before {
				if !p.Holds().Identity.Equal(had.Identity) {
					delete(before, p)
					latest = now.Sub(start)
				}
			}
		})
		r.pass(10 * time.Minute)
		r.allMustHold(r.b, r.b, r.a)
		return latest
	}
	late := 0
	for seed := range uint64(16) {
		switch latest := run(seed, 1, 0, time.Duration(seed)*60*time.Millisecond); {
		case latest >= 3*time.Second && latest <= 8*time.Second:
			late++
		case latest > 2*time.Second:
			t.Errorf("seed %d: served after %s", seed, latest)
		}
	}
	if late == 0 || late == 16 {
		t.Errorf("deleted at once: the proxy was put off in %d of 16 rounds; measured were 4 of 8", late)
	}
	stopped := 0
	for seed := range uint64(6) {
		if latest := run(seed, 12, 0, 0); latest > 4*time.Minute {
			stopped++
		}
		if latest := run(seed, 12, 5*time.Second, 0); latest > 2*time.Second {
			t.Errorf("seed %d: deleted 5 s later, served after %s", seed, latest)
		}
	}
	if stopped == 0 {
		t.Error("deleted at once: twelve proxies that reconnect never stopped the issuance")
	}
}

// TestRotationOffline has a proxy away during a whole rotation, which goes on serving with what it has.
func TestRotationOffline(t *testing.T) {
	r := newRotation(t, 3)
	tried, refused := r.refused()
	away, other := r.Proxies("m")[2], r.Proxies("m")[0]
	away.Disconnect()
	r.pass(3 * time.Second)
	if s := r.see(away); s.online() {
		t.Errorf("shown as online: %+v", s)
	}
	for i, chain := range [][]*authority{{r.a, r.b}, {r.b, r.a}, {r.b}} {
		r.putPair(fmt.Sprint("step-", i), chain[0], chain...)
		r.pass(2 * time.Second)
		r.putMesh(fmt.Sprint("step-", i))
		r.pass(15 * time.Second)
	}
	r.mustHold(away, r.a, r.a)
	if away.Accepts(other, r.clock.Now()) == nil || other.Accepts(away, r.clock.Now()) == nil {
		t.Error("the proxy that was away is accepted, or accepts")
	}
	away.Reconnect()
	r.pass(300 * time.Millisecond)
	r.mustHold(away, r.b, r.b)
	if away.Accepts(other, r.clock.Now()) != nil || other.Accepts(away, r.clock.Now()) != nil {
		t.Error("the proxy that came back is refused, or refuses")
	}
	if s := r.see(away); len(s.Subscriptions) != 2 || !s.online() || s.MTLS != nil {
		t.Errorf("right after it came back it is shown as %+v", s)
	}
	r.pass(10 * time.Second)
	if s := r.see(away); s.MTLS == nil || s.MTLS.Regenerations != 1 {
		t.Errorf("10 s after it came back it is shown as %+v", s)
	}
	for range 3 {
		away.Reconnect()
		r.pass(15 * time.Second)
		if s := r.see(away); len(s.Subscriptions) != 2 {
			t.Errorf("%d subscriptions, 2 are kept", len(s.Subscriptions))
		}
	}
	if *tried == 0 || *refused == 0 {
		t.Errorf("%d of %d handshakes refused: the one that came back must have been for a moment", *refused, *tried)
	}
}

// TestRotationReject has a proxy that refuses its secrets.
func TestRotationReject(t *testing.T) {
	r := newRotation(t, 2)
	p := r.Proxies("m")[0]
	before := r.see(p)
	p.Reject(true)
	r.putPair("second", r.a, r.a, r.b)
	r.pass(2 * time.Second)
	r.putMesh("second")
	r.pass(25 * time.Second)
	s := r.see(p)
	total := s.Subscriptions[0].Status.Total
	if !s.MTLS.Made.After(before.MTLS.Made) || total.Acknowledged != before.Subscriptions[0].Status.Total.Acknowledged {
		t.Errorf("shown as %+v", s)
	}
	if total.Rejected < 3 || total.Rejected > 5 || total.Sent != total.Acknowledged+total.Rejected {
		t.Errorf("25 s after the put: %+v", total)
	}
	r.pass(10 * time.Second)
	if more := r.see(p).Subscriptions[0].Status.Total.Rejected; more != total.Rejected+2 {
		t.Errorf("10 s later %d refused, after %d", more, total.Rejected)
	}
	r.mustHold(p, r.a, r.a)
	p.Reject(false)
	r.pass(15 * time.Second)
	r.mustHold(p, r.a, r.a, r.b)
	if got := r.see(p).Subscriptions[0].Status.Total; got.Acknowledged != total.Acknowledged+1 {
		t.Errorf("after it accepts again: %+v", got)
	}
}

// TestRotationHang has a proxy that does not read what it is sent.
func TestRotationHang(t *testing.T) {
	r := newRotation(t, 2)
	p := r.Proxies("m")[0]
	before := r.see(p)
	p.Hang(true)
	for range 2 {
		r.touch()
		r.pass(25 * time.Second)
		s := r.see(p)
		if total := s.Subscriptions[0].Status.Total; !s.online() || !s.MTLS.Made.After(before.MTLS.Made) || total.Sent != total.Acknowledged+1 {
			t.Errorf("shown as %+v", s)
		}
	}
	held := p.Holds().Identity
	p.Hang(false)
	r.pass(15 * time.Second)
	if total := r.see(p).Subscriptions[0].Status.Total; total.Sent != total.Acknowledged || p.Holds().Identity.Equal(held) {
		t.Errorf("after it goes on: %+v", total)
	}
}

// TestRotationExpiry lets identities and CAs come to their ends: that is looked at too.
func TestRotationExpiry(t *testing.T) {
	r := newRotation(t, 2)
	putSecret(t, r.ControlPlane, "m", "first-key", r.b.key) // no renewal succeeds
	r.pass(23 * time.Hour)
	if left := r.Refusals("m"); len(left) > 0 {
		t.Errorf("refused before the end: %v", left)
	}
	r.pass(2 * time.Hour)
	if left := r.Refusals("m"); len(left) != 2 {
		t.Errorf("refused after the end: %v", left)
	}
	p := r.Proxies("m")
	if err := p[0].Accepts(p[1], r.clock.Now().Add(-3*time.Hour)); err != nil {
		t.Errorf("as of an earlier time: %v", err)
	}
}
