package mtls

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// pairText is an entry of mtls.backends with the attributes of ofPair.
const pairText = `{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}}`

func ofPair() entry {
	return entry{
		Mode: types.StringValue(kuma.Strict),
		Cert: &dataSource{Secret: types.StringValue("c")}, Key: &dataSource{Secret: types.StringValue("k")},
	}
}

func timedPair(expiration, timeout, loading string) entry {
	e := ofPair()
	e.DPCert = &dpCertModel{Rotation: &rotationModel{types.StringValue(expiration)}, RequestTimeout: types.StringValue(timeout)}
	e.RootChain = &rootChainModel{types.StringValue(loading)}
	return e
}

// An entry is edited to what the attributes mean: what means the same, and what
// nobody knows, stays byte for byte.
func TestEntry_edit(t *testing.T) {
	t.Parallel()
	pair, timed := ofPair(), timedPair("1d", "90s", "1.5s")
	permissive, empty, inline, broken := ofPair(), ofPair(), ofPair(), ofPair()
	permissive.Mode = types.StringValue(kuma.Permissive)
	empty.RootChain = &rootChainModel{}
	inline.Cert = &dataSource{InlineString: types.StringValue("PEM")}
	broken.Cert = &dataSource{Inline: types.StringValue("UEV\nN\n")}
	in := func(entries string) string { return `{"type":"Mesh","mtls":{"backends":[` + entries + `]},"x":1e2}` }
	for _, test := range []struct {
		name, before string
		wanted       entry
		want         string
	}{
		{"the first", `{"type":"Mesh"}`, pair, `{"type":"Mesh","mtls":{"backends":[` + pairText + `]}}`},
		{"into null", `{"mtls":null}`, pair, `{"mtls":{"backends":[` + pairText + `]}}`},
		{"into a list that is null", `{"mtls":{"x":1,"backends":null}}`, pair, `{"mtls":{"x":1,"backends":[` + pairText + `]}}`},
		{"another", in(`{"name":"o","u":[1]}`), pair, in(`{"name":"o","u":[1]},` + pairText)},
		{"nothing new", in(pairText), pair, in(pairText)},
		{"with everything", in(""), timed, in(`{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}},` +
			`"dpCert":{"rotation":{"expiration":"1d"},"requestTimeout":"90s"},"rootChain":{"requestTimeout":"1.5s"}}`)},
		{
			"equal durations, and what nobody knows",
			in(`{"u":1.0,"conf":{"key":{"secret":"k"},"v":2,"cert":{"secret":"c"}},"type":"provided","name":"a","dpCert":{"w":3,"rotation":{"expiration":"24h"},"requestTimeout":"1m30s"},"rootChain":{"requestTimeout":"1.500s","z":4}}`),
			timed,
			in(`{"u":1.0,"conf":{"key":{"secret":"k"},"v":2,"cert":{"secret":"c"}},"type":"provided","name":"a","dpCert":{"w":3,"rotation":{"expiration":"24h"},"requestTimeout":"1m30s"},"rootChain":{"requestTimeout":"1.500s","z":4}}`),
		},
		{
			"other durations",
			in(`{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}},"dpCert":{"w":3,"rotation":{"q":1,"expiration":"2d"}},"rootChain":{"z":4}}`),
			timed,
			in(`{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}},"dpCert":{"w":3,"rotation":{"q":1,"expiration":"1d"},"requestTimeout":"90s"},"rootChain":{"z":4,"requestTimeout":"1.5s"}}`),
		},
		{"parts taken away", in(`{"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}},"dpCert":{"rotation":{"expiration":"1d"}},"rootChain":{},"mode":"PERMISSIVE"}`), pair, in(pairText)},
		{"an empty part", in(pairText), empty, in(pairText[:len(pairText)-1] + `,"rootChain":{}}`)},
		{"an empty part that is there", in(pairText[:len(pairText)-1] + `,"rootChain":{}}`), empty, in(pairText[:len(pairText)-1] + `,"rootChain":{}}`)},
		{"mode", in(pairText), permissive, in(pairText[:len(pairText)-1] + `,"mode":"PERMISSIVE"}`)},
		{"mode by number", in(pairText[:len(pairText)-1] + `,"mode":1}`), permissive, in(pairText[:len(pairText)-1] + `,"mode":1}`)},
		{"mode back", in(pairText[:len(pairText)-1] + `,"mode":1}`), pair, in(pairText)},
		{"mode said aloud", in(pairText[:len(pairText)-1] + `,"mode":"STRICT"}`), pair, in(pairText[:len(pairText)-1] + `,"mode":"STRICT"}`)},
		{"base64 on several lines", in(pairText), broken, in(`{"name":"a","type":"provided","conf":{"cert":{"inline":"UEVN"},"key":{"secret":"k"}}}`)},
		{"another form", in(pairText), inline, in(`{"name":"a","type":"provided","conf":{"cert":{"inlineString":"PEM"},"key":{"secret":"k"}}}`)},
		{
			"of another type before",
			in(`{"name":"a","type":"builtin","mode":"PERMISSIVE","dpCert":{"requestTimeout":"5s"},"rootChain":{},"u":1,"conf":{"caCert":{}}}`), pair,
			in(`{"name":"a","type":"provided","u":1,"conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}}`),
		},
		{
			"sources as they were written",
			in(`{"name":"a","type":"provided","conf":{"cert":{ "secret":"c","w":1},"key":{"secret" :"k"}}}`), pair,
			in(`{"name":"a","type":"provided","conf":{"cert":{ "secret":"c","w":1},"key":{"secret" :"k"}}}`),
		},
		{"in the middle", in(`{"name":"o"}, {"name":"a","type":"provided"} ,{"name":"p"}`), pair, in(`{"name":"o"}, {"name":"a","type":"provided","conf":{"cert":{"secret":"c"},"key":{"secret":"k"}}} ,{"name":"p"}`)},
	} {
		document, err := kuma.ParseDocument([]byte(test.before))
		if err != nil {
			t.Fatal(err)
		}
		mesh := &kuma.Mesh{Document: document}
		for _, again := range []string{"", ", again"} {
			if err := mesh.EditBackend("a", func(entry *kuma.Document) error { return test.wanted.edit(t.Context(), entry) }); err != nil || string(mesh.Bytes()) != test.want {
				t.Errorf("%s%s: %v\n%s\nand not\n%s", test.name, again, err, mesh.Bytes(), test.want)
			}
		}
	}
}

