package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Settings are what a control plane says of itself in `/config`, as far as it
// decides when proxies get what is written.
type Settings struct {
	// Known reports whether the control plane told. It does not tell everybody;
	// the intervals are its defaults then.
	Known bool
	// Global reports whether it passes what it is told on to zones. One that does
	// not say counts as global: it is the slower of the two.
	Global bool
	// StoreCache is how old a mesh or secret may be that certificates are issued from.
	StoreCache time.Duration
	// ProxyRefresh is how often it looks for what a proxy is to get.
	ProxyRefresh time.Duration
	// StatusFlush is how often it notes what proxies said.
	StatusFlush time.Duration
	// ZoneRefresh is how long a global control plane takes at most until it sends
	// a zone what was written, and ZoneFlush how often it notes what zones said.
	ZoneRefresh, ZoneFlush time.Duration
}

// defaultSettings are the defaults of Kuma 2.7 to 2.14 (kuma-cp.defaults.yaml).
func defaultSettings() Settings {
	return Settings{
		StoreCache: time.Second, ProxyRefresh: time.Second, StatusFlush: 10 * time.Second,
		ZoneRefresh: time.Second, ZoneFlush: 10 * time.Second,
	}
}

// Settings asks for them once. What the control plane does not tell has its default.
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
	if answer := new(Error); err == nil || errors.As(err, &answer) { // anything else may pass
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
	} {
		if told, ok := durationAt(document, interval.path); ok {
			*interval.to = told
		}
	}
	settings.readWatchdog(document)
	if string(valueAt(document, []string{"store", "cache", "enabled"})) == "false" {
		settings.StoreCache = 0
	}
	return settings
}

// readWatchdog reads how a global control plane that waits for events sends what
// was written to its zones: version 3 always does, earlier ones as an experiment.
// A flush follows each event, but reads through the store cache. What it misses
// goes out with the flush after the next resync (read in Kuma's source).
func (s *Settings) readWatchdog(document *Document) {
	watchdog := []string{"multizone", "global", "kds", "eventBasedWatchdog"}
	experiment := []string{"experimental", "kdsEventBasedWatchdog"}
	if string(valueAt(document, append(experiment, "enabled"))) == "true" {
		watchdog = experiment
	}
	flush, known := durationAt(document, append(watchdog, "flushInterval"))
	resync, knownToo := durationAt(document, append(watchdog, "fullResyncInterval"))
	if known && knownToo {
		s.ZoneRefresh = flush + resync
	}
}

// valueAt returns the text of a value in the objects of a document, nil if it is
// absent.
func valueAt(document *Document, path []string) json.RawMessage {
	for _, name := range path[:len(path)-1] {
		inner, err := document.Object(name)
		if err != nil {
			return nil
		}
		document = inner
	}
	return document.Get(path[len(path)-1])
}

// durationAt reads a duration of Go's form from the objects of a document.
func durationAt(document *Document, path []string) (time.Duration, bool) {
	var text string
	if value := valueAt(document, path); value == nil || json.Unmarshal(value, &text) != nil {
		return 0, false
	}
	duration, err := time.ParseDuration(text)
	return duration, err == nil && duration >= 0
}
