package mesh_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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

const address = "kongmesh_mesh.this"

func TestAccMesh_life(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	name := env.Mesh()
	with := func(body string) string {
		return env.Config(`resource "kongmesh_mesh" "this" {
			name = $name
			`+body+`
		}`, "name", name)
	}
	value := func(attribute string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
	}
	action := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + name),
		Steps: []resource.TestStep{
			{
				Config:            with(`skip_creating_initial_policies = ["*"]`),
				ConfigStateChecks: []statecheck.StateCheck{value("labels", knownvalue.Null()), value("skip_creating_initial_policies", knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("*")}))},
			},
			{ // labels that are not in the configuration are not managed
				PreConfig: func() {
					env.Change("/meshes/"+name, func(mesh map[string]any) { mesh["labels"] = map[string]any{"of": "others"} })
				},
				Config:           with(`skip_creating_initial_policies = ["*"]`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check:            holdsLabels(env, name, "of"),
			},
			{
				Config:            with(`labels = { team = "platform", "example.com/tier" = "1" }`),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{value("labels", knownvalue.MapSizeExact(2)), value("skip_creating_initial_policies", knownvalue.Null())},
			},
			{ // labels changed behind Terraform's back
				PreConfig: func() {
					env.Change("/meshes/"+name, func(mesh map[string]any) { mesh["labels"] = map[string]any{"team": "other", "more": "x"} })
				},
				Config:           with(`labels = { team = "platform", "example.com/tier" = "1" }`),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{value("labels", knownvalue.MapExact(map[string]knownvalue.Check{
					"team": knownvalue.StringExact("platform"), "example.com/tier": knownvalue.StringExact("1"),
				}))},
			},
			{ // and initial policies
				PreConfig: func() {
					env.Change("/meshes/"+name, func(mesh map[string]any) { mesh["skipCreatingInitialPolicies"] = []any{"MeshRetry", "MeshTimeout"} })
				},
				Config: with(`labels                         = {}
					skip_creating_initial_policies = ["MeshTimeout", "MeshRetry"]`),
				ConfigStateChecks: []statecheck.StateCheck{value("labels", knownvalue.MapSizeExact(0)), value("skip_creating_initial_policies", knownvalue.SetSizeExact(2))},
			},
			{ImportState: true, ResourceName: address, ImportStateId: name, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerify: true},
			{ // disappears
				PreConfig:        func() { env.Must(http.MethodDelete, "/meshes/"+name, nil) },
				Config:           with(``),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
			},
			{ // an import block plans nothing
				Config:          with(``),
				ImportState:     true,
				ImportStateKind: resource.ImportBlockWithID,
				ResourceName:    address,
				ImportStateId:   name,
			},
			{ // another name is another mesh
				Config:           env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name+"-2"),
				ConfigPlanChecks: action(plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
	})
}

func TestAccMesh_existsAlready(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	name := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+name, `{"type": "Mesh", "name": "`+name+`"}`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name),
			ExpectError: acctest.Words("Exists already", "import {", "to = kongmesh_mesh.NAME", `id = "`+name+`"`,
				"another address in the state", "moved {", "from = kongmesh_mesh.OLD", "to = kongmesh_mesh.NAME"),
		}},
	})
}

