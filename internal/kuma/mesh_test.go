package kuma

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestNewMesh(t *testing.T) {
	mesh := NewMesh("m")
	equal(t, "a new mesh", string(mesh.Bytes()), meshText)
	clone := mesh.Clone()
	clone.Set("x", json.RawMessage("1"))
	equal(t, "a mesh whose clone changed", string(mesh.Bytes()), meshText)
}

func TestModificationTime(t *testing.T) {
	modified, err := meshOf(t, `{"modificationTime":"2026-03-01T10:00:00.5Z"}`).ModificationTime()
	noError(t, err)
	equal(t, "a time", modified, time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC))
	modified, err = meshOf(t, `{}`).ModificationTime()
	noError(t, err)
	equal(t, "none", modified.IsZero(), true)
	if _, err = meshOf(t, `{"modificationTime":"yesterday"}`).ModificationTime(); err == nil {
		t.Error("nonsense is a time")
	}
}

func TestReservedLabel(t *testing.T) {
	for name, want := range map[string]bool{
		"kuma.io/zone": true, "a.kuma.io/x": true, "kuma.io": false, "xkuma.io/zone": false, "team": false, "kuma.io.example.com/x": false, "example.com/kuma.io/": false,
	} {
		equal(t, name, ReservedLabel(name), want)
	}
}

func TestLabels(t *testing.T) {
	labels, err := meshOf(t, `{"labels":{"a":"1","kuma.io/zone":"z","b":""}}`).Labels()
	noError(t, err)
	if !maps.Equal(labels, map[string]string{"a": "1", "b": ""}) {
		t.Errorf("labels %v", labels)
	}
	for _, text := range []string{`{"labels":[]}`, `{"labels":{"a":1}}`} {
		mesh := meshOf(t, text)
		if _, err := mesh.Labels(); err == nil || mesh.SetLabels(map[string]string{"a": "x"}) == nil {
			t.Errorf("%s has labels", text)
		}
	}
}

func TestSetLabels(t *testing.T) {
	none := map[string]string{}
	for _, test := range []struct {
		before string
		wanted map[string]string
		want   string
	}{
		{`{}`, none, `{}`},
		{`{}`, nil, `{}`},
		{`{"labels":{}}`, none, `{"labels":{}}`},
		{`{"labels":null}`, none, `{"labels":null}`},
		{`{}`, map[string]string{"b": "2", "a": `"`}, `{"labels":{"a":"\"","b":"2"}}`},
		{`{"labels":{"b" : "2", "a":"1"},"x":1}`, map[string]string{"a": "1", "b": "2"}, `{"labels":{"b" : "2", "a":"1"},"x":1}`},
		{`{"labels":{"b" : "\u0032", "a":"1"}}`, map[string]string{"a": "9", "b": "2"}, `{"labels":{"b" : "\u0032", "a":"9"}}`},
		{`{"labels":{"a":"1"},"x":1}`, none, `{"x":1}`},
		{`{"labels":{"a":"1","kuma.io/zone":"z"}}`, none, `{"labels":{"kuma.io/zone":"z"}}`},
		{`{"labels":{"kuma.io/zone":"z"}}`, map[string]string{"a": ""}, `{"labels":{"kuma.io/zone":"z","a":""}}`},
	} {
		mesh := meshOf(t, test.before)
		noError(t, mesh.SetLabels(test.wanted))
		equal(t, test.before, string(mesh.Bytes()), test.want)
		noError(t, mesh.SetLabels(test.wanted))
		equal(t, test.before+", again", string(mesh.Bytes()), test.want)
	}
}

func TestSkipCreatingInitialPolicies(t *testing.T) {
	for _, test := range []struct {
		before string
		wanted []string
		want   string
	}{
		{`{}`, nil, `{}`},
		{`{}`, []string{}, `{}`},
		{`{"skipCreatingInitialPolicies":[]}`, nil, `{"skipCreatingInitialPolicies":[]}`},
		{`{}`, []string{"*"}, `{"skipCreatingInitialPolicies":["*"]}`},
		{`{"skipCreatingInitialPolicies":[ "b", "a" ]}`, []string{"a", "b"}, `{"skipCreatingInitialPolicies":[ "b", "a" ]}`},
		{`{"skipCreatingInitialPolicies":["a"],"x":1}`, []string{"b"}, `{"skipCreatingInitialPolicies":["b"],"x":1}`},
		{`{"skipCreatingInitialPolicies":["a"],"x":1}`, nil, `{"x":1}`},
	} {
		mesh := meshOf(t, test.before)
		noError(t, mesh.SetSkipCreatingInitialPolicies(test.wanted))
		equal(t, test.before, string(mesh.Bytes()), test.want)
		kinds, err := mesh.SkipCreatingInitialPolicies()
		noError(t, err)
		equal(t, test.before, strings.Join(slices.Sorted(slices.Values(kinds)), " "), strings.Join(test.wanted, " "))
	}
	if meshOf(t, `{"skipCreatingInitialPolicies":"*"}`).SetSkipCreatingInitialPolicies(nil) == nil {
		t.Error("a text is a list")
	}
}

