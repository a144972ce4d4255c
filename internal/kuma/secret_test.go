package kuma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestSecrets(t *testing.T) {
	pages := map[string]string{
		"size=1000":                `{"total":3,"items":[{"type":"Secret","mesh":"m","name":"a","data":"YQ=="},{"type":"Secret","mesh":"m","name":"b"}],"next":"https://internal.example.com:9999/elsewhere?offset=2&size=1000"}`,
		"offset=2&size=1000":       `{"total":3,"items":[{"type":"Secret","mesh":"m","name":"c"}],"next":"/meshes/m/secrets?offset=3&size=1000&x=%2F"}`,
		"offset=3&size=1000&x=%2F": `{"total":3,"items":[],"next":null}`,
	}
	client, rec := serve(t, func(_ int, w http.ResponseWriter, c call) { reply(w, 200, pages[c.query]) })
	secrets, err := client.Secrets(t.Context(), "m")
	noError(t, err)
	names := ""
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		name, err := secrets[key].Name()
		noError(t, err)
		equal(t, "key", key, name)
		names += name
	}
	equal(t, "names", names, "abc")
	data, err := secrets["a"].Data()
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
	noError(t, putMesh(t, client, NewMesh("m").Document))
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
		"the same page":     `{"total":9,"items":[{"name":"a"}],"next":"/x?size=1000"}`,
		"nothing, and more": `{"items":[],"next":"/x?offset=1"}`,
		"no URL":            `{"total":9,"items":[{"name":"a"}],"next":"http://[::1"}`,
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
			reply(w, 200, `{"total":2,"items":[{"type":"Secret","mesh":"m","name":"a"}],"next":null}`)
			return
		}
		reply(w, 200, `{"total":1,"items":[{"type":"Secret","mesh":"m","name":"a"}],"next":null}`)
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

// Lists of a server that never ends them.
func TestSecretsThatNeverEnd(t *testing.T) {
	item := `{"type":"Secret","mesh":"m","name":"a"}`
	for name, test := range map[string]struct {
		page func(n int, c call) string
		most int // requests
		want string
	}{
		"in a circle": {func(n int, _ call) string {
			return fmt.Sprintf(`{"total":9,"items":[%s],"next":"/x?offset=%d"}`, item, n%3)
		}, 4, "missing or repeated"},
		"more items than there are": {func(n int, _ call) string {
			return fmt.Sprintf(`{"total":1,"items":[%s],"next":"/x?offset=%d"}`, item, n)
		}, 6, "never contains the number of items that it reports"},
		"growing": {func(n int, _ call) string {
			return fmt.Sprintf(`{"total":%d,"items":[%s],"next":"/x?offset=%d"}`, n+1, item, n)
		}, maxPages, "more than 1000 pages"},
	} {
		client, rec := serve(t, func(n int, w http.ResponseWriter, c call) { reply(w, 200, test.page(n, c)) })
		_, err := client.Secrets(t.Context(), "m")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(rec.all()); n > test.most {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// Pages that come slowly end after minutes, whatever the limit of a request.
func TestSecretsTakeLimitedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, "http://control-plane.example.com", func(c *Config) { c.Clock = SystemClock{} })
		client.api.http = &http.Client{Transport: handled{record(&recorder{}, func(n int, w http.ResponseWriter, _ call) {
			time.Sleep(20 * time.Second)
			reply(w, 200, fmt.Sprintf(`{"total":99,"items":[{"type":"Secret","mesh":"m","name":"a"}],"next":"/x?offset=%d"}`, n))
		})}}
		start := time.Now()
		_, err := client.Secrets(t.Context(), "m")
		if err == nil || !strings.Contains(err.Error(), "took longer than 5m0s") {
			t.Error(err)
		}
		if took := time.Since(start); took > maxListTime+time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// An answer about another object is not taken for the one that was asked for.
func TestAnswersAboutAnotherObject(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		ask    func(*Client) error
		want   string
	}{
		"another mesh":           {`{"type":"Mesh","name":"\u001b[31mother"}`, func(c *Client) error { _, err := c.Mesh(t.Context(), "m"); return err }, `its name is "[31mother", not "m"`},
		"another secret":         {`{"type":"Secret","mesh":"m","name":"other"}`, func(c *Client) error { _, err := c.Secret(t.Context(), "m", "s"); return err }, `its name is "other"`},
		"one of another mesh":    {`{"type":"Secret","mesh":"other","name":"s"}`, func(c *Client) error { _, err := c.Secret(t.Context(), "m", "s"); return err }, `its mesh is "other", not "m"`},
		"one of a mesh":          {`{"type":"GlobalSecret","mesh":"m","name":"s"}`, func(c *Client) error { _, err := c.GlobalSecret(t.Context(), "s"); return err }, `its mesh is "m"`},
		"another type":           {`{"type":"Mesh","mesh":"m","name":"s"}`, func(c *Client) error { _, err := c.Secret(t.Context(), "m", "s"); return err }, `its type is "Mesh"`},
		"no name":                {`{"type":"Mesh"}`, func(c *Client) error { _, err := c.Mesh(t.Context(), "m"); return err }, `its name is ""`},
		"a list of another mesh": {`{"total":1,"items":[{"type":"Secret","mesh":"other","name":"s"}]}`, func(c *Client) error { _, err := c.Secrets(t.Context(), "m"); return err }, `its mesh is "other"`},
		"proxies of another":     {`{"total":1,"items":[{"type":"DataplaneOverview","mesh":"other","name":"s"}]}`, func(c *Client) error { _, err := c.Dataplanes(t.Context(), "m"); return err }, `its mesh is "other"`},
		"a list of other things": {`{"total":1,"items":[{"type":"Secret","name":"m"}]}`, func(c *Client) error { _, err := c.Meshes(t.Context()); return err }, `its type is "Secret"`},
	} {
		client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) { reply(w, 200, test.answer) })
		err := test.ask(client)
		var answer *Error
		if !errors.As(err, &answer) || !answer.Foreign() || Absent(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
