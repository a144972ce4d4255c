package action_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const (
	awaitCertificates   = "kongmesh_await_certificates"
	reissueCertificates = "kongmesh_reissue_certificates"
	verifyProxies       = "kongmesh_verify_proxies"
)

// A fixture is a mesh with a CA in its secrets, on an embedded control plane.
type fixture struct {
	*acctest.Env
	*acctest.Protocol
	t *testing.T
}

func newFixture(t *testing.T, options ...kumatest.Option) *fixture {
	t.Helper()
	f := &fixture{Env: acctest.New(t, append([]kumatest.Option{kumatest.Version("2.14.3")}, options...)...), t: t}
	ca := acctest.NewCA(t, "CA")
	f.Must(http.MethodPut, "/meshes/acc", mesh("", nil))
	f.PutSecret("acc", "cert", ca.Chain)
	f.PutSecret("acc", "key", ca.Key)
	f.Protocol = f.Env.Protocol()
	return f
}

// mesh is a mesh with one backend, which is enabled if a name is given.
func mesh(enabled string, more map[string]any) map[string]any {
	backend := map[string]any{"name": "ca-1", "type": "provided", "conf": map[string]any{
		"cert": map[string]any{"secret": "cert"}, "key": map[string]any{"secret": "key"},
	}}
	maps.Copy(backend, more)
	document := map[string]any{"type": "Mesh", "name": "acc"}
	if enabled != "" {
		document["mtls"] = map[string]any{"enabledBackend": enabled, "backends": []any{backend}}
	}
	return document
}

// enable turns mTLS on, with more members of the backend.
func (f *fixture) enable(more map[string]any) {
	f.t.Helper()
	f.sleep(2 * time.Second)
	f.Must(http.MethodPut, "/meshes/acc", mesh("ca-1", more))
}

func (f *fixture) connect(n int) {
	f.t.Helper()
	for i := range n {
		f.Twin.Connect("acc", fmt.Sprintf("dp-%d", i+1))
		f.sleep(700 * time.Millisecond)
	}
}

func (f *fixture) sleep(d time.Duration) {
	f.t.Helper()
	if err := f.Clock.Sleep(context.Background(), d); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) proxy(n int) *kumatest.Proxy { return f.Twin.Proxies("acc")[n-1] }

func (f *fixture) serials() (serials []string) {
	for _, proxy := range f.Twin.Proxies("acc") {
		serial := "none"
		if identity := proxy.Holds().Identity; identity != nil {
			serial = identity.SerialNumber.String()
		}
		serials = append(serials, serial)
	}
	return serials
}

// document is the mesh without the times.
func (f *fixture) document() (document map[string]any) {
	f.t.Helper()
	if err := json.Unmarshal(f.Must(http.MethodGet, "/meshes/acc", nil), &document); err != nil {
		f.t.Fatal(err)
	}
	delete(document, "modificationTime")
	return document
}

func (f *fixture) writes() (n int) {
	for _, request := range f.Twin.Requests() {
		if request.Method == http.MethodPut {
			n++
		}
	}
	return n
}

// invoke expects an error with these texts in this order, or none.
func (f *fixture) invoke(action string, config map[string]any, want ...string) []string {
	f.t.Helper()
	progress, problems := f.Invoke(f.t.Context(), action, config)
	f.said(problems, want...)
	return progress
}

func (f *fixture) said(problems []*tfprotov6.Diagnostic, want ...string) {
	f.t.Helper()
	var said []string
	for _, problem := range problems {
		said = append(said, problem.Severity.String()+": "+problem.Summary+": "+problem.Detail)
	}
	if text := strings.Join(said, "\n"); len(want) == 0 && text != "" || len(want) > 0 && !acctest.Words(want...).MatchString(text) {
		f.t.Errorf("the action says %q, not %q", text, want)
	}
}

// counted checks that the numbers of proxies that are done rise to all of them.
func (f *fixture) counted(progress []string, did string, all int) {
	f.t.Helper()
	last := fmt.Sprintf(`Mesh "acc": %d of %d connected proxies %s`, all, all, did)
	if len(progress) == 0 || progress[len(progress)-1] != last {
		f.t.Errorf("the progress is %q", progress)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]kumatest.Option{"2.14.3": kumatest.Version("2.14.3"), "2.7.29": kumatest.Version("2.7.29"), "global": kumatest.Global()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, option)
			f.connect(3)
			f.enable(nil)
			f.ResetRequests()
			progress := f.invoke(awaitCertificates, map[string]any{"mesh": "acc"})
			f.counted(progress, "have a certificate", 3)
			if !strings.HasPrefix(progress[0], `Mesh "acc": 0 of `) {
				t.Errorf("the progress is %q", progress)
			}
			if slices.Contains(f.serials(), "none") {
				t.Errorf("the certificates are %q", f.serials())
			}
			if f.writes() > 0 {
				t.Errorf("the action wrote %d times", f.writes())
			}
		})
	}
}

