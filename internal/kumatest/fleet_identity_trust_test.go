package kumatest_test

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestTrust_united has several MeshTrusts of one trust domain: a proxy trusts all, in the order of their names.
func TestTrust_united(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 1, false)
		i.putTrust("a", i.b, i.a)
		i.put("meshtrusts", "MeshTrust", "other", nil, object{"trustDomain": "other.example", "caBundles": []object{
			{"type": "Pem", "pem": object{"value": string(i.a.pem[:len(i.a.pem)-1]) + "\n" + string(i.b.pem[:len(i.b.pem)-1])}},
		}})
		i.pass(5 * time.Second)
		h := i.Proxies("m")[0].Holds()
		want := map[string][]*authority{"m.default.mesh.local": {i.b, i.a, i.a}, "other.example": {i.a, i.b}}
		if len(h.Domains) != len(want) {
			t.Errorf("%d trust domains", len(h.Domains))
		}
		for domain, cas := range want {
			got := h.Domains[domain]
			if len(got) != len(cas) {
				t.Fatalf("%s: %d CAs, want %d", domain, len(got), len(cas))
			}
			for n := range cas {
				if !got[n].Equal(cas[n].cert) {
					t.Errorf("%s: CA %d is %q", domain, n, got[n].Subject)
				}
			}
		}
	})
}

// TestTrust_intermediate issues from an intermediate CA, which is no anchor without its root.
func TestTrust_intermediate(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 2, false)
		below := i.a.below(t, "below")
		i.putPair("second", below, below)
		i.putTrust(ownTrust, below)
		i.putIdentity("second")
		i.pass(15 * time.Second)
		if left := len(i.Refusals("m")); left != 2 {
			t.Errorf("%d of 2 directions refused without the root", left)
		}
		i.putTrust(ownTrust, below, i.a)
		i.pass(5 * time.Second)
		if left := i.Refusals("m"); len(left) > 0 {
			t.Errorf("refused with the root: %v", left)
		}
	})
}

// TestTrust_absent has an identity without any MeshTrust: it is ready and certificates are issued, but proxies cannot use
// them. Only the insight shows that.
func TestTrust_absent(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 0, false)
		i.remove("meshidentities/i")
		i.remove("meshtrusts/" + ownTrust)
		i.connect(2)
		i.putIdentity("first")
		i.pass(20 * time.Second)
		s := i.see(i.Proxies("m")[0])
		if i.plain() != 2 || s.MTLS == nil || s.MTLS.Supported != nil || s.MTLS.IssuedBackend != "kri_mid_m_default__i_" {
			t.Errorf("%d proxies speak plaintext; shown as %+v", i.plain(), s.MTLS)
		}
		restarted := i.Proxies("m")[0]
		restarted.Stop()
		restarted.Reconnect()
		i.pass(20 * time.Second)
		if restarted.Plaintext() || restarted.Holds().Identity != nil {
			t.Error("a proxy that was restarted has a listener")
		}
		i.putTrust(ownTrust, i.a)
		i.pass(15 * time.Second)
		i.allMustHold(i.a, i.a)
		if s := i.see(i.Proxies("m")[0]); !slices.Equal(s.MTLS.Supported, []string{"kri_mtrust_m_default__own_"}) {
			t.Errorf("shown as %+v", s.MTLS)
		}
	})
}

// TestTrust_deleted deletes the only MeshTrust. A proxy keeps its bundle until it is restarted. A generated one comes back.
func TestTrust_deleted(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 2, false)
		i.remove("meshtrusts/" + ownTrust)
		i.pass(20 * time.Second)
		i.allMustHold(i.a, i.a)
		restarted := i.Proxies("m")[0]
		restarted.Stop()
		restarted.Reconnect()
		i.pass(20 * time.Second)
		if restarted.Holds().Identity != nil {
			t.Error("a proxy that was restarted has a listener")
		}

		i = newIssuing(t, version, 2, true)
		_, refused := i.refused()
		i.remove("meshtrusts/i")
		i.pass(5 * time.Second)
		do(t, i.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/i", nil, http.StatusOK)
		i.pass(5 * time.Second)
		if *refused > 0 {
			t.Errorf("%d handshakes refused", *refused)
		}
	})
}

