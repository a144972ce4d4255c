package kuma

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// newKey is a private key in PEM.
func newKey(t testing.TB) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// wrap breaks a text into lines.
func wrap(text string, width int, with string) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + with)
		text = text[width:]
	}
	return b.String() + text
}

// spellings are the ways in which a server may repeat a text that it was sent.
func spellings(t testing.TB, text string) map[string]string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	var printable strings.Builder
	writer := quotedprintable.NewWriter(&printable)
	if _, err := writer.Write([]byte(text)); err != nil || writer.Close() != nil {
		t.Fatal(err)
	}
	once := base64.StdEncoding.EncodeToString([]byte(text))
	all := map[string]string{
		"as it is":                          text,
		"JSON":                              string(quoted),
		"JSON in JSON":                      strings.ReplaceAll(string(quoted), `\`, `\\\`),
		"JSON by numbers":                   strings.NewReplacer("\n", `\u000a`, "+", `\u002b`, "/", `\u002f`, "=", `\u003d`).Replace(text),
		"JSON with escaped slashes":         strings.ReplaceAll(text, "/", `\/`),
		"lines of quoted-printable":         printable.String(),
		"CRLF":                              strings.ReplaceAll(text, "\n", "\r\n"),
		"a URL":                             url.QueryEscape(text),
		"HTML":                              strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "\n", "&#10;").Replace(text),
		"base64":                            once,
		"URL-safe base64":                   base64.RawURLEncoding.EncodeToString([]byte(text)),
		"base64 in lines":                   wrap(once, 76, "\r\n"),
		"base64 in short lines":             wrap(once, 20, "\n"),
		"base64 in a list":                  wrap(once, 32, `", "`),
		"base64 of base64":                  base64.StdEncoding.EncodeToString([]byte(once)),
		"base64 of a document":              base64.StdEncoding.EncodeToString([]byte(`{"type":"Secret","data":"` + once + `"}`)),
		"base64 of a text with it":          base64.StdEncoding.EncodeToString([]byte("key: " + text)),
		"base64 of base64 in lines":         wrap(base64.StdEncoding.EncodeToString([]byte(once)), 20, "\n"),
		"base64 of a document in lines":     wrap(base64.StdEncoding.EncodeToString([]byte(`{"type":"Secret","data":"`+once+`"}`)), 20, "\n"),
		"base64 of a text with it in lines": wrap(base64.StdEncoding.EncodeToString([]byte("key: "+text)), 20, "\n"),
		"hex":                               hex.EncodeToString([]byte(text)),
		"HEX":                               strings.ToUpper(hex.EncodeToString([]byte(text))),
		"hex with colons":                   wrap(hex.EncodeToString([]byte(text)), 2, ":"),
		"numbers of bytes":                  fmt.Sprint([]byte(text)),
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		body := base64.StdEncoding.EncodeToString(block.Bytes)
		all["DER"] = body
		all["DER, URL-safe"] = base64.URLEncoding.EncodeToString(block.Bytes)
		all["DER in lines of 30"] = wrap(body, 30, "\n")
		all["DER in hex"] = hex.EncodeToString(block.Bytes)
		all["without line breaks"] = strings.ReplaceAll(text, "\n", "")
		for i, line := range strings.Split(text, "\n") {
			if len(line) > longestRest && !strings.HasPrefix(line, "-----") {
				all[fmt.Sprintf("line %d alone", i)] = line
			}
		}
	}
	return all
}

// rests are the runs of letters and digits of a text that are left in another,
// without those that may be there by chance.
func rests(text, left string) []string {
	var found []string
	for _, run := range regexp.MustCompile(`[A-Za-z0-9]+`).FindAllString(strings.ReplaceAll(left, hidden, " "), -1) {
		if len(run) > longestRest && strings.Contains(text, run) {
			found = append(found, run)
		}
	}
	return found
}

func TestClear(t *testing.T) {
	key, another := newKey(t), newKey(t)
	for len(another) != len(key) { // so that its encodings begin and end in the same way
		another = newKey(t)
	}
	other := spellings(t, another)
	for what, secret := range map[string]string{
		"a key":            key,
		"a long password":  "correct-Horse/battery+staple=9",
		"a short password": "s3cr+t",
		"two short lines":  "s3c\nr+t",
		"many words":       strings.Repeat("an ordinary sentence that is a secret all the same, ", 20),
	} {
		for how, sent := range map[string]string{"as it is": secret, "as base64": base64.StdEncoding.EncodeToString([]byte(secret))} {
			var s sentSecrets
			s.add([]byte(sent))
			for name, spelled := range spellings(t, secret) {
				if strings.Contains(what, "short") && regexp.MustCompile(`in lines|in short|in a list|of base64|with colons|numbers of|JSON by|JSON in`).MatchString(name) {
					continue // six characters that are spread over lines are no secret any more
				}
				const before, behind = "Resource is not valid: got ", ", want another."
				got := s.clear(before + spelled + behind)[0]
				rest := slices.DeleteFunc(rests(spelled, got), func(run string) bool { return strings.Contains(other[name], run) }) // the first and last lines of all keys
				if !strings.Contains(got, hidden) || len(rest) > 0 || len(got) > len(before+behind)+200 {
					t.Errorf("%s, sent %s, repeated as %s: %q is left of\n%s", what, how, name, got, spelled)
				}
				if !strings.HasPrefix(got, "Resource is not valid: ") {
					t.Errorf("%s, repeated as %s: too much is hidden: %q", what, name, got)
				}
			}
		}
	}
}

// A word before a secret may decode to the byte that the secret has there.
func TestClear_byteByChance(t *testing.T) {
	line := strings.Repeat("q7Zk", 16)
	secret, err := base64.StdEncoding.DecodeString("Resource" + line + "plus")
	if err != nil {
		t.Fatal(err)
	}
	var s sentSecrets
	s.add(secret[5:]) // its first byte is of "Resource"
	got := s.clear("Resource is not valid: got "+line+" as the answer that is plus five", "another")
	if want := "Resource is not valid: got (hidden) as the answer that is plus five"; got[0] != want {
		t.Errorf("got  %q\nwant %q", got[0], want)
	}
}

func TestClear_whatWasNotSent(t *testing.T) {
	var s sentSecrets
	s.add([]byte(newKey(t)))
	for _, text := range []string{
		"", "Resource is not valid", "mtls.backends[0].conf.cert: not a CA certificate: -----BEGIN", "näme: too löng",
		`resource conflict: type="Mesh" name="a-name-that-is-as-long-as-a-name-can-be-with-0123456789-in-it" mesh=""`,
		"https://control-plane.example.com:5682/meshes/default/secrets/ca-0123456789-key", strings.Repeat("A", 5000),
	} {
		equal(t, text, s.clear(text)[0], text)
	}
	// A key of somebody else, of an earlier run for example.
	other := newKey(t)
	for _, text := range []string{other, strings.ReplaceAll(other, "\n", " "), strings.Split(other, "\n")[3], base64.StdEncoding.EncodeToString([]byte(other))} {
		if rest := rests(other+base64.StdEncoding.EncodeToString([]byte(other)), s.clear("it has " + text)[0]); len(rest) > 0 {
			t.Errorf("%q is left of another key", rest)
		}
	}
}

// A secret that goes on from one text of an answer to the next is in none of them.
func TestClear_overSeveralTexts(t *testing.T) {
	key := newKey(t)
	var s sentSecrets
	s.add([]byte(key))
	lines := strings.SplitAfter(wrap(strings.ReplaceAll(key, "\n", ""), 9, "\n"), "\n")
	for i, left := range s.clear(lines...) {
		if i > 2 && i < len(lines)-5 && left != hidden { // the first and the last are the same in every PEM
			t.Errorf("text %d: %q", i, left)
		}
	}
}

// What is sent is looked for by what it is in a document.
func TestAddFrom(t *testing.T) {
	for name, document := range map[string]string{
		"a secret":        `{"type":"Secret","mesh":"m","name":"harmless-name","data":"dGhlLXNlY3JldC12YWx1ZQ=="}`,
		"inline":          `{"type":"Mesh","name":"harmless-name","mtls":{"backends":[{"name":"x","conf":{"key":{"inline":"dGhlLXNlY3JldC12YWx1ZQ=="}}}]}}`,
		"an inline text":  `{"type":"Mesh","name":"harmless-name","mtls":{"backends":[{"conf":{"key":{"inlineString":"the-secret-\u0076alue"}}}]}}`,
		"of another kind": `{"type":"MeshIdentity","name":"harmless-name","spec":{"provider":{"bundled":{"ca":{"privateKey":{"insecureInline":1,"inline":{"value":"the-secret-value"}}}}}}}`,
	} {
		var s sentSecrets
		s.addFrom([]byte(document))
		equal(t, name, s.clear("harmless-name the-secret-value")[0], "harmless-name "+hidden)
		s.addFrom([]byte(document))
		equal(t, name+": once", len(s.known), 1)
	}
}

// A server repeats what it was sent at every status and in every member: no
// message has it, and no line of the log.
func TestErrorsShowNoKeyThatWasSent(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	const password = "correct-Horse9"
	base64PEM := base64.StdEncoding.EncodeToString([]byte(key))
	mesh := `{"type":"Mesh","name":"m","mtls":{"backends":[{"conf":{"key":{"inlineString":` + string(text(key)) + `}}}]}}`
	for _, status := range []int{200, 201, 302, 400, 401, 403, 404, 405, 409, 429, 500, 503, 599} {
		for name, answer := range map[string]func(w http.ResponseWriter, c call){
			"own": func(w http.ResponseWriter, c call) {
				body, err := json.Marshal(map[string]any{
					"type": errorType, "status": status, "title": c.body, "detail": c.body + key, "details": c.body,
					"invalid_parameters": []map[string]string{{"field": c.body, "reason": base64PEM}, {"field": key, "reason": c.body}},
				})
				noError(t, err)
				reply(w, status, string(body))
			},
			"problem": func(w http.ResponseWriter, c call) {
				body, err := json.Marshal(map[string]any{"type": "about:blank", "title": key, "detail": c.body, "message": base64PEM})
				noError(t, err)
				reply(w, status, string(body))
			},
			"page":    func(w http.ResponseWriter, c call) { w.WriteHeader(status); _, _ = w.Write([]byte(key + c.body)) },
			"mistake": func(w http.ResponseWriter, _ call) { reply(w, status, `{"`+strings.ReplaceAll(key, "\n", " ")) },
			"another object": func(w http.ResponseWriter, _ call) {
				reply(w, status, `{"type":`+string(text(key))+`,"name":`+string(text(base64PEM))+`,"mesh":`+string(text(key))+`}`)
			},
			"location": func(w http.ResponseWriter, _ call) {
				w.Header().Set("Location", "https://"+strings.Split(key, "\n")[1]+"/"+base64PEM)
				w.WriteHeader(status)
			},
			"content type": func(w http.ResponseWriter, _ call) {
				w.Header().Set("Content-Type", base64PEM)
				w.Header().Set("Retry-After", base64PEM)
				w.WriteHeader(status)
			},
			"raw status line":    raw("HTTP/1.1 " + base64PEM + "\r\n\r\n"),
			"raw status":         raw(fmt.Sprintf("HTTP/1.1 %dx%s\r\n\r\n", status, base64PEM)),
			"raw header":         raw(fmt.Sprintf("HTTP/1.1 %d OK\r\n%s\r\n\r\n", status, base64PEM)),
			"raw content length": raw(fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Length: %s\r\n\r\n", status, base64PEM)),
			"raw encoding":       raw(fmt.Sprintf("HTTP/1.1 %d OK\r\nTransfer-Encoding: %s\r\n\r\n", status, base64PEM)),
			"raw chunk":          raw(fmt.Sprintf("HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n", status, base64PEM)),
		} {
			if strings.HasPrefix(name, "raw ") && status != http.StatusOK {
				continue // it is no answer at any status
			}
			client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) { answer(w, c) }, func(c *Config) { c.MaxRetries = 0 })
			errs := []error{
				client.PutSecret(t.Context(), "m", "s", []byte(key), nil),
				putMesh(t, client, mustParse(t, mesh)),
				client.PutSecret(t.Context(), "m", "s", []byte(password), nil),
				client.DeleteSecret(t.Context(), "m", "s"), // a server may repeat what it was sent earlier
			}
			_, err := client.Secrets(t.Context(), "m")
			errs = append(errs, err)
			_, err = client.Mesh(t.Context(), "m")
			errs = append(errs, err)
			for i, err := range errs {
				if err == nil {
					continue
				}
				if message := err.Error(); len(rests(key+base64PEM+password+base64.StdEncoding.EncodeToString([]byte(password)), message)) > 0 {
					t.Fatalf("%s, %d, request %d: %s", name, status, i, message)
				}
			}
		}
	}
}

// raw is an answer that net/http does not write.
func raw(text string) func(http.ResponseWriter, call) {
	return func(w http.ResponseWriter, _ call) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = connection.Write([]byte(text))
			_ = connection.Close()
		}
	}
}

// A malformed answer of any length makes a short message.
func TestAMalformedStatusLineStaysShort(t *testing.T) {
	client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) {
		raw("HTTP/1.1 "+strings.Repeat("x", 100_000)+"\r\n\r\n")(w, c)
	})
	_, err := client.Mesh(t.Context(), "m")
	if err == nil || len(err.Error()) > longestText+500 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

// BenchmarkClear is one refusal in a run that sent hundreds of secrets.
func BenchmarkClear(b *testing.B) {
	var s sentSecrets
	for i := range 300 {
		s.add([]byte(strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(newKeyLike(i))), "\n", "")))
	}
	text := strings.Repeat("mtls.backends[0].conf.cert: could not find storage of the resource. ", 20)
	b.ReportAllocs()
	for b.Loop() {
		s.clear(text)
	}
}

func newKeyLike(seed int) string {
	body := make([]byte, 1200)
	for i := range body {
		body[i] = byte(i * (seed + 7) >> 3)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: body}))
}
