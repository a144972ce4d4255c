package kuma

import (
	"testing"
	"time"
)

// The intervals are where each version of the control plane has them in /config.
func TestSettings_intervals(t *testing.T) {
	const watchdog = `{"enabled":false,"flushInterval":"5s","fullResyncInterval":"1m0s","delayFullResync":false}`
	common := Settings{Known: true, Global: true, StoreCache: time.Second, ProxyRefresh: time.Second, StatusFlush: 10 * time.Second, ZoneFlush: 10 * time.Second, IdentityStatus: 5 * time.Second}
	for name, test := range map[string]struct {
		config string
		want   func(*Settings)
	}{
		"2.7.29 and 2.14.3": {`{"mode":"global","store":{"cache":{"enabled":true,"expirationTime":"1s"}},"experimental":{"kdsEventBasedWatchdog":` + watchdog + `},
			"xdsServer":{"dataplaneConfigurationRefreshInterval":"1s","dataplaneStatusFlushInterval":"10s"},
			"multizone":{"global":{"kds":{"refreshInterval":"40s","zoneInsightFlushInterval":"10s"}}}}`,
			func(s *Settings) { s.ZoneRefresh = 40 * time.Second }},
		"2.14.3 with events": {`{"mode":"global","experimental":{"kdsEventBasedWatchdog":{"enabled":true,"flushInterval":"5s","fullResyncInterval":"1m0s"}},
			"multizone":{"global":{"kds":{"refreshInterval":"1s","zoneInsightFlushInterval":"10s"}}}}`,
			func(s *Settings) { s.ZoneRefresh = 65 * time.Second }},
		"3.0": {`{"mode":"global","multizone":{"global":{"kds":{"zoneInsightFlushInterval":"10s",
			"eventBasedWatchdog":{"flushInterval":"2s","fullResyncInterval":"30s","delayFullResync":false}}}}}`,
			func(s *Settings) { s.ZoneRefresh = 32 * time.Second }},
		"half of it": {`{"mode":"global","multizone":{"global":{"kds":{"eventBasedWatchdog":{"flushInterval":"2s"}}}}}`,
			func(s *Settings) { s.ZoneRefresh = time.Second }},
		"2.14.3 and 3.0 with another interval for identities": {`{"mode":"zone","coreResources":{"status":{"meshIdentityInterval":"7s","meshServiceInterval":"5s"}}}`,
			func(s *Settings) { s.Global, s.IdentityStatus, s.ZoneRefresh = false, 7*time.Second, time.Second }},
		"no store cache": {`{"mode":"zone","store":{"cache":{"enabled":false,"expirationTime":"30s"}}}`,
			func(s *Settings) { s.Global, s.StoreCache, s.ZoneRefresh = false, 0, time.Second }},
		"values of other kinds": {`{"mode":"global","store":[],"experimental":{"kdsEventBasedWatchdog":{"enabled":"true","flushInterval":5}},"xdsServer":{"dataplaneStatusFlushInterval":10}}`,
			func(s *Settings) { s.ZoneRefresh = time.Second }},
	} {
		want := common
		test.want(&want)
		equal(t, name, parseSettings(mustParse(t, test.config)), want)
	}
}
