package rollout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

var put = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return put.Add(time.Duration(seconds) * time.Second) }

// before is a proxy as it was just before a write, and has is one that has what
// was written.
func before() kuma.Dataplane {
	return kuma.Dataplane{
		Name: "dp", Zone: "east", Online: true, Subscription: "s1", Connected: at(-3600), LastUpdate: at(-3600),
		Total: kuma.Responses{Sent: 8, Acknowledged: 8}, Secrets: kuma.Responses{Sent: 2, Acknowledged: 2},
		Certificate: &kuma.DataplaneCertificate{Issued: at(-3600), Backend: "ca-1"},
	}
}

func has() kuma.Dataplane {
	d := before()
	d.LastUpdate = at(3)
	d.Total, d.Secrets = kuma.Responses{Sent: 10, Acknowledged: 10}, kuma.Responses{Sent: 4, Acknowledged: 4}
	d.Certificate = &kuma.DataplaneCertificate{Issued: at(1), Backend: "ca-1"}
	return d
}

func follow(before ...kuma.Dataplane) *Proxies {
	p := &Proxies{Timing: NewTiming(kuma.Settings{StoreCache: time.Second, ProxyRefresh: time.Second, StatusFlush: 10 * time.Second})}
	p.Begin(put, put, View{Proxies: before})
	return p
}

// Each condition of the proof alone keeps a proxy from counting as done.
func TestProxies_proof(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(before, now *kuma.Dataplane)
		want   string // "" is done
	}{
		"done":                          {func(_, _ *kuma.Dataplane) {}, ""},
		"no certificate known":          {func(_, now *kuma.Dataplane) { now.Certificate = nil }, "does not report its certificate"},
		"certificate of before":         {func(b, now *kuma.Dataplane) { now.Certificate.Issued = b.Certificate.Issued }, "before the change"},
		"just before, on another clock": {func(_, now *kuma.Dataplane) { now.Certificate.Issued = at(-5) }, ""},
		"long before, and changed":      {func(_, now *kuma.Dataplane) { now.Certificate.Issued = at(-60) }, "before the change"},
		"not shown since":               {func(_, now *kuma.Dataplane) { now.LastUpdate = put }, "does not report yet"},
		"messages on their way":         {func(_, now *kuma.Dataplane) { now.Total.Sent++ }, "10 of 11 messages"},
		"secrets not acknowledged":      {func(_, now *kuma.Dataplane) { now.Secrets = kuma.Responses{Sent: 2, Acknowledged: 2} }, "not acknowledged its new"},
		"rejected": {func(_, now *kuma.Dataplane) {
			now.Secrets.Rejected, now.Total.Rejected, now.Total.Acknowledged = 2, 2, 8
		}, "rejects"},
		"rejected before the write": {func(b, now *kuma.Dataplane) {
			b.Secrets.Rejected, now.Secrets.Rejected = 2, 2
			now.Total.Rejected, now.Total.Sent = 2, 12
		}, ""},
		"reconnected at once": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Connected, now.Secrets = "s2", at(1), kuma.Responses{Sent: 1, Acknowledged: 1}
		}, ""},
		"reconnected at once, nothing yet": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Connected, now.Secrets = "s2", at(1), kuma.Responses{}
		}, "not acknowledged its new"},
		"reconnected, rejects": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Connected, now.Secrets = "s2", at(14), kuma.Responses{Sent: 2, Acknowledged: 0, Rejected: 1}
		}, "rejects"},
		"reconnected just now": {func(_, now *kuma.Dataplane) {
			now.Subscription, now.Connected, now.Certificate, now.Secrets = "s2", at(14), nil, kuma.Responses{}
		}, "no connection has lasted"},
		"connected for the first time just now": {func(b, now *kuma.Dataplane) {
			*b = kuma.Dataplane{Name: "dp", Zone: "east"}
			now.Subscription, now.Connected, now.Certificate, now.Secrets = "s2", at(14), nil, kuma.Responses{}
		}, ""},
		"never connected":            {func(b, now *kuma.Dataplane) { *b = kuma.Dataplane{Name: "dp"}; *now = *b }, ""},
		"certificate of an identity": {func(b, now *kuma.Dataplane) { *now = *b; now.Certificate.Backend = "kri_mid_m_z__i_" }, ""},
		"another proxy of that name": {func(_, now *kuma.Dataplane) { now.Zone, now.Secrets = "west", kuma.Responses{Sent: 1, Acknowledged: 1} }, ""},
		"lost":                       {func(_, now *kuma.Dataplane) { now.Online, now.Disconnected, now.Certificate = false, at(2), nil }, "it disconnected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, now := before(), has()
			test.change(&was, &now)
			pending := follow(was).Observe(at(15), []kuma.Dataplane{now})
			switch {
			case test.want == "" && len(pending) > 0:
				t.Errorf("it is waited for: %s", pending[0].Why)
			case test.want != "" && (len(pending) != 1 || !strings.Contains(pending[0].Why, test.want)):
				t.Errorf("got %+v", pending)
			}
		})
	}
}

