package resource_test

import (
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
)

const this = "kongmesh_resource.this"

const timeout = `
resource "kongmesh_mesh" "this" {
  name                           = $mesh
  skip_creating_initial_policies = ["*"]
}

resource "kongmesh_resource" "this" {
  type   = "MeshTimeout"
  mesh   = kongmesh_mesh.this.name
  name   = "slow"
  labels = $labels
  spec = {
    targetRef = { kind = "Mesh" }
    to = [{
      targetRef = { kind = "Mesh" }
      default   = { idleTimeout = $idle, http = { requestTimeout = "90s" } }
    }]
  }
}
`

func plans(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(this, action)}}
}

func imports(kind string) resource.ImportStateIdFunc {
	return func(state *terraform.State) (string, error) {
		is := state.RootModule().Resources[this].Primary.Attributes
		return kind + "/" + is["mesh"] + "/" + is["name"], nil
	}
}

func TestAccResource_life(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	path := "/meshes/" + mesh + "/meshtimeouts/slow"
	config := func(idle string, labels string) string {
		return strings.ReplaceAll(env.Config(timeout, "mesh", mesh, "idle", idle), "$labels", labels)
	}
	unchanged := config("1h", `{ team = "a" }`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone(path),
		Steps: []resource.TestStep{
			{
				Config: unchanged, // the control plane writes 1h0m0s and 1m30s
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(this, tfjsonpath.New("labels"), knownvalue.MapExact(map[string]knownvalue.Check{"team": knownvalue.StringExact("a")})),
				},
			},
			{ // the same in other words
				Config:           config("60m", `{ team = "a" }`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{Config: config("2h", `{ team = "b" }`), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
			{Config: config("2h", `null`), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
			{
				ResourceName: this, ImportState: true, ImportStateIdFunc: imports("MeshTimeout"),
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
				ImportStateVerifyIgnore: []string{"spec"}, // which says the same in the control plane's words
			},
			{ // drift of one leaf is put right
				PreConfig: func() {
					env.Change(path, func(document map[string]any) {
						document["spec"].(map[string]any)["to"].([]any)[0].(map[string]any)["default"].(map[string]any)["idleTimeout"] = "7s"
					})
				},
				Config:           config("2h", `null`),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
			},
			{ // what disappears is created again
				PreConfig:        func() { env.Must(http.MethodDelete, path, nil) },
				Config:           config("2h", `null`),
				ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
			},
			{
				Config:           strings.ReplaceAll(config("2h", `null`), `"slow"`, `"slower"`),
				ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
			},
		},
	})
}

// What a control plane drops is found out.
func TestAccResource_droppedPart(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(`
resource "kongmesh_mesh" "this" { name = $mesh }
resource "kongmesh_resource" "this" {
  type = "MeshTimeout"
  mesh = kongmesh_mesh.this.name
  name = "odd"
  spec = {
    targetRef = { kind = "Mesh" }
    nosuch    = { a = 1 }
    to        = [{ targetRef = { kind = "Mesh" }, default = { idleTimeout = "1h" } }]
  }
}
`, "mesh", env.Mesh())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: acctest.Words("Control plane dropped part of the document", "spec.nosuch")},
			{ // the object is in the state
				Config: strings.ReplaceAll(config, "nosuch    = { a = 1 }", ""),
			},
		},
	})
}

func TestAccResource_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct{ body, want string }{
		"unknown type":       {`type = "MeshTimeouts", mesh = "default", name = "a", spec = {}`, `Unknown type|"MeshTimeout"`},
		"read-only type":     {`type = "MeshInsight", name = "a", spec = {}`, `Type is read-only`},
		"mesh":               {`type = "Mesh", name = "a", spec = {}`, `use kongmesh_mesh instead`},
		"secret":             {`type = "Secret", mesh = "default", name = "a", fields = {}`, `use kongmesh_mesh_ca_secret or kongmesh_mesh_secret instead`},
		"global secret":      {`type = "GlobalSecret", name = "a", fields = {}`, `use kongmesh_global_secret instead`},
		"mesh is missing":    {`type = "MeshTimeout", name = "a", spec = {}`, `Mesh is missing`},
		"mesh is too much":   {`type = "Zone", mesh = "default", name = "a", fields = {}`, `Mesh is not allowed`},
		"neither":            {`type = "MeshTimeout", mesh = "default", name = "a"`, `Set exactly one of spec, fields`},
		"both":               {`type = "MeshTimeout", mesh = "default", name = "a", spec = {}, fields = {}`, `Set exactly one of spec, fields`},
		"spec is text":       {`type = "MeshTimeout", mesh = "default", name = "a", spec = "to: []"`, `Content is not an object`},
		"spec is a document": {`type = "MeshTimeout", mesh = "default", name = "a", spec = { type = "MeshTimeout", spec = {} }`, `Whole document in spec`},
		"spec of Kubernetes": {`type = "MeshTimeout", mesh = "default", name = "a", spec = { kind = "MeshTimeout", spec = {} }`, `Whole document in spec`},
		"fields, Kubernetes": {`type = "Zone", name = "a", fields = { kind = "Zone", spec = {} }`, `Whole document in spec`},
		"name in fields":     {`type = "Zone", name = "a", fields = { name = "b" }`, `Member has its own attribute`},
		"type in fields":     {`type = "Zone", name = "a", fields = { type = "Zone" }`, `Member has its own attribute`},
		"mesh in fields":     {`type = "Dataplane", mesh = "default", name = "a", fields = { mesh = "b" }`, `Member has its own attribute`},
		"bad name":           {`type = "MeshTimeout", mesh = "default", name = "A_b", spec = {}`, `Invalid name`},
		"bad mesh":           {`type = "MeshTimeout", mesh = "A b", name = "a", spec = {}`, `Invalid name`},
		"empty type":         {`type = "", name = "a", spec = {}`, `Invalid type`},
		"bad label":          {`type = "Zone", name = "a", fields = {}, labels = { "a b" = "c" }`, `Invalid label`},
		"null label":         {`type = "Zone", name = "a", fields = {}, labels = { a = null }`, `Null element`},
	} {
		t.Run(name, func(t *testing.T) {
			config := "resource \"kongmesh_resource\" \"this\" {\n" + strings.ReplaceAll(test.body, ", ", "\n") + "\n}\n"
			if strings.Contains(test.body, "{ ") {
				config = "resource \"kongmesh_resource\" \"this\" {\n" + topLevelLines(test.body) + "\n}\n"
			}
			env.PlanFails(t, config, strings.Split(test.want, "|")...)
		})
	}
}

