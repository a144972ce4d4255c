package resource_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// retry is a policy with a label, as another client writes it.
func retry(env *acctest.Env, mesh, name, team string) {
	env.Must(http.MethodPut, "/meshes/"+mesh+"/meshretries/"+name, map[string]any{
		"type": "MeshRetry", "mesh": mesh, "name": name, "labels": map[string]any{"team": team},
		"spec": map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "to": []any{
			map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "default": map[string]any{"tcp": map[string]any{"maxConnectAttempt": 5}}},
		}},
	})
}

// The data sources show documents as the control plane has them, with what a
// resource leaves out: its own labels, times and identifiers.
func TestAccDataSources(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
	for name, team := range map[string]string{"a": "1", "b": "2", "c": "1"} {
		retry(env, mesh, name, team)
	}
	text := knownvalue.StringExact
	at := func(address, attribute string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
	}
	rfc3339 := knownvalue.StringRegexp(regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$`))
	names := func(all ...string) knownvalue.Check {
		var checks []knownvalue.Check
		for _, name := range all {
			checks = append(checks, text(name))
		}
		return knownvalue.ListExact(checks)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`
				data "kongmesh_resource" "one" {
					type = "MeshRetry"
					mesh = $mesh
					name = "a"
				}
				data "kongmesh_resources" "all" {
					type = "MeshRetry"
					mesh = $mesh
				}
				data "kongmesh_resources" "labeled" {
					type   = "MeshRetry"
					labels = { team = "1" }
				}
				data "kongmesh_resources" "none" {
					type = "MeshTimeout"
					mesh = $mesh
				}
				output "attempts" {
					value = data.kongmesh_resource.one.spec.to[0].default.tcp.maxConnectAttempt
				}
			`, "mesh", mesh),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownOutputValue("attempts", knownvalue.Int64Exact(5)),
				at("data.kongmesh_resource.one", "labels", knownvalue.MapPartial(map[string]knownvalue.Check{"team": text("1")})),
				at("data.kongmesh_resource.one", "fields", knownvalue.Null()),
				at("data.kongmesh_resource.one", "creation_time", rfc3339),
				at("data.kongmesh_resource.one", "modification_time", rfc3339),
				at("data.kongmesh_resources.all", "names", names("a", "b", "c")),
				at("data.kongmesh_resources.labeled", "names", names("a", "c")),
				statecheck.ExpectKnownValue("data.kongmesh_resources.labeled", tfjsonpath.New("resources").AtSliceIndex(1).AtMapKey("mesh"), text(mesh)),
				at("data.kongmesh_resources.none", "names", names()),
			},
		}},
	})
}

// A type of scope Global has no mesh, and an old type has fields.
func TestAccDataSources_fields(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin() // the zone of a real one has a name of its own
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`
				data "kongmesh_resources" "zones" { type = "Zone" }
				data "kongmesh_resource" "zone" {
					type = "Zone"
					name = data.kongmesh_resources.zones.names[0]
				}
				data "kongmesh_resource" "generator" {
					type = "HostnameGenerator"
					name = "local-universal-mesh-service"
				}
			`),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.kongmesh_resource.zone", tfjsonpath.New("fields"), knownvalue.ObjectExact(map[string]knownvalue.Check{})),
				statecheck.ExpectKnownValue("data.kongmesh_resource.zone", tfjsonpath.New("spec"), knownvalue.Null()),
				statecheck.ExpectKnownValue("data.kongmesh_resources.zones", tfjsonpath.New("resources").AtSliceIndex(0).AtMapKey("mesh"), knownvalue.Null()),
				statecheck.ExpectKnownValue("data.kongmesh_resource.generator", tfjsonpath.New("kri"), knownvalue.StringRegexp(regexp.MustCompile(`^kri_hg_`))),
			},
		}},
	})
}

// What a data source cannot read is an error on the attribute that names it.
func TestAccDataSources_refused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct {
		kind, body string
		want       []string
	}{
		"absent":               {"kongmesh_resource", "type = \"MeshTimeout\"\nmesh = \"default\"\nname = \"nosuch\"", []string{"No such resource", `MeshTimeout "nosuch" of mesh "default"`, "depends_on"}},
		"in no mesh":           {"kongmesh_resource", "type = \"MeshTimeout\"\nmesh = \"nosuch\"\nname = \"a\"", []string{"No such resource"}},
		"secret":               {"kongmesh_resource", "type = \"Secret\"\nmesh = \"default\"\nname = \"a\"", []string{"Invalid type", "does not store secrets in the state"}},
		"global secret":        {"kongmesh_resource", "type = \"GlobalSecret\"\nname = \"a\"", []string{"Invalid type", "does not store secrets in the state"}},
		"unknown type":         {"kongmesh_resource", "type = \"MeshTimeouts\"\nmesh = \"default\"\nname = \"a\"", []string{"Unknown type", `"MeshTimeout"`}},
		"no type":              {"kongmesh_resource", "type = \"\"\nname = \"a\"", []string{"Invalid type"}},
		"mesh is missing":      {"kongmesh_resource", "type = \"MeshTimeout\"\nname = \"a\"", []string{"Mesh is missing"}},
		"list of secrets":      {"kongmesh_resources", "type = \"Secret\"", []string{"does not store secrets in the state"}},
		"list of unknown type": {"kongmesh_resources", "type = \"MeshTimeouts\"", []string{"Unknown type"}},
		"list in no mesh":      {"kongmesh_resources", "type = \"MeshTimeout\"\nmesh = \"nosuch\"", []string{"No such mesh", "mesh = kongmesh_mesh.this.name"}},
		"mesh is too much":     {"kongmesh_resources", "type = \"Zone\"\nmesh = \"default\"", []string{"Mesh is not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			env.PlanFails(t, env.Config("data \""+test.kind+"\" \"this\" {\n"+test.body+"\n}\n"), test.want...)
		})
	}
}
