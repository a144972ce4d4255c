package kumatest

import "time"

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
	release  release
	now      func() time.Time
	latency  time.Duration
	auth     bool
	readOnly bool
	global   bool
	kongMesh bool
	verbatim bool
	unsafe   bool
	seed     uint64
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
