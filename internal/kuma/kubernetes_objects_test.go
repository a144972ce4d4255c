package kuma

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func namedType(name, scope string) Type {
	return Type{Name: name, Path: strings.ToLower(name) + "s", Scope: scope}
}

// Each kind has the form that Kuma's objects have (measured on Kuma 2.14.3): the spec as
// it is with the mesh as a label, or the members of the document with the mesh beside
// them.
func TestKubernetes_formsOfObjects(t *testing.T) {
	for _, test := range []struct {
		of               ObjectKey
		member, value    string
		object, document string
	}{
		{
			ObjectKey{Type: namedType("MeshTimeout", "Mesh"), Mesh: "m", Name: "a"}, "spec", `{"n":1.10}`,
			`{"apiVersion":"kuma.io/v1alpha1","kind":"MeshTimeout","metadata":{"name":"a","namespace":"kuma-system","labels":{"kuma.io/mesh":"m"},"resourceVersion":"2"},"spec":{"n":1.10}}`,
			`{"type":"MeshTimeout","mesh":"m","name":"a","labels":{"kuma.io/mesh":"m"},"spec":{"n":1.10}}`,
		},
		{
			ObjectKey{Type: namedType("HostnameGenerator", "Global"), Name: "a"}, "spec", `{"n":1.10}`,
			`{"apiVersion":"kuma.io/v1alpha1","kind":"HostnameGenerator","metadata":{"name":"a","namespace":"kuma-system","resourceVersion":"2"},"spec":{"n":1.10}}`,
			`{"type":"HostnameGenerator","name":"a","spec":{"n":1.10}}`,
		},
		{
			ObjectKey{Type: namedType("TrafficPermission", "Mesh"), Mesh: "m", Name: "a"}, "sources", `[1.10]`,
			`{"apiVersion":"kuma.io/v1alpha1","kind":"TrafficPermission","mesh":"m","metadata":{"name":"a","resourceVersion":"2"},"spec":{"sources":[1.10]}}`,
			`{"type":"TrafficPermission","mesh":"m","name":"a","sources":[1.10]}`,
		},
		{
			ObjectKey{Type: namedType("Zone", "Global"), Name: "a"}, "enabled", `true`,
			`{"apiVersion":"kuma.io/v1alpha1","kind":"Zone","metadata":{"name":"a","resourceVersion":"2"},"spec":{"enabled":true}}`,
			`{"type":"Zone","name":"a","enabled":true}`,
		},
		{
			ObjectKey{Type: namedType("Dataplane", "Mesh"), Mesh: "m", Name: "a"}, "networking", `{}`,
			`{"apiVersion":"kuma.io/v1alpha1","kind":"Dataplane","mesh":"m","metadata":{"name":"a","namespace":"kuma-system","resourceVersion":"2"},"spec":{"networking":{}}}`,
			`{"type":"Dataplane","mesh":"m","name":"a","networking":{}}`,
		},
	} {
		t.Run(test.of.Type.Name, func(t *testing.T) {
			c := newCluster(t, meshObject)
			client := c.client(t)
			path := testPaths()[test.of.Type.Name] + "/a"
			set := func(member, value string) func(*Document) error {
				return func(document *Document) error { document.Set(member, json.RawMessage(value)); return nil }
			}
			document, _, err := client.WriteObject(t.Context(), test.of, nil, set(test.member, test.value))
			noError(t, err)
			equal(t, "object", string(c.objects[path].Bytes()), test.object)
			equal(t, "document", string(document.Bytes()), test.document)

			c.objects[path].Set("status", json.RawMessage(`{"later":1}`)) // of the control plane
			document, err = client.Object(t.Context(), test.of, anew)
			noError(t, err)
			_, _, err = client.WriteObject(t.Context(), test.of, document, set("labels", `{"kuma.io/mesh":"m","team":"a"}`))
			noError(t, err)
			equal(t, "changed", strings.Contains(string(c.objects[path].Bytes()), `"labels":{"kuma.io/mesh":"m","team":"a"}`), true)
			equal(t, "kept", strings.Contains(string(c.objects[path].Bytes()), `"status":{"later":1}`), true)

			noError(t, client.DeleteObject(t.Context(), test.of))
			if _, err := client.Object(t.Context(), test.of, anew); !Absent(err) {
				t.Errorf("it is still there: %v", err)
			}
		})
	}
}

