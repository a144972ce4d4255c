package part_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// shape has each kind that forms, durations and lists of strings need.
func shape() part.Parts {
	return part.Parts{
		{Name: "secret", Member: "spec.source.ref.name", With: map[string]string{"spec.source.type": "Secret", "spec.source.ref.kind": "Secret"}, Kind: part.Text{}},
		{Name: "file", Member: "spec.source.file.path", With: map[string]string{"spec.source.type": "File"}, Kind: part.Text{}},
		{Name: "spire", Member: "spec.source.spire", With: map[string]string{"spec.source.type": "Spire"}, Kind: part.Object{Counts: true, Parts: part.Parts{
			{Name: "timeout", Member: "agent.timeout", Kind: part.Text{Same: tfkit.SameDuration}},
		}}},
		{Name: "match", Member: "spec.match", Kind: part.Object{Counts: true, Parts: part.Parts{{Name: "labels", Member: "labels", Kind: part.Map{Empty: true}}}}},
		{Name: "texts", Member: "spec.texts", Kind: part.Texts{Member: "pem.value", With: map[string]string{"type": "Pem"}, Of: part.Text{Same: strings.EqualFold}}},
		{Name: "json", Member: "spec.json", Kind: part.JSON{}},
		{Name: "hidden", Member: "spec.hidden", Kind: part.Text{Sensitive: true}},
	}
}