// TestTrust_broken adds a MeshTrust whose PEM block is no certificate: proxies reject the whole bundle. With 2.14.3, they
// reject the certificate together with it, again every 5 s. With 3.0, they reject it once, and certificates go on.
func TestTrust_broken(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 2, false)
		p := i.Proxies("m")[0]
		before := i.see(p).Subscriptions[0].Status.Total
		rubbish := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("rubbish")})
		i.put("meshtrusts", "MeshTrust", "rubbish", nil, object{"trustDomain": "other.example", "caBundles": []object{{"type": "Pem", "pem": object{"value": string(rubbish)}}}})
		i.pass(31 * time.Second)
		held := p.Holds().Identity
		i.touch()
		i.pass(12 * time.Second)
		i.touch()
		i.pass(18 * time.Second)
		s := i.see(p)
		rejected := s.Subscriptions[0].Status.Total.Rejected
		if version == "2.14.3" {
			if rejected < 9 || rejected > 13 || !p.Holds().Identity.Equal(held) {
				t.Errorf("%d rejected in a minute, new certificate %t", rejected, !p.Holds().Identity.Equal(held))
			}
		} else if got := s.Subscriptions[0].Status.Total.Acknowledged - before.Acknowledged; rejected != 1 || p.Holds().Identity.Equal(held) || got < 2 {
			t.Errorf("%d rejected, new certificate %t, %d acknowledged", rejected, !p.Holds().Identity.Equal(held), got)
		}
		if s.MTLS.Regenerations < 3 || len(p.Holds().Bundle) != 1 || !slices.Contains(s.MTLS.Supported, "kri_mtrust_m_default__rubbish_") {
			t.Errorf("%d certificates in the bundle; shown as %+v", len(p.Holds().Bundle), s.MTLS)
		}
		i.remove("meshtrusts/rubbish")
		i.putTrust(ownTrust, i.a, i.b)
		i.pass(10 * time.Second)
		i.allMustHold(i.a, i.a, i.b)
	})
}

// TestTrust_rejectedOnce lets a proxy reject one bundle. State-of-the-world xDS sends it again after 5 s; incremental xDS
// never does, until the trust changes or the proxy reconnects.
func TestTrust_rejectedOnce(t *testing.T) {
	for name, repair := range map[string]func(*issuing){
		"another change": func(i *issuing) { i.putTrust("x", i.a); i.pass(3 * time.Second); i.remove("meshtrusts/x") },
		"reconnection":   func(i *issuing) { i.Proxies("m")[0].Reconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version string) {
				i := newIssuing(t, version, 2, false)
				p := i.Proxies("m")[0]
				p.RejectNext(1)
				i.putTrust(ownTrust, i.a, i.b)
				i.pass(10 * time.Second)
				want := map[string]int{"2.14.3": 2, "3.0-dev": 1}[version]
				for range 3 {
					i.touch()
					i.pass(10 * time.Second)
				}
				if got := len(p.Holds().Bundle); got != want {
					t.Errorf("%d CAs in the bundle, want %d", got, want)
				}
				repair(i)
				i.pass(10 * time.Second)
				if got := len(p.Holds().Bundle); got != 2 {
					t.Errorf("%d CAs in the bundle at the end", got)
				}
			})
		})
	}
}

// TestIdentity_overview has what the overview shows of a proxy, and when.
func TestIdentity_overview(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 1, false)
		p := i.Proxies("m")[0]
		before := i.see(p)
		if before.MTLS.Regenerations != 1 || before.MTLS.IssuedBackend != "kri_mid_m_default__i_" || !slices.Equal(before.MTLS.Supported, []string{"kri_mtrust_m_default__own_"}) {
			t.Errorf("shown as %+v", before.MTLS)
		}
		put := i.clock.Now()
		i.touch()
		told := i.when(func() bool { return i.see(p).MTLS.Made.After(put) })
		acknowledged := i.when(func() bool {
			return i.see(p).Subscriptions[0].Status.Total.Acknowledged > before.Subscriptions[0].Status.Total.Acknowledged
		})
		i.pass(15 * time.Second)
		if after := told().Sub(put); after > 2300*time.Millisecond {
			t.Errorf("the certificate is shown after %s", after)
		}
		if after := acknowledged().Sub(told()); after < 100*time.Millisecond || after > 10*time.Second {
			t.Errorf("the acknowledgement is shown %s later", after)
		}
		i.pass(time.Minute)
		put = i.clock.Now()
		i.putTrust("second", i.b)
		shown := i.when(func() bool { return len(i.see(p).MTLS.Supported) == 2 })
		i.pass(15 * time.Second)
		if after := shown().Sub(put); after < 100*time.Millisecond || after > 10*time.Second {
			t.Errorf("the trust is shown after %s", after)
		}

		p.Disconnect()
		i.pass(time.Minute)
		if s := i.see(p); s.online() || s.MTLS == nil {
			t.Errorf("disconnected, it is shown as %+v", s)
		}
		p.Reconnect()
		connected := i.clock.Now()
		again := i.when(func() bool { s := i.see(p); return s.MTLS != nil && s.MTLS.Made.After(connected) })
		i.pass(15 * time.Second)
		if after := again().Sub(connected); after > time.Second {
			t.Errorf("connected again, its certificate is shown after %s", after)
		}
		if s := i.see(p); s.MTLS.Regenerations != 1 || s.Subscriptions[1].Status.Total.Sent != 4 {
			t.Errorf("connected again, it is shown as %+v, %+v", s, s.MTLS)
		}
	})
}

