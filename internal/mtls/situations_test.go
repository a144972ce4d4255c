package mtls_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// atSwitch calls each function once, when the mesh has been made to use another
// CA secret for the first time, the second, and so on.
func (r *rotating) atSwitch(do ...func()) {
	var mutex sync.Mutex
	last, n := "", -1
	r.env.Twin.Watch(func(time.Time) {
		mutex.Lock()
		defer mutex.Unlock()
		if now := r.certificateSecret(); now != last {
			last = now
			if n++; n > 0 && n <= len(do) && do[n-1] != nil {
				do[n-1]()
			}
		}
	})
}

// certificateSecret is the name of the one that the mesh uses, "" for none.
func (r *rotating) certificateSecret() string {
	_, document := r.env.Twin.Do(http.MethodGet, "/meshes/"+r.mesh, nil)
	_, rest, _ := strings.Cut(string(document), `"secret":`)
	rest = strings.TrimLeft(rest, " \"")
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// inject makes the control plane fail for a while.
func (r *rotating) inject(d time.Duration, kind kumatest.FaultKind) {
	r.env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kind}, For: d})
}

// writeBack lets another client write the mesh as it read it, both at times since the rotation began.
func (r *rotating) writeBack(read, write time.Duration) {
	r.env.Twin.WriteBack("/meshes/"+r.mesh, read, write)
}

// reconnectAfterEachWrite lets all proxies reconnect right after each write of the mesh.
func (r *rotating) reconnectAfterEachWrite() {
	reconnect := func() {
		for i := range 5 {
			r.env.Twin.After(time.Duration(i)*300*time.Millisecond, func() { r.all((*kumatest.Proxy).Reconnect) })
		}
	}
	r.atSwitch(reconnect, reconnect, reconnect)
}

func (r *rotating) all(do func(*kumatest.Proxy)) {
	for _, proxy := range r.env.Twin.Proxies(r.mesh) {
		do(proxy)
	}
}

// quiet is how long a rotation in three steps takes when nothing happens.
const quiet = 52 * time.Second

// A rotation ends in every situation, and no proxy refuses another.
func TestAccRotation_situations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []kumatest.Option
		lines   string
		disturb func(*rotating)
		writes  int           // of the mesh by the rotation
		within  time.Duration // by the control plane's clock
	}{
		"nothing happens": {writes: 3, within: quiet},
		"one proxy reconnects every 10 s": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.proxy("dp-3").ReconnectEvery(10 * time.Second)
		}},
		"one proxy reconnects every second": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.proxy("dp-3").ReconnectEvery(time.Second)
		}},
		"all proxies reconnect every 5 s, one after the other": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			for i, proxy := range r.env.Twin.Proxies(r.mesh) {
				r.env.Twin.After(time.Duration(i)*time.Second, func() { proxy.ReconnectEvery(5 * time.Second) })
			}
		}},
		"two proxies have their certificates from a MeshIdentity": {writes: 3, within: quiet, disturb: func(r *rotating) {
			r.env.Twin.Connect(r.mesh, "dp-6", kumatest.WithIdentity("i1", true))
			r.env.Twin.Connect(r.mesh, "dp-7", kumatest.WithIdentity("i1", true))
		}},
		"a proxy rejects for 20 s, then accepts": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.atSwitch(func() {
				dp3 := r.proxy("dp-3")
				dp3.Reject(true)
				r.env.Twin.After(20*time.Second, func() { dp3.Reject(false) })
			})
		}},
		"the control plane is away for 20 s": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.atSwitch(nil, func() {
				r.env.Twin.After(10*time.Second, func() { r.inject(20*time.Second, kumatest.Refuse) })
			})
		}},
		"the control plane answers 500 for 20 s": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.atSwitch(func() {
				r.env.Twin.After(10*time.Second, func() { r.inject(20*time.Second, kumatest.InternalError) })
			})
		}},
		"the control plane is away right after a write": {writes: 3, within: 2 * quiet, disturb: func(r *rotating) {
			r.atSwitch(func() { r.inject(20*time.Second, kumatest.Unavailable) })
		}},
		"all connections are lost at the first write": {writes: 3, within: 3 * quiet, disturb: func(r *rotating) {
			r.atSwitch(func() {
				r.all((*kumatest.Proxy).Disconnect)
				r.env.Twin.After(30*time.Second, func() { r.all((*kumatest.Proxy).Reconnect) })
			})
		}},
		"a store cache of 30 s, and all proxies reconnect after each write": {
			options: []kumatest.Option{kumatest.StoreCache(30 * time.Second), kumatest.Seed(2)}, writes: 3, within: 3 * 47 * time.Second, disturb: (*rotating).reconnectAfterEachWrite,
		},
		"zones refreshed every 40 s, and all proxies reconnect after each write": {
			options: []kumatest.Option{kumatest.Global(), kumatest.ZoneRefresh(40 * time.Second)}, writes: 3, within: 3 * 102 * time.Second, disturb: (*rotating).reconnectAfterEachWrite,
		},
		"a stale write takes the first step back": {writes: 4, within: 2 * quiet, disturb: func(r *rotating) {
			r.writeBack(0, 7*time.Second)
		}},
		"a stale write takes the second step back": {writes: 4, within: 2 * quiet, disturb: func(r *rotating) {
			r.writeBack(10*time.Second, 24*time.Second)
		}},
		"a stale write takes the last step back": {writes: 4, within: 2 * quiet, disturb: func(r *rotating) {
			r.writeBack(30*time.Second, 44*time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t, test.options...)
			var began time.Time
			r.run(test.lines, resource.TestStep{
				PreConfig: func() {
					began = r.env.Clock.Now()
					if test.disturb != nil {
						test.disturb(r)
					}
				},
				Config: r.config(r.then, test.lines),
				Check: resource.ComposeTestCheckFunc(r.Check, func(*terraform.State) error {
					if took := r.env.Clock.Now().Sub(began); took > test.within {
						return fmt.Errorf("it took %s, more than %s", took, test.within)
					}
					if got := meshWrites(r.env, r.mesh); got != test.writes {
						return fmt.Errorf("the mesh was written %d times, not %d", got, test.writes)
					}
					return noSteps(r.env, r.mesh)
				}),
			})
		})
	}
}

