package mesh_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// The configuration that Terraform writes for a mesh with everything in it
// plans clean, and is applied without a write.
func TestAccMesh_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	document := map[string]any{"type": "Mesh", "name": "m", "labels": map[string]string{"team": "platform"}, "skipCreatingInitialPolicies": []string{"*"}}
	for _, s := range sectionsOf("2.14.3") {
		document[s.member] = json.RawMessage(s.setDocument)
	}
	env.Must(http.MethodPut, "/meshes/m", document)
	run := acctest.NewRun(t, `
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		import {
			to = kongmesh_mesh.this
			id = "m"
		}
	`)
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("plan", "-generate-config-out=generated.tf")
	if generated := string(run.Read("generated.tf")); !strings.Contains(generated, `path = "/var/log/mesh/access.log"`) {
		t.Errorf("the configuration lacks what is there:\n%s", generated)
	}
	env.ResetRequests()
	run.TakeOver(env)
}

// A backend of a type that the provider does not know is not shown, stays, and
// can be chosen.
func TestAccMesh_backendOfUnknownType(t *testing.T) {
	t.Parallel()
	const foreign = `{"name":"s","type":"syslog","conf":{"port":9007199254740993}}`
	document := `{"type":"Mesh","name":"m","logging":{"defaultBackend":"s","backends":[` + foreign + `,{"name":"f","type":"file","conf":{"path":"/x"}}]}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Method {
		case http.MethodGet:
			_, _ = w.Write([]byte(document))
		case http.MethodPut:
			var body json.RawMessage
			_ = json.NewDecoder(r.Body).Decode(&body)
			document = string(body)
			_, _ = w.Write([]byte("{}"))
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(server.Close)
	with := func(logging string) string {
		return "provider \"kongmesh\" {\n  address = \"" + server.URL + "\"\n}\nimport {\n  to = kongmesh_mesh.this\n  id = \"m\"\n}\n" +
			"resource \"kongmesh_mesh\" \"this\" {\n  name = \"m\"\n  logging = " + logging + "\n}"
	}
	action := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: acctest.New(t).Provider(),
		Steps: []resource.TestStep{
			{
				Config:           with(`{ default_backend = "s", backends = [{ name = "f", file = { path = "/x" } }] }`),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{
				Config:      with(`{ default_backend = "x", backends = [{ name = "f", file = { path = "/x" } }] }`),
				ExpectError: acctest.Words("No such backend", `logging.default_backend: "x" must be the name of one of the backends`),
			},
			{Config: with(`{ default_backend = "s" }`), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
		},
	})
	if want := `{"type":"Mesh","name":"m","logging":{"defaultBackend":"s","backends":[` + foreign + `]}}`; document != want {
		t.Errorf("the mesh is\n%s\nand not\n%s", document, want)
	}
}
