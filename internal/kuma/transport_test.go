package kuma

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serveTLS starts a server for https and gives the settings that trust it.
func serveTLS(t *testing.T, handler http.Handler, change ...func(*httptest.Server)) (*httptest.Server, *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
	for _, change := range change {
		change(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, &tls.Config{RootCAs: roots}
}

func TestHeaders(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, meshText) }, withSecrets, func(c *Config) {
		c.UserAgent = "test/1"
	})
	_, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	noError(t, putMesh(t, client, NewMesh("m").Document))
	for i, contentType := range []string{"", "application/json"} {
		for name, want := range map[string]string{
			"Authorization": "Bearer " + testToken, "X-Gateway": "Basic " + testHeader, "Accept": "application/json",
			"User-Agent": "test/1", "Content-Type": contentType,
		} {
			equal(t, name, rec.all()[i].header.Get(name), want)
		}
	}
}

func TestPaths(t *testing.T) {
	for _, test := range []struct{ base, mesh, secret, want string }{
		{"", "m", "s", "/meshes/m/secrets/s"},
		{"/", "m", "s", "/meshes/m/secrets/s"},
		{"/kuma", "m", "s", "/kuma/meshes/m/secrets/s"},
		{"/kuma/", "m", "s", "/kuma/meshes/m/secrets/s"},
		{"/a%2Fb/c", "m", "s", "/a%2Fb/c/meshes/m/secrets/s"},
		{"", "a/b", "c?d#e", "/meshes/a%2Fb/secrets/c%3Fd%23e"},
		{"", "100%", "ä b", "/meshes/100%25/secrets/%C3%A4%20b"},
		{"", "a;b", "../x", "/meshes/a%3Bb/secrets/..%2Fx"},
		{"", "%2e%2e", "a..b", "/meshes/%252e%252e/secrets/a..b"},
	} {
		rec := &recorder{}
		server := httptest.NewServer(record(rec, func(_ int, w http.ResponseWriter, _ call) {
			reply(w, 200, fmt.Sprintf(`{"type":"Secret","mesh":%q,"name":%q}`, test.mesh, test.secret))
		}))
		t.Cleanup(server.Close)
		_, err := newClient(t, server.URL+test.base).Secret(t.Context(), test.mesh, test.secret)
		noError(t, err)
		equal(t, test.base+" "+test.mesh+" "+test.secret, rec.all()[0].path, test.want)
	}
}

// Each of these would otherwise be the path of something else.
func TestNamesThatAreNone(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, meshText) })
	for _, name := range []string{"", ".", ".."} {
		_, errMesh := client.Mesh(t.Context(), name)
		_, errSecret := client.Secret(t.Context(), "m", name)
		for _, err := range []error{errMesh, errSecret, client.DeleteMesh(t.Context(), name), client.DeleteSecret(t.Context(), "m", name), client.DeleteSecret(t.Context(), name, "s")} {
			if err == nil || Absent(err) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	equal(t, "requests", rec.methods(), "")
}

func TestIPv6(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6:", err)
	}
	server := httptest.NewUnstartedServer(record(&recorder{}, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, meshText) }))
	noError(t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	equal(t, "the address", strings.HasPrefix(client.Address(), "http://[::1]:"), true)
	_, err = client.Mesh(t.Context(), "m")
	noError(t, err)
}

