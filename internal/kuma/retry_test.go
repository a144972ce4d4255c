package kuma

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// cut announces more than it sends, and ends.
func cut(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte(meshText))
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	abort()
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { reply(w, code, refusal(code, "x")) }
}

func TestWhatIsRetried(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter){
		"429": status(429), "502": status(502), "503": status(503), "504": status(504),
		"no answer":         func(http.ResponseWriter) { abort() },
		"a broken answer":   cut,
		"half of the JSON":  func(w http.ResponseWriter) { reply(w, 200, meshText[:9]) },
		"half, as of a PUT": func(w http.ResponseWriter) { reply(w, 201, `{"warnings":[`) },
		"half, of no type": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(meshText[:9]))
		},
		"JSON of no length": func(w http.ResponseWriter) { reply(w, 200, "") },
	} {
		for method, do := range map[string]func(*Client) error{
			"GET":    func(c *Client) error { _, err := c.Mesh(t.Context(), "m"); return err },
			"PUT":    func(c *Client) error { return putMesh(t, c, NewMesh("m").Document) },
			"DELETE": func(c *Client) error { return c.DeleteMesh(t.Context(), "m") },
		} {
			client, rec := serve(t, func(n int, w http.ResponseWriter, _ call) {
				if n < 3 {
					fail(w)
					return
				}
				reply(w, 200, meshText)
			})
			if err := do(client); err != nil {
				t.Errorf("%s, %s: %v", name, method, err)
			}
			equal(t, name+", "+method, rec.methods(), strings.Join([]string{method, method, method}, " "))
			for _, c := range rec.all() {
				if method == http.MethodPut {
					equal(t, name+": the body of each attempt", c.body, meshText)
				}
			}
		}
	}
}

func TestAnEmptyAnswerToARead(t *testing.T) {
	client, rec := serve(t, func(n int, w http.ResponseWriter, _ call) {
		if n > 1 {
			reply(w, 200, meshText)
		}
	})
	_, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	equal(t, "requests", rec.methods(), "GET GET")
}

func TestAnEmptyAnswerToAWriteIsSuccess(t *testing.T) {
	client, rec := serve(t, func(int, http.ResponseWriter, call) {})
	noError(t, putMesh(t, client, NewMesh("m").Document))
	noError(t, client.DeleteMesh(t.Context(), "m"))
	equal(t, "requests", rec.methods(), "PUT DELETE")
}

func TestWhatIsNotRetried(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 405, 409, 500, 501} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { status(code)(w) })
		_, err := client.Mesh(t.Context(), "m")
		var answer *Error
		if !errors.As(err, &answer) || answer.Status != code || answer.Foreign() {
			t.Errorf("%d: %v", code, err)
		}
		equal(t, fmt.Sprint(code), rec.methods(), "GET")
	}
}

func TestRetriesEnd(t *testing.T) {
	for retries, want := range map[int]string{0: "GET", 2: "GET GET GET"} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { status(503)(w) }, func(c *Config) { c.MaxRetries = retries })
		_, err := client.Mesh(t.Context(), "m")
		var answer *Error
		if !errors.As(err, &answer) || answer.Status != 503 || answer.Title != "x" {
			t.Errorf("the last answer is not the error: %v", err)
		}
		equal(t, "requests", rec.methods(), want)

		client, rec = serve(t, func(int, http.ResponseWriter, call) { abort() }, func(c *Config) { c.MaxRetries = retries })
		_, err = client.Mesh(t.Context(), "m")
		var connection *ConnectionError
		if !errors.As(err, &connection) || connection.Address != client.Address() || connection.Origins.Address != "the test" {
			t.Errorf("no answer: %v", err)
		}
		if retries > 0 { // net/http itself may send a read again on a connection that turns out closed
			equal(t, "requests without answers", len(rec.all()) >= 3, true)
		}
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	address := listener.Addr().String()
	noError(t, listener.Close())
	clock := newTestClock()
	client := newClient(t, "http://"+address, func(c *Config) { c.Clock = clock })
	_, err = client.Mesh(t.Context(), "m")
	var connection *ConnectionError
	if !errors.As(err, &connection) || !strings.Contains(err.Error(), address) || Absent(err) {
		t.Errorf("%v", err)
	}
	equal(t, "waits", len(clock.slept()), 4)
}

// An attempt whose answer was lost may have had its effect, whatever the next one says.
func TestARefusalAfterALostAnswerIsUncertain(t *testing.T) {
	for name, test := range map[string]struct {
		first     func(http.ResponseWriter)
		uncertain bool
	}{
		"lost": {func(http.ResponseWriter) { abort() }, true},
		"502":  {status(502), true},
		"429":  {status(429), false},
	} {
		client, _ := serve(t, func(n int, w http.ResponseWriter, _ call) {
			if n == 1 {
				test.first(w)
				return
			}
			status(403)(w)
		})
		err := putMesh(t, client, NewMesh("m").Document)
		equal(t, name, Uncertain(err), test.uncertain)
		var answer *Error
		if !errors.As(err, &answer) || !answer.Forbidden() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeletedByAnAttemptWhoseAnswerWasLost(t *testing.T) {
	server := kumatest.NewServer()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	noError(t, putMesh(t, client, NewMesh("m").Document))
	server.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Refuse}, Side: kumatest.After, Times: 1})
	noError(t, client.DeleteMesh(t.Context(), "m"))
}