// topLevelLines puts each attribute on a line of its own, but none within braces.
func topLevelLines(body string) string {
	var b strings.Builder
	depth := 0
	for _, r := range body {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		if r == ',' && depth == 0 {
			r = '\n'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A refusal is on the path within spec that it is about.
func TestAccResource_refused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	for name, test := range map[string]struct{ spec, want string }{
		"a value": {
			`{ targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { loadBalancer = { type = "Nope" } } }] }`,
			`spec.to[0].default.loadBalancer.type: Could not write|The value is "Nope"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config:      env.Config("resource \"kongmesh_resource\" \"this\" {\n type = \"MeshLoadBalancingStrategy\"\n mesh = $mesh\n name = \"a\"\n spec = "+test.spec+"\n}\n", "mesh", mesh),
					ExpectError: acctest.Words(strings.Split(test.want, "|")...),
				}},
			})
		})
	}
	t.Run("what cannot be decoded", func(t *testing.T) {
		env := acctest.New(t)
		config := strings.ReplaceAll(env.Config(timeout, "mesh", env.Mesh(), "idle", "1d"), "$labels", "null")
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			Steps:                    []resource.TestStep{{Config: config, ExpectError: acctest.Words("Control plane rejected the change", "unknown unit", "Durations have Go's units")}},
		})
	})
}

// Whoever creates what exists already is told how to import it.
func TestAccResource_exists(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
	env.Must(http.MethodPut, "/meshes/"+mesh+"/meshtimeouts/slow", map[string]any{"type": "MeshTimeout", "mesh": mesh, "name": "slow", "spec": map[string]any{
		"targetRef": map[string]any{"kind": "Mesh"},
		"to":        []any{map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "default": map[string]any{"idleTimeout": "1h"}}},
	}})
	config := env.Config(`
resource "kongmesh_resource" "this" {
  type = "MeshTimeout"
  mesh = $mesh
  name = "slow"
  spec = {
    targetRef = { kind = "Mesh" }
    to        = [{ targetRef = { kind = "Mesh" }, default = { idleTimeout = "60m" } }]
  }
}
`, "mesh", mesh)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: acctest.Words("Exists already", "MeshTimeout/"+mesh+"/slow")},
			{
				Config:           "import {\n to = kongmesh_resource.this\n id = \"MeshTimeout/" + mesh + "/slow\"\n}\n" + config,
				ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
			},
		},
	})
}

// A type without spec has its members in fields; the control plane leaves out zero
// values, and adds the zone to tags.
func TestAccResource_fields(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS() // Kuma 3 drops the tags of a proxy, too
	mesh := env.Mesh()
	config := env.Config(`
resource "kongmesh_mesh" "this" { name = $mesh }
resource "kongmesh_resource" "this" {
  type   = "Dataplane"
  mesh   = kongmesh_mesh.this.name
  name   = "web-1"
  labels = { "kuma.io/workload" = "web" }
  fields = {
    networking = {
      address = "127.0.0.1"
      inbound = [{ port = 8080, servicePort = 80, tags = { "kuma.io/service" = "web", "kuma.io/protocol" = "http" } }]
    }
  }
}
`, "mesh", mesh)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				ResourceName: this, ImportState: true, ImportStateIdFunc: imports("Dataplane"), ImportStateVerify: true,
				ImportStateVerifyIdentifierAttribute: "name", // with the label that users set, and without those of the control plane
			},
			{Config: strings.ReplaceAll(config, "port = 8080", "port = 8081"), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
		},
	})
}