// Where a write is timed by another clock than a certificate, the time alone proves nothing.
func TestProxies_twoClocks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(before, now *kuma.Dataplane)
		done   bool
	}{
		"changed":                            {func(_, _ *kuma.Dataplane) {}, true},
		"changed, by a clock that is behind": {func(_, now *kuma.Dataplane) { now.Certificate.Issued = at(-5) }, true},
		"the same, by a clock that is ahead": {func(b, now *kuma.Dataplane) { b.Certificate.Issued = now.Certificate.Issued }, false},
		"not known before":                   {func(b, _ *kuma.Dataplane) { b.Certificate = nil }, true},
		"long before":                        {func(b, now *kuma.Dataplane) { b.Certificate, now.Certificate.Issued = nil, at(-60) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, now := before(), has()
			test.change(&was, &now)
			proxies := follow(was)
			proxies.TwoClocks = true
			if pending := proxies.Observe(at(15), []kuma.Dataplane{now}); (len(pending) == 0) != test.done {
				t.Errorf("got %+v", pending)
			}
		})
	}
}

// What a MeshIdentity has issued is proved by its own rules.
func TestProxies_identity(t *testing.T) {
	t.Parallel()
	const kri = "kri_mid_m_east__i_"
	for name, test := range map[string]struct {
		change func(before, now *kuma.Dataplane)
		want   string // "" is done
	}{
		"done":                     {func(_, _ *kuma.Dataplane) {}, ""},
		"at a global":              {func(_, now *kuma.Dataplane) { now.Certificate.Backend = "kri_mid_m___i_" }, ""},
		"from another identity":    {func(_, now *kuma.Dataplane) { now.Certificate.Backend = "kri_mid_m_east__j_" }, ""},
		"from the backend":         {func(_, now *kuma.Dataplane) { now.Certificate.Backend = "ca-1" }, `is from "ca-1"`},
		"no certificate, selected": {func(_, now *kuma.Dataplane) { now.Certificate = nil }, "does not report its certificate"},
		"no certificate, not selected": {func(_, now *kuma.Dataplane) {
			now.Certificate, now.Labels = nil, map[string]string{"app": "db"}
		}, ""},
		"acknowledged more than was sent": {func(b, now *kuma.Dataplane) {
			b.Total.Acknowledged, now.Total.Acknowledged = b.Total.Acknowledged+2, now.Total.Acknowledged+3
		}, ""},
		"acknowledged more before": {func(b, now *kuma.Dataplane) {
			b.Total.Acknowledged += 2
			now.Total.Acknowledged++
		}, "messages"},
		"rejected, and acknowledged more": {func(_, now *kuma.Dataplane) {
			now.Secrets.Rejected, now.Secrets.Acknowledged = 1, now.Secrets.Acknowledged+3
			now.Total.Rejected, now.Total.Sent = 1, 11
		}, "rejects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, now := before(), has()
			was.Certificate.Backend, now.Certificate.Backend = kri, kri
			was.Labels, now.Labels = map[string]string{"app": "web"}, map[string]string{"app": "web"}
			test.change(&was, &now)
			p := follow(was)
			p.Issuer = Issuer{Mesh: "m", Identity: "i", Selects: true, Selector: map[string]string{"app": "web"}}
			var pending []Pending
			for _, second := range []int{15, 28} { // an acknowledgment after a rejection proves nothing
				pending = p.Observe(at(second), []kuma.Dataplane{now})
				now.Secrets.Acknowledged++
			}
			switch {
			case test.want == "" && len(pending) > 0:
				t.Errorf("it is waited for: %s", pending[0].Why)
			case test.want != "" && (len(pending) != 1 || !strings.Contains(pending[0].Why, test.want)):
				t.Errorf("got %+v", pending)
			}
		})
	}
}

