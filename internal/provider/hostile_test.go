package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// all is one resource of each type.
const all = triple + `
resource "kongmesh_mesh_secret" "this" {
  mesh     = kongmesh_mesh.this.name
  name     = "plain"
  value_wo = $value
}

resource "kongmesh_global_secret" "this" {
  name     = "plain"
  value_wo = $value
}
`

// objects are the resources of the state.
func objects(run *acctest.Run) string { return run.Terraform("state", "list") }

// What a zone, or a gateway, does not have stays in the state: only the control
// plane that the objects were created on says that they are gone.
func TestAccAbsence_ofAnotherServer(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	env.NeedMTLS()
	ca := acctest.NewCA(t, "CA")
	config := func(address string) string {
		return strings.Replace(env.Config(all, "mesh", "acc", "chain", ca.Chain, "key", ca.Key, "value", "x"), env.Address, address, 1)
	}
	run := acctest.NewRun(t, config(env.Address))
	run.Terraform("apply", "-auto-approve")
	before := objects(run)
	for name, test := range map[string]struct {
		server http.Handler
		want   []string
	}{
		"a zone": {kumatest.New(kumatest.ZoneOf("grpcs://global.example.com:5685")),
			[]string{"Not on this control plane", "does not have mesh", "zone of the global control plane that it reaches at grpcs://global.example.com:5685"}},
		"a read-only control plane": {kumatest.New(kumatest.ReadOnly()), []string{"Not on this control plane", "If it is a zone"}},
		"a gateway's problem": {problem(`{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"traceId":"00-1-2-00"}`),
			[]string{"Not a control plane's answer", "rfc9110"}},
		"words of a control plane": {problem(`{"type":"about:blank","title":"Could not retrieve a resource","status":404,"detail":"Not found"}`),
			[]string{"Not a control plane's answer"}},
		"another status in it": {problem(`{"type":"/std-errors","title":"Could not retrieve a resource","status":400,"detail":"Not found"}`),
			[]string{"Not a control plane's answer"}},
		"a page": {problem("404: Page Not Found"), []string{"Not a control plane's answer", "404: Page Not Found"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.server)
			defer server.Close()
			run.Config(config(server.URL))
			for _, command := range [][]string{{"plan"}, {"apply", "-refresh-only", "-auto-approve"}} {
				output, err := run.Try(command...)
				if err == nil || !acctest.Words(test.want...).MatchString(output) {
					t.Errorf("terraform %s: %v\n%s", command[0], err, output)
				}
				if after := objects(run); after != before {
					t.Errorf("the state has %s, not %s", after, before)
				}
			}
		})
	}
	run.Config(config(env.Address))
	run.NoChanges()
}

// problem is a server that knows nothing.
func problem(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, body)
	})
}

// A server repeats what it was sent, in all that the provider or its libraries
// might quote or log: no output and no log has a key or a value.
func TestAccHostile_echo(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	const value = "the-plain-value-0f1e2d3c4b5a"
	for name, echo := range map[string]func(w http.ResponseWriter, body []byte){
		"a refusal":   echoed(http.StatusBadRequest),
		"not allowed": echoed(http.StatusForbidden),
		"a conflict":  echoed(http.StatusConflict),
		"a failure":   echoed(http.StatusInternalServerError),
		"a redirect": func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Location", "http://"+dataOf(body))
			w.WriteHeader(http.StatusFound)
		},
		"status line": rawAnswer("HTTP/1.1 %s\r\n\r\n"),
		"a header":    rawAnswer("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
		"behind":      rawAnswer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}%s"), // which net/http logs
		"content type": func(w http.ResponseWriter, body []byte) {
			w.Header().Set("Content-Type", dataOf(body))
			w.WriteHeader(http.StatusBadGateway)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twin := kumatest.New()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "secrets/") {
					twin.ServeHTTP(w, r)
					return
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if name == "behind" { // a write that has its effect
					r.Body = io.NopCloser(bytes.NewReader(body))
					twin.ServeHTTP(httptest.NewRecorder(), r)
				}
				echo(w, body)
			}))
			t.Cleanup(server.Close)
			run := acctest.NewRun(t, fmt.Sprintf("provider \"kongmesh\" {\n  address     = %q\n  max_retries = 1\n}\n", server.URL)+
				acctest.Fill(all, "mesh", "acc", "chain", ca.Chain, "key", ca.Key, "value", value))
			run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			output, _ := run.Try("apply", "-auto-approve")
			text := output + string(run.Read("trace.log"))
			found := acctest.Leaks(t, ca.Key, ca.Chain, text)
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
				if strings.Contains(text, form) {
					found = append(found, form)
				}
			}
			if len(found) > 0 {
				t.Errorf("%v in\n%s", found, output)
			}
			if !slices.Contains([]string{"behind"}, name) && !strings.Contains(output, "Error: ") {
				t.Errorf("no error:\n%s", output)
			}
		})
	}
}

// echoed answers as a control plane does, with all that it was sent in each member.
func echoed(status int) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, body []byte) {
		text, data := string(body), dataOf(body)
		plain, _ := base64.StdEncoding.DecodeString(data) // of a secret it is base64
		answer, _ := json.Marshal(map[string]any{         // strings always marshal
			"type": "/std-errors", "status": status, "title": text, "detail": data, "details": text,
			"invalid_parameters": []map[string]string{{"field": string(plain), "reason": text}, {"field": data, "reason": string(plain)}},
		})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}
}

// rawAnswer is an answer with the data of a secret in it, past net/http.
func rawAnswer(answer string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, body []byte) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = fmt.Fprintf(connection, answer, dataOf(body))
		_, _ = io.Copy(io.Discard, connection) // until the client has read all of it, and hangs up
	}
}

func dataOf(body []byte) string {
	var secret struct{ Data string }
	_ = json.Unmarshal(body, &secret)
	return secret.Data
}
