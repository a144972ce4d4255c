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

// Whatever somebody else changes is a difference, and is put right.
func TestDriftOfEveryAttribute(t *testing.T) {
	drift := map[string][2]string{
		"networking.outbound.passthrough":                     {"networking.outbound.passthrough", "true"},
		"routing.locality_aware_load_balancing":               {"routing.localityAwareLoadBalancing", "false"},
		"routing.zone_egress":                                 {"routing.zoneEgress", "true"},
		"routing.default_forbid_mesh_external_service_access": {"routing.defaultForbidMeshExternalServiceAccess", "true"},
		"mesh_services.mode":                                  {"meshServices.mode", "2"},
		"constraints.dataplane_proxy.requirements.tags":       {"constraints.dataplaneProxy.requirements.1.tags", `{"a": "c"}`},
		"constraints.dataplane_proxy.restrictions.tags":       {"constraints.dataplaneProxy.restrictions.0.tags", `{"legacy": "1"}`},
		"logging.default_backend":                             {"logging.defaultBackend", `"tcp"`},
		"logging.backends.name":                               {"logging.backends.1.name", `"other"`},
		"logging.backends.format":                             {"logging.backends.0.format", `""`},
		"logging.backends.file.path":                          {"logging.backends.0.conf.path", `"/x"`},
		"logging.backends.tcp.address":                        {"logging.backends.1.conf.address", `"x:1"`},
		"tracing.default_backend":                             {"tracing.defaultBackend", `"dd"`},
		"tracing.backends.name":                               {"tracing.backends.0.name", `"z"`},
		"tracing.backends.sampling":                           {"tracing.backends.1.sampling", "null"},
		"tracing.backends.zipkin.url":                         {"tracing.backends.0.conf.url", `"http://x:1/"`},
		"tracing.backends.zipkin.trace_id_128bit":             {"tracing.backends.0.conf.traceId128bit", "false"},
		"tracing.backends.zipkin.api_version":                 {"tracing.backends.0.conf.apiVersion", `"httpJson"`},
		"tracing.backends.zipkin.shared_span_context":         {"tracing.backends.0.conf.sharedSpanContext", "true"},
		"tracing.backends.datadog.address":                    {"tracing.backends.1.conf.address", `"x"`},
		"tracing.backends.datadog.port":                       {"tracing.backends.1.conf.port", "8127"},
		"tracing.backends.datadog.split_service":              {"tracing.backends.1.conf.splitService", "null"},
		"metrics.enabled_backend":                             {"metrics.enabledBackend", `""`},
		"metrics.backends.name":                               {"metrics.backends.0.name", `"p"`},
		"metrics.backends.prometheus.port":                    {"metrics.backends.0.conf.port", "5670"},
		"metrics.backends.prometheus.path":                    {"metrics.backends.0.conf.path", `"/metrics"`},
		"metrics.backends.prometheus.tags":                    {"metrics.backends.0.conf.tags", `{}`},
		"metrics.backends.prometheus.skip_mtls":               {"metrics.backends.0.conf.skipMTLS", "false"},
		"metrics.backends.prometheus.tls.mode":                {"metrics.backends.0.conf.tls.mode", `"providedTLS"`},
		"metrics.backends.prometheus.aggregate.name":          {"metrics.backends.0.conf.aggregate.0.name", `"x"`},
		"metrics.backends.prometheus.aggregate.port":          {"metrics.backends.0.conf.aggregate.1.port", "2"},
		"metrics.backends.prometheus.aggregate.path":          {"metrics.backends.0.conf.aggregate.1.path", `"/y"`},
		"metrics.backends.prometheus.aggregate.address":       {"metrics.backends.0.conf.aggregate.0.address", `""`},
		"metrics.backends.prometheus.aggregate.enabled":       {"metrics.backends.0.conf.aggregate.0.enabled", "true"},
		"metrics.backends.prometheus.envoy.filter_regex":      {"metrics.backends.0.conf.envoy.filterRegex", `"x"`},
		"metrics.backends.prometheus.envoy.used_only":         {"metrics.backends.0.conf.envoy.usedOnly", "null"},
	}
	original := setMesh(t)
	wanted := read(t, original)
	for _, leaf := range mesh.Leaves() {
		change, ok := drift[leaf]
		if !ok {
			t.Errorf("%s: no test changes it behind our back", leaf)
			continue
		}
		delete(drift, leaf)
		changed := put(t, original, change[0], change[1])
		if reflect.DeepEqual(read(t, changed), wanted) {
			t.Errorf("%s: the change is not seen", leaf)
		}
		restored := edit(t, changed, wanted)
		if !sameMeaning(read(t, restored), wanted) {
			t.Errorf("%s: it is not put right, but\n%s", leaf, restored)
		}
		if again := edit(t, restored, wanted); again != restored {
			t.Errorf("%s: a second edit makes\n%s\nof\n%s", leaf, again, restored)
		}
	}
	for leaf := range drift {
		t.Errorf("%s: there is no such attribute", leaf)
	}
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