// Responses of a connection can be counted from an earlier view.
func TestView_countingFrom(t *testing.T) {
	t.Parallel()
	earlier, later, other := before(), before(), before()
	later.Secrets.Acknowledged += 2
	later.Certificate = &kuma.DataplaneCertificate{Issued: at(-1)}
	other.Name, other.Subscription = "other", "s9"
	got := View{Proxies: []kuma.Dataplane{later, other}}.CountingFrom(View{Proxies: []kuma.Dataplane{earlier}}).Proxies
	if got[0].Secrets != earlier.Secrets || !got[0].Certificate.Issued.Equal(at(-1)) || got[1].Secrets != other.Secrets {
		t.Errorf("%+v", got)
	}
}

// A read shows a proxy at a moment; what came before decides what that means.
func TestProxies_history(t *testing.T) {
	t.Parallel()
	gone := func(since int) func(*kuma.Dataplane) {
		return func(d *kuma.Dataplane) {
			*d = before()
			d.Online, d.Disconnected, d.Certificate = false, at(since), nil
		}
	}
	back := func(since int) func(*kuma.Dataplane) {
		return func(d *kuma.Dataplane) {
			*d = before()
			d.Subscription, d.Connected, d.Certificate, d.Secrets = "s2", at(since), nil, kuma.Responses{}
		}
	}
	// flaps is connected since a second; what came over the connection before is given.
	flaps := func(now, ended int, acknowledged, rejected uint64) func(*kuma.Dataplane) {
		return func(d *kuma.Dataplane) {
			back(now - 1)(d)
			d.Subscription = fmt.Sprint("s", now)
			d.Ended = &kuma.EndedConnection{Connected: at(ended), Secrets: kuma.Responses{Acknowledged: acknowledged, Rejected: rejected}}
		}
	}
	secrets := func(acknowledged, rejected uint64) func(*kuma.Dataplane) {
		return func(d *kuma.Dataplane) {
			d.Secrets = kuma.Responses{Sent: acknowledged + rejected, Acknowledged: acknowledged, Rejected: rejected}
			d.Total = d.Secrets
		}
	}
	type moment struct {
		seconds int
		change  func(*kuma.Dataplane)
		want    string // "" is not waited for
		rejects bool
	}
	for name, test := range map[string]struct {
		start   func(*kuma.Dataplane)
		policy  bool // wait for disconnected ones
		moments []moment
	}{
		"lost in the midst, for good": {moments: []moment{
			{15, gone(3), "it disconnected", false}, {74, gone(3), "it disconnected", false}, {76, gone(3), "", false},
		}},
		"lost in the midst, waited for": {policy: true, moments: []moment{{15, gone(3), "it disconnected", false}, {99, gone(3), "it is disconnected", false}}},
		"lost in the midst, then back":  {moments: []moment{{15, gone(3), "it disconnected", false}, {40, back(39), "no connection has lasted", false}, {42, back(39), "", false}}},
		"back, and nothing comes":       {moments: []moment{{15, gone(3), "it disconnected", false}, {42, back(39), "", false}, {60, back(39), "does not report its certificate", false}}},
		"lost just before": {
			start: gone(-30), moments: []moment{{15, gone(-30), "it disconnected", false}, {61, gone(-30), "", false}},
		},
		"away for long":             {start: gone(-300), moments: []moment{{15, gone(-300), "", false}}},
		"away for long, waited for": {start: gone(-300), policy: true, moments: []moment{{15, gone(-300), "it is disconnected", false}}},
		"done, then lost":           {moments: []moment{{15, func(*kuma.Dataplane) {}, "", false}, {16, gone(15), "", false}}},
		"reconnects all the time, served": {moments: []moment{
			{15, flaps(15, 11, 1, 0), "no connection has lasted", false}, {16, flaps(16, 13, 1, 0), "", false}, {17, flaps(17, 13, 0, 0), "", false},
		}},
		"reconnects all the time, rejects": {moments: []moment{{15, flaps(15, 13, 1, 1), "no connection has lasted", false}}},
		"reconnects all the time, never served": {moments: []moment{
			{15, flaps(15, 13, 0, 0), "no connection has lasted", false}, {59, flaps(59, 57, 0, 0), "no connection has lasted", false}, {60, flaps(60, 58, 0, 0), "", false},
		}},
		"reconnects all the time, waited for": {policy: true, moments: []moment{{15, flaps(15, 13, 0, 0), "no connection", false}, {99, flaps(99, 97, 0, 0), "no connection", false}}},
		"reconnects, then stays": {moments: []moment{
			{15, flaps(15, 13, 0, 0), "no connection", false}, {17, flaps(15, 13, 0, 0), "", false}, {18, flaps(18, 14, 0, 0), "no connection", false},
		}},
		"served, then gone": {moments: []moment{
			{15, func(d *kuma.Dataplane) { flaps(15, 13, 1, 0)(d); d.Online, d.Disconnected = false, at(15) }, "", false},
		}},
		"rejects for half a minute": {moments: []moment{
			{15, secrets(2, 1), "rejects", false}, {25, secrets(2, 3), "rejects", false}, {44, secrets(2, 5), "rejects", false}, {45, secrets(2, 5), "rejects", true},
		}},
		"rejects once, then accepts": {moments: []moment{{15, secrets(2, 1), "rejects", false}, {25, secrets(3, 1), "", false}}},
		"rejects and accepts between two reads": {moments: []moment{
			{15, secrets(3, 1), "rejects", false}, {26, secrets(3, 1), "rejects", false}, {27, secrets(3, 1), "", false},
		}},
		"accepts and rejects between two reads": {moments: []moment{
			{15, secrets(3, 1), "rejects", false}, {25, secrets(3, 3), "rejects", false}, {35, secrets(3, 5), "rejects", false}, {45, secrets(3, 7), "rejects", true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was := before()
			if test.start != nil {
				test.start(&was)
			}
			p := follow(was)
			p.WaitForOffline = test.policy
			for _, moment := range test.moments {
				now := has()
				moment.change(&now)
				pending := p.Observe(at(moment.seconds), []kuma.Dataplane{now})
				switch {
				case moment.want == "" && len(pending) > 0:
					t.Fatalf("after %d s it is waited for: %s", moment.seconds, pending[0].Why)
				case moment.want != "" && (len(pending) != 1 || !strings.Contains(pending[0].Why, moment.want) || pending[0].Rejects != moment.rejects):
					t.Fatalf("after %d s: %+v", moment.seconds, pending)
				}
			}
		})
	}
}

// Who is away when a step passes has missed it, unless it is back before the
// next write.
func TestProxies_missed(t *testing.T) {
	t.Parallel()
	away := before()
	away.Online, away.Disconnected, away.Certificate = false, at(-300), nil
	for name, test := range map[string]struct {
		back int // seconds after the first write at which it connects again; the second is at 100
		want int
	}{
		"stays away":          {0, 1},
		"back in between":     {50, 0},
		"back after the next": {103, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := follow(away)
			if pending := p.Observe(at(15), []kuma.Dataplane{away}); len(pending) > 0 {
				t.Fatalf("%+v", pending)
			}
			p.Pass()
			later := away
			if test.back > 0 && test.back < 100 {
				later = before()
				later.Subscription, later.Connected = "s2", at(test.back)
			}
			p.Begin(at(100), at(100), View{Proxies: []kuma.Dataplane{later}})
			if test.back > 100 {
				later = before()
				later.Subscription, later.Connected = "s2", at(test.back)
			}
			p.Observe(at(115), []kuma.Dataplane{later})
			p.Pass()
			if missed := p.Missed(); len(missed) != test.want || test.want > 0 && (missed[0].Name != "dp" || !missed[0].Since.Equal(at(-300))) {
				t.Errorf("%+v", missed)
			}
		})
	}
}

