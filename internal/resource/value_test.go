package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func parsed(t *testing.T, text string) any {
	t.Helper()
	decoded, err := decodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// What was sent is compared by meaning: what the control plane adds or writes in
// another way is no difference, and what it leaves out is one.
func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sent, has string
		old       bool
		want      string
	}{
		"the same":                      {`{"a":[1,{"b":"c"}]}`, `{"a":[1,{"b":"c"}]}`, false, ""},
		"what is there besides":         {`{"a":{"b":1}}`, `{"a":{"b":1,"c":2},"d":3}`, false, ""},
		"durations":                     {`{"a":"90s","b":"1h","c":"0s"}`, `{"a":"1m30s","b":"1h0m0s","c":"0s"}`, false, ""},
		"another duration":              {`{"a":"90s"}`, `{"a":"1m31s"}`, false, "spec.a changed"},
		"numbers":                       {`{"a":2.50,"b":1e3,"c":50}`, `{"a":2.5,"b":1000,"c":50.0}`, false, ""},
		"a number as text":              {`{"a":2.5,"b":"2.5"}`, `{"a":"2.5","b":2.5}`, false, ""},
		"texts that look like numbers":  {`{"version":"1.10"}`, `{"version":"1.1"}`, false, "spec.version changed"},
		"large numbers":                 {`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false, "spec.a changed"},
		"a member that is dropped":      {`{"from":[{"a":1}],"to":[]}`, `{}`, false, "spec.from dropped"},
		"a member of an item":           {`{"to":[{"a":1,"b":2},{"a":1}]}`, `{"to":[{"a":1},{"a":1}]}`, false, "spec.to[0].b dropped"},
		"a list that is shorter":        {`{"to":[1,2]}`, `{"to":[1]}`, false, "spec.to changed"},
		"a list in another order":       {`{"to":[1,2]}`, `{"to":[2,1]}`, false, "spec.to[0] changed, spec.to[1] changed"},
		"another kind":                  {`{"a":{"b":1}}`, `{"a":"b"}`, false, "spec.a changed"},
		"a name with a dot":             {`{"tags":{"kuma.io/service":"a"}}`, `{"tags":{}}`, false, `spec.tags["kuma.io/service"] dropped`},
		"empty lists and objects":       {`{"a":[],"b":{},"c":{"d":{}}}`, `{}`, false, ""},
		"false is a value":              {`{"a":false}`, `{}`, false, "spec.a dropped"},
		"zero values of an old type":    {`{"a":false,"b":0,"c":"","d":{"e":false}}`, `{}`, true, ""},
		"other values of an old type":   {`{"a":true}`, `{}`, true, "spec.a dropped"},
		"false is not true":             {`{"a":false}`, `{"a":true}`, true, "spec.a changed"},
		"text is no truth":              {`{"a":"true"}`, `{"a":true}`, false, "spec.a changed"},
		"null is absent":                {`{"a":null}`, `{}`, false, ""},
		"infinity is no number":         {`{"a":"Inf"}`, `{"a":"+Inf"}`, false, "spec.a changed"},
		"a huge exponent takes no time": {`{"a":"1e999999999"}`, `{"a":1}`, false, "spec.a changed"},
	} {
		var found []string
		for _, d := range differences("spec", parsed(t, test.sent), parsed(t, test.has), test.old) {
			what := "changed"
			if d.has == nil {
				what = "dropped"
			}
			found = append(found, d.path+" "+what)
		}
		if got := strings.Join(found, ", "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A state keeps what is written in the configuration where the document means the
// same, and has the document's value where it does not.
func TestReconcile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ prior, has, want string }{
		"nothing changed":     {`{"a":"90s","b":[1,2]}`, `{"a":"1m30s","b":[1,2],"c":3}`, `{"a":"90s","b":[1,2]}`},
		"a value changed":     {`{"a":"90s","b":{"c":1}}`, `{"a":"2m0s","b":{"c":1}}`, `{"a":"2m0s","b":{"c":1}}`},
		"beside a value":      {`{"a":1,"b":"90s"}`, `{"a":2,"b":"1m30s"}`, `{"a":2,"b":"90s"}`},
		"a member is gone":    {`{"a":1,"b":2}`, `{"a":1}`, `{"a":1}`},
		"a list has grown":    {`{"a":["90s"]}`, `{"a":["1m30s","5s"]}`, `{"a":["1m30s","5s"]}`},
		"an item has changed": {`{"a":[{"x":"90s","y":1}]}`, `{"a":[{"x":"1m30s","y":2,"z":3}]}`, `{"a":[{"x":"90s","y":2}]}`},
		"another kind":        {`{"a":{"b":1}}`, `{"a":[1]}`, `{"a":[1]}`},
		"all is gone":         {`{"a":1}`, `{}`, `{}`},
	} {
		now := reconcile(t.Context(), types.DynamicValue(valueOf(t.Context(), parsed(t, test.prior))), parsed(t, test.has), false)
		decoded, known := jsonOf(now)
		encoded, err := json.Marshal(decoded)
		if !known || err != nil || string(encoded) != test.want {
			t.Errorf("%s: %s, want %s", name, encoded, test.want)
		}
	}
}

// Where nothing changed the value is the prior one, its kinds of lists included.
func TestReconcile_keepsKinds(t *testing.T) {
	t.Parallel()
	tags := types.MapValueMust(types.StringType, map[string]attr.Value{"a": types.StringValue("b")})
	prior := types.DynamicValue(object(t.Context(), map[string]attr.Value{
		"tags": tags, "list": types.ListValueMust(types.NumberType, []attr.Value{valueOf(t.Context(), json.Number("1"))}), "none": types.StringNull(),
	}))
	if now := reconcile(t.Context(), prior, parsed(t, `{"tags":{"a":"b","c":"d"},"list":[1.0]}`), false); !now.Equal(prior) {
		t.Errorf("%s", now)
	}
}

func TestWithoutDefaults(t *testing.T) {
	t.Parallel()
	sent := parsed(t, `{"backends":[{"zipkin":{"url":"http://a"}}],"refs":[{"weight":5}],"tags":{"a":"b"}}`)
	has := parsed(t, `{"backends":[{"zipkin":{"url":"http://a","apiVersion":"httpJson","sharedSpanContext":true,"traceId128bit":false}}],
		"refs":[{"weight":5}],"tags":{"a":"b","kuma.io/zone":"east"}}`)
	if !sameDocument(sent, has, "east", false) {
		t.Errorf("defaults are a difference: %v", withoutDefaults(has, "east"))
	}
	if sameDocument(sent, parsed(t, `{"backends":[{"zipkin":{"url":"http://a"}}],"refs":[{}],"tags":{"a":"b"}}`), "", false) {
		t.Error("a weight of 5 is taken for the default")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "1", "-5", "2.5", "0.1", "12345678901234567890", "100000000000000000000000"} {
		if decoded, known := jsonOf(valueOf(t.Context(), json.Number(text))); !known || fmt.Sprint(decoded) != text {
			t.Errorf("%s came back as %v", text, decoded)
		}
	}
}

func TestWarnedAbout(t *testing.T) {
	t.Parallel()
	m := model{Spec: types.DynamicValue(valueOf(t.Context(), parsed(t, `{"from":[{"targetRef":{"kind":"MeshSubset"}}],
		"to":[{"default":{"backends":[{"openTelemetry":{"endpoint":"a"}}]}}]}`)))}
	for warning, want := range map[string]string{
		"'from' field is deprecated, use 'rules' instead":                            "spec.from",
		"MeshSubset value for 'targetRef.kind' is deprecated, use Dataplane":         "spec.from[0].targetRef.kind",
		"openTelemetry.endpoint is deprecated, use openTelemetry.backendRef instead": "spec.to[0].default.backends[0].openTelemetry.endpoint",
		"something else is deprecated":                                               "spec",
	} {
		if got := m.warnedAbout(warning).String(); got != want {
			t.Errorf("%q is on %s, want %s", warning, got, want)
		}
	}
}

func TestAttributeOf(t *testing.T) {
	t.Parallel()
	spec := model{Spec: types.DynamicValue(object(t.Context(), nil))}
	fields := model{Fields: types.DynamicValue(object(t.Context(), nil))}
	for field, want := range map[string]string{
		"":                               "spec",
		"spec":                           "spec",
		"spec.to[0].default.idle":        "spec.to[0].default.idle",
		`labels["kuma.io/origin"]`:       `labels["kuma.io/origin"]`,
		"name":                           "name",
		"mesh":                           "mesh",
		`spec.tags["kuma.io/service"].x`: "spec.tags.kuma.io/service.x",
	} {
		if got := spec.attributeOf(field).String(); got != want {
			t.Errorf("%s leads to %s, want %s", field, got, want)
		}
	}
	if got := fields.attributeOf("networking.inbound[0].port").String(); got != "fields.networking.inbound[0].port" {
		t.Error(got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for words, want := range map[[2]string]int{{"", ""}: 0, {"a", ""}: 1, {"MeshTimeout", "meshTimeouts"}: 1, {"kitten", "sitting"}: 3} {
		if got := distance(words[0], words[1]); got != want {
			t.Errorf("%v: %d, want %d", words, got, want)
		}
	}
}
