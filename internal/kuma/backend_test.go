package kuma

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func meshOf(t *testing.T, text string) *Mesh {
	t.Helper()
	return &Mesh{Document: mustParse(t, text)}
}

// pair is a backend as Terraform's quickstart has it.
func pair(name string) Backend {
	return Backend{
		Name: name, Type: Provided, Mode: Strict,
		Cert: DataSource{Secret: "c"}, Key: DataSource{Secret: "k"},
	}
}

const pairText = `{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}}`

func TestBackends(t *testing.T) {
	mesh := meshOf(t, `{"mtls":{"enabledBackend":"b","skipValidation":true,"backends":[
		{"name":"a","type":"builtin","mode":"PERMISSIVE","conf":{"cert":"of another kind"}},
		{"name":"b","type":"provided","mode":1,"dpCert":{"rotation":{"expiration":"1d"},"requestTimeout":"5s"},
		 "rootChain":{"requestTimeout":"1.500s"},"conf":{"cert":{"inline":"eA=="},"key":{"file":"/k"}}},
		{"name":"c","type":"provided","rootChain":{},"conf":{"cert":{"inlineString":"PEM"},"key":{"secret":"k"}}}]}}`)
	got, err := mesh.Backends()
	noError(t, err)
	want := []Backend{
		{Name: "a", Type: "builtin", Mode: Permissive},
		{
			Name: "b", Type: Provided, Mode: Permissive, Cert: DataSource{Inline: "eA=="}, Key: DataSource{File: "/k"},
			RootChain: &RootChain{RequestTimeout: "1.500s"},
		},
		{Name: "c", Type: Provided, Mode: Strict, Cert: DataSource{InlineString: "PEM"}, Key: DataSource{Secret: "k"}, RootChain: &RootChain{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	enabled, err := mesh.EnabledBackend()
	noError(t, err)
	equal(t, "enabled", enabled, "b")
	skip, err := mesh.SkipValidation()
	noError(t, err)
	equal(t, "skipValidation", skip, true)
	b, there, err := mesh.Backend("b")
	noError(t, err)
	equal(t, "b", there && b.Name == "b", true)
	_, there, err = mesh.Backend("d")
	noError(t, err)
	equal(t, "d", there, false)
}

func TestMode(t *testing.T) {
	for text, want := range map[string]string{
		"": Strict, "null": Strict, "0": Strict, `"STRICT"`: Strict, "1": Permissive, `"PERMISSIVE"`: Permissive, `"LATER"`: "LATER", "7": "7",
	} {
		equal(t, text, parseMode(json.RawMessage(text)), want)
	}
}

func TestUsers(t *testing.T) {
	mesh := meshOf(t, `{"mtls":{"backends":[`+pairText+`,{"name":"b","type":"provided","conf":{"cert":{"secret":"x"},"key":{"secret":"k"}}},
		{"name":"v","type":"vault","conf":{"cert":{"secret":"c"}}}]}}`)
	for _, test := range []struct {
		secrets []string
		want    string
	}{
		{[]string{"c"}, "a"}, {[]string{"k"}, "a b"}, {[]string{"c", "k"}, "a b"}, {[]string{"none"}, ""}, {nil, ""},
	} {
		users, err := mesh.Users(test.secrets...)
		noError(t, err)
		equal(t, strings.Join(test.secrets, " "), strings.Join(users, " "), test.want)
	}
	if users, _ := meshOf(t, `{}`).Users("c"); users == nil {
		t.Error("no users are nil, not an empty list")
	}
}

func TestUnreadableBackends(t *testing.T) {
	for _, text := range []string{
		`{"mtls":[]}`, `{"mtls":{"backends":{}}}`, `{"mtls":{"backends":[1]}}`, `{"mtls":{"backends":[{"name":1}]}}`,
		`{"mtls":{"backends":[{"name":"a","type":"provided","conf":[]}]}}`,
		`{"mtls":{"backends":[{"name":"a","type":"provided","conf":{"cert":"x"}}]}}`,
		`{"mtls":{"backends":[{"name":"a","type":"provided","rootChain":{"requestTimeout":1}}]}}`,
	} {
		mesh := meshOf(t, text)
		if _, err := mesh.Backends(); err == nil || !strings.Contains(err.Error(), "backends") && !strings.Contains(err.Error(), "mtls") {
			t.Errorf("reading %s: %v", text, err)
		}
		_, errUsers := mesh.Users("c")
		if errUsers == nil || mesh.SetCA("a", "c", "k") == nil || mesh.RemoveBackend("a") == nil {
			t.Errorf("%s can be edited", text)
		}
		equal(t, "afterwards", string(mesh.Bytes()), text)
	}
}

// An entry is found or made, and what is not edited stays byte for byte.
func TestEditBackend(t *testing.T) {
	in := func(entries string) string { return `{"type":"Mesh","mtls":{"backends":[` + entries + `]},"x":1e2}` }
	for _, test := range []struct{ name, before, want string }{
		{"the first", `{"type":"Mesh"}`, `{"type":"Mesh","mtls":{"backends":[` + pairText + `]}}`},
		{"into null", `{"mtls":null}`, `{"mtls":{"backends":[` + pairText + `]}}`},
		{"into a list that is null", `{"mtls":{"x":1,"backends":null}}`, `{"mtls":{"x":1,"backends":[` + pairText + `]}}`},
		{"another", in(`{"name":"o","u":[1]}`), in(`{"name":"o","u":[1]},` + pairText)},
		{"nothing new", in(pairText), in(pairText)},
		{
			"what nobody knows",
			in(`{"u":1.0,"conf":{"key":{"secret":"x"},"v":2,"cert":{"secret":"c"}},"type":"provided","name":"a","mode":1}`),
			in(`{"u":1.0,"conf":{"key":{"secret":"k"},"v":2,"cert":{"secret":"c"}},"type":"provided","name":"a","mode":1}`),
		},
		{
			"sources as they were written",
			in(`{"name":"a","type":"provided","conf":{"cert":{ "secret":"c","w":1},"key":{"secret" :"k"}}}`),
			in(`{"name":"a","type":"provided","conf":{"cert":{ "secret":"c","w":1},"key":{"secret" :"k"}}}`),
		},
		{"another form", in(`{"name":"a","type":"provided","conf":{"cert":{"inlineString":"PEM"},"key":{"file":"/k"}}}`), in(pairText)},
		{"of another type before", in(`{"name":"a","type":"builtin","u":1,"conf":{"caCert":{}}}`), in(`{"name":"a","type":"provided","u":1,"conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}}`)},
		{"in the middle", in(`{"name":"o"}, {"name":"a","type":"provided"} ,{"name":"p"}`), in(`{"name":"o"}, {"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}} ,{"name":"p"}`)},
	} {
		mesh := meshOf(t, test.before)
		for range 2 {
			noError(t, mesh.SetCA("a", "c", "k"))
			equal(t, test.name, string(mesh.Bytes()), test.want)
		}
		entry, err := mesh.BackendEntry("a")
		noError(t, err)
		equal(t, test.name+": entry", strings.Contains(test.want, string(entry.Bytes())), true)
	}
	none, err := meshOf(t, `{"mtls":{"backends":[`+pairText+`]}}`).BackendEntry("b")
	noError(t, err)
	equal(t, "no such entry", string(none.Bytes()), "{}")
}

func TestRemoveBackend(t *testing.T) {
	three := `{"mtls":{"enabledBackend":"b","backends":[{"name":"a"}, {"name":"b"}, {"name":"c"}],"skipValidation":true},"x":1}`
	for _, test := range []struct{ name, before, remove, want string }{
		{"first", three, "a", `{"mtls":{"enabledBackend":"b","backends":[ {"name":"b"}, {"name":"c"}],"skipValidation":true},"x":1}`},
		{"middle, the enabled one", three, "b", `{"mtls":{"backends":[{"name":"a"}, {"name":"c"}],"skipValidation":true},"x":1}`},
		{"last", three, "c", `{"mtls":{"enabledBackend":"b","backends":[{"name":"a"}, {"name":"b"}],"skipValidation":true},"x":1}`},
		{"absent", three, "d", three},
		{"only", `{"x":1,"mtls":{"enabledBackend":"a","backends":[{"name":"a"}],"skipValidation":true}}`, "a", `{"x":1}`},
		{"only, beside something unknown", `{"mtls":{"u":{},"backends":[{"name":"a"}]}}`, "a", `{"mtls":{"u":{}}}`},
		{"from nothing", `{"x":1}`, "a", `{"x":1}`},
		{"from null", `{"mtls":null}`, "a", `{"mtls":null}`},
		{"from an empty mtls", `{"mtls":{}}`, "a", `{"mtls":{}}`},
		{"from an empty mtls with space", `{"mtls": { } }`, "a", `{"mtls": { } }`},
		{"from an empty list", `{"mtls":{"backends":[]}}`, "a", `{"mtls":{"backends":[]}}`},
		{"enabled, but not listed", `{"mtls":{"enabledBackend":"a","backends":[{"name":"b"}]}}`, "a", `{"mtls":{"backends":[{"name":"b"}]}}`},
	} {
		mesh := meshOf(t, test.before)
		noError(t, mesh.RemoveBackend(test.remove))
		equal(t, test.name, string(mesh.Bytes()), test.want)
		noError(t, mesh.RemoveBackend(test.remove))
		equal(t, test.name+", again", string(mesh.Bytes()), test.want)
	}
}

func TestEnableAndDisableBackend(t *testing.T) {
	enable := func(m *Mesh) error { return m.EnableBackend("a") }
	disable := func(m *Mesh) error { return m.DisableBackend("a") }
	skip := func(m *Mesh) error { return m.SetSkipValidation(true) }
	check := func(m *Mesh) error { return m.SetSkipValidation(false) }
	for _, test := range []struct {
		name, before string
		edit         func(*Mesh) error
		want         string
	}{
		{"enable", `{"mtls":{"backends":[]}}`, enable, `{"mtls":{"backends":[],"enabledBackend":"a"}}`},
		{"enable another", `{"mtls":{"enabledBackend":"b","u":1}}`, enable, `{"mtls":{"enabledBackend":"a","u":1}}`},
		{"enable again", `{"mtls":{"enabledBackend": "\u0061"}}`, enable, `{"mtls":{"enabledBackend": "\u0061"}}`},
		{"disable", `{"mtls":{"backends":[],"enabledBackend":"a"}}`, disable, `{"mtls":{"backends":[]}}`},
		{"disable another", `{"mtls":{"enabledBackend":"b"}}`, disable, `{"mtls":{"enabledBackend":"b"}}`},
		{"disable in nothing", `{}`, disable, `{}`},
		{"disable in an empty mtls", `{"mtls":{}}`, disable, `{"mtls":{}}`},
		{"disable all that there is", `{"mtls":{"enabledBackend":"a"},"x":1}`, disable, `{"x":1}`},
		{"skip", `{"mtls":{"u":1}}`, skip, `{"mtls":{"u":1,"skipValidation":true}}`},
		{"skip already", `{"mtls":{"skipValidation": true}}`, skip, `{"mtls":{"skipValidation": true}}`},
		{"skip from false", `{"mtls":{"skipValidation":false}}`, skip, `{"mtls":{"skipValidation":true}}`},
		{"check", `{"mtls":{"u":1,"skipValidation":true}}`, check, `{"mtls":{"u":1}}`},
		{"check already", `{"mtls":{"skipValidation":false}}`, check, `{"mtls":{"skipValidation":false}}`},
		{"check in nothing", `{}`, check, `{}`},
	} {
		mesh := meshOf(t, test.before)
		noError(t, test.edit(mesh))
		equal(t, test.name, string(mesh.Bytes()), test.want)
	}
}

func FuzzBackend(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"mtls":{}}`, `{"mtls":{"enabledBackend":"a","backends":[` + pairText + `,{"name":"b","mode":1}],"skipValidation":true},"x":1e400}`,
		`{"mtls":{"backends":[{"name":"a","type":"builtin","mode":"PERMISSIVE","dpCert":{"rotation":{"expiration":"24h"},"requestTimeout":"5s"},"rootChain":{}}]}}`,
		`{"mtls":{"backends":[{"name":"a","name":"b","dpCert":{"rotation":{}},"dpCert":{},"conf":null}, {"name":"a"}]}}`,
	} {
		f.Add(text, "a", true)
		f.Add(text, "b", false)
	}
	f.Fuzz(func(t *testing.T, text, name string, skip bool) {
		document, err := ParseDocument([]byte(text))
		if err != nil {
			t.Skip()
		}
		wanted := pair(strings.ToValidUTF8(name, ""))
		edits := map[string]func(*Mesh) error{
			"SetCA":             func(m *Mesh) error { return m.SetCA(wanted.Name, wanted.Cert.Secret, wanted.Key.Secret) },
			"EnableBackend":     func(m *Mesh) error { return m.EnableBackend(wanted.Name) },
			"SetSkipValidation": func(m *Mesh) error { return m.SetSkipValidation(skip) },
			"DisableBackend":    func(m *Mesh) error { return m.DisableBackend(wanted.Name) },
		}
		for what, edit := range edits {
			mesh := &Mesh{Document: document.Clone()}
			rest := others(mesh.Document, "mtls")
			if edit(mesh) != nil {
				continue
			}
			once := bytes.Clone(mesh.Bytes())
			if !json.Valid(once) {
				t.Fatalf("%s made %s of %s", what, once, text)
			}
			equal(t, "the other members after "+what, others(mesh.Document, "mtls"), rest)
			if err := edit(mesh); err != nil || !bytes.Equal(mesh.Bytes(), once) {
				t.Fatalf("%s, again, made %s of %s (%v)", what, mesh.Bytes(), once, err)
			}
		}
		mesh := &Mesh{Document: document.Clone()}
		if edits["SetCA"](mesh) != nil {
			return
		}
		got, there, err := mesh.Backend(wanted.Name)
		if err != nil || !there || got.Cert != wanted.Cert || got.Key != wanted.Key || got.Type != Provided {
			t.Fatalf("SetCA of %+v gives %+v, %v, %v", wanted, got, there, err)
		}
		noError(t, mesh.RemoveBackend(wanted.Name))
		if !json.Valid(mesh.Bytes()) {
			t.Fatalf("RemoveBackend made %s of %s", mesh.Bytes(), text)
		}
	})
}