func TestRetryAfter(t *testing.T) {
	now := newTestClock().Now()
	for header, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"7":                    7 * time.Second,
		"-7":                   0,
		"3600":                 maxRetryAfter,
		"99999999999999999999": maxRetryAfter,
		"soon":                 0,
		now.Add(9 * time.Second).Format(http.TimeFormat):  9 * time.Second,
		now.Add(time.Hour).Format(http.TimeFormat):        maxRetryAfter,
		now.Add(-9 * time.Second).Format(http.TimeFormat): 0,
	} {
		equal(t, header, retryAfter(http.Header{"Retry-After": {header}}, now), want)
	}
	theirs := now.Add(time.Hour)
	equal(t, "by the server's clock", retryAfter(http.Header{
		"Retry-After": {theirs.Add(2 * time.Second).Format(http.TimeFormat)}, "Date": {theirs.Format(http.TimeFormat)},
	}, now), 2*time.Second)
}

func TestBackoffDoublesUpToABound(t *testing.T) {
	const shortest = 100 * time.Millisecond
	for attempt, longest := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 20, 7: 20, 100: 20} {
		for range 100 {
			wait := backoff(shortest, attempt, nil, time.Time{})
			if wait > longest*shortest || wait < longest*shortest/2 {
				t.Fatalf("attempt %d: %s", attempt, wait)
			}
		}
	}
}

func TestWaitsBetweenAttempts(t *testing.T) {
	for _, code := range []int{429, 503} {
		clock := newTestClock()
		client, _ := serve(t, func(n int, w http.ResponseWriter, _ call) {
			if n == 1 {
				w.Header().Set("Retry-After", "7")
			}
			if n < 3 {
				status(code)(w)
				return
			}
			reply(w, 200, meshText)
		}, func(c *Config) { c.Clock, c.RetryWait = clock, 8*time.Millisecond })
		_, err := client.Mesh(t.Context(), "m")
		noError(t, err)
		waits := clock.slept()
		if len(waits) != 2 || waits[0] < 7*time.Second || waits[0] > 7*time.Second+8*time.Millisecond || waits[1] < 8*time.Millisecond || waits[1] > 16*time.Millisecond {
			t.Errorf("%d: waits %v", code, waits)
		}
	}
}

func TestUpdateMeshHonoursRetryAfter(t *testing.T) {
	clock := newTestClock()
	s := &meshServer{text: meshText, before: func(n int, w http.ResponseWriter, _ call, _ *meshServer) bool {
		if n == 2 {
			w.Header().Set("Retry-After", "7")
			status(429)(w)
		}
		return n == 2
	}}
	client, _ := serve(t, s.answer, func(c *Config) { c.Clock, c.RetryWait = clock, time.Millisecond })
	_, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	waits := clock.slept()
	if len(waits) != 1 || waits[0] < 7*time.Second {
		t.Errorf("waits %v", waits)
	}
}

// waiting tells a test that the client began to wait, and waits really.
type waiting struct {
	SystemClock
	began chan struct{}
}

func (w waiting) Sleep(ctx context.Context, d time.Duration) error {
	close(w.began)
	return w.SystemClock.Sleep(ctx, d)
}

// soon fails the test unless done comes within a second.
func soon(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Second):
		t.Fatal("it takes longer than a second")
		return nil
	}
}

func TestCancelInTheMiddleOfAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	clock := waiting{began: make(chan struct{})}
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		w.Header().Set("Retry-After", "3600")
		status(429)(w)
	}, func(c *Config) { c.Clock = clock })
	done := make(chan error, 1)
	go func() { _, err := client.Mesh(ctx, "m"); done <- err }()
	<-clock.began
	cancel()
	if err := soon(t, done); !errors.Is(err, context.Canceled) || errors.As(err, new(*ConnectionError)) {
		t.Errorf("%v", err)
	}
	equal(t, "requests", rec.methods(), "GET")
}

func TestCancelWhileTheServerHangs(t *testing.T) {
	for name, hang := range map[string]func(w http.ResponseWriter){
		"before its answer": func(http.ResponseWriter) {},
		"in its answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		asked, leave := make(chan struct{}), make(chan struct{})
		client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) {
			hang(w)
			close(asked)
			<-leave
		})
		done := make(chan error, 1)
		go func() { _, err := client.Mesh(ctx, "m"); done <- err }()
		<-asked
		cancel()
		if err := soon(t, done); !errors.Is(err, context.Canceled) || errors.As(err, new(*ConnectionError)) {
			t.Errorf("%s: %v", name, err)
		}
		close(leave)
	}
}

func TestRequestTimeoutBoundsEachAttempt(t *testing.T) {
	for name, hang := range map[string]func(w http.ResponseWriter){
		"before its answer": func(http.ResponseWriter) {},
		"in its answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
		},
	} {
		leave := make(chan struct{})
		clock := newTestClock()
		client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) {
			hang(w)
			<-leave
		}, func(c *Config) { c.RequestTimeout, c.MaxRetries, c.Clock = 20*time.Millisecond, 1, clock })
		err := putMesh(t, client, NewMesh("m").Document)
		var connection *ConnectionError
		if !errors.As(err, &connection) || !strings.Contains(err.Error(), "20ms") || !Uncertain(err) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the caller's own time is not up", name)
		}
		equal(t, name+": retries", len(clock.slept()), 1)
		close(leave)
	}
}

func TestDeadlineOfTheCaller(t *testing.T) {
	leave := make(chan struct{})
	client, _ := serve(t, func(int, http.ResponseWriter, call) { <-leave }, func(c *Config) { c.RequestTimeout = time.Minute })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Mesh(ctx, "m")
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*ConnectionError)) {
		t.Errorf("%v", err)
	}
	close(leave)
}
