package mesh_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
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
			Config:      env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name),
			ExpectError: acctest.Words("Exists already", "import {", "to = kongmesh_mesh.this", `id = "`+name+`"`),
		}},
	})
}

func TestAccMesh_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"upper case":    {`name = "Upper"`, []string{`name = "Upper"`, `lower-case letters`}},
		"underscore":    {`name = "a_b"`, []string{`lower-case letters`}},
		"too long":      {`name = "` + strings.Repeat("a", 64) + `"`, []string{`64 characters`}},
		"empty":         {`name = ""`, []string{`it is empty`}},
		"label name":    {"name = \"m\"\nlabels = { \"bad key!\" = \"x\" }", []string{`Invalid label`, `bad key!`}},
		"label value":   {"name = \"m\"\nlabels = { ok = \"bad value!\" }", []string{`Invalid label`, `bad value!`}},
		"label of Kuma": {"name = \"m\"\nlabels = { \"kuma.io/origin\" = \"zone\" }", []string{`belong to the control plane`}},
		"mtls":          {"name = \"m\"\nmtls = {}", []string{`Unsupported argument`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env.PlanFails(t, env.Config("resource \"kongmesh_mesh\" \"this\" {\n"+test.body+"\n}"), test.want...)
		})
	}
}

func TestAccMesh_stillHasProxies(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	name := env.Mesh()
	dataplane := "/meshes/" + name + "/dataplanes/dp-1"
	config := env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() {
					env.Must(http.MethodPut, dataplane, `{"type": "Dataplane", "mesh": "`+name+`", "name": "dp-1", "networking": {"address": "127.0.0.1", "inbound": [{"port": 8080, "tags": {"kuma.io/service": "backend"}}]}}`)
				},
				Config:      config,
				Destroy:     true,
				ExpectError: acctest.Words("Mesh is still in use", "there are still some dataplanes attached", "stop them"),
			},
			{
				PreConfig: func() { env.Must(http.MethodDelete, dataplane, nil) },
				Config:    config,
			},
		},
	})
}

// What the provider does not own stays byte for byte, numbers of any size included.
func TestAccMesh_foreignPartsStay(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Verbatim())
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
