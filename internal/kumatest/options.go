package kumatest

import (
	"net/http"
	"time"
)

// Tokens that a control plane with Authentication knows, to be sent as "Authorization: Bearer TOKEN".
const (
	// AdminToken is an administrator's.
	AdminToken = "kumatest-admin-token"
	// ReaderToken is a known user's who may not see secrets.
	ReaderToken = "kumatest-reader-token"
)

// An Option changes what New makes.
type Option func(*config)

type config struct {
	release       release
	now           func() time.Time
	latency       time.Duration
	auth          bool
	readOnly      bool
	global        bool
	globalAddress string // of a zone
	kongMesh      bool
	verbatim      bool
	unsafe        bool
	seed          uint64
	every         intervals
	metadata      int // status of the answer to GET /config, when it is another one than 200
}

// intervals are the settings that decide when a write reaches proxies, and when insights show it. GET /config has them.
type intervals struct {
	storeCache   time.Duration // store.cache.expirationTime
	proxyRefresh time.Duration // xdsServer.dataplaneConfigurationRefreshInterval
	proxyFlush   time.Duration // xdsServer.dataplaneStatusFlushInterval
	zoneRefresh  time.Duration // multizone.global.kds.refreshInterval
	zoneFlush    time.Duration // multizone.global.kds.zoneInsightFlushInterval
}

func defaultIntervals() intervals {
	return intervals{
		storeCache: time.Second, proxyRefresh: time.Second, proxyFlush: 10 * time.Second,
		zoneRefresh: time.Second, zoneFlush: 10 * time.Second,
	}
}

// StoreCache sets how old a mesh or a secret may be when the control plane reads it for a proxy, validates a CA, or sends
// it to a zone (KUMA_STORE_CACHE_EXPIRATION_TIME). The default is 1 s. Zones of a global control plane keep the default.
func StoreCache(age time.Duration) Option {
	return func(c *config) { c.every.storeCache = age }
}

// ProxyRefresh sets how often the control plane checks whether a proxy needs a new configuration
// (KUMA_XDS_SERVER_DATAPLANE_CONFIGURATION_REFRESH_INTERVAL). The default is 1 s.
func ProxyRefresh(every time.Duration) Option {
	return func(c *config) { c.every.proxyRefresh = every }
}

// ProxyFlush sets how often the control plane writes the insight of a proxy (KUMA_XDS_SERVER_DATAPLANE_STATUS_FLUSH_INTERVAL). The
// default is 10 s.
func ProxyFlush(every time.Duration) Option {
	return func(c *config) { c.every.proxyFlush = every }
}

// ZoneRefresh sets how often a global control plane checks whether a zone needs a resource
// (KUMA_MULTIZONE_GLOBAL_KDS_REFRESH_INTERVAL). The default is 1 s.
func ZoneRefresh(every time.Duration) Option {
	return func(c *config) { c.every.zoneRefresh = every }
}

// ZoneFlush sets how often a global control plane writes the insight of a zone (KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL). The
// default is 10 s.
func ZoneFlush(every time.Duration) Option {
	return func(c *config) { c.every.zoneFlush = every }
}

// ConfigForAdmins answers GET /config with 403 unless an administrator asks.
func ConfigForAdmins() Option {
	return func(c *config) { c.metadata = http.StatusForbidden }
}

// WithoutConfig answers GET /config with 404, as a gateway in front of the control plane may.
func WithoutConfig() Option {
	return func(c *config) { c.metadata = http.StatusNotFound }
}

// Version makes the control plane answer as that version does, one of Versions; the default is 2.14.3.
// It panics when the version is unknown.
func Version(v string) Option {
	release := releaseOf(v)
	return func(c *config) { c.release = release }
}

// Clock sets where the control plane has its time from, in every place: the Date header, creation and
// modification times, the age of the secret cache, Request.Time. The default is time.Now.
func Clock(now func() time.Time) Option {
	return func(c *config) { c.now = now }
}

// Authentication turns the administrator's rights for local callers off: a request is anonymous or has one of
// the tokens AdminToken and ReaderToken. Any other token is refused with 401.
func Authentication() Option {
	return func(c *config) { c.auth = true }
}

// ReadOnly refuses every write with 405.
func ReadOnly() Option {
	return func(c *config) { c.readOnly = true }
}

// ZoneOf makes it a zone of the global control plane at an address: it refuses every write with 405, and its
// configuration has the address.
func ZoneOf(globalAddress string) Option {
	return func(c *config) { c.readOnly, c.globalAddress = true, globalAddress }
}

// Global makes it the global control plane of several zones.
func Global() Option {
	return func(c *config) { c.global = true }
}

// KongMesh makes the product Kong Mesh, which allows several mTLS backends and a change of the enabled one.
func KongMesh() Option {
	return func(c *config) { c.kongMesh = true }
}

// Verbatim keeps a mesh document as it came, byte for byte, sections it does not know included, as a later
// version would that knows them. Sections that it does know are still checked.
func Verbatim() Option {
	return func(c *config) { c.verbatim = true }
}

// UnsafeDelete deletes meshes and secrets that are in use (store.unsafeDelete).
func UnsafeDelete() Option {
	return func(c *config) { c.unsafe = true }
}

// Latency delays each answer by d of real time.
func Latency(d time.Duration) Option {
	return func(c *config) { c.latency = d }
}

// Seed chooses the delays of what the control plane does for its proxies, within the bounds that were measured: the
// same seed, requests and times give the same delays. The default is 1.
func Seed(n uint64) Option {
	return func(c *config) { c.seed = n }
}
