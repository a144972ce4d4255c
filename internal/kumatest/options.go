package kumatest

import (
	"net/http"
	"reflect"
	"time"
)

// Tokens that a control plane with Authentication accepts, as "Authorization: Bearer TOKEN".
const (
	// AdminToken is the token of an administrator.
	AdminToken = "kumatest-admin-token"
	// ReaderToken is the token of a known user who may not read secrets.
	ReaderToken = "kumatest-reader-token"
)

// An Option configures New.
type Option func(*config)

type config struct {
	release       release
	version       string // as Version got it
	now           func() time.Time
	latency       time.Duration
	auth          bool
	readOnly      bool
	global        bool
	globalAddress string // for a zone
	kongMesh      bool
	verbatim      bool
	unsafe        bool
	seed          uint64
	every         intervals
	metadata      int // status of the answer to GET /config if it is not 200

	kubernetes      bool
	systemNamespace string
	withoutCRDs     bool
	webhookCache    time.Duration // how old a mesh may be that the webhook of secrets sees
	clusterAhead    time.Duration // of the API server's clock
}

// intervals are the settings that decide when a write reaches proxies, and when insights show it. GET /config returns
// them.
type intervals struct {
	storeCache   time.Duration // store.cache.expirationTime
	proxyRefresh time.Duration // xdsServer.dataplaneConfigurationRefreshInterval
	proxyFlush   time.Duration // xdsServer.dataplaneStatusFlushInterval
	zoneRefresh  time.Duration // multizone.global.kds.refreshInterval
	zoneFlush    time.Duration // multizone.global.kds.zoneInsightFlushInterval

	identityStatus time.Duration // coreResources.status.meshIdentityInterval
}

func defaultIntervals() intervals {
	return intervals{
		storeCache: time.Second, proxyRefresh: time.Second, proxyFlush: 10 * time.Second,
		zoneRefresh: time.Second, zoneFlush: 10 * time.Second,
		identityStatus: 5 * time.Second,
	}
}

// Needs returns the version that options choose, "" for none, whether they choose Authentication, and whether they choose
// anything else.
func Needs(options ...Option) (version string, authentication, more bool) {
	var c config
	for _, option := range options {
		option(&c)
	}
	version, authentication = c.version, c.auth
	c.release, c.version, c.auth = release{}, "", false
	return version, authentication, !reflect.DeepEqual(c, config{})
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

// IdentityStatus sets how often the control plane looks at each MeshIdentity and updates its status
// (KUMA_CORE_RESOURCES_STATUS_MESH_IDENTITY_INTERVAL). The default is 5 s.
func IdentityStatus(every time.Duration) Option {
	return func(c *config) { c.every.identityStatus = every }
}

// ConfigForAdmins answers GET /config with 403 unless an administrator asks.
func ConfigForAdmins() Option {
	return func(c *config) { c.metadata = http.StatusForbidden }
}

// WithoutConfig answers GET /config with 404, as a gateway in front of the control plane may.
func WithoutConfig() Option {
	return func(c *config) { c.metadata = http.StatusNotFound }
}

// Version makes the control plane answer like that version, one of Versions; the default is 2.14.3. It panics if the
// version is unknown.
func Version(v string) Option {
	release := releaseOf(v)
	return func(c *config) { c.release, c.version = release, v }
}

// Clock sets the source of all times of the control plane: the Date header, creation and modification times, the age of
// the secret cache, Request.Time. The default is time.Now.
func Clock(now func() time.Time) Option {
	return func(c *config) { c.now = now }
}

// Authentication turns off the administrator's rights for local users: a request is anonymous or has one of the tokens
// AdminToken and ReaderToken. Any other token is rejected with 401.
func Authentication() Option {
	return func(c *config) { c.auth = true }
}

// ReadOnly rejects every write with 405.
func ReadOnly() Option {
	return func(c *config) { c.readOnly = true }
}

// ZoneOf makes it a zone of the global control plane at an address: it rejects every write with 405, and its
// configuration contains the address.
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

// Verbatim stores a mesh document byte for byte, including unknown sections, as a later version that knows them would.
// Known sections are still validated.
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

// Seed chooses the delays of the control plane's actions, within the measured bounds: the same seed, requests and times
// give the same delays. The default is 1.
func Seed(n uint64) Option {
	return func(c *config) { c.seed = n }
}

// Kubernetes makes it a control plane on Kubernetes: it refuses every write over HTTP, asks even local callers for a token
// where it has secrets, and has its objects in a [Cluster], where they are written.
func Kubernetes() Option {
	return func(c *config) { c.kubernetes, c.auth, c.readOnly = true, true, true }
}

// SystemNamespace sets the namespace of the control plane in its cluster. The default is kuma-system.
func SystemNamespace(name string) Option {
	return func(c *config) { c.systemNamespace = name }
}

// WithoutCRDs makes the cluster one that does not know Kuma's kinds.
func WithoutCRDs() Option {
	return func(c *config) { c.withoutCRDs = true }
}

// WebhookCache sets for how long the webhook of secrets may see a mesh as it was before its last write. The default is 0.
func WebhookCache(age time.Duration) Option {
	return func(c *config) { c.webhookCache = age }
}

// ClusterAhead sets the clock of the API server of the cluster ahead of the control plane's, or behind.
func ClusterAhead(by time.Duration) Option {
	return func(c *config) { c.clusterAhead = by }
}

// WritableAPI lets a control plane on Kubernetes take writes over HTTP (KUMA_API_SERVER_READ_ONLY=false), most of which it
// cannot carry out.
func WritableAPI() Option {
	return func(c *config) { c.readOnly = false }
}