// A write that is refused because the mesh does not exist says so, and one whose name
// another mesh has says which.
func TestKubernetes_aWriteSaysWhatStopsIt(t *testing.T) {
	set := func(document *Document) error { document.Set("spec", json.RawMessage(`{}`)); return nil }
	c := newCluster(t, meshObject,
		`{"apiVersion":"kuma.io/v1alpha1","kind":"MeshTimeout","metadata":{"name":"a","labels":{"kuma.io/mesh":"other"}},"spec":{}}`)
	c.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "hostnamegenerators") && !strings.HasSuffix(r.URL.Path, "meshidentities") {
			return false
		}
		reply(w, http.StatusBadRequest, `{"kind":"Status","status":"Failure","message":"admission webhook \"owner-reference.kuma-admission.kuma.io\" denied the request: Mesh.kuma.io \"x\" not found","code":400}`)
		return true
	}
	client := c.client(t)
	_, _, err := client.WriteObject(t.Context(), ObjectKey{Type: Type{Name: "MeshIdentity", Path: "meshidentities", Scope: "Mesh"}, Mesh: "x", Name: "a"}, nil, set)
	if !Absent(err) {
		t.Errorf("it does not say that there is no mesh: %v", err)
	}
	_, _, err = client.WriteObject(t.Context(), ObjectKey{Type: Type{Name: "MeshIdentity", Path: "meshidentities", Scope: "Mesh"}, Mesh: "m", Name: "a"}, nil, set)
	if !Refused(err) || Absent(err) {
		t.Errorf("the mesh exists: %v", err)
	}
	var taken *TakenError
	if _, _, err := client.WriteObject(t.Context(), ObjectKey{Type: mtp, Mesh: "m", Name: "a"}, nil, set); !errors.As(err, &taken) {
		t.Fatalf("no TakenError: %v", err)
	}
	equal(t, "taken", *taken, TakenError{Kind: "MeshTimeout", Namespace: "kuma-system", Name: "a", Mesh: "other"})
	var none *NoKumaError
	if _, _, err := client.WriteObject(t.Context(), ObjectKey{Type: namedType("MeshFuture", "Mesh"), Mesh: "m", Name: "a"}, nil, set); !errors.As(err, &none) || none.Kind != "MeshFuture" {
		t.Errorf("no NoKumaError: %v", err)
	}
}

// Without the address of the control plane, the types are those of the cluster.
func TestKubernetes_typesWithoutAddress(t *testing.T) {
	types, err := newCluster(t).client(t, func(config *Config) { config.Address = nil }).Types(t.Context())
	noError(t, err)
	var got []string
	for _, is := range types {
		entry := is.Name + " " + is.Path + " " + is.Scope
		if is.ReadOnly {
			entry += " read-only"
		}
		got = append(got, entry)
	}
	want := []string{
		"Dataplane dataplanes Mesh", "DataplaneInsight dataplaneinsights Mesh read-only", "HostnameGenerator hostnamegenerators Global",
		"Mesh meshes Global", "MeshIdentity meshidentities Mesh", "MeshTimeout meshtimeouts Mesh",
		"TrafficPermission trafficpermissions Mesh", "Zone zones Global",
	}
	if !slices.Equal(got, want) {
		t.Errorf("types %q, want %q", got, want)
	}
}

// A deletion is one of the object that was read. If another client replaces that, it is
// gone, and the new one stays.
func TestKubernetes_aNewObjectIsNotDeleted(t *testing.T) {
	for name, of := range map[string]struct {
		object string
		remove func(*Client) error
	}{
		"object": {
			`{"apiVersion":"kuma.io/v1alpha1","kind":"MeshTimeout","metadata":{"name":"s","uid":"u1","labels":{"kuma.io/mesh":"m"}},"spec":{}}`,
			func(client *Client) error {
				return client.DeleteObject(t.Context(), ObjectKey{Type: mtp, Mesh: "m", Name: "s"})
			},
		},
		"secret": {secretObject("s", "m", "x"), func(client *Client) error { return client.DeleteSecret(t.Context(), "m", "s") }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, meshObject)
			path := c.keep(mustParse(t, of.object), "")
			replaced := false
			c.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodDelete && !replaced {
					replaced = true
					c.keep(mustParse(t, strings.NewReplacer(`"u1"`, `"u2"`, `"u-s"`, `"u2"`).Replace(of.object)), "")
				}
				return false
			}
			noError(t, of.remove(c.client(t)))
			if c.objects[path] == nil {
				t.Error("the new object is deleted")
			}
		})
	}
}

// A secret that gets another holder while it is deleted stays.
func TestKubernetes_aNewHolderEndsADeletion(t *testing.T) {
	c := newCluster(t, meshObject, secretObject("s", "m", "x"))
	held := false
	c.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete && !held {
			held = true
			c.keep(mustParse(t, strings.Replace(secretObject("s", "m", "x"), `"kuma.io/mesh"`, `"`+holderLabel+`other":"true","kuma.io/mesh"`, 1)), "")
		}
		return false
	}
	errHeld := errors.New("held")
	var seen []int
	err := c.client(t).DeleteOwnSecret(t.Context(), "m", "s", func(now *Secret) error {
		holders, err := now.Holders()
		seen = append(seen, len(holders))
		if len(holders) > 0 {
			err = errHeld
		}
		return err
	})
	if !errors.Is(err, errHeld) || c.objects[testSecrets+"/s"] == nil {
		t.Errorf("it does not stay: %v", err)
	}
	if !slices.Equal(seen, []int{0, 1}) {
		t.Errorf("holders seen: %v", seen)
	}
}

