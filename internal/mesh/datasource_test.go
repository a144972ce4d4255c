package mesh_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestAccMeshDataSource_read(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, env *acctest.Env, version string) {
		name := env.Mesh()
		document := map[string]any{
			"type": "Mesh", "name": name, "labels": map[string]string{"team": "platform"}, "skipCreatingInitialPolicies": []string{"*"},
			"mtls": json.RawMessage(`{"enabledBackend": "b", "backends": [{"name": "b", "type": "builtin"}]}`),
		}
		for _, s := range sectionsOf(version) {
			document[s.member] = json.RawMessage(s.setDocument)
		}
		env.Must(http.MethodPut, "/meshes/"+name, document)
		value := func(want knownvalue.Check, at tfjsonpath.Path) statecheck.StateCheck {
			return statecheck.ExpectKnownValue("data.kongmesh_mesh.this", at, want)
		}
		root := func(name string) tfjsonpath.Path { return tfjsonpath.New(name) }
		null, yes, text := knownvalue.Null(), knownvalue.Bool(true), knownvalue.StringExact
		time := knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`))
		first := func(section string) tfjsonpath.Path { return root(section).AtMapKey("backends").AtSliceIndex(0) }
		checks := []statecheck.StateCheck{
			value(knownvalue.MapExact(map[string]knownvalue.Check{"team": text("platform")}), root("labels")),
			value(knownvalue.SetExact([]knownvalue.Check{text("*")}), root("skip_creating_initial_policies")),
			value(time, root("creation_time")), value(time, root("modification_time")),
			value(text("b"), root("enabled_backend")), value(text("builtin"), root("enabled_backend_type")),
			value(knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
				"name": text("b"), "type": text("builtin"), "certificate_secret": null, "key_secret": null,
			})}), root("backends")),
			value(knownvalue.Bool(false), root("networking").AtMapKey("outbound").AtMapKey("passthrough")),
			value(yes, root("routing").AtMapKey("locality_aware_load_balancing")),
			value(text("east"), root("constraints").AtMapKey("dataplane_proxy").AtMapKey("requirements").AtSliceIndex(0).AtMapKey("tags").AtMapKey("kuma.io/zone")),
			value(text("file"), root("logging").AtMapKey("default_backend")), value(text("file"), first("logging").AtMapKey("type")),
			value(text("/var/log/mesh/access.log"), first("logging").AtMapKey("file").AtMapKey("path")), value(null, first("logging").AtMapKey("tcp")),
			value(knownvalue.Float64Exact(50.5), first("tracing").AtMapKey("sampling")), value(text("httpProto"), first("tracing").AtMapKey("zipkin").AtMapKey("api_version")),
			value(text("prometheus"), first("metrics").AtMapKey("type")), value(knownvalue.Int64Exact(5671), first("metrics").AtMapKey("prometheus").AtMapKey("port")),
		}
		if version != "2.7.29" {
			checks = append(checks, value(text("Exclusive"), root("mesh_services").AtMapKey("mode")))
		}
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			Steps:                    []resource.TestStep{{Config: env.Config(`data "kongmesh_mesh" "this" { name = $name }`, "name", name), ConfigStateChecks: checks}},
		})
	})
}

// A mesh without anything, one with what nobody knows, and none.
func TestAccMeshDataSource_others(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Verbatim())
	env.NeedTwin()
	value := func(at tfjsonpath.Path, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.kongmesh_mesh.this", at, want)
	}
	null := knownvalue.Null()
	config := env.Config(`data "kongmesh_mesh" "this" { name = "m" }`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: acctest.Words("No such mesh", `There is no mesh "m"`, "kongmesh_mesh.this.name")},
			{Config: env.Config(`data "kongmesh_mesh" "this" { name = "M/x" }`), ExpectError: acctest.Words("Invalid name")},
			{
				PreConfig: func() { env.Must(http.MethodPut, "/meshes/m", `{"type": "Mesh", "name": "m"}`) },
				Config:    config,
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("labels"), knownvalue.MapSizeExact(0)), value(tfjsonpath.New("enabled_backend"), null),
					value(tfjsonpath.New("enabled_backend_type"), null), value(tfjsonpath.New("backends"), knownvalue.ListSizeExact(0)),
					value(tfjsonpath.New("networking"), null), value(tfjsonpath.New("logging"), null), value(tfjsonpath.New("metrics"), null),
				},
			},
			{
				PreConfig: func() {
					env.PutSecret("m", "ca.cert", "x")
					env.Must(http.MethodPut, "/meshes/m", `{"type": "Mesh", "name": "m", "mtls": {"skipValidation": true, "backends": [
						{"name": "p", "type": "provided", "conf": {"cert": {"secret": "ca.cert"}, "key": {"inline": "eA=="}}}]}}`)
				},
				Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("enabled_backend"), null),
					value(tfjsonpath.New("backends").AtSliceIndex(0), knownvalue.ObjectExact(map[string]knownvalue.Check{
						"name": knownvalue.StringExact("p"), "type": knownvalue.StringExact("provided"),
						"certificate_secret": knownvalue.StringExact("ca.cert"), "key_secret": null,
					})),
				},
			},
		},
	})
}

func TestAccMeshesDataSource_read(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	a, b := env.Mesh(), env.Mesh()
	if env.Twin != nil {
		a, b = "a", "b"
	}
	put := func(name, team string) {
		env.Must(http.MethodPut, "/meshes/"+name, fmt.Sprintf(`{"type": "Mesh", "name": %q, "labels": {"team": %q, "of": %q}}`, name, team, a))
	}
	put(a, "one")
	put(b, "two")
	names := func(config string, want ...knownvalue.Check) resource.TestStep {
		at := func(attribute string) tfjsonpath.Path { return tfjsonpath.New(attribute) }
		return resource.TestStep{Config: env.Config(config, "a", a), ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("data.kongmesh_meshes.this", at("names"), knownvalue.ListExact(want)),
			statecheck.ExpectKnownValue("data.kongmesh_meshes.this", at("meshes"), knownvalue.ListSizeExact(len(want))),
		}}
	}
	is := knownvalue.StringExact
	steps := []resource.TestStep{
		names(`data "kongmesh_meshes" "this" { labels = { of = $a } }`, is(a), is(b)),
		names(`data "kongmesh_meshes" "this" { labels = { of = $a, team = "two" } }`, is(b)),
		names(`data "kongmesh_meshes" "this" { labels = { of = $a, team = "three" } }`),
		names(`data "kongmesh_meshes" "this" { labels = { of = $a, other = "two" } }`),
	}
	if env.Twin != nil {
		all := names(`data "kongmesh_meshes" "this" {}`, is("a"), is("b"), is("default"))
		all.ConfigStateChecks = append(all.ConfigStateChecks, statecheck.ExpectKnownValue("data.kongmesh_meshes.this",
			tfjsonpath.New("meshes").AtSliceIndex(0), knownvalue.ObjectExact(map[string]knownvalue.Check{
				"name": is("a"), "labels": knownvalue.MapExact(map[string]knownvalue.Check{"team": is("one"), "of": is("a")}),
			})))
		steps = append(steps, all)
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
}
