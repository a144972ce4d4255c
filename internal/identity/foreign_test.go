package identity_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
)

// A foreign control plane is a global one of a future version. It stores objects
// as text, except for some members, which it drops.
type foreign struct {
	*httptest.Server
	drops []string // the text of these members

	mu        sync.Mutex
	documents map[string]string // by path
	put       string
}

func newForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{documents: map[string]string{
		"/":           `{"product":"Kuma","version":"4.0.0","hostname":"cp","instanceId":"i"}`,
		"/config":     `{"mode":"global"}`,
		"/_resources": `{"resources":[{"name":"Mesh","scope":"Global","path":"meshes"},{"name":"MeshIdentity","scope":"Mesh","path":"meshidentities"},{"name":"MeshTrust","scope":"Mesh","path":"meshtrusts"}]}`,
		"/meshes/m":   `{"type":"Mesh","name":"m"}`,
	}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *foreign) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer, there := f.documents[path.Clean(r.URL.Path)]
	switch {
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		f.put, answer = string(body), string(body)
		for _, text := range f.drops {
			answer = strings.NewReplacer(text+",", "", ","+text, "", text, "").Replace(answer)
		}
		f.documents[r.URL.Path], answer = answer, "{}"
	case !there:
		w.WriteHeader(http.StatusNotFound)
		answer = `{"type":"/std-errors","status":404,"title":"Could not retrieve a resource","detail":"Not found","details":"Not found"}`
	}
	_, _ = io.WriteString(w, answer)
}

// change changes a text in all documents, as another client.
func (f *foreign) change(old, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for at, document := range f.documents {
		f.documents[at] = strings.ReplaceAll(document, old, text)
	}
}

// written returns the last document that was written.
func (f *foreign) written() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put
}

func (f *foreign) config(text string) string {
	return fmt.Sprintf("terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n }\n}\nprovider \"kongmesh\" {\n address = %q\n}\n", f.URL) + text
}

// trust returns a configuration with one trust.
func (f *foreign) trust(bundles ...string) string {
	quoted := make([]string, len(bundles))
	for i, bundle := range bundles {
		quoted[i] = fmt.Sprintf("%q", bundle)
	}
	return f.config("resource \"kongmesh_mesh_trust\" \"this\" {\n mesh = \"m\"\n name = \"payments\"\n trust_domain = \"d\"\n ca_bundles = [" + strings.Join(quoted, ", ") + "]\n}\n")
}