// TestIdentity_acknowledgements lets a proxy change to another identity: 2.14.3 counts the changes of the subscribed names as
// acknowledgements.
func TestIdentity_acknowledgements(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		i := newIssuing(t, version, 1, false)
		p := i.Proxies("m")[0]
		for n, name := range []string{"h", "g"} {
			i.putAs(name, i.spec("first", object{}))
			i.pass(12 * time.Second)
			i.putAs(name, i.spec("first", everybody))
			i.pass(15 * time.Second)
			total := i.see(p).Subscriptions[0].Status.Total
			want := map[string]int{"2.14.3": 2 * (n + 1), "3.0-dev": 0}[version]
			if got := total.Acknowledged + total.Rejected - total.Sent; got != want {
				t.Errorf("after %d changes, %d more are acknowledged than sent, want %d", n+1, got, want)
			}
			if got := i.see(p).MTLS.IssuedBackend; got != "kri_mid_m_default__"+name+"_" {
				t.Errorf("issued by %s", got)
			}
		}
	})
}

// TestIdentity_timings compares the delays with the measured ones.
func TestIdentity_timings(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		var toLeaf, toBundle sample
		for seed := range uint64(25) {
			i := newIssuing(t, version, 1, false, kumatest.Seed(seed))
			p := i.Proxies("m")[0]
			i.pass(time.Duration(seed) * 390 * time.Millisecond)
			leaf, put := p.Holds().Identity, i.clock.Now()
			i.touch()
			at := i.when(func() bool { return !p.Holds().Identity.Equal(leaf) })
			i.pass(20 * time.Second)
			toLeaf = append(toLeaf, at().Sub(put))
			i.pass(time.Duration(seed) * 170 * time.Millisecond)
			put = i.clock.Now()
			i.putTrust(ownTrust, i.a, i.b)
			at = i.when(func() bool { return len(p.Holds().Bundle) == 2 })
			i.pass(10 * time.Second)
			toBundle = append(toBundle, at().Sub(put))
		}
		toLeaf.within(t, "identity to certificate", 50*time.Millisecond, 2700*time.Millisecond, 0)
		toBundle.within(t, "trust to bundle", 50*time.Millisecond, 2400*time.Millisecond, 0)
	})
}

// TestIdentity_intervals has longer intervals of the control plane: proxies and overviews follow later.
func TestIdentity_intervals(t *testing.T) {
	eachVersion(t, func(t *testing.T, version string) {
		var toBundle sample
		var shown time.Duration
		for seed := range uint64(8) {
			i := newIssuing(t, version, 1, false, kumatest.Seed(seed), kumatest.StoreCache(20*time.Second), kumatest.ProxyRefresh(10*time.Second), kumatest.ProxyFlush(time.Minute))
			p := i.Proxies("m")[0]
			i.pass(2 * time.Minute)
			acknowledged := func() int { return i.see(p).Subscriptions[0].Status.Total.Acknowledged }
			before, put := acknowledged(), i.clock.Now()
			i.putTrust(ownTrust, i.a, i.b)
			served := i.when(func() bool { return len(p.Holds().Bundle) == 2 })
			told := i.when(func() bool { return acknowledged() > before })
			i.pass(3 * time.Minute)
			toBundle = append(toBundle, served().Sub(put))
			shown = max(shown, told().Sub(served()))
		}
		toBundle.within(t, "trust to bundle", 100*time.Millisecond, 30*time.Second, 0)
		if shown < 15*time.Second || shown > time.Minute {
			t.Errorf("acknowledgements are shown up to %s later", shown)
		}
	})
}

// TestProxy_dump reads the secrets of a proxy through the control plane.
func TestProxy_dump(t *testing.T) {
	t.Parallel()
	c := newCrossing(t, "STRICT")
	path := "/meshes/m/dataplanes/dp-1/xds"
	read := func() string { return string(do(t, c.ControlPlane, http.MethodGet, path, nil, http.StatusOK)) }
	for _, want := range []string{`"identity_cert:secret:m"`, `"mesh_ca:secret:m"`, base64.StdEncoding.EncodeToString(c.a.pem[:30])} {
		mustContain(t, []byte(read()), want)
	}
	for _, step := range c.steps() {
		step.do()
		c.pass(15 * time.Second)
	}
	for _, want := range []string{`"kri_mid_m_default__i_"`, `"system_trust_bundle"`, `"m.default.mesh.local"`, `"custom_validator_config"`} {
		mustContain(t, []byte(read()), want)
	}
	mustContain(t, []byte(read()), `"private_key"`)
	mustContain(t, []byte(read()), base64.StdEncoding.EncodeToString([]byte("[redacted]")))
	c.Proxies("m")[0].Hang(true)
	do(t, c.ControlPlane, http.MethodGet, path, nil, http.StatusInternalServerError)
	c.Proxies("m")[0].Disconnect()
	do(t, c.ControlPlane, http.MethodGet, path, nil, http.StatusInternalServerError)
}
