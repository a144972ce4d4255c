package kumatest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func newRequest(t *testing.T, server *kumatest.Server, method, path string, body any) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

func roundTrip(t *testing.T, request *http.Request) (int, []byte) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// send sends a request over HTTP, with a token unless that is empty.
func send(t *testing.T, server *kumatest.Server, method, path, token string, body any) (int, []byte) {
	t.Helper()
	request := newRequest(t, server, method, path, body)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return roundTrip(t, request)
}

func TestRequests(t *testing.T) {
	clock := newClock()
	server := kumatest.NewServer(kumatest.Clock(clock.Now))
	defer server.Close()
	mesh := newMesh("m", nil)
	send(t, server, "PUT", "/meshes/m", "", mesh)
	clock.Advance(time.Minute)
	send(t, server, "GET", "/meshes?size=7", "", nil)
	do(t, server.ControlPlane, "GET", "/meshes/m", nil, 200) // is nobody's request

	requests := server.Requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests, want 2", len(requests))
	}
	put, get := requests[0], requests[1]
	if put.Method != http.MethodPut || put.Path != "/meshes/m" || put.Status != 201 || put.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the first is %+v", put)
	}
	var body object
	if err := json.Unmarshal(put.Body, &body); err != nil || body["name"] != "m" {
		t.Errorf("the body is %s", put.Body)
	}
	if !strings.Contains(string(get.Answer), `"total": 2`) {
		t.Errorf("the answer of the second is %s", get.Answer)
	}
	if get.Query.Get("size") != "7" || get.Time.Sub(put.Time) != time.Minute {
		t.Errorf("the second is %+v", get)
	}
	server.ResetRequests()
	if left := server.Requests(); len(left) != 0 {
		t.Errorf("%d requests are left", len(left))
	}
}

// TestClock: every time that a client sees is the clock's.
func TestClock(t *testing.T) {
	clock := newClock()
	server := kumatest.NewServer(kumatest.Clock(clock.Now))
	defer server.Close()
	send(t, server, "PUT", "/meshes/m", "", newMesh("m", nil))
	clock.Advance(time.Hour)
	send(t, server, "PUT", "/meshes/m", "", newMesh("m", nil))
	response, err := http.Get(server.URL + "/meshes/m")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var mesh struct{ CreationTime, ModificationTime time.Time }
	if err := json.NewDecoder(response.Body).Decode(&mesh); err != nil {
		t.Fatal(err)
	}
	if !mesh.ModificationTime.Equal(clock.Now()) || mesh.ModificationTime.Sub(mesh.CreationTime) != time.Hour {
		t.Errorf("created %s, modified %s", mesh.CreationTime, mesh.ModificationTime)
	}
	if date := response.Header.Get("Date"); date != clock.Now().Format(http.TimeFormat) {
		t.Errorf("Date: %s", date)
	}
}

// TestConcurrentUse lets many clients work on few meshes; the race detector is what judges it. In the end each
// mesh is one of the documents that were put, whole.
func TestConcurrentUse(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	cert, key := newCA(t)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for round := range 10 {
				name := fmt.Sprintf("m%d", (worker+round)%3)
				labels := object{"labels": object{"a": fmt.Sprint(worker), "b": fmt.Sprint(worker)}}
				server.Do("PUT", "/meshes/"+name, newMesh(name, labels))
				server.Do("PUT", "/meshes/"+name+"/secrets/c", object{"type": "Secret", "mesh": name, "name": "c", "data": cert})
				server.Do("PUT", "/meshes/"+name+"/secrets/k", object{"type": "Secret", "mesh": name, "name": "k", "data": key})
				server.Do("PUT", "/meshes/"+name, newMesh(name, provided("c", "k", "ca")))
				server.Do("GET", "/secrets", nil)
				server.Do("DELETE", "/meshes/"+name+"/secrets/c", nil)
				if round%5 == 4 {
					server.Do("DELETE", "/meshes/"+name, nil)
				}
				server.Do("PUT", "/meshes/"+name, newMesh(name, labels))
			}
		})
	}
	wait.Wait()
	for i := range 3 {
		var mesh struct{ Labels map[string]string }
		if err := json.Unmarshal(do(t, server.ControlPlane, "GET", fmt.Sprintf("/meshes/m%d", i), nil, 200), &mesh); err != nil {
			t.Fatal(err)
		}
		if mesh.Labels["a"] != mesh.Labels["b"] {
			t.Errorf("labels of two writes in one document: %v", mesh.Labels)
		}
	}
}

// TestOneCreates: of several who put the same new mesh at the same time, one is told that it created it.
func TestOneCreates(t *testing.T) {
	cp := kumatest.New()
	cert, key := newCA(t) // checking them takes a moment in which others come
	authority := object{"mtls": object{"backends": []object{{
		"name": "ca", "type": "provided", "conf": object{"cert": object{"inline": cert}, "key": object{"inline": key}},
	}}}}
	for i := range 50 {
		path := fmt.Sprintf("/meshes/m%d", i)
		var mu sync.Mutex
		count := map[int]int{}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				status, _ := cp.Do("PUT", path, newMesh(fmt.Sprintf("m%d", i), authority))
				mu.Lock()
				defer mu.Unlock()
				count[status]++
			})
		}
		wait.Wait()
		if count[201] != 1 || count[200] != 7 {
			t.Fatalf("%s: answers by status %v", path, count)
		}
	}
}