func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	const workers = 10
	here, leave := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/meshes/together": // answered when all workers ask
			here <- struct{}{}
			<-leave
		case "/meshes/absent":
			reply(w, 404, notFound)
			return
		case "/meshes/page":
			_, _ = w.Write([]byte("<html>"))
			return
		}
		reply(w, 200, fmt.Sprintf(`{"type":"Mesh","name":%q}`, path.Base(r.URL.Path)))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	for i := range 100 {
		switch i % 4 {
		case 0:
			noError(t, putMesh(t, client, NewMesh("m").Document))
		case 1:
			_, err := client.Mesh(t.Context(), "absent")
			equal(t, "absent", Absent(err), true)
		case 2:
			_, err := client.Mesh(t.Context(), "page")
			equal(t, "a page", err != nil, true)
		default:
			_, err := client.Mesh(t.Context(), "m")
			noError(t, err)
		}
	}
	// Under load net/http gives a connection up now and then: it waits 50 ms to be told that a request is written.
	const givenUp = 2
	if n := connections.Load(); n > 1+givenUp {
		t.Errorf("%d connections for one request after the other", n)
	}
	for range 3 {
		var wait sync.WaitGroup
		for range workers {
			wait.Go(func() {
				if _, err := client.MeshAsOf(t.Context(), "together", anew); err != nil {
					t.Error(err)
				}
			})
		}
		for range workers {
			<-here
		}
		for range workers {
			leave <- struct{}{}
		}
		wait.Wait()
	}
	if n := connections.Load(); n > workers+givenUp {
		t.Errorf("%d connections for %d workers", n, workers)
	}
}

func TestRedirectToItself(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) {
		if c.path == "/meshes/m" {
			w.Header().Set("Location", "/moved?x=1")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		reply(w, 200, meshText)
	}, withSecrets)
	_, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	last := rec.all()[1]
	equal(t, "where to", last.path+"?"+last.query, "/moved?x=1")
	equal(t, "the token", last.header.Get("Authorization"), "Bearer "+testToken)
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	elsewhere := &recorder{}
	other := httptest.NewServer(record(elsewhere, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, meshText) }))
	t.Cleanup(other.Close)
	read := func(c *Client) error { _, err := c.Mesh(t.Context(), "m"); return err }
	create := func(c *Client) error { return putMesh(t, c, NewMesh("m").Document) }
	remove := func(c *Client) error { return c.DeleteMesh(t.Context(), "m") }
	for _, test := range []struct {
		name     string
		location string
		do       func(*Client) error
	}{
		{"another port", other.URL + "/meshes/m?token=" + testToken, read},
		{"another host", "http://control-plane.example.com/private", read},
		{"no scheme", "//control-plane.example.com/", read},
		{"another scheme", "ftp://control-plane.example.com/", read},
		{"no URL", "http://[::1" + testToken, read},
		{"a write elsewhere", other.URL, create},
		{"a write to itself", "/elsewhere", create},
		{"a deletion to itself", "/elsewhere", remove},
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
				w.Header().Set("Location", test.location)
				w.WriteHeader(code)
			}, withSecrets)
			err := test.do(client)
			var connection *ConnectionError
			if !errors.As(err, &connection) || !strings.Contains(err.Error(), "redirects to") {
				t.Errorf("%s, %d: %v", test.name, code, err)
				continue
			}
			shown(t, test.name, err.Error())
			equal(t, test.name+": more than the host", strings.Contains(err.Error(), "private"), false)
			equal(t, test.name+": requests", len(rec.all()), 1)
		}
	}
	equal(t, "requests elsewhere", elsewhere.methods(), "")
}

func TestRedirectFromTLS(t *testing.T) {
	rec := &recorder{}
	plain := httptest.NewServer(record(rec, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, meshText) }))
	t.Cleanup(plain.Close)
	secure, settings := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+r.URL.Path, http.StatusFound)
	}))
	_, err := newClient(t, secure.URL, func(c *Config) { c.TLS, c.Token = settings, testToken }).Mesh(t.Context(), "m")
	if err == nil || !strings.Contains(err.Error(), "redirects to http://") {
		t.Errorf("%v", err)
	}
}

