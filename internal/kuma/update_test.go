package kuma

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// label is an edit that wants one label.
func label(name, value string) func(*Mesh) error {
	return func(mesh *Mesh) error {
		labels, err := mesh.Labels()
		if err != nil {
			return err
		}
		labels[name] = value
		return mesh.SetLabels(labels)
	}
}

// A meshServer is a control plane with one mesh, whose answers a test can replace.
type meshServer struct {
	mutex sync.Mutex
	text  string
	// before is called for each request; true: it has answered.
	before func(n int, w http.ResponseWriter, c call, s *meshServer) bool
}

func (s *meshServer) answer(n int, w http.ResponseWriter, c call) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.before != nil && s.before(n, w, c, s) {
		return
	}
	s.serve(w, c)
}

func (s *meshServer) serve(w http.ResponseWriter, c call) {
	if c.method == http.MethodPut {
		s.text = c.body
		reply(w, http.StatusOK, "{}")
		return
	}
	reply(w, http.StatusOK, s.text)
}

// abort closes the connection without an answer.
func abort() { panic(http.ErrAbortHandler) }

func TestUpdateMeshReadsWritesReads(t *testing.T) {
	before := `{"type":"Mesh", "name":"m", "later":{"n":12345678901234567890.10}, "mtls":{"backends":[ {"u":1} ]}}`
	s := &meshServer{text: before}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	want := strings.TrimSuffix(before, "}") + `,"labels":{"a":"1"}}`
	equal(t, "requests", rec.methods(), "GET PUT GET")
	equal(t, "what was written", rec.all()[1].body, want)
	equal(t, "the result", string(mesh.Bytes()), want)
}

func TestUpdateMeshWritesNothingWhenNothingChanges(t *testing.T) {
	s := &meshServer{text: `{"type":"Mesh","name":"m","labels":{"a":"1"}}`}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	equal(t, "requests", rec.methods(), "GET")
	equal(t, "the result", string(mesh.Bytes()), s.text)
}

func TestUpdateMeshStopsWhereEditStops(t *testing.T) {
	client, rec := serve(t, (&meshServer{text: meshText}).answer)
	stop := errors.New("stop")
	mesh, err := client.UpdateMesh(t.Context(), "m", func(*Mesh) error { return stop })
	if !errors.Is(err, stop) || mesh != nil {
		t.Errorf("%v, %v", mesh, err)
	}
	equal(t, "requests", rec.methods(), "GET")
}

func TestUpdateMeshMakesALostChangeAgain(t *testing.T) {
	s := &meshServer{text: meshText}
	s.before = func(n int, _ http.ResponseWriter, _ call, s *meshServer) bool {
		if n == 3 { // somebody who had read the mesh before our write writes it back
			s.text = `{"type":"Mesh","name":"m","theirs":true}`
		}
		return false
	}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	equal(t, "requests", rec.methods(), "GET PUT GET PUT GET")
	equal(t, "both changes", string(mesh.Bytes()), `{"type":"Mesh","name":"m","theirs":true,"labels":{"a":"1"}}`)
	equal(t, "what the control plane has", s.text, string(mesh.Bytes()))
}

func TestUpdateMeshTellsOfADroppedChange(t *testing.T) {
	s := &meshServer{text: meshText, before: func(_ int, w http.ResponseWriter, c call, _ *meshServer) bool {
		if c.method == http.MethodPut {
			reply(w, http.StatusOK, "{}")
		}
		return c.method == http.MethodPut
	}}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	var dropped *DroppedError
	if !errors.As(err, &dropped) || mesh != nil || dropped.Mesh != "m" || !strings.Contains(err.Error(), `"m"`) {
		t.Errorf("%v, %v", mesh, err)
	}
	equal(t, "requests", rec.methods(), "GET PUT GET PUT GET PUT GET")
}

func TestUpdateMeshOnAVersionWithoutMTLS(t *testing.T) {
	server := kumatest.NewServer(kumatest.Version("3.0"))
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	noError(t, putMesh(t, client, NewMesh("m").Document))
	_, err := client.UpdateMesh(t.Context(), "m", func(mesh *Mesh) error {
		if err := mesh.SetCA("a", "c", "k"); err != nil {
			return err
		}
		return mesh.SetSkipValidation(true)
	})
	var dropped *DroppedError
	if !errors.As(err, &dropped) {
		t.Errorf("mTLS on 3.0: %v", err)
	}
}

