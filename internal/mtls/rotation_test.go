package mtls_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mtls"
)

// meshWrites counts the writes of a mesh since the last reset.
func meshWrites(env *acctest.Env, mesh string) int {
	n := 0
	for _, request := range env.Twin.Requests() {
		if request.Method == http.MethodPut && strings.HasSuffix(request.Path, "/meshes/"+mesh) {
			n++
		}
	}
	return n
}

// noSteps checks that no pair between two others is left.
func noSteps(env *acctest.Env, mesh string) error {
	if list := string(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets", nil)); strings.Contains(list, "-rollout-") {
		return fmt.Errorf("pairs of steps are left: %s", list)
	}
	return nil
}

func TestAccRotation(t *testing.T) {
	t.Parallel()
	root, other := acctest.NewCA(t, "Root CA"), acctest.NewCA(t, "Other CA")
	sub, next := root.Intermediate(t, "Mesh CA"), root.Intermediate(t, "Next Mesh CA")
	trusting := func(trusted *acctest.CA) string {
		return strings.Replace(before, "  lifecycle", acctest.Fill("  trusted_certificates = $trusted\n  lifecycle", "trusted", trusted.Chain), 1)
	}
	rest := strings.TrimPrefix(backend(secrets), before)
	for name, test := range map[string]struct {
		from, to         *acctest.CA
		fromPair, toPair string // configuration of mesh and CA
		writes           int
	}{
		"another root":                          {root, other, before, before, 3},
		"another intermediate of the same root": {sub, next, before, before, 3},
		"an intermediate instead of the root":   {root, sub, before, before, 2},
		"the same key, renewed":                 {root, root.Renewed(t), before, before, 1},
		"one more trusted":                      {root, root, before, trusting(other), 1},
		"one fewer trusted":                     {root, root, trusting(other), before, 1},
		"trusted before":                        {root, other, trusting(other), before, 2},
	} {
		for kind, option := range map[string]kumatest.Option{"2.14.3": kumatest.Version("2.14.3"), "2.7.29": kumatest.Version("2.7.29"), "global": kumatest.Global(), "kubernetes": kumatest.Kubernetes()} {
			if kind == "kubernetes" && test.writes < 3 { // the steps are the same there
				continue
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				env := acctest.New(t, option)
				env.NeedTwin()
				mesh := env.Mesh()
				w := env.WatchHandshakes(mesh)
				resource.Test(t, resource.TestCase{
					ProtoV6ProviderFactories: env.Provider(),
					CheckDestroy:             env.Gone("/meshes/" + mesh),
					Steps: []resource.TestStep{
						{Config: env.Config(test.fromPair+rest, "mesh", mesh, "chain", test.from.Chain, "key", test.from.Key)},
						{
							PreConfig: func() { env.ConnectProxies(t, mesh, 5); env.ResetRequests() },
							Config:    env.Config(test.toPair+rest, "mesh", mesh, "chain", test.to.Chain, "key", test.to.Key),
							Check: resource.ComposeTestCheckFunc(w.Check, func(*terraform.State) error {
								if got := meshWrites(env, mesh); got != test.writes {
									return fmt.Errorf("the mesh was written %d times, not %d", got, test.writes)
								}
								return noSteps(env, mesh)
							}),
						},
						{
							PreConfig: func() {
								env.Pass(t, time.Minute)
								if err := w.Check(nil); err != nil {
									t.Error(err)
								}
								env.RemoveProxies(mesh)
							},
							Config: env.Config(test.toPair+rest, "mesh", mesh, "chain", test.to.Chain, "key", test.to.Key),
						},
					},
				})
			})
		}
	}
}

// On Kubernetes the time of a write is by the clock of the cluster, and that of a
// certificate by the control plane's.
func TestAccRotation_clockOfTheCluster(t *testing.T) {
	t.Parallel()
	first, second := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	rest := strings.TrimPrefix(backend(secrets), before)
	for name, ahead := range map[string]time.Duration{"ahead": 8 * time.Second, "behind": -time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes(), kumatest.ClusterAhead(ahead))
			w := env.WatchHandshakes("acc")
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: env.Config(before+rest, "mesh", "acc", "chain", first.Chain, "key", first.Key)},
					{
						PreConfig: func() { env.ConnectProxies(t, "acc", 3); env.ResetRequests() },
						Config:    env.Config(before+rest, "mesh", "acc", "chain", second.Chain, "key", second.Key),
						Check: resource.ComposeTestCheckFunc(w.Check, func(*terraform.State) error {
							if got := meshWrites(env, "acc"); got != 3 {
								return fmt.Errorf("the mesh was written %d times, not 3", got)
							}
							return noSteps(env, "acc")
						}),
					},
					{
						PreConfig: func() { env.RemoveProxies("acc") },
						Config:    env.Config(before+rest, "mesh", "acc", "chain", second.Chain, "key", second.Key),
					},
				},
			})
		})
	}
}