// A mesh whose answer was lost is looked for, and found or not.
func TestCreateMeshLostAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   kumatest.Fault
		made    bool // by the control plane
		mesh    bool // returned
		failing bool
	}{
		"after the effect":   {kumatest.Fault{Side: kumatest.After}, true, true, false},
		"before the effect":  {kumatest.Fault{Side: kumatest.Before}, false, false, true},
		"nobody answers":     {kumatest.Fault{Side: kumatest.After, Match: func(*http.Request) bool { return true }}, true, true, true},
		"nothing goes wrong": {kumatest.Fault{Match: func(*http.Request) bool { return false }}, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twin := kumatest.NewServer()
			t.Cleanup(twin.Close)
			if test.fault.Match == nil {
				test.fault.Match = func(r *http.Request) bool { return r.Method == http.MethodPut }
			}
			test.fault.Kinds = []kumatest.FaultKind{kumatest.InternalError}
			twin.Inject(test.fault)
			address, err := url.Parse(twin.URL)
			noError(t, err)
			client, err := New(Config{Address: address, MaxRetries: 1, RetryWait: time.Millisecond})
			noError(t, err)
			mesh, err := client.CreateMesh(t.Context(), "m", unchanged)
			if (err != nil) != test.failing || (mesh != nil) != test.mesh {
				t.Errorf("got mesh %v, error %v", mesh != nil, err)
			}
			twin.ClearFaults()
			if status, _ := twin.Do(http.MethodGet, "/meshes/m", nil); (status == http.StatusOK) != test.made {
				t.Errorf("the control plane answers %d", status)
			}
		})
	}
}

// unchanged is an edit that changes nothing.
func unchanged(*Mesh) error { return nil }

func TestSetZoneEgress(t *testing.T) {
	for _, test := range []struct {
		text string
		on   bool
		want string
	}{
		{`{"x": 1}`, true, `{"x": 1,"routing":{"zoneEgress":true}}`},
		{`{"routing": {"future": 1e400}}`, true, `{"routing": {"future": 1e400,"zoneEgress":true}}`},
		{`{"routing": {"zoneEgress": true }}`, true, `{"routing": {"zoneEgress": true }}`},
		{`{"routing": {"zoneEgress": true, "future": 1e400}, "x": 1}`, false, `{"routing": { "future": 1e400}, "x": 1}`},
		{`{"x": 1, "routing": {"zoneEgress": true}}`, false, `{"x": 1}`},
		{`{"routing": { }}`, false, `{"routing": { }}`},
		{`{"x": 1}`, false, `{"x": 1}`},
	} {
		mesh := meshOf(t, test.text)
		noError(t, mesh.SetZoneEgress(test.on))
		equal(t, test.text, string(mesh.Bytes()), test.want)
	}
	if meshOf(t, `{"routing": {"zoneEgress": 1}}`).SetZoneEgress(true) == nil {
		t.Error("a number is taken for a boolean")
	}
}

func TestMeshesOfAllPages(t *testing.T) {
	client, rec := serve(t, func(n int, w http.ResponseWriter, _ call) {
		if n == 1 {
			reply(w, 200, `{"total":2,"items":[{"type":"Mesh","name":"a"}],"next":"http://elsewhere/meshes?offset=1&size=1"}`)
			return
		}
		reply(w, 200, `{"total":2,"items":[{"type":"Mesh","name":"b","x":1e400}],"next":null}`)
	})
	meshes, err := client.Meshes(t.Context())
	noError(t, err)
	equal(t, "meshes", len(meshes), 2)
	equal(t, "the second", string(meshes[1].Bytes()), `{"type":"Mesh","name":"b","x":1e400}`)
	equal(t, "requests", rec.methods(), "GET GET")
}

// A mesh of which a part was dropped is there, and the error names the part.
func TestCreateMeshOfWhichAPartIsDropped(t *testing.T) {
	server := kumatest.NewServer(kumatest.Version("3.0"))
	t.Cleanup(server.Close)
	edit := func(mesh *Mesh) error {
		if err := mesh.SetLabels(map[string]string{"team": "a"}); err != nil {
			return err
		}
		return mesh.EditObject("routing", func(routing *Document) error {
			routing.Set("zoneEgress", json.RawMessage("true"))
			return nil
		})
	}
	mesh, err := newClient(t, server.URL).CreateMesh(t.Context(), "m", edit)
	var dropped *DroppedError
	if !errors.As(err, &dropped) || strings.Join(dropped.Fields, " ") != "routing.zoneEgress" || !strings.HasSuffix(err.Error(), ": routing.zoneEgress") {
		t.Errorf("the error is %v", err)
	}
	if mesh == nil {
		t.Fatal("the mesh is forgotten")
	}
	labels, err := mesh.Labels()
	noError(t, err)
	equal(t, "label", labels["team"], "a")
	if mesh, err = newClient(t, server.URL).UpdateMesh(t.Context(), "m", edit); mesh != nil || !errors.As(err, &dropped) {
		t.Errorf("an update gives %v, %v", mesh, err)
	}
}