func TestAccMesh_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	type bad struct {
		body string
		want []string
	}
	section := func(body string, want ...string) bad { return bad{"name = \"m\"\n" + body, want} }
	for name, test := range map[string]bad{
		"upper case":         {`name = "Upper"`, []string{`name = "Upper"`, `lowercase letters`}},
		"underscore":         {`name = "a_b"`, []string{`lowercase letters`}},
		"too long":           {`name = "` + strings.Repeat("a", 64) + `"`, []string{`64 characters`}},
		"empty":              {`name = ""`, []string{`it is empty`}},
		"label name":         {"name = \"m\"\nlabels = { \"bad key!\" = \"x\" }", []string{`Invalid label`, `bad key!`}},
		"label value":        {"name = \"m\"\nlabels = { ok = \"bad value!\" }", []string{`Invalid label`, `bad value!`}},
		"label of Kuma":      {"name = \"m\"\nlabels = { \"kuma.io/origin\" = \"zone\" }", []string{`belong to the control plane`}},
		"no passthrough":     section(`networking = { outbound = { passthrough = "maybe" } }`, `passthrough`, `a bool is required`),
		"no outbound":        section(`networking = {}`, `"outbound" is required`),
		"routing":            section(`routing = { zone_egress = 1 }`, `zone_egress`),
		"mode":               section(`mesh_services = { mode = "Wrong" }`, `mesh_services.mode`, `"Everywhere"`),
		"no tags":            section(`constraints = { dataplane_proxy = { requirements = [{ tags = {} }] } }`, `dataplane_proxy.requirements[0].tags`, `at least 1`),
		"tag's name":         section(`constraints = { dataplane_proxy = { requirements = [{ tags = { a = "b" } }, { tags = { "a b" = "c" } }] } }`, `requirements[1].tags["a b"]`, `letters, digits`),
		"tag's value":        section(`constraints = { dataplane_proxy = { restrictions = [{ tags = { a = "b*" } }] } }`, `restrictions[0].tags["a"]`, `or is "*"`),
		"tag without value":  section(`constraints = { dataplane_proxy = { restrictions = [{ tags = { a = "" } }] } }`, `restrictions[0].tags["a"]`),
		"no such logging":    section(`logging = { default_backend = "x", backends = [{ name = "f", file = { path = "/x" } }] }`, `logging.default_backend`, `"x" is not the name of a backend`),
		"nothing to log to":  section(`logging = { default_backend = "x" }`, `logging.default_backend`),
		"name twice":         section(`logging = { backends = [{ name = "f", file = { path = "/x" } }, { name = "f", tcp = { address = "a:1" } }] }`, `logging.backends[1].name`, `has the name "f"`),
		"no name":            section(`logging = { backends = [{ name = "", file = { path = "/x" } }] }`, `logging.backends[0].name`),
		"no type":            section(`logging = { backends = [{ name = "f" }] }`, `logging.backends[0]: The backend must have exactly one of file, tcp`),
		"two types":          section(`logging = { backends = [{ name = "f", file = { path = "/x" }, tcp = { address = "a:1" } }] }`, `logging.backends[0]: The backend has file and tcp. It must have exactly one of`),
		"no path":            section(`logging = { backends = [{ name = "f", file = { path = "" } }] }`, `logging.backends[0].file.path`),
		"no format":          section(`logging = { backends = [{ name = "f", format = "", file = { path = "/x" } }] }`, `logging.backends[0].format`),
		"address":            section(`logging = { backends = [{ name = "f", tcp = { address = "a" } }] }`, `logging.backends[0].tcp.address`, `host:port`),
		"address no host":    section(`logging = { backends = [{ name = "f", tcp = { address = ":1" } }] }`, `host:port`),
		"no such tracing":    section(`tracing = { default_backend = "x" }`, `tracing.default_backend`),
		"tracing twice":      section(`tracing = { backends = [{ name = "f", datadog = { address = "x", port = 1 } }, { name = "f", datadog = { address = "x", port = 1 } }] }`, `tracing.backends[1].name`),
		"sampling":           section(`tracing = { backends = [{ name = "d", sampling = 100.1, datadog = { address = "a", port = 1 } }] }`, `tracing.backends[0].sampling`, `between 0`),
		"negative":           section(`tracing = { backends = [{ name = "d", sampling = -1, datadog = { address = "a", port = 1 } }] }`, `tracing.backends[0].sampling`),
		"port 0":             section(`tracing = { backends = [{ name = "d", datadog = { address = "a", port = 0 } }] }`, `tracing.backends[0].datadog.port`, `between 1 and 65535`),
		"port 65536":         section(`tracing = { backends = [{ name = "d", datadog = { address = "a", port = 65536 } }] }`, `tracing.backends[0].datadog.port`),
		"no agent":           section(`tracing = { backends = [{ name = "d", datadog = { address = "", port = 1 } }] }`, `tracing.backends[0].datadog.address`),
		"no URL":             section(`tracing = { backends = [{ name = "z", zipkin = { url = "zipkin" } }] }`, `tracing.backends[0].zipkin.url`, `not a URL`),
		"URL without port":   section(`tracing = { backends = [{ name = "z", zipkin = { url = "http://zipkin/x" } }] }`, `tracing.backends[0].zipkin.url`, `URL must contain the port`),
		"API version":        section(`tracing = { backends = [{ name = "z", zipkin = { url = "http://z:1", api_version = "httpJsonV2" } }] }`, `tracing.backends[0].zipkin.api_version`, `"httpJsonV1"`),
		"no such metrics":    section(`metrics = { enabled_backend = "x" }`, `metrics.enabled_backend`),
		"metrics twice":      section(`metrics = { backends = [{ name = "f", prometheus = {} }, { name = "f", prometheus = {} }] }`, `metrics.backends[1].name`),
		"metrics of no type": section(`metrics = { backends = [{ name = "p" }] }`, `metrics.backends[0]: The backend must have prometheus`),
		"metrics port":       section(`metrics = { backends = [{ name = "p", prometheus = { port = 70000 } }] }`, `metrics.backends[0].prometheus.port`),
		"metrics path":       section(`metrics = { backends = [{ name = "p", prometheus = { path = "" } }] }`, `metrics.backends[0].prometheus.path`),
		"metrics tags":       section(`metrics = { backends = [{ name = "p", prometheus = { tags = {} } }] }`, `metrics.backends[0].prometheus.tags`),
		"TLS mode":           section(`metrics = { backends = [{ name = "p", prometheus = { tls = { mode = "delegated" } } }] }`, `metrics.backends[0].prometheus.tls.mode`, `"providedTLS"`),
		"contradiction":      section(`metrics = { backends = [{ name = "p", prometheus = { skip_mtls = true, tls = { mode = "providedTLS" } } }] }`, `Contradiction`, `prometheus.skip_mtls`, `means mode "disabled"`, `"providedTLS"`),
		"hidden":             section(`metrics = { backends = [{ name = "p", prometheus = { skip_mtls = true, tls = {} } }] }`, `Contradiction`, `"activeMTLSBackend"`),
		"aggregate twice":    section(`metrics = { backends = [{ name = "p", prometheus = { aggregate = [{ name = "a", port = 1 }, { name = "a", port = 2 }] } }] }`, `prometheus.aggregate[1].name`),
		"aggregate no name":  section(`metrics = { backends = [{ name = "p", prometheus = { aggregate = [{ name = "", port = 1 }] } }] }`, `prometheus.aggregate[0].name`),
		"aggregate's port":   section(`metrics = { backends = [{ name = "p", prometheus = { aggregate = [{ name = "a", port = 0 }] } }] }`, `prometheus.aggregate[0].port`),
		"aggregate's path":   section(`metrics = { backends = [{ name = "p", prometheus = { aggregate = [{ name = "a", path = "" }] } }] }`, `prometheus.aggregate[0].path`),
		"aggregate's host":   section(`metrics = { backends = [{ name = "p", prometheus = { aggregate = [{ name = "a", address = "" }] } }] }`, `prometheus.aggregate[0].address`),
		"regular expression": section(`metrics = { backends = [{ name = "p", prometheus = { envoy = { filter_regex = "(" } } }] }`, `prometheus.envoy.filter_regex`, `missing closing`),
		"mtls":               {"name = \"m\"\nmtls = {}", []string{`Unsupported argument`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env.PlanFails(t, env.Config("resource \"kongmesh_mesh\" \"this\" {\n"+test.body+"\n}"), test.want...)
		})
	}
}

