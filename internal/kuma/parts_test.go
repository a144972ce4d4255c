package kuma

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestEditObject(t *testing.T) {
	set := func(d *Document) error { d.Set("a", json.RawMessage("1")); return nil }
	drop := func(d *Document) error { d.Delete("a"); return nil }
	nothing := func(*Document) error { return nil }
	for _, test := range []struct {
		text string
		edit func(*Document) error
		want string
	}{
		{`{"x": 1}`, set, `{"x": 1,"o":{"a":1}}`},
		{`{"o":{ "b" : 1e400 }, "x":2}`, set, `{"o":{ "b" : 1e400,"a":1 }, "x":2}`},
		{`{"o": {"a":1,  "b":2}}`, drop, `{"o": {  "b":2}}`},
		{`{"o": {"a":1}, "x":2}`, drop, `{ "x":2}`},
		{`{"o": { } , "x":2}`, nothing, `{"o": { } , "x":2}`},
		{`{"o": null}`, nothing, `{"o": null}`},
		{`{"o": null}`, set, `{"o": {"a":1}}`},
	} {
		document := mustParse(t, test.text)
		noError(t, document.EditObject("o", test.edit))
		equal(t, test.text, string(document.Bytes()), test.want)
	}
	document := mustParse(t, `{"o": {}, "n": 1}`)
	if err := document.EditObject("n", nothing); err == nil {
		t.Error("a number is taken for an object")
	}
	failed := errors.New("no")
	if err := document.EditObject("o", func(*Document) error { return failed }); !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "o: ") {
		t.Errorf("the error of an edit becomes %v", err)
	}
}

func TestEditItems(t *testing.T) {
	named := func(names string) func(int, *Document) (bool, error) { // keeps these, and notes their index
		return func(i int, item *Document) (bool, error) {
			var name string
			if err := item.Decode("n", &name); err != nil {
				return false, err
			}
			if name == "c" {
				item.Set("i", json.RawMessage{byte('0' + i)})
			}
			return strings.Contains(names, name), nil
		}
	}
	item := mustParse(t, `{"n":"new"}`)
	for _, test := range []struct {
		text, keep string
		more       []*Document
		want       string
	}{
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "ab", nil, `{"l": [ {"n":"a"} , {"n" : "b"} ]}`},
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "b", nil, `{"l": [  {"n" : "b"} ]}`},
		{`{"l": [ {"n":"a"} , {"n" : "b"} ]}`, "a", nil, `{"l": [ {"n":"a"}  ]}`},
		{`{"l":[{"n":"a"},{"n":"b"},{"n":"c","x":1e400}],"x":1}`, "c", nil, `{"l":[{"n":"c","x":1e400,"i":2}],"x":1}`},
		{`{"x":1,"l":[{"n":"a"}]}`, "", nil, `{"x":1}`},
		{`{"l":[]}`, "", nil, `{"l":[]}`},
		{`{"l":null}`, "", nil, `{"l":null}`},
		{`{}`, "", nil, `{}`},
		{`{}`, "", []*Document{item}, `{"l":[{"n":"new"}]}`},
		{`{"l":[{"n":"a"}]}`, "a", []*Document{item, item}, `{"l":[{"n":"a"},{"n":"new"},{"n":"new"}]}`},
		{`{"l":[{"n":"a"}]}`, "", []*Document{item}, `{"l":[{"n":"new"}]}`},
	} {
		document := mustParse(t, test.text)
		noError(t, document.EditItems("l", named(test.keep), test.more...))
		equal(t, test.text, string(document.Bytes()), test.want)
	}
	for _, text := range []string{`{"l":{}}`, `{"l":[1]}`, `{"l":[{"n":1}]}`} {
		document := mustParse(t, text)
		if err := document.EditItems("l", named("")); err == nil {
			t.Errorf("%s is edited", text)
		}
		equal(t, "after an error", string(document.Bytes()), text)
	}
}

func TestDifference(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{`{"a":1}`, `{"a":1}`, ""},
		{`{"a":1,"b":{"c":{"d":1},"e":2}}`, `{"b":{"e":2}}`, "a b.c.d"},
		{`{}`, `{"networking":{"outbound":{"passthrough":false}},"l":[{"a":1}]}`, "networking.outbound.passthrough l"},
		{`{"l":[1]}`, `{"l":[2]}`, "l"},
		{`{"o":{}}`, `{"o":{ }}`, "o"},
		{`{"o":1}`, `{"o":{"a":1}}`, "o"},
		{`{"o":{"a":null}}`, `{}`, "o"},
	} {
		got := difference(mustParse(t, test.a), mustParse(t, test.b))
		equal(t, test.a+" "+test.b, strings.Join(got, " "), test.want)
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
