package kuma

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestSecrets(t *testing.T) {
	pages := map[string]string{
		"size=1000":                `{"total":3,"items":[{"type":"Secret","name":"a","data":"YQ=="},{"type":"Secret","name":"b"}],"next":"https://internal.example.com:9999/elsewhere?offset=2&size=1000"}`,
		"offset=2&size=1000":       `{"total":3,"items":[{"type":"Secret","name":"c"}],"next":"/meshes/m/secrets?offset=3&size=1000&x=%2F"}`,
		"offset=3&size=1000&x=%2F": `{"total":3,"items":[],"next":null}`,
	}
	client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) { reply(w, 200, pages[c.query]) })
	secrets, err := client.Secrets(t.Context(), "m")
	noError(t, err)
	names := ""
	for _, secret := range secrets {
		name, err := secret.Name()
		noError(t, err)
		names += name
	}
	equal(t, "names", names, "abc")
	data, err := secrets[0].Data()
	noError(t, err)
	equal(t, "data", string(data), "a")
	equal(t, "pages", len(rec.all()), 3)
	for _, c := range rec.all() {
		equal(t, "path", c.path, "/meshes/m/secrets")
	}
}

func TestSecretsOfARealisticControlPlane(t *testing.T) {
	server := kumatest.NewServer()
	t.Cleanup(server.Close)
	client := newClient(t, server.URL)
	if _, err := client.Secrets(t.Context(), "m"); !Absent(err) {
		t.Errorf("of an absent mesh: %v", err)
	}
	noError(t, client.put(t.Context(), meshPath("m"), NewMesh("m").Document))
	before, err := client.Secrets(t.Context(), "m")
	noError(t, err)
	const more = 1001 // the control plane gives 1000 at most in one page
	for i := range more {
		noError(t, client.PutSecret(t.Context(), "m", fmt.Sprintf("s%d", i), []byte("x"), nil))
	}
	after, err := client.Secrets(t.Context(), "m")
	noError(t, err)
	equal(t, "secrets", len(after)-len(before), more)
}

func TestSecretsThatDoNotEnd(t *testing.T) {
	for name, page := range map[string]string{
		"the same page":     `{"items":[{"name":"a"}],"next":"/x?size=1000"}`,
		"nothing, and more": `{"items":[],"next":"/x?offset=1"}`,
		"no URL":            `{"items":[{"name":"a"}],"next":"http://[::1"}`,
		"items of no kind":  `{"total":1,"items":[1],"next":null}`,
		"no list":           `{"items":{},"next":null}`,
		"next of no kind":   `{"items":[],"next":1}`,
	} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, page) })
		if _, err := client.Secrets(t.Context(), "m"); err == nil {
			t.Errorf("%s: no error", name)
		}
		equal(t, name, rec.methods(), "GET")
	}
}

func TestPutSecret(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, "{}") })
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte{0, 255, '<'}, nil))
	equal(t, "a new secret", rec.all()[0].body, `{"type":"Secret","mesh":"m","name":"s","data":"AP88"}`)
	equal(t, "its path", rec.all()[0].path, "/meshes/m/secrets/s")

	text := `{"type":"Secret", "mesh":"m","name":"s", "labels":{"team":"x"},"later":1.0,"data":"eA=="}`
	previous := &Secret{Document: mustParse(t, text)}
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte("y"), previous))
	equal(t, "a changed secret", rec.all()[1].body, strings.Replace(text, "eA==", "eQ==", 1))
	equal(t, "the previous one", string(previous.Bytes()), text)
}

func TestGlobalSecrets(t *testing.T) {
	for _, version := range []string{"2.7.29", "2.14.3"} {
		server := kumatest.NewServer(kumatest.Version(version))
		t.Cleanup(server.Close)
		client := newClient(t, server.URL)
		if _, err := client.GlobalSecret(t.Context(), "gs"); !Absent(err) {
			t.Errorf("%s: of an absent secret: %v", version, err)
		}
		var previous *Secret
		for _, want := range []string{"\x00\xff", ""} {
			noError(t, client.PutGlobalSecret(t.Context(), "gs", []byte(want), previous))
			there, err := client.GlobalSecret(t.Context(), "gs")
			noError(t, err)
			data, err := there.Data()
			noError(t, err)
			equal(t, version, string(data), want)
			previous = there
		}
		for range 2 {
			noError(t, client.DeleteGlobalSecret(t.Context(), "gs"))
		}
		if _, err := client.GlobalSecret(t.Context(), "gs"); !Absent(err) {
			t.Errorf("%s: of a deleted secret: %v", version, err)
		}
	}
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, "{}") })
	noError(t, client.PutGlobalSecret(t.Context(), "s", []byte("x"), nil))
	equal(t, "a new secret", rec.all()[0].body, `{"type":"GlobalSecret","name":"s","data":"eA=="}`)
	equal(t, "its path", rec.all()[0].path, "/global-secrets/s")
}