func TestRedirectsWithoutEnd(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		w.Header().Set("Location", "/again")
		w.WriteHeader(http.StatusFound)
	})
	_, err := client.Mesh(t.Context(), "m")
	if err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("%v", err)
	}
	if n := len(rec.all()); n > 10 {
		t.Errorf("%d requests", n)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		send   func(w http.ResponseWriter)
		refuse bool
	}{
		"just as long as allowed": {func(w http.ResponseWriter) {
			_, _ = fmt.Fprintf(w, `{"type":"Mesh","name":"m","x":"%s"}`, strings.Repeat("x", 1000-len(`{"type":"Mesh","name":"m","x":""}`)))
		}, false},
		"too long, and says so": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1001")
			_, _ = w.Write([]byte(strings.Repeat("x", 1001)))
		}, true},
		"without end": {func(w http.ResponseWriter) {
			for { // until the client closes the connection
				if _, err := w.Write([]byte(strings.Repeat("x", 4096))); err != nil {
					return
				}
			}
		}, true},
		"small only when packed": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = packed.Write([]byte(strings.Repeat(" ", 100_000)))
			_ = packed.Close()
		}, true},
	} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { test.send(w) })
		client.api.http.Transport.(*wholeBody).limit = 1000
		_, err := client.Mesh(t.Context(), "m")
		equal(t, name, errors.Is(err, errTooLong), test.refuse)
		equal(t, name+" (error)", err != nil, test.refuse)
		equal(t, name, rec.methods(), "GET")
	}
}

func TestLoginPage(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><title>Log in</title></html>"))
	})
	_, errMesh := client.Mesh(t.Context(), "m")
	_, errList := client.Secrets(t.Context(), "m")
	for name, err := range map[string]error{
		"read": errMesh, "list": errList, "create": putMesh(t, client, NewMesh("m").Document),
		"delete": client.DeleteMesh(t.Context(), "m"), "delete a secret": client.DeleteSecret(t.Context(), "m", "s"),
	} {
		var answer *Error
		if !errors.As(err, &answer) || !answer.Foreign() || answer.Status != 200 || Absent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	equal(t, "requests", rec.methods(), "GET GET PUT DELETE DELETE")
}

func TestGzip(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		packed := gzip.NewWriter(w)
		_, _ = packed.Write([]byte(meshText))
		_ = packed.Close()
	})
	mesh, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	equal(t, "the mesh", string(mesh.Bytes()), meshText)
	equal(t, "asked for", rec.all()[0].header.Get("Accept-Encoding"), "gzip")
}

func TestHTTP2(t *testing.T) {
	protocol := ""
	server, settings := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol = r.Proto
		_, _ = io.Copy(io.Discard, r.Body)
		reply(w, 200, meshText)
	}), func(s *httptest.Server) { s.EnableHTTP2 = true })
	client := newClient(t, server.URL, func(c *Config) { c.TLS = settings })
	_, err := client.UpdateMesh(t.Context(), "m", func(*Mesh) error { return nil })
	noError(t, err)
	noError(t, putMesh(t, client, NewMesh("m").Document))
	equal(t, "protocol", protocol, "HTTP/2.0")
	equal(t, "the configuration is left as it was", len(settings.NextProtos), 0)
}

func TestTLSVersions(t *testing.T) {
	for _, test := range []struct {
		server uint16
		works  bool
	}{{tls.VersionTLS11, false}, {tls.VersionTLS12, true}, {tls.VersionTLS13, true}} {
		server, settings := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, meshText) }), func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: test.server}
		})
		settings.MinVersion = tls.VersionTLS10
		_, err := newClient(t, server.URL, func(c *Config) { c.TLS = settings }).Mesh(t.Context(), "m")
		equal(t, tls.VersionName(test.server), err == nil, test.works)
	}
}

func TestUntrustedServers(t *testing.T) {
	server, settings := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, meshText) }))
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	settings.ServerName = "control-plane.example.org"
	for name, test := range map[string]struct {
		address string
		tls     *tls.Config
		is      func(error) bool
	}{
		"self-signed": {server.URL, nil, func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) }},
		"other name":  {server.URL, settings, func(err error) bool { return errors.As(err, new(x509.HostnameError)) }},
		"no TLS":      {strings.Replace(plain.URL, "http:", "https:", 1), nil, func(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) }},
	} {
		clock := newTestClock()
		client := newClient(t, test.address, func(c *Config) { c.TLS, c.Clock = test.tls, clock })
		err := putMesh(t, client, NewMesh("m").Document)
		var connection *ConnectionError
		if !errors.As(err, &connection) || !test.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name+": retries", len(clock.slept()), 0)
	}
}