// What the provider does not own stays byte for byte, numbers of any size included.
func TestAccMesh_foreignPartsStay(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Verbatim(), kumatest.KongMesh())
	name := env.Mesh()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name)},
			{
				PreConfig: func() { env.Must(http.MethodPut, "/meshes/"+name, acctest.ForeignMesh(name)) },
				Config: env.Config(`resource "kongmesh_mesh" "this" {
					name   = $name
					labels = { team = "platform" }
				}`, "name", name),
				Check: env.ForeignStays(name),
			},
		},
	})
}

// A part that a version does not have is an error that names it, and the mesh
// is not forgotten.
func TestAccMesh_dropped(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("3.0"))
	env.NeedTwin()
	name := env.Mesh()
	with := func(body string) string {
		return env.Config("resource \"kongmesh_mesh\" \"this\" {\n  name = $name\n"+body+"\n}", "name", name)
	}
	steps := []resource.TestStep{
		{
			Config:      with("networking = { outbound = { passthrough = false } }"),
			ExpectError: acctest.Words("Control plane dropped the change", "accepted networking.outbound.passthrough", "remove networking.outbound.passthrough from the configuration"),
		},
		{Config: with(""), Check: env.HasMesh(name)}, // without "Exists already"
	}
	for _, s := range sectionsOf("2.14.3") {
		steps = append(steps, resource.TestStep{
			Config:      with("labels = { team = \"a\" }\n" + s.name + " = " + s.set),
			ExpectError: acctest.Words("Control plane dropped the change", "with "+address, "the control plane accepted "+s.member),
		})
	}
	steps = append(steps, resource.TestStep{ // what means nothing is not written, and no error
		Config: with("labels = { team = \"b\" }\nrouting = {}\nnetworking = { outbound = { passthrough = true } }"),
	})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})

	older := acctest.New(t, kumatest.Version("2.7.29"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: older.Provider(),
		Steps: []resource.TestStep{{
			Config: older.Config(`resource "kongmesh_mesh" "this" {
				name          = "m"
				mesh_services = { mode = "Everywhere" }
				routing       = { default_forbid_mesh_external_service_access = true, locality_aware_load_balancing = true }
			}`),
			ExpectError: acctest.Words("accepted routing.defaultForbidMeshExternalServiceAccess", "remove routing.default_forbid_mesh_external_service_access from the configuration"),
		}},
	})
}

