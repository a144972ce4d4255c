package kuma

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	writable  = `{"resources":[{"name":"Mesh","readOnly":false},{"name":"Secret","readOnly":false},{"name":"TrafficPermission"}]}`
	frozen    = `{"resources":[{"name":"Mesh","readOnly":true},{"name":"Secret","readOnly":true}]}`
	noTraffic = `{"resources":[{"name":"Mesh","readOnly":false}]}`
	denied    = `{"type":"/std-errors","status":403,"title":"Access Denied","detail":"user \"reader\" cannot access the resource of type \"Secret\""}`
	unknown   = `{"type":"/std-errors","status":401,"title":"Invalid authentication data","detail":"Unauthenticated"}`
	none      = `{"total":0,"items":[],"next":null}`
)

// canned answers paths with a status and a body; any other path is not found.
func canned(answers map[string]string) func(int, http.ResponseWriter, call) {
	return func(_ int, w http.ResponseWriter, c call) {
		switch body := answers[c.path]; body {
		case "":
			reply(w, http.StatusNotFound, notFound)
		case denied:
			reply(w, http.StatusForbidden, body)
		case unknown:
			reply(w, http.StatusUnauthorized, body)
		case "broken":
			reply(w, http.StatusBadGateway, "<html>")
		case "login page":
			reply(w, http.StatusForbidden, "<html>")
		default:
			reply(w, http.StatusOK, body)
		}
	}
}

func TestCheckWrites(t *testing.T) {
	t.Parallel()
	const zone = `{"environment":"universal","mode":"zone","multizone":{"zone":{"globalAddress":"grpcs://global:5685"}}}`
	for name, test := range map[string]struct {
		answers  map[string]string
		readOnly *ReadOnlyError // without what all have in common
		refused  bool
	}{
		"it takes them":                  {answers: map[string]string{"/_resources": writable}},
		"a zone":                         {answers: map[string]string{"/_resources": frozen, "/config": zone}, readOnly: &ReadOnlyError{Environment: "universal", Global: "grpcs://global:5685"}},
		"Kubernetes":                     {answers: map[string]string{"/_resources": frozen, "/config": `{"environment":"kubernetes"}`}, readOnly: &ReadOnlyError{Environment: "kubernetes"}},
		"it does not say why":            {answers: map[string]string{"/_resources": frozen, "/config": denied}, readOnly: &ReadOnlyError{}},
		"its configuration is odd":       {answers: map[string]string{"/_resources": frozen, "/config": `{"environment":1,"multizone":[]}`}, readOnly: &ReadOnlyError{}},
		"it does not know the caller":    {answers: map[string]string{"/_resources": unknown}, refused: true},
		"it does not tell":               {answers: map[string]string{}},
		"it does not tell this caller":   {answers: map[string]string{"/_resources": denied}},
		"it tells in another form":       {answers: map[string]string{"/_resources": `{"resources":{}}`}},
		"it fails":                       {answers: map[string]string{"/_resources": "broken"}},
		"something else is in its place": {answers: map[string]string{"/_resources": "login page"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, rec := serve(t, canned(test.answers))
			err := client.CheckWrites(t.Context(), MeshType)
			var readOnly *ReadOnlyError
			var refused *Error
			switch {
			case test.readOnly != nil:
				if !errors.As(err, &readOnly) {
					t.Fatalf("error is %v", err)
				}
				equal(t, "environment", readOnly.Environment, test.readOnly.Environment)
				equal(t, "global address", readOnly.Global, test.readOnly.Global)
				equal(t, "address", readOnly.Address, client.Address())
			case test.refused:
				equal(t, "is unauthenticated", errors.As(err, &refused) && refused.Unauthenticated(), true)
			default:
				noError(t, err)
			}
			asked := len(rec.all())
			if again := client.CheckWrites(t.Context(), SecretType); (again == nil) != (err == nil) {
				t.Errorf("asked again, the error is %v", again)
			}
			equal(t, "requests of the second", len(rec.all())-asked, 0)
		})
	}
}

func TestCheckWrites_noAnswer(t *testing.T) {
	t.Parallel()
	client, rec := serve(t, func(int, http.ResponseWriter, call) { abort() })
	noError(t, client.CheckWrites(t.Context(), MeshType))
	noError(t, client.CheckSecretWrites(t.Context(), "m"))
	noError(t, client.CheckMeshMTLS(t.Context()))
	equal(t, "what is known of the product", client.OneBackend(t.Context()), false)
	for _, c := range rec.all() {
		equal(t, "method", c.method, http.MethodGet)
	}
}

func TestCheckMeshMTLS(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers map[string]string
		refused bool
	}{
		"it has them":                     {map[string]string{"/_resources": writable}, false},
		"version 3":                       {map[string]string{"/_resources": noTraffic, "/": `{"product":"Kuma","version":"3.0.0"}`}, true},
		"a build without a version":       {map[string]string{"/_resources": noTraffic, "/": `{"product":"Kuma","version":"unknown"}`}, true},
		"version 2 with fewer types":      {map[string]string{"/_resources": noTraffic, "/": `{"product":"Kuma","version":"2.99.0"}`}, false},
		"it does not tell":                {map[string]string{}, false},
		"it does not tell its version":    {map[string]string{"/_resources": noTraffic}, true},
		"it does not tell what types are": {map[string]string{"/_resources": denied}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := serve(t, canned(test.answers))
			var none *NoMeshMTLSError
			equal(t, "refused", errors.As(client.CheckMeshMTLS(t.Context()), &none), test.refused)
		})
	}
}

