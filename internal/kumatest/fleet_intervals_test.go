package kumatest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestConfig_intervals holds the members of GET /config against those of real control planes.
func TestConfig_intervals(t *testing.T) {
	t.Parallel()
	set := []kumatest.Option{
		kumatest.StoreCache(30 * time.Second), kumatest.ZoneRefresh(40 * time.Second), kumatest.ZoneFlush(50 * time.Second),
		kumatest.ProxyRefresh(2 * time.Second), kumatest.ProxyFlush(time.Minute),
	}
	defaults := map[string]string{
		"store.cache.expirationTime": "1s", "multizone.global.kds.refreshInterval": "1s", "multizone.global.kds.zoneInsightFlushInterval": "10s",
		"xdsServer.dataplaneConfigurationRefreshInterval": "1s", "xdsServer.dataplaneStatusFlushInterval": "10s",
	}
	for name, test := range map[string]struct {
		options []kumatest.Option
		want    map[string]string
	}{
		"defaults":           {nil, defaults},
		"defaults of global": {[]kumatest.Option{kumatest.Global()}, defaults},
		"2.7.29":             {[]kumatest.Option{kumatest.Version("2.7.29")}, defaults},
		"set": {set, map[string]string{
			"store.cache.expirationTime": "30s", "multizone.global.kds.refreshInterval": "40s", "multizone.global.kds.zoneInsightFlushInterval": "50s",
			"xdsServer.dataplaneConfigurationRefreshInterval": "2s", "xdsServer.dataplaneStatusFlushInterval": "1m0s",
		}},
		"3.0": {[]kumatest.Option{kumatest.Version("3.0-dev"), kumatest.ZoneRefresh(40 * time.Second)}, map[string]string{
			"multizone.global.kds.refreshInterval":                       "",
			"multizone.global.kds.eventBasedWatchdog.flushInterval":      "40s",
			"multizone.global.kds.eventBasedWatchdog.fullResyncInterval": "40s",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var config any
			if err := json.Unmarshal(do(t, kumatest.New(test.options...), http.MethodGet, "/config", nil, http.StatusOK), &config); err != nil {
				t.Fatal(err)
			}
			for path, want := range test.want {
				if got, _ := at(config, path).(string); got != want {
					t.Errorf("%s is %q, want %q", path, got, want)
				}
			}
		})
	}
}

// TestConfig_unreadable lets GET /config be forbidden or absent.
func TestConfig_unreadable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []kumatest.Option
		token   string
		status  int
	}{
		"anybody":                      {[]kumatest.Option{kumatest.Authentication()}, "", http.StatusOK},
		"for administrators, reader":   {[]kumatest.Option{kumatest.Authentication(), kumatest.ConfigForAdmins()}, kumatest.ReaderToken, http.StatusForbidden},
		"for administrators, nobody":   {[]kumatest.Option{kumatest.Authentication(), kumatest.ConfigForAdmins()}, "", http.StatusForbidden},
		"for administrators, one":      {[]kumatest.Option{kumatest.Authentication(), kumatest.ConfigForAdmins()}, kumatest.AdminToken, http.StatusOK},
		"for administrators, loopback": {[]kumatest.Option{kumatest.ConfigForAdmins()}, "", http.StatusOK},
		"absent":                       {[]kumatest.Option{kumatest.WithoutConfig()}, "", http.StatusNotFound},
	} {
		request := httptest.NewRequest(http.MethodGet, "http://localhost/config", nil)
		if test.token != "" {
			request.Header.Set("Authorization", "Bearer "+test.token)
		}
		response := httptest.NewRecorder()
		kumatest.New(test.options...).ServeHTTP(response, request)
		if response.Code != test.status {
			t.Errorf("%s: status %d, want %d", name, response.Code, test.status)
		}
	}
}

// at returns a member of a JSON value by its path, nil when there is none.
func at(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		members, _ := value.(map[string]any)
		value = members[name]
	}
	return value
}

// TestRotationStoreCache switches to another pair behind a cache of 30 s. Until it ends, a proxy that reconnects gets the
// pair of before once more, which is issued after the write.
func TestRotationStoreCache(t *testing.T) {
	t.Parallel()
	const age = 30 * time.Second
	cached := 0
	for seed := range uint64(20) {
		r := newRotation(t, 3, kumatest.StoreCache(age), kumatest.Seed(seed))
		r.pass(age)
		again, other := r.Proxies("m")[0], r.Proxies("m")[1]
		before := r.see(again).MTLS.Made
		r.putPair("second", r.b, r.b, r.a)
		r.pass(2 * time.Second)
		r.putMesh("second")
		r.After(time.Second, again.Reconnect)
		r.pass(2 * time.Second)
		if other.Holds().Identity.CheckSignatureFrom(r.a.cert) == nil {
			cached++
			r.mustHold(again, r.a, r.a)
			r.pass(10 * time.Second)
			if got := r.see(again).MTLS.Made; !got.After(before) {
				t.Errorf("seed %d: the proxy that reconnected was issued to at %s, before that at %s", seed, got, before)
			}
		}
		r.pass(age)
		r.allMustHold(r.b, r.b, r.a)
	}
	if cached < 15 || cached == 20 {
		t.Errorf("2 s after the write the cache had the old pair in %d of 20 rounds, want 28/30 of them", cached)
	}
}

