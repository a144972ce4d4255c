package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

func TestAnswerErrors(t *testing.T) {
	client := newClient(t, "http://127.0.0.1:1/base")
	for _, test := range []struct {
		name, method string
		status       int
		body         string
		want         string // of the message
		is           string // which questions are answered with yes
	}{
		{"refusal", "PUT", 400, `{"type":"/std-errors","status":400,"title":"Could not process a resource","detail":"Resource is not valid","invalid_parameters":[{"field":"mtls.backends[0].conf.cert","reason":"not a CA"},{"field":"name","reason":"too long"}],"details":"Resource is not valid"}`,
			"PUT meshes/m: 400 Bad Request: Could not process a resource: Resource is not valid\n  mtls.backends[0].conf.cert: not a CA\n  name: too long", "refused"},
		{"absence", "GET", 404, notFound, "GET meshes/m: 404 Not Found: Could not retrieve a resource: Not found", "absent"},
		{"only the older form of detail", "GET", 401, `{"type":"/std-errors","status":401,"title":"Invalid authentication data","details":"Unauthenticated"}`, "GET meshes/m: 401 Unauthorized: Invalid authentication data: Unauthenticated", "unauthenticated"},
		{"no detail", "GET", 403, refusal(403, "Access Denied"), "GET meshes/m: 403 Forbidden: Access Denied", "forbidden"},
		{"read-only", "DELETE", 405, `{"type":"/std-errors","status":405,"title":"Method not allowed","detail":"On zone control plane you can only"}`, "DELETE meshes/m: 405 Method Not Allowed: Method not allowed: On zone control plane you can only", "readonly"},
		{"a route that is not there", "GET", 404, "404: Page Not Found", `GET meshes/m: 404 Not Found, and the answer is not from a control plane: "404: Page Not Found"`, "foreign uncertain"},
		{"a page", "GET", 200, "<html>\n\t<title>Log in</title>\x1b[31m", `GET meshes/m: 200 OK, and the answer is not from a control plane: "<html> <title>Log in</title>[31m"`, "foreign uncertain"},
		{"a page in answer to what has a body", "PUT", 502, "<html>you sent me this", "PUT meshes/m: 502 Bad Gateway, and the answer is not from a control plane", "foreign uncertain"},
		{"JSON of another API", "GET", 404, `{"error":"no"}`, `GET meshes/m: 404 Not Found, and the answer is not from a control plane: "{\"error\":\"no\"}"`, "foreign uncertain"},
		{"half an answer", "GET", 404, notFound[:40], "GET meshes/m: 404 Not Found, and the answer is incomplete JSON of 40 bytes", "foreign uncertain"},
		{"JSON with a mistake", "GET", 200, `{"type" "Mesh"}`, "GET meshes/m: 200 OK, and the answer is invalid JSON at byte 9", "foreign uncertain"},
		{"a gateway's problem", "GET", 404, `{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"detail":"Not found"}`,
			`GET meshes/m: 404 Not Found, and the answer is not from a control plane: "{\"type\":\"https://tools.ietf.org/html/rfc9110#section-15.5.5\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"Not found\"}"`, "foreign uncertain"},
		{"the control plane's words under another status", "GET", 404, refusal(403, "Access Denied"),
			`GET meshes/m: 404 Not Found, and the answer is not from a control plane: "{\"type\":\"/std-errors\",\"status\":403,\"title\":\"Access Denied\",\"detail\":\"\",\"details\":\"\"}"`, "foreign uncertain"},
		{"a signing key that is not there", "GET", 404, `{"type":"/std-errors","status":404,"title":"Signing Key not found","detail":"there is no signing key with KID 1"}`,
			"GET meshes/m: 404 Not Found: Signing Key not found: there is no signing key with KID 1", ""},
		{"an object where a page was expected", "GET", 200, `{"type":"Secret","data":"` + testBody + `"}`, "GET meshes/m: 200 OK, and the answer is not from a control plane", "foreign uncertain"},
		{"nothing", "DELETE", 500, "", "DELETE meshes/m: 500 Internal Server Error, and the answer is not from a control plane", "foreign uncertain"},
		{"its own failure", "PUT", 500, refusal(500, "Internal Server Error"), "PUT meshes/m: 500 Internal Server Error: Internal Server Error", "uncertain"},
	} {
		r := request{method: test.method, path: "meshes/m"}
		if test.method == http.MethodPut {
			r.body = []byte("{}")
		}
		err := client.answerError(r, test.status, []byte(test.body))
		equal(t, test.name, err.Error(), test.want)
		var is []string
		for _, question := range []struct {
			word string
			yes  bool
		}{
			{"refused", err.Refused() && !err.Foreign()}, {"absent", Absent(fmt.Errorf("in: %w", err))},
			{"unauthenticated", err.Unauthenticated()}, {"forbidden", err.Forbidden()}, {"readonly", err.ReadOnly()},
			{"foreign", err.Foreign()}, {"uncertain", Uncertain(err)},
		} {
			if question.yes {
				is = append(is, question.word)
			}
		}
		equal(t, test.name, strings.Join(is, " "), test.is)
		equal(t, test.name+": where to", err.Address+" "+err.Origins.Address+" "+err.Origins.Token, "http://127.0.0.1:1/base the test the test's token")
	}
}