func TestCheckSecretWrites(t *testing.T) {
	t.Parallel()
	const kuma, kongMesh = `{"product":"Kuma","version":"2.14.3"}`, `{"product":"Kong Mesh","version":"2.14.3"}`
	for name, test := range map[string]struct {
		answers map[string]string
		mesh    string
		refused bool
	}{
		"an administrator":                       {map[string]string{"/secrets": none}, "m", false},
		"no administrator":                       {map[string]string{"/secrets": denied, "/meshes/m/secrets": denied, "/": kuma}, "m", true},
		"no administrator, a mesh to be created": {map[string]string{"/secrets": denied, "/": kuma}, "m", true},
		"no administrator, an unknown mesh":      {map[string]string{"/secrets": denied, "/": kuma}, "", true},
		"a role for this mesh":                   {map[string]string{"/secrets": denied, "/meshes/m/secrets": none, "/": kongMesh}, "m", false},
		"a role for another mesh":                {map[string]string{"/secrets": denied, "/meshes/m/secrets": denied, "/": kongMesh}, "m", true},
		"a role, a mesh to be created":           {map[string]string{"/secrets": denied, "/": kongMesh}, "m", false},
		"an unknown caller":                      {map[string]string{"/secrets": unknown}, "m", true},
		"a gateway":                              {map[string]string{"/secrets": "login page", "/": kuma}, "m", false},
		"no such list":                           {map[string]string{"/": kuma}, "m", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, rec := serve(t, canned(test.answers))
			err := client.CheckSecretWrites(t.Context(), test.mesh)
			equal(t, "refused", err != nil, test.refused)
			for _, c := range rec.all() {
				if c.path != "/" {
					equal(t, "what of secrets is read", c.query, "name=_&size=1")
				}
			}
		})
	}
	client, _ := serve(t, canned(map[string]string{"/global-secrets": denied}))
	equal(t, "global secrets refused", client.CheckGlobalSecretWrites(t.Context()) != nil, true)
}

// What a message has of a control plane's own account is fit for a terminal.
func TestCheckWritesQuotesHarmlessly(t *testing.T) {
	client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) {
		switch c.path {
		case "/_resources":
			reply(w, 200, `{"resources":[{"name":"Mesh","readOnly":true}]}`)
		case "/config":
			reply(w, 200, `{"environment":"\u001b[31mred","multizone":{"zone":{"globalAddress":"grpcs://`+testToken+`"}}}`)
		default:
			reply(w, 200, `{"product":"x","version":"\u001b[31m`+strings.Repeat("9", 1000)+`"}`)
		}
	}, withSecrets)
	var readOnly *ReadOnlyError
	if err := client.CheckWrites(t.Context(), MeshType); !errors.As(err, &readOnly) || readOnly.Environment != "[31mred" || readOnly.Global != "grpcs://"+hidden {
		t.Errorf("%+v", err)
	}
	var noMTLS *NoMeshMTLSError
	if err := client.CheckMeshMTLS(t.Context()); !errors.As(err, &noMTLS) || strings.Contains(noMTLS.Version, "\x1b") || len(noMTLS.Version) > longestName+10 {
		t.Errorf("%+v", err)
	}
}

// An expiring clock lets a test end the time of the read that began last.
type expiringClock struct {
	*testClock
	expire context.CancelFunc
}

func (c *expiringClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	ctx, c.expire = context.WithCancel(ctx)
	return ctx, c.expire
}

// A preflight read that takes too long is not repeated by the next preflight, only
// by a read that needs the answer. That its caller was canceled is no result.
func TestPeek_noResult(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(clock *expiringClock, cancel context.CancelFunc)
		asks bool // the next preflight
	}{
		"its time is over":             {func(clock *expiringClock, _ context.CancelFunc) { clock.expire() }, false},
		"the first caller is canceled": {func(_ *expiringClock, cancel context.CancelFunc) { cancel() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &expiringClock{testClock: newTestClock()}
			first, cancel := context.WithCancel(t.Context())
			defer cancel()
			client, rec := serve(t, func(n int, w http.ResponseWriter, c call) {
				if n == 1 {
					test.end(clock, cancel)
					abort()
				}
				canned(map[string]string{"/_resources": frozen})(n, w, c)
			}, func(config *Config) { config.Clock, config.MaxRetries = clock, 0 })
			noError(t, client.CheckWrites(first, MeshType))
			types, err := client.Types(t.Context())
			noError(t, err)
			equal(t, "types", len(types), 2)
			equal(t, "requests", len(rec.all()), 2)
			var readOnly *ReadOnlyError
			equal(t, "known later", errors.As(client.CheckWrites(t.Context(), MeshType), &readOnly), test.asks)
		})
	}
}
