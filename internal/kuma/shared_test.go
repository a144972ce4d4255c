package kuma

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// reading is a client without a server, and a read of its that waits to be let on.
type reading struct {
	*Client
	clock *testClock
	mutex sync.Mutex
	made  int
	goOn  chan error
}

func newReading(t *testing.T) *reading {
	clock := newTestClock()
	return &reading{clock: clock, goOn: make(chan error), Client: newClient(t, "http://127.0.0.1:1", func(c *Config) { c.Clock = clock })}
}

// get returns which request it was.
func (r *reading) get() (int, error) {
	r.mutex.Lock()
	r.made++
	n := r.made
	r.mutex.Unlock()
	return n, <-r.goOn
}

func (r *reading) start(ctx context.Context, path string, age MaxAge) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		n, err := share(ctx, r.Client, path, age, r.get)
		done <- outcome{n, err}
	}()
	synctest.Wait()
	return done
}

type outcome struct {
	n   int
	err error
}

func TestShareUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading(t)
		first := r.start(t.Context(), "meshes/m", Fresh)
		second := r.start(t.Context(), "meshes/m", Recent)
		own := r.start(t.Context(), "meshes/m", anew)
		other := r.start(t.Context(), "meshes/m2", Fresh)
		for range 3 {
			r.goOn <- nil
		}
		equal(t, "the first", <-first, outcome{1, nil})
		equal(t, "the second joins", <-second, outcome{1, nil})
		equal(t, "one of its own", <-own, outcome{2, nil})
		equal(t, "another path", <-other, outcome{3, nil})
	})
}

func TestShareAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading(t)
		ask := func(age MaxAge) int {
			done := r.start(t.Context(), "meshes/m", age)
			select {
			case r.goOn <- nil:
			default:
			}
			return (<-done).n
		}
		equal(t, "first", ask(Recent), 1)
		equal(t, "recent", ask(Recent), 1)
		equal(t, "fresh", ask(Fresh), 2)
		equal(t, "recent again", ask(Recent), 2)
		noError(t, r.clock.Sleep(t.Context(), 29*time.Second))
		equal(t, "after 29 s", ask(Recent), 2)
		noError(t, r.clock.Sleep(t.Context(), time.Second))
		equal(t, "after 30 s", ask(Recent), 3)
	})
}

func TestShareForget(t *testing.T) {
	for _, test := range []struct {
		written   request
		forgotten bool
	}{
		{request{method: http.MethodDelete, path: "meshes/m"}, true},
		{request{method: http.MethodPut, path: "meshes/m"}, false}, // its secrets stay
		{request{method: http.MethodPut, path: "meshes/m/secrets/s"}, true},
		{request{method: http.MethodDelete, path: "meshes/m2"}, false},
		{request{method: http.MethodPut, path: "meshes/m2/secrets/s"}, false},
	} {
		written, forgotten := test.written, test.forgotten
		t.Run(written.method+" "+written.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReading(t)
				earlier := r.start(t.Context(), "meshes/m/secrets", Fresh)
				r.shared.forget(written.method, written.path) // while it is under way
				later := r.start(t.Context(), "meshes/m/secrets", Fresh)
				r.goOn <- nil
				equal(t, "earlier", <-earlier, outcome{1, nil})
				if !forgotten {
					equal(t, "joined", <-later, outcome{1, nil})
					return
				}
				r.goOn <- nil
				equal(t, "begun after the write", <-later, outcome{2, nil})
				equal(t, "the late end of the earlier does not count", <-r.start(t.Context(), "meshes/m/secrets", Recent), outcome{2, nil})
				r.shared.forget(written.method, written.path)
				after := r.start(t.Context(), "meshes/m/secrets", Recent)
				r.goOn <- nil
				equal(t, "after another write", <-after, outcome{3, nil})
			})
		})
	}
}

func TestShareFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading(t)
		broken := errors.New("broken")
		first := r.start(t.Context(), "meshes/m", Fresh)
		second := r.start(t.Context(), "meshes/m", Fresh)
		r.goOn <- broken
		equal(t, "first", <-first, outcome{1, broken})
		equal(t, "an error is shared", (<-second).err, broken)
		third := r.start(t.Context(), "meshes/m", Recent)
		r.goOn <- nil
		equal(t, "and not kept", <-third, outcome{2, nil})
	})
}

// Who gives up takes nobody along: another makes the request then.
func TestShareCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading(t)
		first := r.start(t.Context(), "meshes/m", Fresh)
		second := r.start(t.Context(), "meshes/m", Fresh)
		short, cancel := context.WithCancel(t.Context())
		third := r.start(short, "meshes/m", Fresh)
		cancel()
		equal(t, "the third waits no longer", (<-third).err, context.Canceled)
		r.goOn <- context.Canceled
		equal(t, "the first", (<-first).err, context.Canceled)
		r.goOn <- nil
		equal(t, "the second asks by itself", <-second, outcome{2, nil})
	})
}