// Sections that are managed keep what is not ours in them, byte for byte.
func TestAccMesh_foreignPartsOfSectionsStay(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Verbatim(), kumatest.KongMesh())
	name := env.Mesh()
	with := func(more string) string {
		return env.Config(`import {
			to = kongmesh_mesh.this
			id = $name
		}
		resource "kongmesh_mesh" "this" {
			name    = $name
			logging = { backends = [{ name = "file", file = { path = "/var/log/a.log" } }] }
			routing = { locality_aware_load_balancing = true }
			`+more+`
		}`, "name", name)
	}
	env.Must(http.MethodPut, "/meshes/"+name, acctest.ForeignMesh(name))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: with(``), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop)}}},
			{Config: with(`tracing = { backends = [{ name = "dd", datadog = { address = "a", port = 1 } }] }`), Check: env.ForeignStays(name)},
			{Config: with(`networking = { outbound = { passthrough = false } }`), Check: env.ForeignStays(name)},
		},
	})
}

// The unknown values of a plan are no errors.
func TestAccMesh_unknownValues(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS() // what went with it: sections
	name := env.Mesh()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`resource "terraform_data" "this" {
				input = { name = "a", path = "/x", tags = { a = "b" }, port = 1, mode = "disabled", backends = [{ name = "z", datadog = { address = "a", port = 1 } }] }
			}
			resource "kongmesh_mesh" "this" {
				name = $name
				constraints = { dataplane_proxy = { requirements = [{ tags = terraform_data.this.output.tags }] } }
				logging = {
					default_backend = terraform_data.this.output.name
					backends        = [{ name = terraform_data.this.output.name, file = { path = terraform_data.this.output.path } }]
				}
				tracing = { default_backend = "z", backends = terraform_data.this.output.backends }
				metrics = {
					enabled_backend = "p"
					backends        = [{ name = "p", prometheus = { port = terraform_data.this.output.port, skip_mtls = true, tls = { mode = terraform_data.this.output.mode } } }]
				}
			}`, "name", name),
			Check: holds(env, name, "logging", `{"defaultBackend": "a", "backends": [{"name": "a", "type": "file", "conf": {"path": "/x"}}]}`),
		}},
	})
}

// holdsLabels checks that a mesh has a label of this name.
func holdsLabels(env *acctest.Env, mesh, label string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var document struct{ Labels map[string]string }
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh, nil), &document); err != nil {
			return err
		}
		if _, ok := document.Labels[label]; !ok {
			return fmt.Errorf("the mesh has the labels %v, and not %s", document.Labels, label)
		}
		return nil
	}
}
