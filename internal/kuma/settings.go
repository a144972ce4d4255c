package kuma

import (
	"context"
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
	// ZoneRefresh is how often a global control plane looks for what a zone is to
	// get, and ZoneFlush how often it notes what zones said.
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
	if store, err := document.Object("store"); err == nil {
		if cache, err := store.Object("cache"); err == nil && string(cache.Get("enabled")) == "false" {
			settings.StoreCache = 0
		}
	}
	return settings
}

// durationAt reads a duration of Go's form from the objects of a document.
func durationAt(document *Document, path []string) (time.Duration, bool) {
	for _, name := range path[:len(path)-1] {
		inner, err := document.Object(name)
		if err != nil {
			return 0, false
		}
		document = inner
	}
	var text string
	if err := document.Decode(path[len(path)-1], &text); err != nil {
		return 0, false
	}
	duration, err := time.ParseDuration(text)
	return duration, err == nil && duration >= 0
}
