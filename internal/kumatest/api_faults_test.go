package kumatest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestFaults lets each kind strike the write of a mesh, before and after its effect.
func TestFaults(t *testing.T) {
	const none = 0
	for _, test := range []struct {
		name   string
		kind   kumatest.FaultKind
		status int
	}{
		{"refuse", kumatest.Refuse, none},
		{"hang", kumatest.Hang, none},
		{"429", kumatest.TooManyRequests, 429},
		{"500", kumatest.InternalError, 500},
		{"502", kumatest.BadGateway, 502},
		{"503", kumatest.Unavailable, 503},
		{"504", kumatest.GatewayTimeout, 504},
		{"HTML", kumatest.HTML, 200},
		{"truncated", kumatest.Truncated, 200},
		{"empty", kumatest.Empty, 200},
		{"conflict", kumatest.Conflict, 409},
	} {
		for side, effect := range map[kumatest.Side]int{kumatest.Before: 404, kumatest.After: 200} {
			if test.kind == kumatest.Conflict {
				effect = 404 // another write came before
			}
			t.Run(fmt.Sprintf("%s/%d", test.name, side), func(t *testing.T) {
				server := kumatest.NewServer()
				defer server.Close()
				request := newRequest(t, server, "PUT", "/meshes/m", newMesh("m", nil))
				ctx, giveUp := context.WithCancel(t.Context())
				defer giveUp()
				server.Inject(kumatest.Fault{
					Kinds: []kumatest.FaultKind{test.kind}, Side: side, Times: 1, RetryAfter: 3 * time.Second,
					Match: func(*http.Request) bool {
						if test.kind == kumatest.Hang {
							giveUp()
						}
						return true
					},
				})
				response, err := http.DefaultClient.Do(request.WithContext(ctx))
				if (err != nil) != (test.status == none) {
					t.Fatalf("error %v", err)
				}
				if test.kind == kumatest.Hang && !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				if err == nil {
					defer response.Body.Close()
					if response.StatusCode != test.status {
						t.Errorf("status %d, want %d", response.StatusCode, test.status)
					}
					if after := response.Header.Get("Retry-After"); test.status == 429 && after != "3" {
						t.Errorf("Retry-After: %q", after)
					}
				}
				if test.kind != kumatest.Hang { // there the effect may come after the client has gone
					do(t, server.ControlPlane, "GET", "/meshes/m", nil, effect)
				}
				if got := server.Requests()[0].Status; got != test.status {
					t.Errorf("remembered status %d, want %d", got, test.status)
				}
				if status, _ := send(t, server, "GET", "/meshes/default", "", nil); status != 200 {
					t.Errorf("the second request: status %d", status)
				}
			})
		}
	}
}

func TestFaultMatch(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	server.Inject(kumatest.Fault{
		Match: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/secrets/") },
		Kinds: []kumatest.FaultKind{kumatest.Unavailable},
	})
	for path, want := range map[string]int{"/meshes/default": 200, "/meshes/default/secrets/s": 503} {
		if got, _ := send(t, server, "GET", path, "", nil); got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
	server.ClearFaults()
	if got, _ := send(t, server, "GET", "/meshes/default/secrets/s", "", nil); got != 404 {
		t.Errorf("after all faults are gone: status %d", got)
	}
}

// TestFaultRate: the seed alone decides which attempts are struck, whatever runs at the same time.
func TestFaultRate(t *testing.T) {
	statuses := func(seed uint64, parallel bool) []string {
		server := kumatest.NewServer()
		defer server.Close()
		server.Inject(kumatest.Fault{Rate: 0.3, Seed: seed, Kinds: []kumatest.FaultKind{kumatest.BadGateway, kumatest.Unavailable}})
		seen := make([]string, 20)
		var wait sync.WaitGroup
		for i := range seen {
			client := func() {
				for range 10 {
					status, _ := send(t, server, "GET", fmt.Sprintf("/meshes/m%d", i), "", nil)
					seen[i] += fmt.Sprintf(" %d", status)
				}
			}
			if parallel {
				wait.Go(client)
			} else {
				client()
			}
		}
		wait.Wait()
		return seen
	}
	once := statuses(1, false)
	if again := statuses(1, true); !slices.Equal(once, again) {
		t.Errorf("one seed, two outcomes:\n%v\n%v", once, again)
	}
	if other := statuses(2, false); slices.Equal(once, other) {
		t.Error("two seeds, one outcome")
	}
	struck := strings.Count(strings.Join(once, ""), " 50")
	if struck < 40 || struck > 80 {
		t.Errorf("%d of 200 requests are struck, want about 60", struck)
	}
}

func TestStaleSecrets(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	cert, key := newCA(t)
	do(t, server.ControlPlane, "PUT", "/meshes/m", newMesh("m", nil), 201)
	putSecret(t, server.ControlPlane, "m", "cert", cert)
	putSecret(t, server.ControlPlane, "m", "key", []byte("not a key yet"))
	putSecret(t, server.ControlPlane, "m", "key", key)
	stale := kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.StaleSecrets}, Times: 2}
	server.Inject(stale)

	mesh := newMesh("m", provided("cert", "key", "ca"))
	status, response := send(t, server, "PUT", "/meshes/m", "", mesh)
	if status != 400 {
		t.Errorf("status %d", status)
	}
	mustContain(t, response, `name=\"cert\"`) // it was not there before its one write
	if _, response = send(t, server, "GET", "/meshes/m/secrets/key", "", nil); !strings.Contains(string(response), "bm90IGEga2V5IHlldA==") {
		t.Errorf("the secret read is %s", response)
	}
	if status, response = send(t, server, "PUT", "/meshes/m", "", mesh); status != 200 {
		t.Errorf("the third request: status %d\n%s", status, response)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cp := kumatest.New(kumatest.Latency(time.Minute))
		start := time.Now()
		cp.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the answer took %s", took)
		}
	})
}

// A conflict is told in the control plane's own words, and of writes only.
func TestFaults_conflict(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	server.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Conflict}})
	for path, detail := range map[string]string{
		"/meshes/m":           `resource conflict: type=\"Mesh\" name=\"m\" mesh=\"\"`,
		"/meshes/m/secrets/s": `resource conflict: type=\"Secret\" name=\"s\" mesh=\"m\"`,
		"/global-secrets/s":   `resource conflict: type=\"GlobalSecret\" name=\"s\" mesh=\"\"`,
	} {
		response, err := http.DefaultClient.Do(newRequest(t, server, "PUT", path, nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusConflict || !strings.Contains(string(body), `"title": "Conflict"`) || !strings.Contains(string(body), detail) {
			t.Errorf("%s: %d %s %v", path, response.StatusCode, body, err)
		}
		response.Body.Close()
	}
	response, err := http.DefaultClient.Do(newRequest(t, server, "GET", "/meshes", nil))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a read: %v %v", response, err)
	}
	response.Body.Close()
}