// rotating is a mesh with proxies whose CA changes.
type rotating struct {
	*acctest.Handshakes
	t           *testing.T
	env         *acctest.Env
	mesh        string
	first, then *acctest.CA
}

func newRotating(t *testing.T, options ...kumatest.Option) *rotating {
	t.Helper()
	env := acctest.New(t, append([]kumatest.Option{kumatest.Version("2.14.3")}, options...)...)
	env.NeedTwin()
	return &rotating{
		Handshakes: env.WatchHandshakes("acc"), t: t, env: env, mesh: env.Mesh(),
		first: acctest.NewCA(t, "First CA"), then: acctest.NewCA(t, "Second CA"),
	}
}

func (r *rotating) config(ca *acctest.CA, lines string) string {
	return r.env.Config(backend(secrets+lines), "mesh", r.mesh, "chain", ca.Chain, "key", ca.Key)
}

// run applies the first CA, connects five proxies, and goes through the steps.
// It ends without proxies.
func (r *rotating) run(lines string, steps ...resource.TestStep) {
	r.t.Helper()
	all := append([]resource.TestStep{{Config: r.config(r.first, lines)}}, steps...)
	prepare := all[1].PreConfig
	all[1].PreConfig = func() {
		r.env.ConnectProxies(r.t, r.mesh, 5)
		r.env.ResetRequests()
		if prepare != nil {
			prepare()
		}
	}
	last := all[len(all)-1]
	last.ExpectError, last.Check, last.PreConfig = nil, nil, func() { r.env.RemoveProxies(r.mesh) }
	resource.Test(r.t, resource.TestCase{ProtoV6ProviderFactories: r.env.Provider(), Steps: append(all, last)})
}

func (r *rotating) proxy(name string) *kumatest.Proxy {
	r.t.Helper()
	for _, proxy := range r.env.Twin.Proxies(r.mesh) {
		if proxy.Name() == name {
			return proxy
		}
	}
	r.t.Fatalf("no proxy %s", name)
	return nil
}

// The watch finds refusals where there are some: a direct switch.
func TestAccRotation_switchRefuses(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	lines := "rollout = { strategy = \"switch\" }"
	r.run(lines, resource.TestStep{Config: r.config(r.then, lines), Check: func(*terraform.State) error {
		r.env.Pass(t, 20*time.Second)
		if len(r.Refused) == 0 {
			return fmt.Errorf("no handshake of %d was refused, so the others show nothing", r.Tried)
		}
		return nil
	}})
}

// Proxies that are disconnected may serve all the same, so they get the steps
// and their time, too. Without any proxy one write does.
func TestAccRotation_nobodyConnected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		leave  func(*rotating, *kumatest.Proxy)
		writes int
	}{
		"disconnected": {func(_ *rotating, p *kumatest.Proxy) { p.Disconnect() }, 3},
		"none":         {func(r *rotating, p *kumatest.Proxy) { r.env.Twin.Remove(p) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			r.run("", resource.TestStep{
				PreConfig: func() {
					for _, proxy := range r.env.Twin.Proxies(r.mesh) {
						test.leave(r, proxy)
					}
					r.env.Pass(t, 20*time.Second)
				},
				Config: r.config(r.then, ""),
				Check: func(*terraform.State) error {
					if got := meshWrites(r.env, r.mesh); got != test.writes {
						return fmt.Errorf("the mesh was written %d times, not %d", got, test.writes)
					}
					return noSteps(r.env, r.mesh)
				},
			})
		})
	}
}

// A proxy that rejects what it is sent, or hangs, stops the rotation before the
// step that would hurt.
func TestAccRotation_stops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*kumatest.Proxy, bool)
		want  []string
	}{
		"rejects": {func(p *kumatest.Proxy, yes bool) { p.Reject(yes) }, []string{"CA rotation stopped", `step "trust"`, "dp-3: it rejects", "trusts both the current and the new CA"}},
		"hangs":   {func(p *kumatest.Proxy, yes bool) { p.Hang(yes) }, []string{"CA rotation stopped", `step "trust"`, "dp-3: it has acknowledged", "trusts both the current and the new CA"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			lines := "timeouts = { update = \"10m\" }"
			r.run("", resource.TestStep{
				PreConfig:   func() { test.spoil(r.proxy("dp-3"), true) },
				Config:      r.config(r.then, lines),
				ExpectError: acctest.Words(test.want...),
			}, resource.TestStep{
				PreConfig: func() {
					if err := r.Check(nil); err != nil {
						t.Error(err)
					}
					test.spoil(r.proxy("dp-3"), false)
					r.env.Pass(t, 20*time.Second)
				},
				Config: r.config(r.then, ""),
				Check:  resource.ComposeTestCheckFunc(r.Check, func(*terraform.State) error { return noSteps(r.env, r.mesh) }),
			})
		})
	}
}

