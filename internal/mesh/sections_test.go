package mesh_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A section of a mesh in four forms: with each attribute set, each set to
// something else, none set that can be left out, and the documents that these
// are at the control plane.
type section struct {
	name, member string
	version      string // "" is each
	set          string // without anything that the control plane fills in
	changed      string
	least        string
	setDocument  string
	changedDoc   string
	leastDoc     string
}

func sectionsOf(version string) []section {
	return slices.DeleteFunc([]section{
		{
			name: "networking", member: "networking",
			set:         `{ outbound = { passthrough = false } }`,
			changed:     `{ outbound = { passthrough = true } }`,
			least:       `{ outbound = {} }`,
			setDocument: `{"outbound": {"passthrough": false}}`,
		},
		{
			name: "routing", member: "routing", version: "2.7.29",
			set:         `{ locality_aware_load_balancing = true }`,
			changed:     `{ locality_aware_load_balancing = false }`,
			least:       `{}`,
			setDocument: `{"localityAwareLoadBalancing": true}`,
		},
		{
			name: "routing", member: "routing", version: "2.14.3",
			set:         `{ locality_aware_load_balancing = true, default_forbid_mesh_external_service_access = false }`,
			changed:     `{ locality_aware_load_balancing = false, default_forbid_mesh_external_service_access = true }`,
			least:       `{}`,
			setDocument: `{"localityAwareLoadBalancing": true}`,
			changedDoc:  `{"defaultForbidMeshExternalServiceAccess": true}`,
		},
		{
			name: "mesh_services", member: "meshServices", version: "2.14.3",
			set:         `{ mode = "Exclusive" }`,
			changed:     `{ mode = "Everywhere" }`,
			least:       `{}`,
			setDocument: `{"mode": "Exclusive"}`,
			changedDoc:  `{"mode": "Everywhere"}`,
		},
		{
			name: "constraints", member: "constraints",
			set: `{ dataplane_proxy = {
				requirements = [{ tags = { "kuma.io/zone" = "east", team = "*" } }, { tags = { a = "b" } }]
				restrictions = [{ tags = { legacy = "*" } }]
			} }`,
			changed: `{ dataplane_proxy = {
				requirements = [{ tags = { "kuma.io/zone" = "west" } }]
				restrictions = [{ tags = { legacy = "1" } }, { tags = { old = "*" } }]
			} }`,
			least:       `{ dataplane_proxy = {} }`,
			setDocument: `{"dataplaneProxy": {"requirements": [{"tags": {"kuma.io/zone": "east", "team": "*"}}, {"tags": {"a": "b"}}], "restrictions": [{"tags": {"legacy": "*"}}]}}`,
			changedDoc:  `{"dataplaneProxy": {"requirements": [{"tags": {"kuma.io/zone": "west"}}], "restrictions": [{"tags": {"legacy": "1"}}, {"tags": {"old": "*"}}]}}`,
		},
		{
			name: "logging", member: "logging",
			set: `{
				default_backend = "file"
				backends = [
					{ name = "file", format = "%START_TIME%", file = { path = "/var/log/mesh/access.log" } },
					{ name = "tcp", tcp = { address = "127.0.0.1:5000" } },
				]
			}`,
			changed: `{
				default_backend = "tcp"
				backends = [
					{ name = "tcp", format = "%PROTOCOL%", tcp = { address = "[::1]:5001" } },
					{ name = "file", format = "%BYTES_SENT%", file = { path = "/var/log/mesh/other.log" } },
				]
			}`,
			least:       `{ backends = [{ name = "file", tcp = { address = "localhost:1" } }] }`,
			setDocument: `{"defaultBackend": "file", "backends": [{"name": "file", "type": "file", "format": "%START_TIME%", "conf": {"path": "/var/log/mesh/access.log"}}, {"name": "tcp", "type": "tcp", "conf": {"address": "127.0.0.1:5000"}}]}`,
			changedDoc:  `{"defaultBackend": "tcp", "backends": [{"name": "file", "type": "file", "format": "%BYTES_SENT%", "conf": {"path": "/var/log/mesh/other.log"}}, {"name": "tcp", "type": "tcp", "format": "%PROTOCOL%", "conf": {"address": "[::1]:5001"}}]}`,
			leastDoc:    `{"backends": [{"name": "file", "type": "tcp", "conf": {"address": "localhost:1"}}]}`,
		},
		{
			name: "tracing", member: "tracing",
			set: `{
				default_backend = "zipkin"
				backends = [
					{
						name     = "zipkin"
						sampling = 50.5
						zipkin = {
							url                 = "http://zipkin:9411/api/v2/spans"
							trace_id_128bit     = true
							api_version         = "httpProto"
							shared_span_context = false
						}
					},
					{ name = "dd", sampling = 0, datadog = { address = "127.0.0.1", port = 8126, split_service = true } },
				]
			}`,
			changed: `{
				default_backend = "dd"
				backends = [
					{
						name     = "zipkin"
						sampling = 33.3
						zipkin = {
							url                 = "https://zipkin:443/api/v1/spans"
							trace_id_128bit     = false
							api_version         = "httpJsonV1"
							shared_span_context = true
						}
					},
					{ name = "dd", sampling = 0.1, datadog = { address = "dd", port = 65535, split_service = false } },
				]
			}`,
			least: `{
				backends = [
					{ name = "zipkin", zipkin = { url = "http://zipkin:9411/" } },
					{ name = "dd", datadog = { address = "dd", port = 1 } },
				]
			}`,
			setDocument: `{"defaultBackend": "zipkin", "backends": [{"name": "zipkin", "type": "zipkin", "sampling": 50.5, "conf": {"url": "http://zipkin:9411/api/v2/spans", "traceId128bit": true, "apiVersion": "httpProto", "sharedSpanContext": false}}, {"name": "dd", "type": "datadog", "sampling": 0, "conf": {"address": "127.0.0.1", "port": 8126, "splitService": true}}]}`,
			changedDoc:  `{"defaultBackend": "dd", "backends": [{"name": "zipkin", "type": "zipkin", "sampling": 33.3, "conf": {"url": "https://zipkin:443/api/v1/spans", "apiVersion": "httpJsonV1"}}, {"name": "dd", "type": "datadog", "sampling": 0.1, "conf": {"address": "dd", "port": 65535}}]}`,
			leastDoc:    `{"backends": [{"name": "zipkin", "type": "zipkin", "conf": {"url": "http://zipkin:9411/"}}, {"name": "dd", "type": "datadog", "conf": {"address": "dd", "port": 1}}]}`,
		},
		{
			name: "metrics", member: "metrics",
			set: `{
				enabled_backend = "prom"
				backends = [{
					name = "prom"
					prometheus = {
						port      = 5671
						path      = "/m"
						skip_mtls = true
						tags      = { "kuma.io/service" = "dp-metrics", a = "b" }
						tls       = { mode = "disabled" }
						aggregate = [
							{ name = "app", port = 8080, path = "/stats", address = "127.0.0.1", enabled = false },
							{ name = "other", port = 1 },
						]
						envoy = { filter_regex = "http2_.*", used_only = true }
					}
				}]
			}`,
			changed: `{
				enabled_backend = "prom"
				backends = [{
					name = "prom"
					prometheus = {
						port      = 65535
						path      = "/n"
						skip_mtls = false
						tags      = { "kuma.io/service" = "other" }
						tls       = { mode = "activeMTLSBackend" }
						aggregate = [
							{ name = "other", port = 2, path = "/x", address = "::1", enabled = false },
							{ name = "app", port = 8081, path = "/s", address = "127.0.0.2", enabled = true },
						]
						envoy = { filter_regex = "a|b", used_only = false }
					}
				}]
			}`,
			least:       `{ backends = [{ name = "prom", prometheus = {} }] }`,
			setDocument: `{"enabledBackend": "prom", "backends": [{"name": "prom", "type": "prometheus", "conf": {"port": 5671, "path": "/m", "skipMTLS": true, "tags": {"kuma.io/service": "dp-metrics", "a": "b"}, "tls": {"mode": "disabled"}, "aggregate": [{"name": "app", "port": 8080, "path": "/stats", "address": "127.0.0.1", "enabled": false}, {"name": "other", "port": 1}], "envoy": {"filterRegex": "http2_.*", "usedOnly": true}}}]}`,
			changedDoc:  `{"enabledBackend": "prom", "backends": [{"name": "prom", "type": "prometheus", "conf": {"port": 65535, "path": "/n", "tags": {"kuma.io/service": "other"}, "tls": {}, "aggregate": [{"name": "app", "port": 8081, "path": "/s", "address": "127.0.0.2"}, {"name": "other", "port": 2, "path": "/x", "address": "::1", "enabled": false}], "envoy": {"filterRegex": "a|b"}}}]}`,
			leastDoc:    `{"backends": [{"name": "prom", "type": "prometheus", "conf": {"port": 5670, "path": "/metrics", "tags": {"kuma.io/service": "dataplane-metrics"}, "tls": {}}}]}`,
		},
	}, func(s section) bool { return s.version != "" && s.version != version })
}