// What may be written can be read: a document around it, indented, has room too.
func TestLongestSecret(t *testing.T) {
	if room := maxBody - base64.StdEncoding.EncodedLen(MaxSecretData); room < 64<<10 {
		t.Errorf("the longest secret leaves %d bytes for its document", room)
	}
}

func TestSecretData(t *testing.T) {
	if _, err := (&Secret{Document: mustParse(t, `{"data":"!"}`)}).Data(); err == nil || strings.Contains(err.Error(), "!") {
		t.Errorf("data that is not base64: %v", err)
	}
	data, err := (&Secret{Document: mustParse(t, `{}`)}).Data()
	noError(t, err)
	equal(t, "no data", len(data), 0)
}

func TestObjectsOfAnotherKind(t *testing.T) {
	client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, `{"type":"Other","name":"x"}`) })
	_, errMesh := client.Mesh(t.Context(), "x")
	_, errSecret := client.Secret(t.Context(), "x", "x")
	for _, err := range []error{errMesh, errSecret} {
		if answer, ok := err.(*Error); !ok || !answer.Foreign() || Absent(err) { //nolint:errorlint // not wrapped
			t.Errorf("%v", err)
		}
	}
}

func TestGlobal(t *testing.T) {
	for name, test := range map[string]struct {
		server *kumatest.Server
		want   bool
	}{
		"zone":   {kumatest.NewServer(), false},
		"global": {kumatest.NewServer(kumatest.Global()), true},
		"2.7.29": {kumatest.NewServer(kumatest.Version("2.7.29")), false},
	} {
		t.Cleanup(test.server.Close)
		client := newClient(t, test.server.URL)
		for range 3 {
			equal(t, name, client.Settings(t.Context()).Global, test.want)
		}
		equal(t, name+": requests", len(test.server.Requests()), 1)
	}
}

func TestGlobalOfAnAnswerThatDoesNotSay(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"forbidden": status(403), "nothing": func(w http.ResponseWriter) { reply(w, 200, "{}") },
		"another kind": func(w http.ResponseWriter) { reply(w, 200, `{"mode":1}`) }, "a page": func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
	} {
		client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) { answer(w) })
		for range 2 {
			equal(t, name, client.Settings(t.Context()).Global, true)
		}
		equal(t, name, rec.methods(), "GET")
	}
}

func TestGlobalAfterAFailureThatPasses(t *testing.T) {
	client, _ := serve(t, func(n int, w http.ResponseWriter, _ call) {
		if n == 1 {
			abort()
		}
		reply(w, 200, `{"mode":"zone"}`)
	}, func(c *Config) { c.MaxRetries = 0 })
	equal(t, "without an answer", client.Settings(t.Context()).Global, true)
	equal(t, "with one", client.Settings(t.Context()).Global, false)
}

func TestSecretsReadAgainWhenTheListChanged(t *testing.T) {
	client, rec := serve(t, func(n int, w http.ResponseWriter, _ call) {
		if n == 1 { // one was deleted in between
			reply(w, 200, `{"total":2,"items":[{"name":"a"}],"next":null}`)
			return
		}
		reply(w, 200, `{"total":1,"items":[{"name":"a"}],"next":null}`)
	})
	secrets, err := client.Secrets(t.Context(), "m")
	noError(t, err)
	equal(t, "secrets", len(secrets), 1)
	equal(t, "requests", rec.methods(), "GET GET")

	client, _ = serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, `{"total":9,"items":[],"next":null}`) })
	if _, err := client.Secrets(t.Context(), "m"); err == nil {
		t.Error("a list that never fits its total is taken")
	}
}