// The same over HTTP, should a control plane ever answer with a conflict.
func TestDeleteOwnSecret_looksAgainAfterAConflict(t *testing.T) {
	errHeld := errors.New("held")
	client, calls := serve(t, func(_ int, w http.ResponseWriter, r call) {
		if r.method == http.MethodDelete {
			reply(w, http.StatusConflict, `{"type":"/std-errors","status":409,"title":"Conflict"}`)
			return
		}
		reply(w, http.StatusOK, `{"type":"Secret","mesh":"m","name":"s","data":"eA==","labels":{"`+holderLabel+`other":"true"}}`)
	})
	if err := client.DeleteOwnSecret(t.Context(), "m", "s", func(*Secret) error { return errHeld }); !errors.Is(err, errHeld) {
		t.Errorf("another error: %v", err)
	}
	deletions := 0
	for _, r := range calls.all() {
		if r.method == http.MethodDelete {
			deletions++
		}
	}
	equal(t, "deletions", deletions, 1)
}

// The time of a write is not that of the status, which the control plane writes later.
func TestKubernetes_theStatusIsNoWrite(t *testing.T) {
	manager := func(at, fields string) string {
		return `{"manager":"x","time":"2026-03-01T12:00:0` + at + `Z","fieldsV1":` + fields + `}`
	}
	c := newCluster(t, `{"apiVersion":"kuma.io/v1alpha1","kind":"MeshIdentity","metadata":{"name":"a","labels":{"kuma.io/mesh":"m"},"managedFields":[`+
		manager("1", `{"f:spec":{}}`)+`,`+manager("5", `{"f:status":{}}`)+`,`+manager("3", `{"f:metadata":{},"f:status":{}}`)+`]},"spec":{}}`)
	document, err := c.client(t).Object(t.Context(), ObjectKey{Type: Type{Name: "MeshIdentity", Path: "meshidentities", Scope: "Mesh"}, Mesh: "m", Name: "a"}, anew)
	noError(t, err)
	modified, err := document.ModificationTime()
	noError(t, err)
	equal(t, "modified", modified, time.Date(2026, 3, 1, 12, 0, 3, 0, time.UTC))
}

func TestWarningsIn(t *testing.T) {
	header := http.Header{"Warning": {`299 - "unknown field \"spec.x\""`, `299 - "one", 299 - "two"`, `299 - "open`}}
	if got := warningsIn(header); !slices.Equal(got, []string{`unknown field "spec.x"`, "one", "two"}) {
		t.Errorf("%q", got)
	}
}

// A webhook that does not allow a change is the control plane's answer. It is not a
// missing permission.
func TestKubernetes_aWebhookForbids(t *testing.T) {
	c := newCluster(t, meshObject)
	c.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		reply(w, http.StatusForbidden, `{"kind":"Status","status":"Failure","message":"admission webhook denied the request: Operation not allowed","reason":"Forbidden","code":403}`)
		return true
	}
	if err := c.client(t).DeleteMesh(t.Context(), "m"); !Refused(err) || Forbidden(err) {
		t.Errorf("%v", err)
	}
}

// The objects of other namespaces come from the HTTP API, under the names that they have
// there. Without the permission to list, all of them do.
func TestKubernetes_objectsOfOtherNamespaces(t *testing.T) {
	const timeout = `{"apiVersion":"kuma.io/v1alpha1","kind":"MeshTimeout","metadata":{"name":"a","labels":{"kuma.io/mesh":"m"}},"spec":{"from":"cluster"}}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := `{"type":"MeshTimeout","mesh":"m","name":"b.apps","spec":{"from":"http"}}`
		if strings.HasSuffix(r.URL.Path, "b.apps") {
			reply(w, http.StatusOK, one)
			return
		}
		reply(w, http.StatusOK, `{"total":2,"items":[{"type":"MeshTimeout","mesh":"m","name":"a.kuma-system","spec":{"from":"http"}},`+one+`],"next":null}`)
	}))
	t.Cleanup(api.Close)
	for name, forbidden := range map[string]bool{"all": false, "no permission": true} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, meshObject, timeout)
			c.before = func(w http.ResponseWriter, r *http.Request) bool {
				if forbidden && r.URL.Path == testPaths()["MeshTimeout"] {
					reply(w, http.StatusForbidden, `{"kind":"Status","status":"Failure","message":"m","reason":"Forbidden","details":{"kind":"meshtimeouts"},"code":403}`)
				}
				return forbidden && r.URL.Path == testPaths()["MeshTimeout"]
			}
			client := c.client(t, func(config *Config) { config.Address, _ = url.Parse(api.URL) })
			documents, err := client.Objects(t.Context(), mtp, "m")
			noError(t, err)
			var got []string
			for _, document := range documents {
				name, err := document.Name()
				noError(t, err)
				got = append(got, name+" "+string(document.Get("spec")))
			}
			want := []string{`a {"from":"cluster"}`, `b.apps {"from":"http"}`}
			if forbidden {
				want[0] = `a {"from":"http"}`
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			of := ObjectKey{Type: mtp, Mesh: "m", Name: "b.apps"}
			if _, err := client.Object(t.Context(), of, anew); !Absent(err) {
				t.Errorf("it may be written: %v", err)
			}
			of.Anywhere = true
			_, err = client.Object(t.Context(), of, anew)
			noError(t, err)
		})
	}
}