func TestUpdateMeshReadsAfterALostAnswer(t *testing.T) {
	for _, retries := range []int{0, 4} {
		s := &meshServer{text: meshText}
		s.before = func(n int, _ http.ResponseWriter, c call, s *meshServer) bool {
			if n == 2 {
				s.text = c.body
				abort()
			}
			return false
		}
		client, rec := serve(t, s.answer, func(c *Config) { c.MaxRetries = retries })
		mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
		noError(t, err)
		equal(t, "requests", rec.methods(), "GET PUT GET")
		equal(t, "the result", string(mesh.Bytes()), s.text)
	}
}

func TestUpdateMeshReadsAgainBeforeItWritesAgain(t *testing.T) {
	for name, fail := range map[string]func(http.ResponseWriter){
		"no answer": func(http.ResponseWriter) { abort() },
		"429":       func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
		"503":       func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		s := &meshServer{text: meshText}
		s.before = func(n int, w http.ResponseWriter, _ call, s *meshServer) bool {
			if n == 2 { // the write fails, and somebody else's comes before the next
				s.text = `{"type":"Mesh","name":"m","theirs":true}`
				fail(w)
			}
			return n == 2
		}
		client, rec := serve(t, s.answer)
		_, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
		noError(t, err)
		equal(t, name+": requests", rec.methods(), "GET PUT GET PUT GET")
		equal(t, name+": both changes", s.text, `{"type":"Mesh","name":"m","theirs":true,"labels":{"a":"1"}}`)
	}
}

