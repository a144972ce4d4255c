package resource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// vendorState is a state of kong/kong-mesh with policies, by the vendor's name of
// their type. Their content does not matter for a move: the control plane has it.
func vendorState(t *testing.T, mesh string, kinds map[string]string) string {
	t.Helper()
	resources := []any{}
	for name, kind := range kinds {
		resources = append(resources, map[string]any{
			"mode": "managed", "type": "kong-mesh_" + name, "name": "this", "provider": `provider["registry.terraform.io/kong/kong-mesh"]`,
			"instances": []any{map[string]any{"schema_version": 0, "attributes": map[string]any{
				"type": kind, "mesh": mesh, "name": "vendor", "labels": map[string]any{"team": "a"}, "spec": map[string]any{"target_ref": map[string]any{"kind": "Mesh"}},
				"creation_time": "2026-01-01T00:00:00Z", "modification_time": "2026-01-01T00:00:00Z", "kri": nil, "warnings": []any{},
			}}},
		})
	}
	state, err := json.Marshal(map[string]any{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": map[string]any{}, "resources": resources})
	if err != nil {
		t.Fatal(err)
	}
	return string(state)
}

// Policies of the vendor's provider are moved here without a write: their state
// says their type. The plan after it is empty.
func TestAccResource_moved(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
	all := `targetRef = { kind = "Mesh" }`
	specs := map[string]struct{ kind, path, spec string }{
		"mesh_timeout":    {"MeshTimeout", "meshtimeouts", `{ ` + all + `, to = [{ ` + all + `, default = { idleTimeout = "90s" } }] }`},
		"mesh_retry":      {"MeshRetry", "meshretries", `{ ` + all + `, to = [{ ` + all + `, default = { tcp = { maxConnectAttempt = 5 } } }] }`},
		"mesh_http_route": {"MeshHTTPRoute", "meshhttproutes", `{ ` + all + `, to = [{ targetRef = { kind = "MeshService", name = "web" }, rules = [{ matches = [{ path = { type = "PathPrefix", value = "/" } }], default = {} }] }] }`},
		"mesh_traffic_permission": {"MeshTrafficPermission", "meshtrafficpermissions",
			`{ ` + all + `, from = [{ ` + all + `, default = { action = "Allow" } }] }`},
	}
	if strings.Contains(mesh, "acc-") && !strings.Contains(string(env.Must(http.MethodGet, "/_resources", nil)), `"TrafficPermission"`) {
		t.Skip("needs a control plane before Kuma 3, which does not have all members of a permission")
	}
	config := `
		terraform {
			required_providers {
				kongmesh  = { source = "kongmesh/kongmesh" }
				kong-mesh = { source = "kong/kong-mesh" }
			}
		}
	`
	moves, kinds := "", map[string]string{}
	for name, policy := range specs {
		config += acctest.Fill(fmt.Sprintf("resource \"kongmesh_resource\" %q {\n  type = %q\n  mesh = $mesh\n  name = \"vendor\"\n  labels = { team = \"a\" }\n  spec = %s\n}\n", name, policy.kind, policy.spec), "mesh", mesh)
		moves += fmt.Sprintf("moved {\n  from = kong-mesh_%[1]s.this\n  to   = kongmesh_resource.%[1]s\n}\n", name)
		kinds[name] = policy.kind
	}
	run := acctest.NewRun(t, config)
	run.Vendor()
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("apply", "-auto-approve") // what the vendor's provider has applied in its time
	run.Config(config + moves)
	run.Write("terraform.tfstate", vendorState(t, mesh, kinds))
	env.ResetRequests()
	run.TakeOver(env)
	run.Config(config)
	run.NoChanges()
	if state := string(run.Read("terraform.tfstate")); strings.Contains(state, "kong-mesh_") {
		t.Errorf("the state has a resource of the vendor's provider:\n%s", state)
	}
	run.Terraform("destroy", "-auto-approve")
}