// Disconnected proxies, and a mesh without proxies, are not waited for.
func TestAwait_nobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.connect(1)
	f.proxy(1).Disconnect()
	f.sleep(2 * time.Second)
	if progress := f.invoke(awaitCertificates, map[string]any{"mesh": "acc"}); !slices.Equal(progress, []string{`Mesh "acc": no proxy is connected`}) {
		t.Errorf("the progress is %q", progress)
	}
}

func TestAwait_ends(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []kumatest.Option
		prepare func(*fixture)
		config  map[string]any
		want    []string
	}{
		"no mTLS": {
			prepare: func(f *fixture) { f.connect(1) },
			want:    []string{"Proxies have no certificate", "within 1m0s (timeouts.invoke)", "dp-1: the control plane does not report its certificate", "no enabled mTLS backend"},
		},
		"a proxy hangs": {
			prepare: func(f *fixture) { f.connect(3); f.proxy(2).Hang(true); f.enable(nil) },
			want:    []string{"Proxies have no certificate", "dp-2: it has acknowledged"},
		},
		"a proxy rejects": {
			prepare: func(f *fixture) { f.connect(3); f.proxy(3).Reject(true); f.enable(nil) },
			want:    []string{"Proxies reject their certificates", "dp-3: it rejects its new certificate"},
		},
		"of another backend": {
			prepare: func(f *fixture) { f.connect(1); f.enable(nil) },
			config:  map[string]any{"backend": "ca-2"},
			want:    []string{"Proxies have no certificate", `dp-1: its certificate is from "ca-1"`},
		},
		"a zone is away": {
			options: []kumatest.Option{kumatest.Global()},
			prepare: func(f *fixture) {
				f.connect(1)
				f.enable(nil)
				f.sleep(30 * time.Second)
				f.Twin.Zone("zone-1").Kill()
				f.sleep(30 * time.Second)
			},
			want: []string{"Proxies have no certificate", "zone zone-1: it is not connected"},
		},
		"no mesh": {prepare: func(*fixture) {}, config: map[string]any{"mesh": "absent"}, want: []string{"No such mesh", `"absent"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, test.options...)
			test.prepare(f)
			config := map[string]any{"mesh": "acc", "timeouts": map[string]any{"invoke": "1m"}}
			maps.Copy(config, test.config)
			f.invoke(awaitCertificates, config, test.want...)
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*fixture)
		config  map[string]any
		want    []string // none: success
	}{
		"all have one":        {},
		"new, and long valid": {config: map[string]any{"max_age": "1h", "min_remaining": "20h", "backend": "ca-1"}},
		"older":               {config: map[string]any{"max_age": "30s"}, want: []string{"Proxies failed verification", "0 of 3 connected proxies", "dp-1: its certificate was issued at", "more than 30s ago"}},
		"expires soon":        {config: map[string]any{"min_remaining": "24h"}, want: []string{"Proxies failed verification", "dp-3: its certificate expires at", "in less than 24h"}},
		"of another backend":  {config: map[string]any{"backend": "ca-2"}, want: []string{"Proxies failed verification", `dp-2: its certificate is from "ca-1"`}},
		"one has none": {
			prepare: func(f *fixture) {
				f.Twin.Connect("acc", "identity", kumatest.WithIdentity("i", false))
				f.sleep(time.Minute)
			},
			want: []string{"Proxies failed verification", "3 of 4 connected proxies", "identity: the control plane does not report its certificate"},
		},
		"one has just connected": {prepare: func(f *fixture) { f.Twin.Connect("acc", "new"); f.sleep(time.Second) }},
		"one is disconnected":    {prepare: func(f *fixture) { f.proxy(1).Disconnect(); f.sleep(time.Minute) }},
		"no mesh":                {config: map[string]any{"mesh": "absent"}, want: []string{"No such mesh", `"absent"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.enable(nil)
			f.connect(3)
			f.sleep(time.Minute)
			if test.prepare != nil {
				test.prepare(f)
			}
			config := map[string]any{"mesh": "acc"}
			maps.Copy(config, test.config)
			f.invoke(verifyProxies, config, test.want...)
		})
	}
}

