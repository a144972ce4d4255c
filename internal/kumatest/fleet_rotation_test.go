package kumatest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestRotationIssuing is what makes the control plane issue, and what does not. Before each row the chain secret got
// a second certificate in place, so that a bundle made anew is another one.
func TestRotationIssuing(t *testing.T) {
	for _, test := range []struct {
		what             string
		do               func(*rotation)
		identity, bundle bool
	}{
		{"nothing", func(*rotation) {}, false, false},
		{"a proxy reconnects", func(r *rotation) { r.Proxies("m")[0].Reconnect() }, true, true},
		{"a proxy connects again after a while", func(r *rotation) {
			p := r.Proxies("m")[0]
			p.Disconnect()
			r.pass(time.Minute)
			p.Reconnect()
		}, true, true},
		{"other secret names", func(r *rotation) {
			r.putPair("second", r.a, r.a, r.b)
			r.putMesh("second")
		}, true, true},
		{"something else inside mtls", (*rotation).touch, true, true},
		{"4/5 of the life", func(r *rotation) { r.pass(19*time.Hour + 12*time.Minute) }, true, false},
		{"not quite 4/5 of the life", func(r *rotation) { r.pass(19*time.Hour + 11*time.Minute) }, false, false},
		{"the proxy's tags", func(r *rotation) {
			do(r.t, r.ControlPlane, "PUT", "/meshes/m/dataplanes/dp-1", object{"type": "Dataplane", "mesh": "m", "name": "dp-1", "networking": object{
				"address": "127.0.0.1", "inbound": []object{{"port": 8080, "tags": object{"kuma.io/service": "other"}}},
			}}, http.StatusOK)
		}, true, false},
		{"other content under the same name", func(r *rotation) { r.putPair("first", r.b, r.b) }, false, false},
		{"the mesh put unchanged", func(r *rotation) { r.putMesh("first") }, false, false},
		{"the mesh changed outside mtls", func(r *rotation) {
			mesh := r.mesh()
			mesh["networking"] = object{"outbound": object{"passthrough": false}}
			do(r.t, r.ControlPlane, "PUT", "/meshes/m", mesh, http.StatusOK)
		}, false, false},
		{"mtls changed and changed back at once", func(r *rotation) {
			mesh := r.mesh()
			mesh["mtls"].(object)["backends"].([]object)[0]["mode"] = "PERMISSIVE"
			do(r.t, r.ControlPlane, "PUT", "/meshes/m", mesh, http.StatusOK)
			r.putMesh("first")
		}, false, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			r := newRotation(t, 1)
			p := r.Proxies("m")[0]
			r.putPair("first", r.a, r.a, r.b)
			r.pass(5 * time.Second)
			before := p.Holds()
			r.mustHold(p, r.a, r.a)
			test.do(r)
			r.pass(15 * time.Second)
			after := p.Holds()
			if got := !after.Identity.Equal(before.Identity); got != test.identity {
				t.Errorf("new identity: %t, want %t", got, test.identity)
			}
			if got := len(after.Bundle) == 2; got != test.bundle {
				t.Errorf("new bundle: %t, want %t", got, test.bundle)
			}
			want := 1
			if test.identity && len(r.see(p).Subscriptions) == 1 {
				want = 2
			}
			if got := r.see(p).MTLS; got.Regenerations != want || got.IssuedBackend != "ca-1" || !slices.Equal(got.Supported, []string{"ca-1"}) {
				t.Errorf("told are %+v, want %d regenerations", got, want)
			}
		})
	}
}

// TestRotationProfile holds an identity against what a control plane issues.
func TestRotationProfile(t *testing.T) {
	r := newRotation(t, 1)
	identity := r.Proxies("m")[0].Holds().Identity
	var uris []string
	for _, uri := range identity.URIs {
		uris = append(uris, uri.String())
	}
	want := []string{"spiffe://m/dp-1", "kuma://kuma.io/protocol/http", "kuma://kuma.io/service/dp-1", "kuma://kuma.io/zone/default"}
	if len(uris) != len(want) {
		t.Fatalf("URIs %q, want %q", uris, want)
	}
	for i := range want {
		if uris[i] != want[i] {
			t.Errorf("URI %d: %q, want %q", i, uris[i], want[i])
		}
	}
	if life := identity.NotAfter.Sub(identity.NotBefore); life != 24*time.Hour+10*time.Second {
		t.Errorf("valid for %s", life)
	}
	if identity.IsCA || len(identity.Subject.Names) != 0 {
		t.Error("it is a CA or has a subject")
	}
}