func TestMutualTLS(t *testing.T) {
	server, settings := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, meshText) }), func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	})
	if _, err := newClient(t, server.URL, func(c *Config) { c.TLS = settings }).Mesh(t.Context(), "m"); err == nil {
		t.Error("works without a certificate")
	}
	settings.Certificates = server.TLS.Certificates
	_, err := newClient(t, server.URL, func(c *Config) { c.TLS = settings }).Mesh(t.Context(), "m")
	noError(t, err)
}

// What is logged is counted field by field, and has nothing of what was sent.
func TestLog(t *testing.T) {
	var (
		mutex sync.Mutex
		lines []string
	)
	allowed := map[string]bool{"method": true, "path": true, "status": true, "attempt": true, "attempts": true, "milliseconds": true}
	logged := func(_ context.Context, message string, fields map[string]any) {
		mutex.Lock()
		defer mutex.Unlock()
		line := message
		for name, value := range fields {
			if !allowed[name] {
				t.Errorf("%s is logged: %v", name, value)
			}
			line += fmt.Sprintf(" %s=%v", name, value)
		}
		lines = append(lines, line)
	}
	client, _ := serve(t, func(n int, w http.ResponseWriter, _ call) {
		switch {
		case n == 1:
			w.Header().Set("X-Gateway", testHeader)
			reply(w, 503, refusal(503, testToken))
		case n == 2:
			abort()
		case n == 4:
			w.Header().Set("Location", "http://"+testPassword+".example.com/"+testToken)
			w.WriteHeader(http.StatusFound)
		default:
			reply(w, 200, `{"type":"Secret","mesh":"m","name":"s","data":"`+testBody+`"}`)
		}
	}, withSecrets, func(c *Config) { c.Log = logged })
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte(testBody), &Secret{Document: mustParse(t, `{"x":"`+testBody+`"}`)}))
	if _, err := client.Secret(t.Context(), "m", "s"); err == nil {
		t.Error("the redirect was followed")
	}
	_, err := client.Secret(t.Context(), "m", "s")
	noError(t, err)
	all := strings.Join(lines, "\n")
	shown(t, "the log", all)
	equal(t, "lines", len(lines), 5)
	for i, parts := range [][]string{
		{"retrying the request", "method=PUT", "path=meshes/m/secrets/s", "attempt=2"}, {"retrying the request", "attempt=3"},
		{"answered", "status=200", "attempts=3", "milliseconds="}, {"control plane did not answer", "method=GET", "attempts=1"}, {"answered", "attempts=1"},
	} {
		for _, part := range parts {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d, %q, has no %s", i, lines[i], part)
			}
		}
	}
}

// Answers that would keep the provider busy for hours are refused.
func TestAnswersThatAreTooComplex(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for name, test := range map[string]struct{ answer, want string }{
		"nested":     {`{"type":"Mesh","name":"m","x":` + deep + `}`, "nested more deeply"},
		"a long one": {`{"type":"Mesh","name":"m","x":"` + strings.Repeat("x", maxMesh) + `"}`, "is a mesh of 4194337 bytes"},
		"brackets":   {`{"type":"Mesh","name":"m","x":"` + strings.Repeat(`[{\"`, 500) + `"}`, ""},
	} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, test.answer) })
		_, err := client.Mesh(t.Context(), "m")
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name, rec.methods(), "GET")
	}
	client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		for range 3000 {
			w.Header().Add("X-Long", strings.Repeat("x", 1000))
		}
		reply(w, 200, meshText)
	})
	if _, err := client.Mesh(t.Context(), "m"); err == nil {
		t.Error("a header of 3 MB is taken")
	}
}

// A Go server for TLS answers a request without it before it has read it, so that the
// end of the answer gets lost when the request is long.
func TestRequestWithoutTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, length := range []int{0, 1000} {
		client := newClient(t, strings.Replace(server.URL, "https://", "http://", 1), func(c *Config) { c.Token = strings.Repeat("x", length) })
		_, err := client.Mesh(t.Context(), "m")
		var answer *Error
		if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest || !answer.Foreign() {
			t.Errorf("with a token of %d characters: %v", length, err)
		}
	}
}