// Who never stays connected for long enough is waited for in one step, not in each,
// and has missed them.
func TestProxies_neverServed(t *testing.T) {
	t.Parallel()
	p := follow(before())
	flapping := func(second int) []kuma.Dataplane {
		d := before()
		d.Subscription, d.Connected, d.Certificate, d.Secrets = fmt.Sprint("s", second), at(second), nil, kuma.Responses{}
		return []kuma.Dataplane{d}
	}
	for second := 15; second < 60; second++ {
		if len(p.Observe(at(second), flapping(second))) == 0 {
			t.Fatalf("it is done after %d s", second)
		}
	}
	if pending := p.Observe(at(60), flapping(60)); len(pending) > 0 {
		t.Fatalf("after a minute: %+v", pending)
	}
	p.Pass()
	p.Begin(at(70), at(70), View{Proxies: flapping(70)})
	if pending := p.Observe(at(85), flapping(85)); len(pending) > 0 {
		t.Errorf("it is waited for once more: %+v", pending)
	}
	p.Pass()
	if missed := p.Missed(); len(missed) != 1 || !missed[0].Since.Equal(put) {
		t.Errorf("%+v", missed)
	}
}

func TestPendingZones(t *testing.T) {
	t.Parallel()
	was := []kuma.Zone{{Name: "z", Online: true, Subscription: "a", Meshes: kuma.Responses{Sent: 3, Acknowledged: 3}}}
	for name, test := range map[string]struct {
		now  kuma.Zone
		want string
	}{
		"acknowledged":               {kuma.Zone{Name: "z", Online: true, Subscription: "a", Meshes: kuma.Responses{Sent: 4, Acknowledged: 4}}, ""},
		"not acknowledged":           {kuma.Zone{Name: "z", Online: true, Subscription: "a", Meshes: kuma.Responses{Sent: 4, Acknowledged: 3}}, "not acknowledged"},
		"not connected":              {kuma.Zone{Name: "z", Subscription: "a", Meshes: kuma.Responses{Sent: 4, Acknowledged: 4}}, "not connected"},
		"connected again":            {kuma.Zone{Name: "z", Online: true, Subscription: "b", Meshes: kuma.Responses{Sent: 1, Acknowledged: 1}}, ""},
		"connected again, no mesh":   {kuma.Zone{Name: "z", Online: true, Subscription: "b"}, "not acknowledged"},
		"connected for the 1st time": {kuma.Zone{Name: "new", Online: true, Subscription: "b", Meshes: kuma.Responses{Sent: 1, Acknowledged: 1}}, ""},
	} {
		pending := PendingZones(was, []kuma.Zone{test.now}, false)
		if test.want == "" && len(pending) > 0 || test.want != "" && (len(pending) != 1 || !strings.Contains(pending[0].Why, test.want)) {
			t.Errorf("%s: %+v", name, pending)
		}
	}
	was[0].Identities.Acknowledged = 5
	now := was[0]
	now.Meshes.Acknowledged++
	if pending := PendingZones(was, []kuma.Zone{now}, true); len(pending) != 1 || !strings.Contains(pending[0].Why, "MeshIdentity") {
		t.Errorf("a mesh counts as an identity: %+v", pending)
	}
	now.Identities.Acknowledged++
	if pending := PendingZones(was, []kuma.Zone{now}, true); len(pending) > 0 {
		t.Errorf("an identity was acknowledged: %+v", pending)
	}
}

// With Kuma's defaults the times are those that were measured to be enough.
func TestNewTiming(t *testing.T) {
	t.Parallel()
	settings := kuma.Settings{StoreCache: time.Second, ProxyRefresh: time.Second, StatusFlush: 10 * time.Second, ZoneRefresh: time.Second, ZoneFlush: 10 * time.Second}
	if got, want := NewTiming(settings), (Timing{2 * time.Second, 3 * time.Second, 15 * time.Second, 12 * time.Second, 3 * time.Second, 11 * time.Second}); got != want {
		t.Errorf("zone: %+v", got)
	}
	settings.Global = true
	if got, want := NewTiming(settings), (Timing{3 * time.Second, 8 * time.Second, 20 * time.Second, 13 * time.Second, 3 * time.Second, 15 * time.Second}); got != want {
		t.Errorf("global: %+v", got)
	}
	settings.StoreCache, settings.ZoneRefresh = 30*time.Second, 40*time.Second
	if got, want := NewTiming(settings), (Timing{42 * time.Second, 76 * time.Second, 88 * time.Second, 81 * time.Second, 3 * time.Second, 15 * time.Second}); got != want {
		t.Errorf("slow: %+v", got)
	}
}