func TestAbsentAndRefusedOfOtherErrors(t *testing.T) {
	for _, err := range []error{nil, io.EOF, context.Canceled, &ConnectionError{Err: io.EOF}, &DroppedError{}} {
		if Absent(err) || Refused(err) {
			t.Errorf("%v is a word of the control plane", err)
		}
		equal(t, fmt.Sprint(err), Uncertain(err), err != nil)
	}
	if !Uncertain(&UnverifiedError{Err: &Error{Status: 403, Title: "x"}}) {
		t.Error("what was written may not have been")
	}
	equal(t, "an ended error", errors.Is(&UnverifiedError{Err: &ConnectionError{Err: io.EOF}}, io.EOF), true)
}

func TestErrorsStayShort(t *testing.T) {
	client := newClient(t, "http://127.0.0.1:1")
	long := strings.Repeat("ä", 1<<13)
	parameters := strings.Repeat(`{"field":"`+long[:4000]+`","reason":"`+long[:4000]+`"},`, 60)
	body := `{"type":"/std-errors","status":400,"title":"` + long + `","detail":"` + long + `","invalid_parameters":[` + parameters[:len(parameters)-1] + `]}`
	err := client.answerError(request{method: "GET", path: "meshes"}, 400, []byte(body))
	if len(err.Error()) > 2*longestAnswer || len(err.Parameters) != mostRefusals {
		t.Errorf("%d bytes, %d parameters", len(err.Error()), len(err.Parameters))
	}
	err = client.answerError(request{method: "GET", path: "meshes"}, 200, []byte(long))
	equal(t, "a long text", err.Body, strings.Repeat("ä", longestBody)+"…")
}

const (
	testToken    = "token-1f00d"
	testHeader   = "header-5eed"
	testPassword = "password-cafe"
	testBody     = "body-of-a-key"
)

// withSecrets configures what no message may show.
func withSecrets(c *Config) {
	c.Token = testToken + "\n"
	c.Headers = map[string]string{"X-Gateway": "Basic " + testHeader}
	c.Address.User = url.UserPassword("u", testPassword)
}

// shown fails the test when a text shows what is not to be seen.
func shown(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{testToken, testHeader, testPassword, testBody} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %s: %s", where, secret, text)
		}
	}
}

