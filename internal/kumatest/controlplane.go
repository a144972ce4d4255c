package kumatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A ControlPlane is an http.Handler that answers like a control plane. It is safe for concurrent use.
type ControlPlane struct {
	config
	types    []*resourceType
	store    *store
	secrets  *secretCache
	router   router
	recorder recorder
	faults   faults
	fleet    *fleet
	cluster  *Cluster
}

var _ http.Handler = (*ControlPlane)(nil)

// New returns a control plane with the mesh default, like a new one. Without options, it is a zone control plane of
// version 2.14.3 for which every local user is an administrator.
func New(opts ...Option) *ControlPlane {
	cp := &ControlPlane{
		config: config{release: releaseOf("2.14.3"), now: time.Now, seed: 1, every: defaultIntervals(), systemNamespace: "kuma-system"},
		store:  newStore(),
	}
	for _, opt := range opts {
		opt(&cp.config)
	}
	cp.types = resourceTypes(cp.release.set)
	cp.secrets = newSecretCache(cp.every.storeCache, cp.release.missing, func(mesh, name string) (*resource, bool) { return cp.store.get("Secret", mesh, name) })
	cp.fleet = newFleet(cp)
	cp.now = cp.fleet.time
	cp.registerInfo(&cp.router)
	for _, t := range cp.types {
		endpoints{ControlPlane: cp, kind: t}.register(&cp.router)
	}
	cp.bootstrap()
	if cp.kubernetes {
		cp.cluster = newCluster(cp)
		cp.cluster.synchronize()
	}
	return cp
}

// ServeHTTP answers a request, unless a fault does. It records the request.
func (cp *ControlPlane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client closed the connection
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	record := &Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Header: r.Header.Clone(), Body: body, Time: cp.now(),
	}
	cp.recorder.add(record)
	cp.delay(r)
	cp.fleet.advance()

	strike := cp.faults.strike(r, cp.now())
	var a answer
	if strike.spoils(false) {
		a = strike.spoil(r, a)
	} else {
		a = cp.answer(&call{request: r, body: body, stale: strike.kind == StaleSecrets})
	}
	if strike.spoils(true) {
		a = strike.spoil(r, a)
	}
	cp.recorder.answered(record, a)
	w.Header().Set("Date", cp.now().UTC().Format(http.TimeFormat))
	a.writeTo(w)
}

func (cp *ControlPlane) delay(r *http.Request) {
	if cp.latency == 0 {
		return
	}
	timer := time.NewTimer(cp.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// answer identifies the user and the route, and calls the handler.
func (cp *ControlPlane) answer(c *call) answer {
	path, escaped := c.request.URL.Path, c.request.URL.EscapedPath()
	switch {
	case canonicalPath(escaped) != escaped:
		return redirect(c.request, canonicalPath(escaped))
	case path == "/gui":
		return redirect(c.request, "/gui/")
	case strings.HasPrefix(path, "/gui/"):
		return guiPage()
	}
	route, params, failed := cp.router.find(c.request)
	if route == nil || !route.open {
		caller, err := cp.identify(c.request)
		if err != nil {
			return asAnswer(err)
		}
		c.user = caller
	}
	if route == nil {
		return failed
	}
	return route.serve(c, params)
}

func (r *route) serve(c *call, params map[string]string) answer {
	c.params, c.route = params, r
	a, err := r.handle(c)
	if err != nil {
		return asAnswer(err)
	}
	return a
}

func asAnswer(err error) answer {
	var refused *refusal
	if !errors.As(err, &refused) {
		refused = internal(err.Error())
	}
	return refused.answer()
}

func redirect(r *http.Request, path string) answer {
	target := path
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	a := answer{status: http.StatusTemporaryRedirect, header: http.Header{"Location": {target}}}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		a.header.Set("Content-Type", "text/html; charset=utf-8")
		a.body = fmt.Appendf(nil, "<a href=%q>Temporary Redirect</a>.\n\n", target)
	}
	return a
}

// Do sends a request as an administrator behind the scenes: it uses the same API, but the request is not recorded, has
// no fault, and needs no token. The body is nil, []byte, string, or a value to marshal.
func (cp *ControlPlane) Do(method, path string, body any) (status int, response []byte) {
	var raw []byte
	switch body := body.(type) {
	case nil:
	case []byte:
		raw = body
	case string:
		raw = []byte(body)
	default:
		var err error
		if raw, err = json.Marshal(body); err != nil {
			panic(fmt.Sprintf("kumatest: the body of %s %s: %v", method, path, err))
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "http://localhost"+path, bytes.NewReader(raw))
	if err != nil {
		panic(fmt.Sprintf("kumatest: %v", err))
	}
	if len(raw) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	route, params, failed := cp.router.find(r)
	if route == nil {
		return failed.status, failed.body
	}
	cp.fleet.runDue()
	a := route.serve(&call{request: r, body: raw, user: localAdmin(), behindBack: true}, params)
	return a.status, a.body
}
