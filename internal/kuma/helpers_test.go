package kuma

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// testClock stands still until somebody waits, and remembers each wait. Limits are of real time.
type testClock struct {
	SystemClock
	mutex sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *testClock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *testClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	return ctx.Err()
}

func (c *testClock) slept() []time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]time.Duration(nil), c.waits...)
}

// newClient is a client of address that waits by a clock of its own and tries
// again four times.
func newClient(t *testing.T, address string, change ...func(*Config)) *Client {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Address: parsed, Origins: Origins{Address: "the test", Token: "the test's token"},
		MaxRetries: 4, Clock: newTestClock(),
	}
	for _, change := range change {
		change(&config)
	}
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.api.http.CloseIdleConnections)
	return client
}

// CloseIdleConnections lets a test end without connections.
func (t *wholeBody) CloseIdleConnections() {
	if next, ok := t.next.(*http.Transport); ok {
		next.CloseIdleConnections()
	}
}

// A call is a request that a test server got.
type call struct {
	method, path, query, body string
	header                    http.Header
}

// recorder counts what a handler is asked.
type recorder struct {
	mutex sync.Mutex
	calls []call
}

func (r *recorder) add(c call) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls = append(r.calls, c)
	return len(r.calls)
}

func (r *recorder) all() []call {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]call(nil), r.calls...)
}

// methods is what was asked in one line: "GET PUT GET".
func (r *recorder) methods() string {
	out := ""
	for i, c := range r.all() {
		if i > 0 {
			out += " "
		}
		out += c.method
	}
	return out
}

// serve starts a server whose answer to its nth request, from 1, is made by
// answer, and a client of it.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, c call), change ...func(*Config)) (*Client, *recorder) {
	t.Helper()
	rec := &recorder{}
	server := httptest.NewServer(record(rec, answer))
	t.Cleanup(server.Close)
	return newClient(t, server.URL, change...), rec
}

func record(rec *recorder, answer func(n int, w http.ResponseWriter, c call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0))
		for read := 0; read < len(body); {
			n, err := r.Body.Read(body[read:])
			if read += n; err != nil {
				break
			}
		}
		c := call{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header.Clone()}
		answer(rec.add(c), w, c)
	})
}

// reply answers as a control plane does.
func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

const meshText = `{"type":"Mesh","name":"m"}`

// refusal is the control plane's own answer without success.
func refusal(status int, title string) string {
	return fmt.Sprintf(`{"type":"/std-errors","status":%d,"title":%q,"detail":"","details":""}`, status, title)
}

const notFound = `{"type":"/std-errors","status":404,"title":"Could not retrieve a resource","detail":"Not found","details":"Not found"}`

func mustParse(t *testing.T, text string) *Document {
	t.Helper()
	document, err := ParseDocument([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return document
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// putMesh writes mesh "m" once, without a read.
func putMesh(t *testing.T, client *Client, mesh *Document) error {
	t.Helper()
	_, err := client.put(t.Context(), meshKey("m"), mesh, client.attempts(), client.config.MaxRetries)
	return err
}