// TestStoreCache_secrets checks a CA by what the cache has of its secrets.
func TestStoreCache_secrets(t *testing.T) {
	t.Parallel()
	r := newRotation(t, 0, kumatest.StoreCache(30*time.Second))
	r.pass(30 * time.Second)
	r.putMesh("first")
	putSecret(t, r.ControlPlane, "m", "first-key", r.b.key)
	r.pass(29 * time.Second)
	r.putMesh("first")
	r.pass(2 * time.Second)
	do(t, r.ControlPlane, http.MethodPut, "/meshes/m", r.mesh(), http.StatusBadRequest)
}

// TestRotationStoreCacheWithoutProxies writes while nobody is connected, right after the last one or when the cache has ended.
func TestRotationStoreCacheWithoutProxies(t *testing.T) {
	t.Parallel()
	for away, cached := range map[time.Duration]bool{time.Second: true, 40 * time.Second: false} {
		seen := 0
		for seed := range uint64(10) {
			r := newRotation(t, 1, kumatest.StoreCache(30*time.Second), kumatest.Seed(seed))
			p := r.Proxies("m")[0]
			p.Disconnect()
			r.putPair("second", r.b, r.b)
			r.pass(away)
			r.putMesh("second")
			r.pass(time.Millisecond)
			p.Reconnect()
			r.pass(time.Second)
			if p.Holds().Identity.CheckSignatureFrom(r.a.cert) == nil {
				seen++
			}
		}
		if (seen > 5) != cached || !cached && seen > 0 {
			t.Errorf("%s after the last proxy: %d of 10 rounds had the old pair", away, seen)
		}
	}
}

// TestRotationZoneRefresh writes to a global control plane that looks after its zones once in 40 s, or through a cache of 30 s.
// Only then the zone has it, and acknowledges it.
func TestRotationZoneRefresh(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		option kumatest.Option
		most   time.Duration
	}{
		"refresh": {kumatest.ZoneRefresh(40 * time.Second), 40 * time.Second},
		"cache":   {kumatest.StoreCache(30 * time.Second), 31 * time.Second},
	} {
		var latest time.Duration
		for seed := range uint64(10) {
			r := newRotation(t, 2, kumatest.Global(), test.option, kumatest.Seed(seed))
			r.pass(test.most + time.Duration(seed)*4*time.Second)
			p := r.Proxies("m")[1]
			before := r.seeZone("zone-1").last().Status.Stat["Mesh"]
			r.putPair("second", r.b, r.b, r.a)
			r.pass(2 * time.Second)
			put := r.clock.Now()
			r.putMesh("second")
			r.After(time.Second, r.Proxies("m")[0].Reconnect)
			var told, held time.Duration
			r.Watch(func(now time.Time) {
				if held == 0 && p.Holds().Identity.CheckSignatureFrom(r.b.cert) == nil {
					held = now.Sub(put)
				}
				if after := r.seeZone("zone-1").last().Status.Stat["Mesh"]; told == 0 && after.Acknowledged > before.Acknowledged {
					told = now.Sub(put)
				}
			})
			r.pass(test.most + 15*time.Second)
			r.allMustHold(r.b, r.b, r.a)
			if held == 0 || held > test.most+3*time.Second || told == 0 || told > test.most+11*time.Second || told < held-3*time.Second {
				t.Errorf("%s, seed %d: held after %s, acknowledged after %s", name, seed, held, told)
			}
			latest = max(latest, held)
		}
		if latest < test.most*2/3 {
			t.Errorf("%s: always held within %s", name, latest)
		}
	}
}

// TestRotationProxyIntervals looks at proxies less often, and tells of them less often.
func TestRotationProxyIntervals(t *testing.T) {
	t.Parallel()
	var held, told sample
	for seed := range uint64(20) {
		r := newRotation(t, 1, kumatest.ProxyRefresh(20*time.Second), kumatest.ProxyFlush(time.Minute), kumatest.Seed(seed))
		r.pass(time.Minute + time.Duration(seed)*3*time.Second)
		p := r.Proxies("m")[0]
		before, made := p.Holds(), r.see(p).MTLS.Made
		put := r.clock.Now()
		r.touch()
		first := map[string]bool{}
		r.Watch(func(now time.Time) {
			if !first["held"] && !p.Holds().Identity.Equal(before.Identity) {
				first["held"] = true
				held = append(held, now.Sub(put))
			}
			if !first["told"] && r.see(p).MTLS.Made.After(made) {
				first["told"] = true
				told = append(told, now.Sub(put))
			}
		})
		r.pass(2 * time.Minute)
	}
	held.within(t, "put to proxy", 90*time.Millisecond, 21*time.Second, 0)
	told.within(t, "put to overview", 90*time.Millisecond, 81*time.Second, 0)
}