// What is read of an entry is what an edit to it leaves alone, with the prior
// spelling of what means the same.
func TestEntry_read(t *testing.T) {
	t.Parallel()
	const text = `{"name":"a","type":"provided","mode":1,"conf":{"cert":{"secret":"c"},"key":{"secret":"k"}},` +
		`"dpCert":{"rotation":{"expiration":"24h"},"requestTimeout":"1m30s"},"rootChain":{"requestTimeout":"1.500s"}}`
	document, err := kuma.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, prior := range map[string]entry{"after an import": {}, "as it was spelled": timedPair("1d", "90s", "1.5s")} {
		now, err := prior.read(t.Context(), document)
		if err != nil {
			t.Fatal(err)
		}
		want := timedPair("24h", "1m30s", "1.500s")
		if prior.DPCert != nil {
			want = prior
		}
		want.Mode = types.StringValue(kuma.Permissive)
		if *now.Cert != *want.Cert || *now.Key != *want.Key || now.Mode != want.Mode || *now.RootChain != *want.RootChain ||
			*now.DPCert.Rotation != *want.DPCert.Rotation || now.DPCert.RequestTimeout != want.DPCert.RequestTimeout {
			t.Errorf("%s: %+v", name, now)
		}
		if err := now.edit(t.Context(), document); err != nil || string(document.Bytes()) != text {
			t.Errorf("%s: an edit to it makes %s (%v)", name, document.Bytes(), err)
		}
	}
	empty, err := entry{}.read(t.Context(), kuma.NewDocument())
	if err != nil || *empty.Cert != (dataSource{}) || *empty.Key != (dataSource{}) || empty.DPCert != nil || empty.RootChain != nil || empty.Mode.ValueString() != kuma.Strict {
		t.Errorf("an empty entry: %+v, %v", empty, err)
	}
	for _, text := range []string{
		`{"conf":[]}`, `{"conf":{"cert":"x"}}`, `{"conf":{"cert":{"secret":1}}}`, `{"dpCert":{"rotation":1}}`, `{"dpCert":{"rotation":{"expiration":1}}}`,
		`{"rootChain":{"requestTimeout":1}}`, `{"mode":{}}`,
	} {
		if document, err = kuma.ParseDocument([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := ofPair().read(t.Context(), document); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func FuzzEntry(f *testing.F) {
	for _, text := range []string{
		`{}`, pairText, `{"name":"b","mode":1}`,
		`{"name":"a","type":"builtin","mode":"PERMISSIVE","dpCert":{"rotation":{"expiration":"24h"},"requestTimeout":"5s"},"rootChain":{}}`,
		`{"name":"a","name":"b","dpCert":{"rotation":{}},"dpCert":{},"conf":null}`,
	} {
		f.Add(text, true, "1d", "1.5s")
		f.Add(text, false, "", "")
	}
	f.Fuzz(func(t *testing.T, text string, permissive bool, expiration, timeout string) {
		document, err := kuma.ParseDocument([]byte(text))
		if err != nil {
			t.Skip()
		}
		wanted := ofPair()
		if permissive {
			wanted.Mode = types.StringValue(kuma.Permissive)
		}
		if expiration != "" {
			timeout = strings.ToValidUTF8(timeout, "")
			wanted = timedPair(strings.ToValidUTF8(expiration, ""), timeout, timeout)
		}
		if wanted.edit(t.Context(), document) != nil {
			t.Skip()
		}
		once := bytes.Clone(document.Bytes())
		if !json.Valid(once) {
			t.Fatalf("it made %s of %s", once, text)
		}
		if err := wanted.edit(t.Context(), document); err != nil || !bytes.Equal(document.Bytes(), once) {
			t.Fatalf("again, it made %s of %s (%v)", document.Bytes(), text, err)
		}
		now, err := wanted.read(t.Context(), document)
		if err != nil || *now.Cert != *wanted.Cert || *now.Key != *wanted.Key || now.Mode != wanted.Mode {
			t.Fatalf("%+v reads as %+v (%v)", wanted, now, err)
		}
	})
}