// A server repeats all that it was sent, in every place that a message quotes.
func TestErrorsShowNothingThatIsRepeated(t *testing.T) {
	repeated := testToken + " Basic " + testHeader + " " + testPassword
	mirror, err := json.Marshal(map[string]any{
		"type": errorType, "status": 400, "title": repeated, "detail": repeated, "invalid_parameters": []map[string]string{{"field": repeated, "reason": repeated}},
	})
	noError(t, err)
	for name, answer := range map[string]func(w http.ResponseWriter, c call){
		"JSON": func(w http.ResponseWriter, _ call) { reply(w, 400, string(mirror)) },
		"page": func(w http.ResponseWriter, c call) { _, _ = w.Write([]byte("<p>" + repeated + c.body)) },
		"location": func(w http.ResponseWriter, _ call) {
			w.Header().Set("Location", "https://"+testToken+".example.com/"+testHeader+"?"+testPassword)
			w.WriteHeader(http.StatusFound)
		},
		"location that is no URL": func(w http.ResponseWriter, _ call) {
			w.Header().Set("Location", "http://[::1"+testToken)
			w.WriteHeader(http.StatusFound)
		},
		"status line": func(w http.ResponseWriter, _ call) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = connection.Write([]byte("HTTP/1.1 " + testToken + " " + testHeader + "\r\n\r\n"))
				_ = connection.Close()
			}
		},
	} {
		client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) { answer(w, c) }, withSecrets)
		_, errRead := client.Mesh(t.Context(), "m")
		_, errList := client.Secrets(t.Context(), "m")
		for _, err := range []error{
			errRead, errList,
			client.PutSecret(t.Context(), "m", "s", []byte(testBody), nil),
			putMesh(t, client, meshOf(t, `{"type":"Mesh","name":"m","x":"`+testBody+`"}`).Document),
			client.DeleteMesh(t.Context(), "m"),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			shown(t, name, err.Error())
		}
	}
}

func TestErrorsOfTheConfigurationShowNothing(t *testing.T) {
	good := func() Config {
		return Config{Address: &url.URL{Scheme: "https", Host: "127.0.0.1:1", User: url.UserPassword("u", testPassword)}}
	}
	for name, change := range map[string]func(*Config){
		"no address":      func(c *Config) { c.Address = nil },
		"another scheme":  func(c *Config) { c.Address.Scheme = "ftp" },
		"no host":         func(c *Config) { c.Address.Host = "" },
		"token in parts":  func(c *Config) { c.Token = testToken + "\nx" },
		"header in parts": func(c *Config) { c.Headers = map[string]string{"X": testHeader + "\r\nHost: x"} },
	} {
		config := good()
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			shown(t, name, err.Error())
		}
	}
	client, err := New(good())
	noError(t, err)
	shown(t, "the address", client.Address())
	_, err = proxy(func(*http.Request) (*url.URL, error) { return nil, errors.New("http://" + testPassword + "@proxy") })(nil)
	equal(t, "a bad proxy", err, errProxy)
}

func FuzzErrorBody(f *testing.F) {
	for _, body := range []string{
		notFound, "", "<html>", `{"title":1}`, `{"type":"/std-errors","status":404,"title":"x","invalid_parameters":null}`, `{"type":"/std-errors","status":404,"title":"\u0000","detail":"` + testToken + `"}`,
		`{"type":"/std-errors","status":404,"title":"x","detail":"Not found","invalid_parameters":[{"field":"a","reason":"b"},{}]}`, "\xff\xfe", `{"title":"x","details":"y\ny"}`, testToken, "null", "[]",
	} {
		f.Add(body, 404, true)
		f.Add(body, 200, false)
	}
	address, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		f.Fatal(err)
	}
	client, err := New(Config{Address: address, Token: testToken})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string, status int, write bool) {
		r := request{method: http.MethodGet, path: "meshes/m"}
		if write {
			r = request{method: http.MethodPut, path: "meshes/m", body: []byte(body)}
		}
		err := client.answerError(r, status, []byte(body))
		message := err.Error()
		switch {
		case len(message) > 4*(2*longestText+2*mostRefusals*longestReason+1000):
			t.Fatalf("%d bytes", len(message))
		case strings.Contains(message, testToken):
			t.Fatalf("%q shows the token", message)
		case write && err.Foreign() && err.Body != "":
			t.Fatalf("%q quotes the answer to a write", message)
		case strings.ContainsFunc(message, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
			t.Fatalf("%q has control characters", message)
		case err.Absent() != (status == http.StatusNotFound && err.Title != "" && err.Detail == "Not found"):
			t.Fatalf("%q, absent: %v", message, err.Absent())
		}
	})
}