func TestUpdateMeshGivesUp(t *testing.T) {
	for _, test := range []struct {
		name      string
		fail      func(http.ResponseWriter)
		requests  string
		uncertain bool
		status    int
	}{
		{"no answer", func(http.ResponseWriter) { abort() }, "GET PUT GET PUT GET PUT GET", true, 0},
		{"503", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, "GET PUT GET PUT GET PUT GET", true, 503},
		{"429", func(w http.ResponseWriter) { reply(w, 429, refusal(429, "Too many")) }, "GET PUT GET PUT GET PUT GET", false, 429},
		{"500", func(w http.ResponseWriter) { reply(w, 500, refusal(500, "Broken")) }, "GET PUT GET", true, 500},
		{"HTML", func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }, "GET PUT GET", true, 200},
		{"400", func(w http.ResponseWriter) { reply(w, 400, refusal(400, "No")) }, "GET PUT", false, 400},
		{"403", func(w http.ResponseWriter) { reply(w, 403, refusal(403, "No")) }, "GET PUT", false, 403},
		{"405", func(w http.ResponseWriter) { reply(w, 405, refusal(405, "No")) }, "GET PUT", false, 405},
	} {
		s := &meshServer{text: meshText, before: func(_ int, w http.ResponseWriter, c call, _ *meshServer) bool {
			if c.method == http.MethodPut {
				test.fail(w)
			}
			return c.method == http.MethodPut
		}}
		client, rec := serve(t, s.answer, func(c *Config) { c.MaxRetries = 2 })
		mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
		equal(t, test.name+": requests", rec.methods(), test.requests)
		equal(t, test.name+": a mesh", mesh != nil, false) // the last read told that it was not written
		equal(t, test.name+": uncertain", Uncertain(err), test.uncertain)
		var answer *Error
		if errors.As(err, &answer) != (test.status != 0) || answer != nil && answer.Status != test.status {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestUpdateMeshRefusedAfterALostAnswer(t *testing.T) {
	s := &meshServer{text: meshText, before: func(n int, w http.ResponseWriter, _ call, _ *meshServer) bool {
		switch n {
		case 2:
			abort()
		case 4:
			reply(w, http.StatusBadRequest, refusal(400, "No"))
		}
		return n == 4
	}}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	if !Refused(err) || Uncertain(err) || mesh != nil {
		t.Errorf("%v, %v", mesh, err)
	}
	equal(t, "requests", rec.methods(), "GET PUT GET PUT")
}

func TestUpdateMeshUnverified(t *testing.T) {
	s := &meshServer{text: meshText, before: func(n int, w http.ResponseWriter, _ call, _ *meshServer) bool {
		if n > 2 {
			reply(w, http.StatusForbidden, refusal(403, "Access Denied"))
		}
		return n > 2
	}}
	client, _ := serve(t, s.answer)
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	var unverified *UnverifiedError
	if !errors.As(err, &unverified) || mesh == nil || !Uncertain(err) {
		t.Fatalf("%v, %v", mesh, err)
	}
	equal(t, "what was written", string(mesh.Bytes()), s.text)
}

func TestUpdateMeshWithNobodyThereAfterwards(t *testing.T) {
	s := &meshServer{text: meshText, before: func(n int, _ http.ResponseWriter, _ call, _ *meshServer) bool {
		if n > 1 {
			abort()
		}
		return false
	}}
	client, _ := serve(t, s.answer, func(c *Config) { c.MaxRetries = 1 })
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	var connection *ConnectionError
	if !errors.As(err, &connection) || mesh == nil || !Uncertain(err) {
		t.Fatalf("%v, %v", mesh, err)
	}
	equal(t, "what may have been written", string(mesh.Get("labels")), `{"a":"1"}`)
}

func TestUpdateMeshOfAMeshThatGoes(t *testing.T) {
	for _, lost := range []bool{false, true} { // the answer to the write
		for _, absentFrom := range []int{1, 3} {
			s := &meshServer{text: meshText, before: func(n int, w http.ResponseWriter, _ call, _ *meshServer) bool {
				switch {
				case n >= absentFrom:
					reply(w, http.StatusNotFound, notFound)
				case n == 2 && lost:
					abort()
				}
				return n >= absentFrom
			}}
			client, _ := serve(t, s.answer)
			mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
			if !Absent(err) || mesh != nil {
				t.Errorf("absent from request %d on: %v, %v", absentFrom, mesh, err)
			}
		}
	}
}

func TestUpdateMeshCancelledInTheWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &meshServer{text: meshText, before: func(n int, _ http.ResponseWriter, _ call, _ *meshServer) bool {
		if n == 2 {
			cancel()
			abort()
		}
		return false
	}}
	client, rec := serve(t, s.answer)
	mesh, err := client.UpdateMesh(ctx, "m", label("a", "1"))
	if !errors.Is(err, context.Canceled) || mesh == nil || !Uncertain(err) {
		t.Errorf("%v, %v", mesh, err)
	}
	equal(t, "requests", rec.methods(), "GET PUT")
}

// One process reads, another one writes, the first one writes what it read:
// the other one misses its change when it reads back, and makes it again.
func TestUpdateMeshFromTwoProcesses(t *testing.T) {
	s := &meshServer{text: meshText}
	oneHasRead, twoHasWritten, oneHasWritten := make(chan struct{}), make(chan struct{}), make(chan struct{})
	one, _ := serve(t, func(n int, w http.ResponseWriter, c call) {
		s.answer(n, w, c)
		switch n {
		case 1:
			close(oneHasRead)
			<-twoHasWritten // the answer leaves only then
		case 2:
			close(oneHasWritten)
		}
	})
	two, rec := serve(t, func(n int, w http.ResponseWriter, c call) {
		switch n {
		case 2:
			<-oneHasRead
		case 3:
			<-oneHasWritten
		}
		s.answer(n, w, c)
		if n == 2 {
			close(twoHasWritten)
		}
	})
	var wait sync.WaitGroup
	for client, name := range map[*Client]string{one: "one", two: "two"} {
		wait.Go(func() {
			if _, err := client.UpdateMesh(t.Context(), "m", label(name, "1")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, name := range []string{"one", "two"} {
		if !strings.Contains(s.text, `"`+name+`":"1"`) {
			t.Errorf("the change of %s is lost: %s", name, s.text)
		}
	}
	equal(t, "requests of the one whose change was lost", rec.methods(), "GET PUT GET PUT GET")
}

func TestWritesOfOneMeshGoOneAfterTheOther(t *testing.T) {
	server := kumatest.NewServer()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	noError(t, putMesh(t, client, NewMesh("m").Document))
	server.ResetRequests()
	var wait sync.WaitGroup
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, name := range names {
		wait.Go(func() {
			if _, err := client.UpdateMesh(t.Context(), "m", label(name, "1")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	mesh, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	labels, err := mesh.Labels()
	noError(t, err)
	equal(t, "labels", len(labels), len(names))
	got := ""
	for _, r := range server.Requests() {
		got += r.Method + " "
	}
	equal(t, "requests", got, strings.Repeat("GET PUT GET ", len(names))+"GET ")
}

func TestWritesOfTwoMeshesGoAtOnce(t *testing.T) {
	inside := make(chan string, 2)
	leave := make(chan struct{})
	client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) {
		if c.method == http.MethodPut {
			inside <- c.path
			<-leave
		}
		reply(w, http.StatusOK, `{"type":"Mesh"}`)
	})
	var wait sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		wait.Go(func() { _, _ = client.CreateMesh(t.Context(), name, unchanged) })
	}
	first, second := <-inside, <-inside // both are being written before either is done
	if first == second {
		t.Errorf("%s twice", first)
	}
	close(leave)
	wait.Wait()
}

func TestWaitingForAnotherWriteCanBeCancelled(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		inside <- struct{}{}
		<-leave
		reply(w, http.StatusOK, "{}")
	})
	var wait sync.WaitGroup
	wait.Go(func() { _ = putMesh(t, client, NewMesh("m").Document) })
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range map[string]error{
		"create": func() error { _, err := client.CreateMesh(ctx, "m", unchanged); return err }(),
		"delete": client.DeleteMesh(ctx, "m"),
		"update": func() error { _, err := client.UpdateMesh(ctx, "m", label("a", "1")); return err }(),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	close(leave)
	wait.Wait()
}

func TestMeshLifeOnEachVersion(t *testing.T) {
	for _, version := range []string{"2.7.29", "2.14.3", "3.0"} {
		server := kumatest.NewServer(kumatest.Version(version))
		t.Cleanup(server.Close)
		client := newClient(t, server.URL)
		_, err := client.Mesh(t.Context(), "m")
		equal(t, version+": absent before", Absent(err), true)
		noError(t, putMesh(t, client, NewMesh("m").Document))
		noError(t, client.PutSecret(t.Context(), "m", "s", []byte("x"), nil))
		mesh, err := client.UpdateMesh(t.Context(), "m", func(mesh *Mesh) error { return mesh.SetSkipCreatingInitialPolicies([]string{"*"}) })
		noError(t, err)
		equal(t, version+": changed", string(mesh.Get("skipCreatingInitialPolicies")) != "", true)
		noError(t, client.DeleteSecret(t.Context(), "m", "s"))
		noError(t, client.DeleteMesh(t.Context(), "m"))
		noError(t, client.DeleteMesh(t.Context(), "m"))
		noError(t, client.DeleteSecret(t.Context(), "m", "s"))
	}
}

func TestReadOnlyControlPlane(t *testing.T) {
	server := kumatest.NewServer(kumatest.ReadOnly())
	t.Cleanup(server.Close)
	err := putMesh(t, newClient(t, server.URL), NewMesh("m").Document)
	var answer *Error
	if !errors.As(err, &answer) || !answer.ReadOnly() || Uncertain(err) || Absent(err) {
		t.Errorf("a write: %v", err)
	}
}

// Names of members that a terminal would obey are in no message.
func TestUpdateMeshDroppedNamesStayHarmless(t *testing.T) {
	s := &meshServer{text: `{"type":"Mesh","name":"m","labels":{"\u001b[31mx\u202e":"1"}}`}
	s.before = func(_ int, w http.ResponseWriter, c call, _ *meshServer) bool {
		if c.method == http.MethodPut {
			reply(w, http.StatusOK, "{}")
		}
		return c.method == http.MethodPut // and drops it
	}
	client, _ := serve(t, s.answer)
	_, err := client.UpdateMesh(t.Context(), "m", func(mesh *Mesh) error { return mesh.SetLabels(nil) })
	var dropped *DroppedError
	if !errors.As(err, &dropped) || len(dropped.Fields) != 1 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q", err)
	}
}

// A change that other clients overwrite is not one that the control plane drops.
func TestUpdateMeshAmongManyWriters(t *testing.T) {
	for name, test := range map[string]struct {
		times     int // how often it is overwritten
		contested bool
	}{
		"for a while": {2 * writes, false},
		"for ever":    {1000, true},
	} {
		lost := 0
		s := &meshServer{text: meshText}
		s.before = func(_ int, _ http.ResponseWriter, c call, s *meshServer) bool {
			if c.method == http.MethodGet && strings.Contains(s.text, `"a"`) && lost < test.times {
				lost++
				s.text = fmt.Sprintf(`{"type":"Mesh","name":"m","theirs":%d}`, lost)
			}
			return false
		}
		client, _ := serve(t, s.answer)
		_, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
		var dropped *DroppedError
		if errors.As(err, &dropped) != test.contested || dropped != nil && (!dropped.Contested || lost != contests) {
			t.Errorf("%s: %v after %d", name, err, lost)
		}
		equal(t, name, strings.Contains(s.text, `"a":"1"`), !test.contested)
	}
}
