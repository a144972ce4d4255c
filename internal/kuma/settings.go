package kuma

import (
	"context"
	"errors"
	"time"
)

// Settings are the parts of a control plane's `/config` that decide how soon
// a change takes effect.
type Settings struct {
	// Known reports whether the control plane showed its configuration. It does
	// not to all users; the intervals are its defaults then.
	Known bool
	// Global reports whether the control plane sends changes to zones. If that
	// is unknown, it counts as global, which is the slower of the two.
	Global bool
	// StoreCache is the maximum age of a mesh or secret from which the control
	// plane issues certificates.
	StoreCache time.Duration
	// ProxyRefresh is the interval at which it checks what a proxy should get.
	ProxyRefresh time.Duration
	// StatusFlush is the interval at which it records the status of proxies.
	StatusFlush time.Duration
	// ZoneRefresh is the maximum time until a global control plane sends a
	// change to a zone, and ZoneFlush the interval at which it records the
	// status of zones.
	ZoneRefresh, ZoneFlush time.Duration
	// IdentityStatus is the interval at which it checks MeshIdentities and
	// records their conditions.
	IdentityStatus time.Duration
}

// defaultSettings returns the defaults of Kuma 2.7 to 2.14
// (kuma-cp.defaults.yaml).
func defaultSettings() Settings {
	return Settings{
		StoreCache: time.Second, ProxyRefresh: time.Second, StatusFlush: 10 * time.Second,
		ZoneRefresh: time.Second, ZoneFlush: 10 * time.Second, IdentityStatus: 5 * time.Second,
	}
}

// Settings reads the settings once. A setting that the control plane does not
// show has its default.
func (c *Client) Settings(ctx context.Context) Settings {
	if known := c.settings.Load(); known != nil {
		return *known
	}
	document, err := c.getDocument(ctx, "config", nil)
	settings := defaultSettings()
	settings.Global = true
	if err == nil {
		settings = parseSettings(document)
	}
	if answer := new(Error); err == nil || errors.As(err, &answer) { // other errors may be transient
		c.settings.Store(&settings)
	}
	return settings
}

func parseSettings(document *Document) Settings {
	settings := defaultSettings()
	var mode string
	settings.Global = document.Decode("mode", &mode) != nil || mode == "" || mode == "global"
	settings.Known = mode != ""
	for _, interval := range []struct {
		to   *time.Duration
		path []string
	}{
		{&settings.StoreCache, []string{"store", "cache", "expirationTime"}},
		{&settings.ProxyRefresh, []string{"xdsServer", "dataplaneConfigurationRefreshInterval"}},
		{&settings.StatusFlush, []string{"xdsServer", "dataplaneStatusFlushInterval"}},
		{&settings.ZoneRefresh, []string{"multizone", "global", "kds", "refreshInterval"}},
		{&settings.ZoneFlush, []string{"multizone", "global", "kds", "zoneInsightFlushInterval"}},
		{&settings.IdentityStatus, []string{"coreResources", "status", "meshIdentityInterval"}},
	} {
		if told, ok := durationAt(document, interval.path); ok {
			*interval.to = told
		}
	}
	settings.readWatchdog(document)
	cached := true
	_ = document.DecodeAt(&cached, "store", "cache", "enabled") // a value of another type is ignored
	if !cached {
		settings.StoreCache = 0
	}
	return settings
}

// readWatchdog reads how a global control plane that waits for events sends
// changes to its zones: version 3 always does, earlier ones only as an
// experiment. A flush follows each event, but reads through the store cache. A
// change that it misses is part of the flush after the next resync (from Kuma's
// source).
func (s *Settings) readWatchdog(document *Document) {
	watchdog := []string{"multizone", "global", "kds", "eventBasedWatchdog"}
	experiment := []string{"experimental", "kdsEventBasedWatchdog"}
	if enabled, _ := valueAt[bool](document, append(experiment, "enabled")...); enabled { // a value of another type is ignored
		watchdog = experiment
	}
	flush, known := durationAt(document, append(watchdog, "flushInterval"))
	resync, knownToo := durationAt(document, append(watchdog, "fullResyncInterval"))
	if known && knownToo {
		s.ZoneRefresh = flush + resync
	}
}

// durationAt returns a duration in Go's form from nested objects of a document.
func durationAt(document *Document, path []string) (time.Duration, bool) {
	text, _ := valueAt[string](document, path...) // "", or a value of another type, is no duration
	duration, err := time.ParseDuration(text)
	return duration, err == nil && duration >= 0
}