func document(t *testing.T, text string) *kuma.Document {
	t.Helper()
	parsed, err := kuma.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func read(t *testing.T, text string, prior part.Values) part.Values {
	t.Helper()
	values, err := shape().Read(document(t, text), prior)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// edited returns a document after an edit to the meaning of another one.
func edited(t *testing.T, text, meaning string) string {
	t.Helper()
	parsed := document(t, text)
	if err := shape().Edit(parsed, read(t, meaning, nil)); err != nil {
		t.Fatal(err)
	}
	return string(parsed.Bytes())
}

func TestParts_oneOfSeveralForms(t *testing.T) {
	const secret = `{"spec":{"source":{"type":"Secret","ref":{"kind":"Secret","name":"a"}}}}`
	const file = `{"spec":{"source":{"type":"File","file":{"path":"/a"}}}}`
	const spire = `{"spec":{"source":{"type":"Spire","spire":{}}}}`
	is := read(t, secret, nil)
	if !is["secret"].Equal(types.StringValue("a")) || !is["file"].IsNull() || !is["spire"].IsNull() {
		t.Errorf("a secret is read as %s", is)
	}
	if is := read(t, spire, nil); is["spire"].IsNull() || !is["secret"].IsNull() {
		t.Errorf("an empty form is read as %s", is)
	}
	for _, from := range []string{secret, file, spire, `{}`} {
		for _, to := range []string{secret, file, spire} {
			if now := edited(t, from, to); !sameValues(read(t, now, nil), read(t, to, nil)) || strings.Contains(now, `"ref":{}`) {
				t.Errorf("%s edited to %s is %s", from, to, now)
			}
			if now := edited(t, to, to); now != to {
				t.Errorf("%s edited to itself is %s", to, now)
			}
		}
		if now := edited(t, from, `{}`); now != `{}` {
			t.Errorf("%s without a form is %s", from, now)
		}
	}
	const unused = `{"spec":{"source":{"type":"File","file":{"path":"/a"},"ref":{"kind":"Secret","name":"kept"}}}}`
	if now := edited(t, unused, file); now != unused || !read(t, unused, nil)["secret"].IsNull() {
		t.Errorf("members of a form that the document does not use become %s", now)
	}
}

func sameValues(a, b part.Values) bool {
	for name := range a {
		if !a[name].Equal(b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestParts_equalFormsStay(t *testing.T) {
	prior := read(t, `{"spec":{"source":{"type":"Spire","spire":{"agent":{"timeout":"90s"}}}}}`, nil)
	const normal = `{"spec":{"source":{"type":"Spire","spire":{"agent":{"timeout":"1m30s"},"more":1.10}}}}`
	if now := read(t, normal, prior); !now["spire"].Equal(prior["spire"]) {
		t.Errorf("an equal duration is read as %s", now["spire"])
	}
	parsed := document(t, normal)
	if err := shape().Edit(parsed, prior); err != nil || string(parsed.Bytes()) != normal {
		t.Errorf("it is edited to %s: %v", parsed.Bytes(), err)
	}
}

// No selector selects nothing, and an empty one everything.
func TestParts_emptyObjectCounts(t *testing.T) {
	if is := read(t, `{}`, nil)["match"]; !is.IsNull() {
		t.Errorf("an absent object is %s", is)
	}
	if is := read(t, `{"spec":{"match":{}}}`, nil)["match"]; is.IsNull() {
		t.Error("an empty object is null")
	}
	for from, to := range map[string]string{`{}`: `{"spec":{"match":{}}}`, `{"spec":{"match":{"labels":{"a":"b"}}}}`: `{"spec":{"match":{}}}`, `{"spec":{"match":{"future":1}}}`: `{}`, `{"spec":{}}`: `{"spec":{"match":{"labels":{}}}}`, `{"spec":{"match":{"labels":{}}}}`: `{"spec":{"match":{}}}`} {
		if now := edited(t, from, to); now != to {
			t.Errorf("%s edited to %s is %s", from, to, now)
		}
	}
	empty := read(t, `{"spec":{"match":{"labels":{}}}}`, nil)
	if labels := part.AttributesOf(empty["match"])["labels"]; labels.IsNull() {
		t.Error("an empty map is null")
	}
}

func TestParts_listOfStrings(t *testing.T) {
	const list = `{"spec":{"texts":[{"type":"Pem","pem":{"value":"a"},"future":1.10},{"type":"Jwks","jwks":"x"},{"type":"Pem","pem":{"value":"b"}}]}}`
	if is := read(t, list, nil)["texts"]; len(part.ElementsOf(is)) != 2 {
		t.Errorf("it is read as %s", is)
	}
	prior := part.Values{"texts": types.ListValueMust(types.StringType, []attr.Value{types.StringValue("A"), types.StringValue("b")})}
	if now := read(t, list, prior); !now["texts"].Equal(prior["texts"]) {
		t.Errorf("another form is read as %s", now["texts"])
	}
	if now := edited(t, list, `{"spec":{"texts":[{"type":"Pem","pem":{"value":"A"}},{"type":"Pem","pem":{"value":"B"}}]}}`); now != list {
		t.Errorf("the same strings are edited to %s", now)
	}
	now := edited(t, list, `{"spec":{"texts":[{"type":"Pem","pem":{"value":"c"}},{"type":"Pem","pem":{"value":"a"}}]}}`)
	want := `{"spec":{"texts":[{"pem":{"value":"c"},"type":"Pem"},{"type":"Pem","pem":{"value":"a"},"future":1.10},{"type":"Jwks","jwks":"x"}]}}`
	if now != want {
		t.Errorf("it is edited to\n%s\nand not\n%s", now, want)
	}
}

func TestParts_followNestedMembers(t *testing.T) {
	text := `{"spec":{"source":{"type":"Secret"},"texts":[{"type":"Pem","pem":{"value":"a"}}]}}`
	for field, want := range map[string]string{
		"spec.source.ref.name":            "secret",
		"spec.source.spire.agent.timeout": "spire.timeout",
		"spec.source.spire.agent.other":   "spire",
		"spec.texts[0].pem.value":         "texts[0]",
		"spec.texts[7]":                   "texts",
		"spec.source":                     "",
		"spec.other":                      "",
	} {
		at, found := shape().Follow(path.Empty(), tfkit.NewFieldSteps(field), document(t, text), read(t, text, nil))
		if at.String() != want || found != (want != "") {
			t.Errorf("%s is at %q (%t), and not at %q", field, at, found, want)
		}
	}
}

func TestParts_dataSourceHasNoSensitiveString(t *testing.T) {
	if _, there := shape().ForDataSource().Computed()["hidden"]; there {
		t.Error("the data source has it")
	}
	if _, there := shape().Attributes()["hidden"]; !there {
		t.Error("the resource does not have it")
	}
}

// A private key is only in an attribute that hides it.
func TestParts_privateKey(t *testing.T) {
	const key = `-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n`
	const all = `{"spec":{"source":{"type":"File","file":{"path":"PEM"}},"match":{"labels":{"a":"PEM"}},"texts":[{"type":"Pem","pem":{"value":"a"}},` +
		`{"type":"Pem","pem":{"value":"PEM"}},{"type":"Other"}],"json":{"a":["PEM"]},"hidden":"PEM"}}`
	with := func(text string) string { return strings.ReplaceAll(all, "PEM", text) }
	clean, kept := read(t, with("b"), nil), with(key)
	for name, prior := range map[string]part.Values{"without a prior value": nil, "with a prior value": clean, "with the same value": {
		"file": types.StringValue(strings.ReplaceAll(key, `\n`, "\n")),
	}} {
		is := read(t, kept, prior)
		if text := fmt.Sprint(is["file"], is["match"], is["texts"], is["json"]); strings.Contains(text, "PRIVATE") || !is["file"].IsNull() || !is["json"].IsNull() {
			t.Errorf("%s, a document is read as %s", name, text)
		}
		if want := []attr.Value{types.StringValue("a"), types.StringNull()}; !reflect.DeepEqual(part.ElementsOf(is["texts"]), want) {
			t.Errorf("%s, the list is read as %s", name, is["texts"])
		}
		if hidden, _ := is["hidden"].(types.String); !strings.Contains(hidden.ValueString(), "PRIVATE") {
			t.Errorf("%s, the sensitive value is read as %s", name, is["hidden"])
		}
	}
	parsed := document(t, kept)
	if err := shape().Edit(parsed, read(t, with("a"), nil)); err != nil {
		t.Fatal(err)
	}
	if text := string(parsed.Bytes()); strings.Contains(text, "PRIVATE") {
		t.Errorf("the key stays in %s", text)
	}
}