// versions runs a test on what each version makes of a mesh.
func versions(t *testing.T, test func(t *testing.T, env *acctest.Env, version string)) {
	t.Helper()
	for _, version := range []string{"2.14.3", "2.7.29"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, acctest.New(t, kumatest.Version(version)), version)
		})
	}
}

// holds checks a section of a mesh's document; "" is none, or one without content.
func holds(env *acctest.Env, mesh, member, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var document map[string]any
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh, nil), &document); err != nil {
			return err
		}
		got := document[member]
		if want == "" {
			want = "null"
			if reflect.DeepEqual(got, map[string]any{}) {
				got = nil
			}
		}
		var wanted any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, wanted) {
			is, _ := json.Marshal(got)
			return fmt.Errorf("%s is\n%s\nand not\n%s", member, is, want)
		}
		return nil
	}
}

func TestAccMesh_sections(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, env *acctest.Env, version string) {
		name, all := env.Mesh(), sectionsOf(version)
		with := func(form func(section) string) string {
			body := ""
			for _, s := range all {
				if value := form(s); value != "" {
					body += "  " + s.name + " = " + value + "\n"
				}
			}
			return env.Config("resource \"kongmesh_mesh\" \"this\" {\n  name = $name\n"+body+"}", "name", name)
		}
		document := func(form func(section) string) resource.TestCheckFunc {
			var checks []resource.TestCheckFunc
			for _, s := range all {
				checks = append(checks, holds(env, name, s.member, form(s)))
			}
			return resource.ComposeAggregateTestCheckFunc(checks...)
		}
		change := func(edit func(mesh map[string]any, s section)) func() {
			return func() {
				env.Change("/meshes/"+name, func(mesh map[string]any) {
					for _, s := range all {
						edit(mesh, s)
					}
				})
			}
		}
		set, setDocument := func(s section) string { return s.set }, func(s section) string { return s.setDocument }
		nothing := func(section) string { return "" }
		updates := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}}
		var isNull []statecheck.StateCheck
		for _, s := range all {
			isNull = append(isNull, statecheck.ExpectKnownValue(address, tfjsonpath.New(s.name), knownvalue.Null()))
		}
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			CheckDestroy:             env.Gone("/meshes/" + name),
			Steps: []resource.TestStep{
				{Config: with(set), Check: document(setDocument)},
				{
					ImportState: true, ResourceName: address, ImportStateId: name, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerify: true,
					ImportStateVerifyIgnore: []string{"metrics.backends.0.prometheus.tls"}, // follows from skip_mtls
				},
				{Config: with(func(s section) string { return s.changed }), ConfigPlanChecks: updates, Check: document(func(s section) string { return s.changedDoc })},
				{Config: with(func(s section) string { return s.least }), ConfigPlanChecks: updates, Check: document(func(s section) string { return s.leastDoc })},
				{Config: with(set), ConfigPlanChecks: updates, Check: document(setDocument)},
				{ // gone behind our back
					PreConfig: change(func(mesh map[string]any, s section) { delete(mesh, s.member) }),
					Config:    with(set), ConfigPlanChecks: updates, Check: document(setDocument),
				},
				{ // all of it changed behind our back
					PreConfig: change(func(mesh map[string]any, s section) {
						mesh[s.member] = json.RawMessage(cmp.Or(s.changedDoc, `{}`))
					}),
					Config: with(set), ConfigPlanChecks: updates, Check: document(setDocument),
				},
				{ // taken out of the configuration: taken out of the mesh
					Config: with(nothing), ConfigPlanChecks: updates, Check: document(nothing), ConfigStateChecks: isNull,
				},
				{ // not in the configuration: not managed
					PreConfig:        change(func(mesh map[string]any, s section) { mesh[s.member] = json.RawMessage(s.setDocument) }),
					Config:           with(nothing),
					ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
					Check:            document(setDocument),
				},
			},
		})
	})
}

