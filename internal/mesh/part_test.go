package mesh_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mesh"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
)

// setMesh is a mesh with a value of its own in every attribute.
func setMesh(t *testing.T) string {
	t.Helper()
	document := map[string]json.RawMessage{}
	for _, s := range sectionsOf("2.14.3") {
		document[s.member] = json.RawMessage(s.setDocument)
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func read(t *testing.T, document string) map[string]attr.Value {
	t.Helper()
	values, err := mesh.Read(document)
	if err != nil {
		t.Fatalf("%s: %s", document, err)
	}
	return values
}

func edit(t *testing.T, document string, wanted map[string]attr.Value) string {
	t.Helper()
	edited, err := mesh.Edit(document, wanted)
	if err != nil {
		t.Fatalf("%s: %s", document, err)
	}
	return edited
}

// put changes one value of a document, at a path of members and indexes.
func put(t *testing.T, document, path, value string) string {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		t.Fatal(err)
	}
	at, steps := root, strings.Split(path, ".")
	for i, step := range steps {
		switch node := at.(type) {
		case []any:
			index, err := strconv.Atoi(step)
			if err != nil || index >= len(node) {
				t.Fatalf("%s: no such item", path)
			}
			at = node[index]
		case map[string]any:
			if i == len(steps)-1 {
				node[step] = json.RawMessage(value)
				break
			}
			if node[step] == nil {
				node[step] = map[string]any{}
			}
			at = node[step]
		default:
			t.Fatalf("%s: nothing at %s", path, step)
		}
	}
	changed, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// Whatever somebody else changes is a difference, and is put right: another
// value, and none.
func TestDriftOfEveryAttribute(t *testing.T) {
	original := setMesh(t)
	wanted := read(t, original)
	var document any
	if err := json.Unmarshal([]byte(original), &document); err != nil {
		t.Fatal(err)
	}
	places := placesOf(mesh.Sections(), "", nil, document)
	for _, leaf := range mesh.Leaves() {
		at, ok := places[leaf]
		if !ok {
			t.Errorf("%s: the document has no place for it", leaf)
			continue
		}
		changed := put(t, original, at.member, at.other)
		if reflect.DeepEqual(read(t, changed), wanted) {
			t.Errorf("%s: the change to %s is not seen", leaf, at.other)
		}
		for _, drifted := range []string{changed, put(t, original, at.member, "null")} {
			restored := edit(t, drifted, wanted)
			if !sameMeaning(read(t, restored), wanted) {
				t.Errorf("%s: it is not put right, but\n%s", leaf, restored)
			}
			if again := edit(t, restored, wanted); again != restored {
				t.Errorf("%s: a second edit makes\n%s\nof\n%s", leaf, again, restored)
			}
		}
	}
}

// A place is the path of an attribute's member in a document, and another value for it.
type place struct{ member, other string }

// placesOf returns a place of each attribute without attributes of its own: the first one in a list.
func placesOf(parts part.Parts, attribute string, member []string, document any) map[string]place {
	all := map[string]place{}
	object, ok := document.(map[string]any)
	if !ok {
		return all
	}
	within := func(p part.Part, parts part.Parts, at []string, document any) {
		for name, found := range placesOf(parts, attribute+p.Name+".", at, document) {
			if _, known := all[name]; !known {
				all[name] = found
			}
		}
	}
	for _, p := range parts {
		at := append(slices.Clone(member), p.Member)
		switch kind := p.Kind.(type) {
		case part.Object:
			within(p, kind.Parts, at, object[p.Member])
		case part.List:
			items, _ := object[p.Member].([]any)
			for i, item := range items {
				types := slices.DeleteFunc(slices.Clone(kind.Types), func(t part.Part) bool { return t.Name != item.(map[string]any)["type"] })
				within(p, slices.Concat(kind.Parts, types), append(slices.Clone(at), strconv.Itoa(i)), item)
			}
		default:
			all[attribute+p.Name] = place{strings.Join(at, "."), other(kind, object[p.Member])}
		}
	}
	return all
}

// other returns a value of a kind, as JSON, that is neither this one nor the default.
func other(kind part.Kind, now any) string {
	switch kind := kind.(type) {
	case part.Boolean:
		if is, set := now.(bool); set {
			return strconv.FormatBool(!is)
		}
		return strconv.FormatBool(!kind.Default)
	case part.Port:
		return "2"
	case part.Percent:
		return "1.5"
	case part.Map:
		return `{"changed": "behind our back"}`
	case part.Text:
		for i, value := range kind.Values {
			if value != now && value != kind.Default {
				return strconv.Itoa(i) // which a document may have instead of the value
			}
		}
	}
	return `"changed"`
}

// sameMeaning compares sections; items with names may be in another order.
func sameMeaning(a, b map[string]attr.Value) bool {
	letters := func(values map[string]attr.Value) []byte {
		var all []byte
		for _, value := range values {
			all = append(all, value.String()...)
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(letters(a), letters(b))
}

// Every attribute is in the forms that the acceptance tests set and change.
func TestEveryAttributeIsSetAndChanged(t *testing.T) {
	set, changed := "", ""
	for _, s := range sectionsOf("2.14.3") {
		set, changed = set+s.set, changed+s.changed
	}
	for _, leaf := range mesh.Leaves() {
		name := leaf[strings.LastIndex(leaf, ".")+1:]
		if leaf == "routing.zone_egress" { // needs mTLS: TestAccMesh_zoneEgress
			continue
		}
		if !strings.Contains(set, name) || !strings.Contains(changed, name) {
			t.Errorf("%s is not set, or not changed", leaf)
		}
	}
}

// What means the same is left alone, byte for byte, however it is written.
func TestSectionsThatMeanTheSameStay(t *testing.T) {
	for name, document := range map[string]string{
		"nothing":              `{}`,
		"empty":                `{"networking": {}, "routing": {}, "meshServices": {}, "constraints": {"dataplaneProxy": {}}, "logging": {"backends": []}, "tracing": {}, "metrics": {"backends":null}}`,
		"null":                 `{"networking": null, "routing": {"zoneEgress": null}, "logging": null}`,
		"defaults":             `{"networking": {"outbound": {"passthrough": true}}, "routing": {"zoneEgress": false, "localityAwareLoadBalancing":false}, "meshServices": {"mode": "Disabled"}}`,
		"numbers":              `{"meshServices":{"mode": 3}, "tracing": {"backends": [{"type": "datadog", "name": "dd", "sampling": 50.50, "conf": {"address": "a", "port": "8126"}}, {"type":"datadog","name":"e","sampling":"1e1","conf":{"address":"a","port":8.126e3}}]}}`,
		"unknown members":      `{"routing": {"future": {"x": 1.10000000000000000000001}, "zoneEgress":  true}, "logging": {"future": [ ], "backends": [ {"name": "f", "future": 9007199254740993, "type": "file", "conf": {"path": "/x",  "more": 1e400}} ]}}`,
		"unknown types":        `{"logging": {"defaultBackend": "s", "backends": [{"name": "s", "type": "syslog", "conf": {"port": 9007199254740993}},  {"name":"f","type":"file","conf":{"path":"/x"}}]}, "metrics": {"backends": [{"type": "otel"}]}}`,
		"what is filled in":    `{"metrics": {"enabledBackend": "p", "backends": [{"name": "p", "type": "prometheus", "conf": {"path": "/metrics", "port": 5670, "tags": {"kuma.io/service": "dataplane-metrics"}, "tls": {}}}]}}`,
		"TLS from skipMTLS":    `{"metrics": {"backends": [{"name": "p", "type": "prometheus", "conf": {"skipMTLS": true, "tls": {"mode": "disabled"}}}]}}`,
		"skipMTLS as it is":    `{"metrics": {"backends": [{"name": "p", "type": "prometheus", "conf": {"skipMTLS": false, "tls": {"mode": 0}}}]}}`,
		"a backend without it": `{"metrics": {"backends": [{"name": "p", "type": "prometheus"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := edit(t, document, read(t, document)); got != document {
				t.Errorf("of\n%s\nit makes\n%s", document, got)
			}
		})
	}
}

// What is not ours stays when what is ours goes or changes.
func TestOthersStayWhenOursGo(t *testing.T) {
	const document = `{"logging": {"future": 1.0, "defaultBackend": "f", "backends": [ {"name": "s", "type": "syslog",  "conf": {"n": 9007199254740993}}, {"name": "f", "type": "file", "conf": {"path": "/x", "more": 1e400}} ]}, "routing": {"zoneEgress": true}}`
	gone := edit(t, document, map[string]attr.Value{})
	if want := `{"logging": {"future": 1.0, "backends": [ {"name": "s", "type": "syslog",  "conf": {"n": 9007199254740993}} ]}}`; gone != want {
		t.Errorf("without ours it is\n%s\nand not\n%s", gone, want)
	}
	changed := edit(t, document, read(t, strings.Replace(document, "/x", "/y", 1)))
	if want := strings.Replace(document, "/x", "/y", 1); changed != want {
		t.Errorf("changed it is\n%s\nand not\n%s", changed, want)
	}
}

func TestUnreadableSections(t *testing.T) {
	for _, document := range []string{
		`{"networking": []}`, `{"networking": {"outbound": {"passthrough": "yes"}}}`, `{"logging": {"backends": {}}}`,
		`{"logging": {"backends": [1]}}`, `{"tracing": {"backends": [{"name": "z", "type": "zipkin", "sampling": "much"}]}}`,
		`{"tracing": {"backends": [{"name": "d", "type": "datadog", "conf": {"port": 1.5}}]}}`, `{"logging": {"backends": [{"type": 1}]}}`,
		`{"metrics": {"backends": [{"name": "p", "type": "prometheus", "conf": {"tags": {"a": 1}}}]}}`, `{"meshServices": {"mode": {}}}`,
	} {
		if _, err := mesh.Read(document); err == nil {
			t.Errorf("%s is read", document)
		}
	}
}

// A refusal goes to the attribute that the field comes from: by the name of a
// backend, as an index of the document counts those of others too.
func TestRefusedFields(t *testing.T) {
	const sent = `{
		"constraints": {"dataplaneProxy": {"requirements": [{"tags": {"a": "b"}}, {"tags": {"c.d/e": "f"}}], "restrictions": [{"tags": {"g": "h"}}]}},
		"logging": {"backends": [{"name": "s", "type": "syslog"}, {"name": "f", "type": "file", "conf": {"path": "/x"}}, {"name": "t", "type": "tcp", "conf": {"address": "a:1"}}]},
		"tracing": {"backends": [{"name": "z", "type": "zipkin", "conf": {"url": "http://z:1"}}, {"name": "d", "type": "datadog", "conf": {"address": "a", "port": 1}}]},
		"metrics": {"backends": [{"name": "p", "type": "prometheus", "conf": {"aggregate": [{"name": "a"}, {"name": "b"}], "envoy": {"filterRegex": "x"}}}]},
		"routing": {"zoneEgress": true}}`
	planned := read(t, sent)
	fields := map[string]string{
		// As recorded.
		"name":                         "name",
		"type":                         "name",
		"mesh":                         "name",
		"mtls":                         "routing.zone_egress",
		`labels["bad key!"]`:           `labels["bad key!"]`,
		`labels["ok"]`:                 `labels["ok"]`,
		`labels["kuma.io/mesh"]`:       `labels["kuma.io/mesh"]`,
		`labels["kuma.io/origin"]`:     `labels["kuma.io/origin"]`,
		"labels":                       "labels",
		"skipCreatingInitialPolicies":  "skip_creating_initial_policies",
		"networking.outbound":          "networking.outbound",
		"routing.zoneEgress":           "routing.zone_egress",
		"meshServices.mode":            "mesh_services.mode",
		"meshServices.mode.more":       "mesh_services.mode",
		"somethingElse[0].entirely":    "name",
		"":                             "name",
		"networking.outbound.newThing": "networking.outbound",
		// As in the rules for a mesh.
		"constraints.dataplaneProxy.requirements[1].tags":            "constraints.dataplane_proxy.requirements[1].tags",
		`constraints.dataplaneProxy.requirements[1].tags["c.d/e"]`:   `constraints.dataplane_proxy.requirements[1].tags["c.d/e"]`,
		`constraints.dataplaneProxy.restrictions[0].tags["bad [x]"]`: `constraints.dataplane_proxy.restrictions[0].tags["bad [x]"]`,
		"constraints.dataplaneProxy.requirements[9].tags":            "constraints.dataplane_proxy.requirements",
		"logging.defaultBackend":                                     "logging.default_backend",
		"logging.backends[0].config.port":                            "logging.backends",
		"logging.backends[1].name":                                   "logging.backends[0].name",
		"logging.backends[1].config":                                 "logging.backends[0].file",
		"logging.backends[1].config.path":                            "logging.backends[0].file.path",
		"logging.backends[2].config.address":                         "logging.backends[1].tcp.address",
		"logging.backends[2].type":                                   "logging.backends[1].tcp",
		"tracing.defaultBackend":                                     "tracing.default_backend",
		"tracing.backends[0].sampling":                               "tracing.backends[0].sampling",
		"tracing.backends[0].config.url":                             "tracing.backends[0].zipkin.url",
		"tracing.backends[0].config.apiVersion":                      "tracing.backends[0].zipkin.api_version",
		"tracing.backends[1].config.address":                         "tracing.backends[1].datadog.address",
		"tracing.backends[1].config.port":                            "tracing.backends[1].datadog.port",
		"metrics.enabledBackend":                                     "metrics.enabled_backend",
		"metrics.backends[0].name":                                   "metrics.backends[0].name",
		"metrics.backends[0].type":                                   "metrics.backends[0].prometheus",
		"metrics.backends[0].conf":                                   "metrics.backends[0].prometheus",
		"metrics.backends[0].conf.envoy.filterRegex":                 "metrics.backends[0].prometheus.envoy.filter_regex",
		"metrics.backends[0].conf.aggregate[1].name":                 "metrics.backends[0].prometheus.aggregate[1].name",
	}
	for field, want := range fields {
		got, err := mesh.AttributeOf(field, sent, planned)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("%s is put on %s, not on %s", field, got, want)
		}
		acctest.HasAttribute(t, mesh.NewResource(), got)
	}
	for _, field := range acctest.RefusedFields(t) {
		if _, ok := fields[field]; !ok && !strings.HasPrefix(field, "mtls.") { // those are kongmesh_mtls_provided_backend's
			t.Errorf("%s is recorded, and not in this table", field)
		}
	}
}