// TestRotationLifetime lets the backend decide how long an identity lives.
func TestRotationLifetime(t *testing.T) {
	r := newRotation(t, 1)
	r.backend["dpCert"] = object{"rotation": object{"expiration": "1m"}}
	r.putMesh("first")
	r.pass(5 * time.Second)
	p := r.Proxies("m")[0]
	identity := p.Holds().Identity
	made := identity.NotBefore.Add(10 * time.Second)
	if life := identity.NotAfter.Sub(made); life != time.Minute {
		t.Fatalf("it lives for %s", life)
	}
	var renewed time.Time
	r.Watch(func(now time.Time) {
		if renewed.IsZero() && !p.Holds().Identity.Equal(identity) {
			renewed = now
		}
	})
	r.pass(time.Minute)
	if after := renewed.Sub(made); after < 48*time.Second || after > 50*time.Second {
		t.Errorf("renewed after %s", after)
	}
}

// TestRotationWithoutMTLS lets mTLS come and go with proxies connected.
func TestRotationWithoutMTLS(t *testing.T) {
	r := newRotation(t, 2)
	do(t, r.ControlPlane, "PUT", "/meshes/m", newMesh("m", nil), http.StatusOK)
	r.pass(15 * time.Second)
	for _, p := range r.Proxies("m") {
		if p.Holds().Identity != nil || r.see(p).MTLS != nil {
			t.Errorf("%s keeps its certificate without mTLS", p.Name())
		}
	}
	if tried, _ := r.Handshakes("m"); tried != 0 {
		t.Errorf("%d handshakes without certificates", tried)
	}
	do(t, r.ControlPlane, "PUT", "/meshes/m",
		newMesh("m", object{"mtls": object{"enabledBackend": "own", "backends": []object{{"name": "own", "type": "builtin"}}}}), http.StatusOK)
	r.pass(15 * time.Second)
	if tried, refused := r.Handshakes("m"); tried != 2 || len(refused) != 0 {
		t.Errorf("builtin CA: %d handshakes, refused %v", tried, refused)
	}
	if got := r.see(r.Proxies("m")[0]).MTLS.IssuedBackend; got != "own" {
		t.Errorf("issued by %q", got)
	}
}

// TestRotationSecondBackend goes from one backend to another, which Kong Mesh allows, both listed in between.
func TestRotationSecondBackend(t *testing.T) {
	r := newRotation(t, 3, kumatest.KongMesh())
	tried, refused := r.refused()
	step := func(enabled string, names ...string) {
		t.Helper()
		var backends []object
		for _, name := range names {
			pair := map[string]string{"ca-1": "first", "ca-2": "second"}[name]
			backends = append(backends, object{"name": name, "type": "provided", "conf": object{
				"cert": object{"secret": pair + "-cert"}, "key": object{"secret": pair + "-key"},
			}})
		}
		do(t, r.ControlPlane, "PUT", "/meshes/m", newMesh("m", object{"mtls": object{"enabledBackend": enabled, "backends": backends}}), http.StatusOK)
		r.pass(15 * time.Second)
	}
	r.putPair("second", r.b, r.b)
	r.pass(2 * time.Second)
	step("ca-1", "ca-1", "ca-2")
	r.allMustHold(r.a, r.a, r.b)
	step("ca-2", "ca-1", "ca-2")
	r.allMustHold(r.b, r.a, r.b)
	step("ca-2", "ca-2")
	r.allMustHold(r.b, r.b)
	if *tried == 0 || *refused != 0 {
		t.Errorf("%d of %d handshakes refused", *refused, *tried)
	}
}

// TestRotationClockGoesOn lets the clock go on while a mesh is put: nothing is made of it before it was put.
func TestRotationClockGoesOn(t *testing.T) {
	r := &rotation{t: t, clock: newClock(), a: newAuthority(t, "A")}
	jump := time.Duration(0)
	cp := kumatest.New(kumatest.Clock(func() time.Time {
		r.clock.Advance(jump)
		return r.clock.Now()
	}))
	r.ControlPlane = cp
	do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), http.StatusCreated)
	r.putPair("first", r.a, r.a)
	p := cp.Connect("m", "dp-1")
	r.pass(15 * time.Second)
	jump = 5 * time.Second // each time that somebody looks at it
	r.putMesh("first")
	jump = 0
	var mesh struct{ ModificationTime time.Time }
	if err := json.Unmarshal(do(t, cp, "GET", "/meshes/m", nil, http.StatusOK), &mesh); err != nil {
		t.Fatal(err)
	}
	r.pass(15 * time.Second)
	if s := r.see(p); s.MTLS == nil || !s.MTLS.Made.After(mesh.ModificationTime) {
		t.Errorf("mesh of %s: %+v", mesh.ModificationTime, s.MTLS)
	}
}

func TestRotationRemovedProxyIsGone(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]kumatest.Option{"zone": nil, "global": {kumatest.Global()}} {
		cp := kumatest.New(options...)
		cp.Do("PUT", "/meshes/m", `{"type": "Mesh", "name": "m"}`)
		cp.Remove(cp.Connect("m", "dp-1"))
		if status, body := cp.Do("DELETE", "/meshes/m", nil); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
