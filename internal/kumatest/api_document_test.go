package kumatest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestDocument_members writes documents with members that the schema of a newer type checks besides the spec. The
// answers are those of 2.14.3 and 3.0; 2.7 looks only at what its rules need.
func TestDocument_members(t *testing.T) {
	for name, test := range map[string]struct {
		members object
		reason  string // of the rejection, "" if there is none
		reason7 string // of 2.7
	}{
		"times of a GET":       {members: object{"creationTime": "2020-01-01T01:01:01+02:00", "modificationTime": "2020-01-01T01:01:01Z"}},
		"empty time":           {members: object{"creationTime": ""}, reason: `creationTime in body must be of type date-time: ""`, reason7: "parsing time"},
		"time without T":       {members: object{"modificationTime": "2020-01-01 01:01:01Z"}, reason: `modificationTime in body must be of type date-time: "2020-01-01 01:01:01Z"`, reason7: "parsing time"},
		"number as time":       {members: object{"creationTime": 5}, reason: `creationTime in body must be of type date-time: "float64"`, reason7: "Time.UnmarshalJSON"},
		"boolean as time":      {members: object{"creationTime": true}, reason: `creationTime in body must be of type date-time: ""`, reason7: "Time.UnmarshalJSON"},
		"object as time":       {members: object{"creationTime": object{}}, reason: `creationTime in body must be of type date-time: ""`, reason7: "Time.UnmarshalJSON"},
		"list as time":         {members: object{"creationTime": []any{}}, reason: "Time.UnmarshalJSON: input is not a JSON string", reason7: "Time.UnmarshalJSON"},
		"null as time":         {members: object{"creationTime": nil}, reason: `creationTime in body must be of type string: "null"`},
		"number as identifier": {members: object{"kri": 5}, reason: `kri in body must be of type string: "number"`},
		"null as identifier":   {members: object{"kri": nil}, reason: `kri in body must be of type string: "null"`},
		"string as status":     {members: object{"status": "x"}, reason: `status in body must be of type object: "string"`},
		"status":               {members: object{"status": object{"a": "b"}}},
		"mesh null":            {members: object{"mesh": nil}, reason7: `mesh in body must be of type string: "null"`},
		"no mesh":              {members: object{"mesh": "<none>"}, reason7: "mesh from the URL has to be the same as in body"},
		"empty mesh":           {members: object{"mesh": ""}, reason: "mesh from the URL has to be the same as in body", reason7: "mesh from the URL has to be the same as in body"},
		"another type":         {members: object{"type": "MeshRetry"}, reason: "type in body should be one of [MeshAccessLog]", reason7: "type in body should be one of [MeshAccessLog]"},
	} {
		for _, version := range kumatest.Versions() {
			t.Run(name+" "+version, func(t *testing.T) {
				document := object{"type": "MeshAccessLog", "mesh": "default", "name": "x", "spec": object{
					"targetRef": object{"kind": "Mesh"},
					"to": []any{object{"targetRef": object{"kind": "Mesh"}, "default": object{
						"backends": []any{object{"type": "File", "file": object{"path": "/tmp/log"}}},
					}}},
				}}
				maps.Copy(document, test.members)
				if document["mesh"] == "<none>" {
					delete(document, "mesh")
				}
				want := test.reason
				if version == "2.7.29" {
					want = test.reason7
				}
				status, answer := kumatest.New(kumatest.Version(version)).Do(http.MethodPut, "/meshes/default/meshaccesslogs/x", document)
				switch {
				case want == "" && status != http.StatusCreated:
					t.Errorf("%d %s", status, answer)
				case want != "" && (status != http.StatusBadRequest || !contains(answer, want)):
					t.Errorf("%d %s\nwant %s", status, answer, want)
				}
			})
		}
	}
}

// contains reports whether an error document mentions a reason in any of its members.
func contains(answer []byte, reason string) bool {
	var document map[string]any
	if json.Unmarshal(answer, &document) != nil {
		return false
	}
	return strings.Contains(fmt.Sprint(document), reason)
}

// TestDocument_droppedConnections sends requests at which a control plane panics, so that the client gets no answer.
func TestDocument_droppedConnections(t *testing.T) {
	for name, test := range map[string]struct {
		request *http.Request
		version string
	}{
		"null":            {httptest.NewRequest(http.MethodPut, "/meshes/default/meshtrusts/x", strings.NewReader("null")), "2.14.3"},
		"open label":      {httptest.NewRequest(http.MethodGet, "/meshes/default/meshtrusts?filter[labels.a", nil), "2.14.3"},
		"negative offset": {httptest.NewRequest(http.MethodGet, "/meshes?size=1&offset=-1", nil), "2.7.29"},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.Header.Set("Content-Type", "application/json")
			defer func() {
				if recover() == nil {
					t.Error("there is an answer")
				}
			}()
			kumatest.New(kumatest.Version(test.version)).ServeHTTP(httptest.NewRecorder(), test.request)
		})
	}
}

// TestDocument_hostnames asks for the hostnames of what has none.
func TestDocument_hostnames(t *testing.T) {
	mustContain(t, do(t, kumatest.New(), http.MethodGet, "/meshes/default/meshtrusts/x/_hostnames", nil, http.StatusBadRequest), "are available for inspection")
	do(t, kumatest.New(kumatest.Version("2.7.29")), http.MethodGet, "/meshes/default/meshtimeouts/x/_hostnames", nil, http.StatusNotFound)
}
