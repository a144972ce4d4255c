package kuma

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// overwrittenFields are the fields that were found, in one line.
func overwrittenFields(c *Client) string {
	var fields []string
	for _, o := range c.Overwritten() {
		fields = append(fields, o.Mesh+": "+strings.Join(o.Fields, ", "))
	}
	return strings.Join(fields, "; ")
}

func TestOverwritten(t *testing.T) {
	const written = `{"type":"Mesh","name":"m","mtls":{"enabledBackend":"x","backends":[{"name":"x","mode":"PERMISSIVE"},{"name":"y"}]},"labels":{"a":"1"}}`
	for name, test := range map[string]struct{ now, want string }{
		"nothing":                    {written, ""},
		"what somebody else adds":    {strings.Replace(written, `{"name":"y"}`, `{"name":"y"},{"name":"z"}`, 1), ""},
		"what somebody else has":     {strings.Replace(written, `,{"name":"y"}`, ``, 1), ""},
		"times":                      {strings.Replace(written, `"name":"m"`, `"name":"m","modificationTime":"2026-01-01T00:00:00Z"`, 1), ""},
		"a label":                    {strings.Replace(written, `"a":"1"`, `"b":"2"`, 1), "m: labels.a"},
		"an item of a list":          {strings.Replace(written, "PERMISSIVE", "STRICT", 1), "m: mtls.backends[x].mode"},
		"all of it":                  {meshText, "m: labels.a, mtls.backends[x].mode, mtls.backends[x].name"},
		"names that hold characters": {strings.Replace(written, `"a":"1"`, `"a":"2","\u001b[31m":"1"`, 1), "m: labels.a"},
	} {
		s := &meshServer{text: `{"type":"Mesh","name":"m","mtls":{"enabledBackend":"x","backends":[{"name":"y"}]}}`}
		client, _ := serve(t, s.answer)
		_, err := client.UpdateMesh(t.Context(), "m", func(mesh *Mesh) error {
			mesh.Document = mustParse(t, written)
			return nil
		})
		noError(t, err)
		s.text = test.now
		_, err = client.MeshAsOf(t.Context(), "m", anew)
		noError(t, err)
		equal(t, name, overwrittenFields(client), test.want)
		_, err = client.MeshAsOf(t.Context(), "m", anew)
		noError(t, err)
		equal(t, name+": once", overwrittenFields(client), "")
	}
}

// What this client changes again is not lost, and what it then reads is.
func TestOverwritten_byItself(t *testing.T) {
	s := &meshServer{text: meshText}
	client, _ := serve(t, s.answer)
	for _, value := range []string{"1", "2"} {
		_, err := client.UpdateMesh(t.Context(), "m", label("a", value))
		noError(t, err)
	}
	_, err := client.UpdateMesh(t.Context(), "m", func(mesh *Mesh) error { return mesh.SetLabels(nil) })
	noError(t, err)
	equal(t, "after its own writes", overwrittenFields(client), "")
	s.text = `{"type":"Mesh","name":"m","labels":{"a":"1"}}`
	_, err = client.UpdateMesh(t.Context(), "m", label("b", "1"))
	noError(t, err)
	equal(t, "after the write of another", overwrittenFields(client), "m: labels.a")
}

func TestOverwritten_ofACreatedMesh(t *testing.T) {
	s := &meshServer{text: meshText}
	client, _ := serve(t, s.answer)
	_, err := client.CreateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	s.text = `{"type":"Mesh","name":"m","routing":{}}`
	_, err = client.MeshAsOf(t.Context(), "m", anew)
	noError(t, err)
	equal(t, "found", overwrittenFields(client), "m: labels.a")
	noError(t, client.DeleteMesh(t.Context(), "m"))
	_, err = client.MeshAsOf(t.Context(), "m", anew)
	noError(t, err)
	equal(t, "after its deletion", overwrittenFields(client), "")
}

// A read that began before a write tells nothing about it.
func TestOverwritten_byAnOlderRead(t *testing.T) {
	var o ownWrites
	mesh := mustParse(t, `{"labels":{"a":"1"}}`)
	began := o.began()
	o.wrote("m", []string{"labels.a"}, mesh, time.Time{})
	o.compare("m", began, NewDocument(), time.Time{}, nil)
	equal(t, "found", len(o.found), 0)
}

// A mesh that was written is read once more some seconds later, while the
// client does something else, which does not wait for it.
func TestOverwritten_readsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := newTestClock()
		client := newClient(t, "http://control-plane.example.com", func(c *Config) { c.Clock = clock })
		s := &meshServer{text: meshText}
		rec := &recorder{}
		answer := make(chan struct{}, 10)
		client.api.http = &http.Client{Transport: handled{record(rec, func(n int, w http.ResponseWriter, c call) {
			if c.path == "/meshes/m" {
				<-answer
			}
			s.answer(n, w, c)
		})}}
		other := func() { // a request about something else
			_ = client.DeleteSecret(t.Context(), "other", "s")
			synctest.Wait()
		}
		for range 3 {
			answer <- struct{}{}
		}
		_, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
		noError(t, err)
		s.text = meshText // another client writes what it had read before
		other()
		equal(t, "at once", rec.methods(), "GET PUT GET DELETE")
		noError(t, clock.Sleep(t.Context(), rereadAfter))
		other()
		equal(t, "some seconds later", strings.Count(rec.methods(), "GET"), 3)
		equal(t, "the other request is done", strings.Count(rec.methods(), "DELETE"), 2)
		close(answer)
		synctest.Wait()
		equal(t, "found", overwrittenFields(client), "m: labels.a")
		other()
		equal(t, "not a second time", strings.Count(rec.methods(), "GET"), 3)
	})
}

// handled is a transport without a network.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}