func TestReissue(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]kumatest.Option{"2.14.3": kumatest.Version("2.14.3"), "2.7.29": kumatest.Version("2.7.29"), "global": kumatest.Global()} {
		for root, chain := range map[string]any{"none": nil, "empty": map[string]any{}, "timeout": map[string]any{"requestTimeout": "1.500s"}} {
			t.Run(name+", rootChain "+root, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, option)
				more := map[string]any{}
				if chain != nil {
					more["rootChain"] = chain
				}
				f.enable(more)
				f.connect(5)
				f.sleep(time.Minute)
				before, document := f.serials(), f.document()
				var refused []kumatest.Refusal
				f.Twin.Watch(func(time.Time) { refused = append(refused, f.Twin.Refusals("acc")...) })
				f.ResetRequests()
				progress := f.invoke(reissueCertificates, map[string]any{"mesh": "acc"})
				f.counted(progress, "have a new certificate", 5)
				for i, serial := range f.serials() {
					if serial == before[i] || serial == "none" {
						t.Errorf("proxy %d has no new certificate", i+1)
					}
				}
				if after := f.document(); !reflect.DeepEqual(after, document) {
					t.Errorf("the mesh was %v and is %v", document, after)
				}
				if f.writes() != 2 {
					t.Errorf("the mesh was written %d times", f.writes())
				}
				f.sleep(time.Minute)
				if len(refused) > 0 {
					t.Errorf("%d handshakes failed, the first: %s", len(refused), refused[0])
				}
			})
		}
	}
}

// What ends a reissue early leaves the mesh as it was.
func TestReissue_ends(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*fixture)
		mesh    string
		cancel  bool
		want    []string
		writes  int
	}{
		"no mTLS":            {prepare: func(f *fixture) { f.Must(http.MethodPut, "/meshes/acc", mesh("", nil)) }, want: []string{"mTLS is not enabled", `Mesh "acc"`}},
		"no mesh":            {mesh: "absent", want: []string{"No such mesh", `"absent"`}},
		"nobody connected":   {prepare: func(f *fixture) { f.proxy(1).Disconnect(); f.proxy(2).Disconnect(); f.sleep(time.Second) }},
		"one rejects":        {prepare: func(f *fixture) { f.proxy(2).Reject(true) }, want: []string{"Proxies reject their certificates", "dp-2: it rejects"}, writes: 2},
		"one hangs":          {prepare: func(f *fixture) { f.proxy(2).Hang(true) }, want: []string{"Certificates not reissued", "within 2m0s", "dp-2: it has acknowledged"}, writes: 2},
		"cancelled":          {prepare: func(f *fixture) { f.proxy(2).Hang(true) }, cancel: true, want: []string{"Cancelled"}, writes: 2},
		"control plane gone": {prepare: func(f *fixture) { f.Twin.After(20*time.Second, func() { f.Twin.Restart(20 * time.Second) }) }, writes: 2},
		"write refused": {
			prepare: func(f *fixture) {
				f.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: func(r *http.Request) bool { return r.Method == http.MethodPut }})
			},
			want: []string{"Certificates not reissued", "control plane: it does not answer", "500"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.enable(nil)
			f.connect(2)
			f.sleep(time.Minute)
			if test.prepare != nil {
				test.prepare(f)
			}
			document := f.document()
			f.ResetRequests()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel {
				f.Twin.After(30*time.Second, cancel)
			}
			_, problems := f.Invoke(ctx, reissueCertificates, map[string]any{"mesh": cmp.Or(test.mesh, "acc"), "timeouts": map[string]any{"invoke": "2m"}})
			f.said(problems, test.want...)
			if writes := f.writes(); name != "write refused" && writes != test.writes {
				t.Errorf("the mesh was written %d times", writes)
			}
			f.Twin.ClearFaults()
			if after := f.document(); !reflect.DeepEqual(after, document) {
				t.Errorf("the mesh was %v and is %v", document, after)
			}
		})
	}
}

// A control plane that accepts no changes fails the plan.
func TestReissue_readOnly(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.ReadOnly())
	f := &fixture{Env: env, Protocol: env.Protocol(), t: t}
	f.invoke(reissueCertificates, map[string]any{"mesh": "default"}, "ERROR: Control plane is read-only")
}

func TestValidation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for action, configs := range map[string][]map[string]any{
		awaitCertificates:   {{"mesh": "a/b"}, {"mesh": ""}, {"mesh": "acc", "backend": ""}, {"mesh": "acc", "timeouts": map[string]any{"invoke": "soon"}}, {"mesh": "acc", "timeouts": map[string]any{"invoke": "0s"}}},
		reissueCertificates: {{"mesh": "a/b"}, {"mesh": "acc", "timeouts": map[string]any{"invoke": "-1m"}}},
		verifyProxies:       {{"mesh": "a/b"}, {"mesh": "acc", "max_age": "1d"}, {"mesh": "acc", "max_age": "0s"}, {"mesh": "acc", "min_remaining": "-1h"}, {"mesh": "acc", "backend": ""}},
	} {
		for _, config := range configs {
			f.ResetRequests()
			_, problems := f.Invoke(t.Context(), action, config)
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Summary, "Invalid ") || problems[0].Attribute == nil {
				t.Errorf("%s with %v: %v", action, config, problems)
			}
			if requests := f.Twin.Requests(); len(requests) > 0 {
				t.Errorf("%s with %v requests %s", action, config, requests[0].Path)
			}
		}
	}
}
