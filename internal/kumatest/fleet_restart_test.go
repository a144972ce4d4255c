package kumatest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// status sends a request over HTTP and returns the status of the answer, 0 when there is none.
func status(cp http.Handler, path string) (code int) {
	defer func() {
		if recover() != nil {
			code = 0
		}
	}()
	response := httptest.NewRecorder()
	cp.ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
	return response.Code
}

// TestRestart ends a control plane for 20 s in the midst of a switch to another pair.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options  []kumatest.RestartOption
		shown    bool // as online while it is down
		connects time.Duration
	}{
		"proxies come back":            {nil, false, time.Second},
		"proxies come back in a while": {[]kumatest.RestartOption{kumatest.ReconnectWithin(30 * time.Second)}, false, 30 * time.Second},
		"proxies stay away":            {[]kumatest.RestartOption{kumatest.StayAway()}, false, 0},
		"it is killed":                 {[]kumatest.RestartOption{kumatest.Killed()}, true, time.Second},
		"it is killed, they stay away": {[]kumatest.RestartOption{kumatest.Killed(), kumatest.StayAway()}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotation(t, 3)
			r.putPair("second", r.b, r.b, r.a)
			r.pass(2 * time.Second)
			r.putMesh("second")
			r.Restart(20*time.Second, test.options...)
			r.pass(20*time.Second - time.Millisecond)
			if got := status(r, "/meshes/m"); got != 0 {
				t.Errorf("while it is down: status %d", got)
			}
			r.allMustHold(r.a, r.a)
			for _, p := range r.Proxies("m") {
				if s := r.see(p); p.Connected() || s.online() != test.shown {
					t.Errorf("while it is down %s is connected: %t, shown as %+v", p.Name(), p.Connected(), s)
				}
			}
			r.pass(time.Millisecond)
			if got := status(r, "/meshes/m"); got != http.StatusOK {
				t.Errorf("when it is back: status %d", got)
			}
			if test.connects == 0 {
				r.pass(11 * time.Minute)
				for _, p := range r.Proxies("m") {
					if p.Connected() || r.see(p).online() {
						t.Errorf("11 minutes later %s is connected: %t", p.Name(), p.Connected())
					}
				}
				return
			}
			if test.connects > time.Second {
				r.pass(time.Second)
				if tried, _ := r.Handshakes("m"); tried == 6 {
					t.Error("all are back within a second")
				}
			}
			r.pass(test.connects + time.Second)
			r.allMustHold(r.b, r.b, r.a)
			for _, p := range r.Proxies("m") {
				if s := r.see(p); len(s.Subscriptions) != 2 || s.Subscriptions[0].DisconnectTime == "" || !s.online() {
					t.Errorf("when it is back %s is shown as %+v", p.Name(), s)
				}
			}
		})
	}
}

// TestRestart_global ends a global control plane. Proxies stay connected to their zone, which gets what was written when it is
// back, and is shown as online 10 s after that.
func TestRestart_global(t *testing.T) {
	t.Parallel()
	for name, killed := range map[string]bool{"stopped": false, "killed": true} {
		r := newRotation(t, 2, kumatest.Global())
		r.putPair("second", r.b, r.b, r.a)
		r.pass(4 * time.Second)
		r.putMesh("second")
		var options []kumatest.RestartOption
		if killed {
			options = append(options, kumatest.Killed())
		}
		r.Restart(20*time.Second, options...)
		r.pass(20 * time.Second)
		r.allMustHold(r.a, r.a)
		online := func(what string, want bool) {
			t.Helper()
			if got := r.seeZone("zone-1").last().DisconnectTime == ""; got != want {
				t.Errorf("%s, %s: the zone is shown as online: %t", name, what, got)
			}
			for _, p := range r.Proxies("m") {
				if !p.Connected() || !r.see(p).online() {
					t.Errorf("%s, %s: %s is not connected", name, what, p.Name())
				}
			}
		}
		online("down", killed)
		r.pass(5 * time.Second)
		r.allMustHold(r.b, r.b, r.a)
		online("5 s after it came back", killed)
		r.pass(7 * time.Second)
		online("12 s after it came back", true)
		if all := r.seeZone("zone-1").Subscriptions; len(all) != 2 || all[0].DisconnectTime == "" {
			t.Errorf("%s: %d subscriptions, of which the first ended %q", name, len(all), all[0].DisconnectTime)
		}
	}
}

// TestFault_for lets a fault strike overviews alone for a while.
func TestFault_for(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 1)
	r.After(5*time.Second, func() {
		r.Inject(kumatest.Fault{Match: kumatest.Overviews, Kinds: []kumatest.FaultKind{kumatest.Unavailable}, For: 10 * time.Second})
	})
	for _, test := range []struct {
		pass     time.Duration
		overview int
	}{{4 * time.Second, http.StatusOK}, {2 * time.Second, http.StatusServiceUnavailable}, {8 * time.Second, http.StatusServiceUnavailable}, {time.Second, http.StatusOK}} {
		r.pass(test.pass)
		for _, path := range []string{"/meshes/m/dataplanes/_overview?size=1000", "/meshes/m/dataplanes/dp-1/_overview", "/meshes/m/dataplanes+insights"} {
			if got := status(r, path); got != test.overview {
				t.Errorf("%s: status %d, want %d", path, got, test.overview)
			}
		}
		if got := status(r, "/meshes/m"); got != http.StatusOK {
			t.Errorf("the mesh: status %d", got)
		}
	}
}