// Every write makes what was read before it unusable, whether it succeeds or not.
func TestWritesForget(t *testing.T) {
	for name, write := range map[string]func(*Client) error{
		"put secret":    func(c *Client) error { return c.PutSecret(t.Context(), "m", "s", []byte("x"), nil) },
		"delete secret": func(c *Client) error { return c.DeleteSecret(t.Context(), "m", "s") },
		"delete mesh":   func(c *Client) error { return c.DeleteMesh(t.Context(), "m") },
		"update mesh": func(c *Client) error {
			_, err := c.UpdateMesh(t.Context(), "m", func(m *Mesh) error { return m.SetLabels(map[string]string{"a": "b"}) })
			return err
		},
	} {
		for _, status := range []int{http.StatusOK, http.StatusForbidden} {
			t.Run(name, func(t *testing.T) {
				mesh := meshText
				client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) {
					switch {
					case c.method != http.MethodGet:
						mesh = `{"type":"Mesh","name":"m","labels":{"a":"b"}}`
						reply(w, status, `{"title":"Done","status":200}`)
					case c.path == "/meshes/m/secrets":
						reply(w, http.StatusOK, `{"total":1,"items":[{"type":"Secret","mesh":"m","name":"s","data":"eA=="}],"next":null}`)
					default:
						reply(w, http.StatusOK, mesh)
					}
				})
				read := func() {
					_, err := client.MeshAsOf(t.Context(), "m", Recent)
					_, errSecrets := client.SecretsAsOf(t.Context(), "m", Recent)
					noError(t, errors.Join(err, errSecrets))
				}
				read()
				read()
				equal(t, "before", len(rec.all()), 2)
				_ = write(client)
				read()
				paths := map[string]int{}
				for _, c := range rec.all()[2:] {
					if c.method == http.MethodGet {
						paths[c.path]++
					}
				}
				equal(t, "mesh", paths["/meshes/m"], map[string]int{
					"delete mesh": 1,
					"update mesh": 2, // its own two, or its own one and the read after the refusal
				}[name]) // a secret is no part of the mesh's document
				equal(t, "secrets", paths["/meshes/m/secrets"], map[string]int{"put secret": 1, "delete secret": 1, "delete mesh": 1}[name])
			})
		}
	}
}

func TestSecretsByName(t *testing.T) {
	list := `{"total":3,"items":[
		{"type":"Secret","mesh":"m","name":"a","data":"YQ=="},{"type":"Secret","mesh":"m","name":"b","data":"Yg=="},{"type":"Secret","mesh":"m","name":"c","data":"Yw=="}],"next":null}`
	forbidden := `{"type":"/std-errors","status":403,"title":"Access Denied","detail":"no"}`
	for name, test := range map[string]struct {
		status   int
		answer   string
		requests string
		found    int
		fails    bool
	}{
		"list":      {http.StatusOK, list, "GET", 2, false},
		"no mesh":   {http.StatusNotFound, notFound, "GET", 0, false},
		"forbidden": {http.StatusForbidden, forbidden, "GET GET GET GET", 2, false},
		"broken":    {http.StatusInternalServerError, `{"status":500,"title":"Could not"}`, "GET", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) {
				switch c.path {
				case "/meshes/m/secrets":
					reply(w, test.status, test.answer)
				case "/meshes/m/secrets/absent":
					reply(w, http.StatusNotFound, notFound)
				default:
					reply(w, http.StatusOK, fmt.Sprintf(`{"type":"Secret","mesh":"m","name":%q,"data":"YQ=="}`, path.Base(c.path)))
				}
			})
			found, err := client.SecretsByName(t.Context(), "m", Fresh, "a", "c", "absent")
			equal(t, "an error", err != nil, test.fails)
			equal(t, "found", len(found), test.found)
			equal(t, "requests", rec.methods(), test.requests)
			equal(t, "absent", found["absent"] == nil, true)
		})
	}
}

// What this client has just written needs no read, until it is deleted or old.
// What a list lacks is asked for once more.
func TestSecretsByName_own(t *testing.T) {
	clock := newTestClock()
	client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) {
		if c.path == "/meshes/m/secrets/b" && c.method == http.MethodGet {
			reply(w, http.StatusNotFound, notFound)
			return
		}
		if c.method == http.MethodGet {
			reply(w, http.StatusOK, `{"total":1,"items":[{"type":"Secret","mesh":"m","name":"a","data":"YQ=="}],"next":null}`)
			return
		}
		reply(w, http.StatusOK, `{}`)
	}, func(c *Config) { c.Clock = clock })
	read := func(what string, age MaxAge, found, requests int) {
		t.Helper()
		before := len(rec.all())
		secrets, err := client.SecretsByName(t.Context(), "m", age, "a", "b")
		noError(t, err)
		equal(t, what+": found", len(secrets), found)
		equal(t, what+": requests", len(rec.all())-before, requests)
	}
	noError(t, client.PutSecret(t.Context(), "m", "a", []byte("x"), nil))
	read("one of two", Recent, 1, 2)
	noError(t, client.PutSecret(t.Context(), "m", "b", []byte("y"), nil))
	read("both", Recent, 2, 0)
	read("fresh", Fresh, 1, 1)
	noError(t, client.DeleteSecret(t.Context(), "m", "b"))
	read("deleted", Recent, 1, 2)
	noError(t, client.PutSecret(t.Context(), "m", "b", []byte("y"), nil))
	noError(t, clock.Sleep(t.Context(), 30*time.Second))
	read("old", Recent, 1, 2)
}

// A path that was read as one type, such as a mesh, can be read as another, such
// as an object of any type.
func TestShareOfAnotherType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading(t)
		mesh := r.start(t.Context(), "meshes/m", Fresh)
		r.goOn <- nil
		<-mesh
		got, err := share(t.Context(), r.Client, "meshes/m", Recent, func() (string, error) { return "object", nil })
		if got != "object" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
