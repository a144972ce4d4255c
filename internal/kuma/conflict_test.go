package kuma

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// conflicts is an embedded control plane on which the next writes come second.
func conflicts(t *testing.T, times int) (*Client, *kumatest.Server) {
	t.Helper()
	server := kumatest.NewServer()
	t.Cleanup(server.Close)
	server.Do(http.MethodPut, "/meshes/m", `{"type":"Mesh","name":"m"}`)
	server.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Conflict}, Times: times})
	return newClient(t, server.URL), server
}

// requests are the methods of what a server was asked since the last reset.
func requests(server *kumatest.Server) string {
	var methods []string
	for _, r := range server.Requests() {
		methods = append(methods, r.Method)
	}
	return strings.Join(methods, " ")
}

func TestConflict_meshIsReadAnewAndWrittenAgain(t *testing.T) {
	client, server := conflicts(t, 2)
	server.ResetRequests()
	mesh, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noError(t, err)
	labels, err := mesh.Labels()
	noError(t, err)
	equal(t, "the label", labels["a"], "1")
	equal(t, "requests", requests(server), "GET PUT GET PUT GET PUT GET")
}

func TestConflict_endsWithTheRetries(t *testing.T) {
	client, server := conflicts(t, 0)
	noConflict := func(what string, err error) {
		var answer *Error
		if !errors.As(err, &answer) || !answer.Conflict() || Uncertain(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := client.UpdateMesh(t.Context(), "m", label("a", "1"))
	noConflict("mesh", err)
	noConflict("deletion", client.DeleteSecret(t.Context(), "m", "s"))
	noConflict("secret", client.PutSecret(t.Context(), "m", "s", []byte("value"), &Secret{Document: NewDocument()}))
	server.ResetRequests()
	noConflict("a mesh that another client creates", func() error {
		_, err := client.CreateMesh(t.Context(), "new", label("a", "1"))
		return err
	}())
	equal(t, "requests", requests(server), "PUT") // it is not written over the other one
}

func TestConflict_secretIsReadAnew(t *testing.T) {
	client, server := conflicts(t, 1)
	put := func(name, label, data string) {
		server.Do(http.MethodPut, "/meshes/m/secrets/"+name, `{"type":"Secret","mesh":"m","name":"`+name+`","labels":{"team":"`+label+`"},"data":"`+data+`"}`)
	}
	put("s", "before", "eA==")
	previous, err := client.Secret(t.Context(), "m", "s")
	noError(t, err)
	put("s", "after", "eQ==") // the other write
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte("value"), previous))
	_, body := server.Do(http.MethodGet, "/meshes/m/secrets/s", nil)
	if text := string(body); !strings.Contains(text, `"after"`) || !strings.Contains(text, `"dmFsdWU="`) {
		t.Errorf("the secret is %s", text)
	}
}

// A secret that another client creates at the same moment stays as it is.
func TestConflict_secretOfAnotherIsNotOverwritten(t *testing.T) {
	for name, test := range map[string]struct {
		theirs string
		fails  bool
	}{
		"another value":  {"eQ==", true},
		"the same value": {"dmFsdWU=", false},
	} {
		client, server := conflicts(t, 1)
		server.Do(http.MethodPut, "/meshes/m/secrets/s", `{"type":"Secret","mesh":"m","name":"s","data":"`+test.theirs+`"}`)
		equal(t, name, conflict(client.PutSecret(t.Context(), "m", "s", []byte("value"), nil)), test.fails)
		_, body := server.Do(http.MethodGet, "/meshes/m/secrets/s", nil)
		equal(t, name+": theirs", strings.Contains(string(body), test.theirs), true)
	}
}

// Two objects that hold one secret write it at the same moment: neither write
// loses the label of the other.
func TestConflict_keepsHolders(t *testing.T) {
	const before = `{"type":"Secret","mesh":"m","name":"s","labels":{"terraform-provider-kongmesh/holder-old":"true"},"data":"dmFsdWU="}`
	for name, test := range map[string]struct {
		before  string   // the secret as this client reads it, "" for none
		holders []string // as this client writes it
		theirs  string   // what the other client changes, "" for a deletion
		want    []string // nil: the secret of the other client, and an error
	}{
		"both add one":                       {before, []string{"mine", "old"}, `{"labels":{"terraform-provider-kongmesh/holder-old":"true","terraform-provider-kongmesh/holder-theirs":"true"},"data":"dmFsdWU="}`, []string{"mine", "old", "theirs"}},
		"one adds, the other one leaves":     {before, []string{"mine", "old"}, `{"labels":{"team":"a"},"data":"dmFsdWU="}`, []string{"mine"}},
		"one leaves, the other one adds":     {before, []string{}, `{"labels":{"terraform-provider-kongmesh/holder-old":"true","terraform-provider-kongmesh/holder-theirs":"true"},"data":"dmFsdWU="}`, []string{"theirs"}},
		"both create":                        {"", []string{"mine"}, `{"labels":{"terraform-provider-kongmesh/holder-theirs":"true"},"data":"dmFsdWU="}`, []string{"mine", "theirs"}},
		"the other one deletes":              {before, []string{"mine", "old"}, "", []string{"mine"}},
		"the other one writes other content": {before, []string{"mine", "old"}, `{"labels":{"terraform-provider-kongmesh/holder-theirs":"true"},"data":"eQ=="}`, []string{"mine", "theirs"}},
		"both create, with other content":    {"", []string{"mine"}, `{"labels":{"terraform-provider-kongmesh/holder-theirs":"true"},"data":"eQ=="}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := conflicts(t, 1)
			const path = "/meshes/m/secrets/s"
			var previous *Secret
			if test.before != "" {
				server.Do(http.MethodPut, path, test.before)
				var err error
				previous, err = client.Secret(t.Context(), "m", "s")
				noError(t, err)
			}
			held, err := previous.WithHolders(test.holders...)
			noError(t, err)
			if test.theirs == "" {
				server.Do(http.MethodDelete, path, nil)
			} else {
				server.Do(http.MethodPut, path, strings.Replace(test.theirs, "{", `{"type":"Secret","mesh":"m","name":"s",`, 1))
			}
			err = client.PutSecret(t.Context(), "m", "s", []byte("value"), held)
			equal(t, "a conflict", conflict(err), test.want == nil)
			now, err := client.Secret(t.Context(), "m", "s")
			noError(t, err)
			holders, err := now.Holders()
			noError(t, err)
			data, err := now.Data()
			noError(t, err)
			if test.want == nil {
				equal(t, "their data", string(data), "y")
				return
			}
			equal(t, "holders", strings.Join(holders, " "), strings.Join(test.want, " "))
			equal(t, "data", string(data), "value")
		})
	}
}

func TestConflict_deletionIsRepeated(t *testing.T) {
	client, server := conflicts(t, 2)
	noError(t, client.DeleteMesh(t.Context(), "m"))
	status, _ := server.Do(http.MethodGet, "/meshes/m", nil)
	equal(t, "the mesh", status, http.StatusNotFound)
}

// Another server's 409 says nothing about the object.
func TestConflict_ofAnotherServer(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, http.StatusConflict, `{"title":"Conflict"}`) })
	err := client.DeleteSecret(t.Context(), "m", "s")
	equal(t, "a conflict", conflict(err), false)
	equal(t, "requests", rec.methods(), "DELETE")
}
