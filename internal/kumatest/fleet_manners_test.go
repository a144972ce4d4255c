package kumatest_test

import (
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestManners_reconnectEvery(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 2)
	p := r.Proxies("m")[0]
	connections := map[string]bool{}
	r.Watch(func(time.Time) {
		if len(r.Proxies("m")) == 2 {
			s := r.see(p).Subscriptions
			connections[s[len(s)-1].ID] = true
		}
	})
	p.ReconnectEvery(time.Hour) // the next call takes its place
	p.ReconnectEvery(10 * time.Second)
	r.pass(65 * time.Second)
	if len(connections) != 6 {
		t.Errorf("%d connections in 65 s, want 6", len(connections))
	}
	p.ReconnectEvery(0)
	r.pass(2 * time.Hour)
	if len(connections) != 6 {
		t.Errorf("it goes on reconnecting: %d connections", len(connections))
	}
	p.ReconnectEvery(10 * time.Second)
	r.Remove(p)
	r.pass(time.Minute)
	if p.Connected() || len(r.Proxies("m")) != 1 {
		t.Error("a proxy that was removed reconnects")
	}
}

// TestManners_away has a proxy that is disconnected for a while and serves on, and one that ends.
func TestManners_away(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 3)
	away, ends := r.Proxies("m")[1], r.Proxies("m")[2]
	count := func(what string, connected, all int) {
		t.Helper()
		if got, _ := r.Handshakes("m"); got != connected {
			t.Errorf("%s: %d handshakes of those connected, want %d", what, got, connected)
		}
		if got, _ := r.HandshakesOfAll("m"); got != all {
			t.Errorf("%s: %d handshakes of all, want %d", what, got, all)
		}
	}
	count("connected", 6, 6)
	away.Away(20 * time.Second)
	ends.Stop()
	count("one away, one ended", 0, 2)
	r.switchTo("second", r.b, r.b)
	_, refused := r.HandshakesOfAll("m")
	if len(refused) != 2 {
		t.Errorf("refused are %v, want both directions of the one that is away", refused)
	}
	r.pass(5 * time.Second)
	count("one back", 2, 2)
	if left := r.Refusals("m"); len(left) > 0 {
		t.Errorf("refused when it is back: %v", left)
	}
	ends.Reconnect()
	count("started anew", 2, 2)
	r.pass(time.Second)
	count("served", 6, 6)
}

func TestManners_rejectNext(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 1)
	p := r.Proxies("m")[0]
	before := r.see(p).Subscriptions[0].Status.Total
	p.RejectNext(1)
	r.touch()
	r.pass(4 * time.Second)
	r.pass(15 * time.Second)
	total := r.see(p).Subscriptions[0].Status.Total
	if total.Rejected != before.Rejected+1 || total.Acknowledged != before.Acknowledged+1 || total.Sent != before.Sent+2 {
		t.Errorf("%+v became %+v", before, total)
	}
}

func TestManners_answerAfter(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 2)
	p := r.Proxies("m")[0]
	p.AnswerAfter(25 * time.Second)
	r.putPair("second", r.a, r.a, r.b)
	r.pass(2 * time.Second)
	r.putMesh("second")
	r.pass(20 * time.Second)
	r.mustHold(p, r.a, r.a)
	if total := r.see(p).Subscriptions[0].Status.Total; total.Sent != total.Acknowledged+1 {
		t.Errorf("20 s after the put: %+v", total)
	}
	r.pass(20 * time.Second)
	r.mustHold(p, r.a, r.a, r.b)
	if total := r.see(p).Subscriptions[0].Status.Total; total.Sent != total.Acknowledged {
		t.Errorf("40 s after the put: %+v", total)
	}
}

// TestMeshIdentity has proxies whose identity is not of the mesh's CA: a switch of that changes their trust alone.
func TestMeshIdentity(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 2)
	told, untold := r.Connect("m", "told", kumatest.WithIdentity("i1", true)), r.Connect("m", "untold", kumatest.WithIdentity("i1", false))
	r.pass(time.Second)
	if s := r.see(told).MTLS; s == nil || s.IssuedBackend != "kri_mid_m_default__i1_" || len(s.Supported) != 1 || s.Supported[0] != "kri_mtrust_m___i1_" {
		t.Errorf("1 s after it connected it is shown as %+v", s)
	}
	r.pass(15 * time.Second)
	before := r.see(told)
	if before.Subscriptions[0].Status.Total.Acknowledged != 4 { // with CDS, EDS, LDS
		t.Errorf("it is shown as %+v", before)
	}
	r.switchTo("second", r.b, r.b, r.a)
	after := r.see(told)
	if !after.MTLS.Made.Equal(before.MTLS.Made) || after.Subscriptions[0].Status.Total.Acknowledged != 5 {
		t.Errorf("%+v became %+v", before, after)
	}
	if s := r.see(untold); !s.online() || s.MTLS != nil || s.Subscriptions[0].Status.Total.Acknowledged != 5 {
		t.Errorf("the untold one is shown as %+v", s)
	}
	r.touch() // no other CA, so nothing is sent
	r.pass(20 * time.Hour)
	if s := r.see(told); s.MTLS.Regenerations != 2 {
		t.Errorf("after 4/5 of its life: %+v", s.MTLS)
	}
	if tried, _ := r.HandshakesOfAll("m"); tried != 2 {
		t.Errorf("%d handshakes, want those of the others", tried)
	}
}

// TestSkewed has a proxy that is connected to another instance, with a clock of its own.
func TestSkewed(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 0)
	r.Connect("m", "here")
	r.Connect("m", "there", kumatest.Skewed(-time.Minute))
	r.pass(15 * time.Second)
	here, there := r.see(r.Proxies("m")[0]), r.see(r.Proxies("m")[1])
	for what, apart := range map[string]time.Duration{
		"connectTime":                 here.Subscriptions[0].ConnectTime.Sub(there.Subscriptions[0].ConnectTime),
		"lastUpdateTime":              here.Subscriptions[0].Status.LastUpdateTime.Sub(there.Subscriptions[0].Status.LastUpdateTime),
		"lastCertificateRegeneration": here.MTLS.Made.Sub(there.MTLS.Made),
	} {
		if apart < 59*time.Second || apart > 61*time.Second {
			t.Errorf("%s: %s apart", what, apart)
		}
	}
}

// TestWriteBack lets somebody take a write of the mesh back with a copy of before.
func TestWriteBack(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 1)
	r.WriteBack("/meshes/m", time.Second, 10*time.Second)
	r.putPair("second", r.a, r.a, r.b)
	r.pass(3 * time.Second)
	r.putMesh("second")
	r.pass(5 * time.Second)
	r.allMustHold(r.a, r.a, r.b)
	r.pass(5 * time.Second)
	r.allMustHold(r.a, r.a)
}