// The log tells how far a rotation is, at level INFO.
func TestRotation_logsProgress(t *testing.T) {
	t.Parallel()
	env, change := changing(t, acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA"))
	var log bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &log)
	for _, pair := range []string{"first", "then"} {
		if diags := change(ctx, pair); diags.HasError() {
			t.Fatal(diags)
		}
		env.ConnectProxies(t, "acc", 2)
	}
	entries, err := tflogtest.MultilineJSONDecode(&log)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, entry := range entries {
		if entry["@level"] == "info" {
			steps = append(steps, fmt.Sprintf("%s %v/%v", entry["step"], entry["done"], entry["proxies"]))
		}
	}
	if got, want := strings.Join(steps, ", "), "trust 2/2, issue 2/2, final 2/2"; got != want {
		t.Errorf("the log has %s, not %s", got, want)
	}
}

// A proxy that reconnects before it is served keeps its old certificate: the
// rotation waits for it for a minute, then goes on and names it.
func TestRotation_neverServed(t *testing.T) {
	t.Parallel()
	env, change := changing(t, acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA"), kumatest.Version("2.7.29"))
	if diags := change(t.Context(), "first"); diags.HasError() {
		t.Fatal(diags)
	}
	w := env.WatchHandshakes("acc")
	env.ConnectProxies(t, "acc", 5)
	env.Twin.Proxies("acc")[2].ReconnectEvery(time.Second)
	began := env.Clock.Now()
	diags := change(t.Context(), "then")
	if took := env.Clock.Now().Sub(began); diags.HasError() || took > 2*quiet {
		t.Errorf("after %s: %v", took, diags)
	}
	if len(diags) != 1 || diags[0].Summary() != "Proxies missed the rotation" || !strings.Contains(diags[0].Detail(), ": dp-3 (since 20") {
		t.Errorf("the proxy is not named: %v", diags)
	}
	for _, refusal := range w.Refused {
		if refusal.By != "dp-3" && refusal.Of != "dp-3" {
			t.Errorf("a handshake of other proxies failed: %s", refusal)
		}
	}
	if len(w.Refused) == 0 {
		t.Errorf("of %d handshakes none failed, although dp-3 kept its certificate", w.Tried)
	}
}