// What is in the mesh, and in the words of a person, plans clean after an
// import; what the configuration lacks is seen.
func TestAccMesh_sectionsImported(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, env *acctest.Env, version string) {
		name := env.Mesh()
		document := map[string]any{"type": "Mesh", "name": name, "labels": map[string]string{"team": "platform"}}
		imports := env.Config("import {\n  to = kongmesh_mesh.this\n  id = $name\n}\nresource \"kongmesh_mesh\" \"this\" {\n  name = $name\n", "name", name)
		body := "  labels = { team = \"platform\" }\n"
		for _, s := range sectionsOf(version) {
			document[s.member] = json.RawMessage(s.setDocument)
			body += "  " + s.name + " = " + strings.Replace(s.set, `tls       = { mode = "disabled" }`, "", 1) + "\n"
		}
		env.Must(http.MethodPut, "/meshes/"+name, document)
		action := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
			return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
		}
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			Steps:                    []resource.TestStep{{Config: imports + body + "}", ConfigPlanChecks: action(plancheck.ResourceActionNoop)}},
		})
		env.Must(http.MethodPut, "/meshes/"+name, document) // the test above has deleted it
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			Steps: []resource.TestStep{{
				Config: imports + "}", ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(holds(env, name, "logging", ""), holds(env, name, "tracing", ""), holds(env, name, "metrics", "")),
			}},
		})
	})
}