func TestAccRotation_offline(t *testing.T) {
	t.Parallel()
	t.Run("report", func(t *testing.T) {
		t.Parallel()
		r := newRotating(t)
		r.run("", resource.TestStep{
			PreConfig: func() { r.proxy("dp-2").Disconnect(); r.env.Pass(t, 5*time.Second) },
			Config:    r.config(r.then, ""),
			Check: func(*terraform.State) error {
				for _, refusal := range r.Refused {
					if refusal.By != "dp-2" && refusal.Of != "dp-2" {
						return fmt.Errorf("a handshake without the disconnected proxy failed: %s", refusal)
					}
				}
				if len(r.Refused) == 0 {
					return fmt.Errorf("of %d handshakes none failed, although dp-2 missed the rotation", r.Tried)
				}
				return nil
			},
		})
	})
	t.Run("wait", func(t *testing.T) {
		t.Parallel()
		r := newRotating(t)
		lines := "rollout = { offline_proxies = \"wait\" }\ntimeouts = { update = \"10m\" }"
		r.run("", resource.TestStep{
			PreConfig:   func() { r.proxy("dp-2").Disconnect(); r.env.Pass(t, 5*time.Second) },
			Config:      r.config(r.then, lines),
			ExpectError: acctest.Words("CA rotation stopped", "dp-2: it is disconnected"),
		}, resource.TestStep{
			PreConfig: func() { r.proxy("dp-2").Reconnect(); r.env.Pass(t, 20*time.Second) },
			Config:    r.config(r.then, ""),
			Check:     r.Check,
		})
	})
}

// Somebody else's write of the backend in the middle is noticed.
func TestAccRotation_interference(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	var meddled atomic.Bool
	r.env.Twin.Watch(func(time.Time) {
		_, body := r.env.Twin.Do(http.MethodGet, "/meshes/"+r.mesh, nil)
		document := string(body)
		if i := strings.Index(document, "ca-1-rollout-"); i >= 0 && meddled.CompareAndSwap(false, true) {
			other := strings.ReplaceAll(document, document[i:i+len("ca-1-rollout-")+10], "meddled")
			for _, half := range []string{"cert", "key"} {
				_, secret := r.env.Twin.Do(http.MethodGet, "/meshes/"+r.mesh+"/secrets/"+document[i:i+len("ca-1-rollout-")+10]+"-"+half, nil)
				r.env.Twin.Do(http.MethodPut, "/meshes/"+r.mesh+"/secrets/meddled-"+half,
					strings.ReplaceAll(string(secret), document[i:i+len("ca-1-rollout-")+10], "meddled"))
			}
			r.env.Twin.Do(http.MethodPut, "/meshes/"+r.mesh, other)
		}
	})
	r.run("", resource.TestStep{
		Config:      r.config(r.then, ""),
		ExpectError: acctest.Words("CA rotation stopped", "another client changed the CA", `secret "meddled-cert"`, "not part of this rotation"),
	}, resource.TestStep{
		PreConfig: func() { r.env.Pass(t, 20*time.Second) },
		Config:    r.config(r.then, ""),
		Check:     r.Check,
	})
}

// A client that takes each write back stops the rotation, which says so.
func TestAccRotation_contended(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	r.run("", resource.TestStep{
		PreConfig: func() {
			_, before := r.env.Twin.Do(http.MethodGet, "/meshes/"+r.mesh, nil)
			back := func() {
				r.env.Twin.After(5*time.Second, func() { r.env.Twin.Do(http.MethodPut, "/meshes/"+r.mesh, before) })
			}
			r.atSwitch(back, nil, back, nil, back, nil, back)
		},
		Config:      r.config(r.then, ""),
		ExpectError: acctest.Words("CA rotation stopped", "changed the CA 4 times", "Another run"),
	}, resource.TestStep{
		PreConfig: func() { r.env.Pass(t, 20*time.Second) },
		Config:    r.config(r.then, ""),
		Check:     r.Check,
	})
}

// The rotation is stopped after any number of requests, as by a kill or a lost
// network, and started again, forward or back: it ends, nothing is left, and no
// proxy ever refuses another.
func TestRotation_goesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	first, then := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	for _, back := range []bool{false, true} {
		for _, side := range []kumatest.Side{kumatest.Before, kumatest.After} {
			t.Run(fmt.Sprintf("back %t, side %d", back, side), func(t *testing.T) {
				t.Parallel()
				for n := 1; interrupted(t, first, then, n, side, back); n++ {
					if n > 200 {
						t.Fatal("a rotation without end")
					}
				}
			})
		}
	}
}

// changing is a mesh "acc" with the secrets of two CAs, and what makes its backend
// use "first" or "then", with a client of its own, as a run of the provider has.
func changing(t *testing.T, first, then *acctest.CA, options ...kumatest.Option) (env *acctest.Env, change func(ctx context.Context, pair string) diag.Diagnostics) {
	t.Helper()
	env = acctest.New(t, append([]kumatest.Option{kumatest.Version("2.14.3")}, options...)...)
	env.NeedTwin()
	const mesh = "acc"
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	for name, data := range map[string]string{"first-cert": first.Chain, "first-key": first.Key, "then-cert": then.Chain, "then-key": then.Key} {
		env.PutSecret(mesh, name, data)
	}
	address, err := url.Parse(env.Address)
	if err != nil {
		t.Fatal(err)
	}
	return env, func(ctx context.Context, pair string) diag.Diagnostics {
		client, err := kuma.New(kuma.Config{Address: address, Clock: env.Clock, RetryWait: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return mtls.Change(ctx, client, env.Clock, mesh, "ca-1", pair+"-cert", pair+"-key")
	}
}

// interrupted stops a rotation after n requests, and says whether it had more.
func interrupted(t *testing.T, first, then *acctest.CA, n int, side kumatest.Side, back bool) bool {
	t.Helper()
	const mesh = "acc"
	env, begin := changing(t, first, then)
	change := func(pair string) error {
		ctx, cancel := env.Clock.WithTimeout(context.Background(), 90*time.Second)
		defer cancel()
		for _, d := range begin(ctx, pair).Errors() {
			return fmt.Errorf("%s: %s", d.Summary(), d.Detail())
		}
		return nil
	}
	if err := change("first"); err != nil {
		t.Fatal(err)
	}
	w := env.WatchHandshakes(mesh)
	env.ConnectProxies(t, mesh, 2)
	var seen atomic.Int64
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Refuse}, Side: side, Match: func(*http.Request) bool { return seen.Add(1) > int64(n) }})
	stopped := change("then") != nil
	env.Twin.ClearFaults()
	env.Pass(t, 3*time.Second)
	goal := "then"
	if back {
		goal = "first"
	}
	if err := change(goal); err != nil {
		t.Fatalf("after %d requests: %s", n, err)
	}
	env.Pass(t, time.Minute)
	if err := w.Check(nil); err != nil {
		t.Errorf("after %d requests: %s", n, err)
	}
	if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); !strings.Contains(document, `"`+goal+`-cert"`) {
		t.Errorf("after %d requests: %s", n, document)
	}
	return stopped
}

// What a zone that is away says of its proxies is of the past.
func TestAccRotation_zoneAway(t *testing.T) {
	t.Parallel()
	r := newRotating(t, kumatest.Global())
	r.run("", resource.TestStep{
		PreConfig:   func() { r.env.Twin.Zone("zone-1").Kill(); r.env.Pass(t, 30*time.Second) },
		Config:      r.config(r.then, "timeouts = { update = \"10m\" }"),
		ExpectError: acctest.Words("CA rotation stopped", "zone zone-1: it is not connected", "trusts both the current and the new CA"),
	}, resource.TestStep{
		PreConfig: func() { r.env.Twin.Zone("zone-1").Start(); r.env.Pass(t, 30*time.Second) },
		Config:    r.config(r.then, ""),
		Check:     r.Check,
	})
}

// That the pair in use cannot be read at the moment is no reason to switch in
// one write.
func TestAccRotation_pairInUseNotRead(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	r.run("", resource.TestStep{
		PreConfig: func() {
			document := string(r.env.Must(http.MethodGet, "/meshes/"+r.mesh, nil))
			_, rest, _ := strings.Cut(document, `"secret": "`)
			inUse, _, _ := strings.Cut(rest, `"`)
			var uploaded atomic.Bool
			r.env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: func(request *http.Request) bool {
				if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/secrets/") {
					uploaded.Store(true)
				}
				return uploaded.Load() && request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/secrets/"+inUse)
			}})
		},
		Config:      r.config(r.then, ""),
		ExpectError: acctest.Words("Control plane failed", "secrets/ca-"),
	}, resource.TestStep{
		PreConfig: func() {
			r.env.Twin.ClearFaults()
			if got := meshWrites(r.env, r.mesh); got != 0 {
				t.Errorf("the mesh was written %d times", got)
			}
		},
		Config: r.config(r.then, ""),
		Check:  r.Check,
	})
}
