package mesh_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// withEgress is withMTLS with zone egress.
var withEgress = strings.Replace(withMTLS, "name = $name", "name    = $name\n  routing = { zone_egress = true }", 1)

const (
	egressOn  = `{"zoneEgress": true}`
	egressOff = ""
)

// The control plane accepts zone egress only while the mesh has mTLS. A mesh with
// both is created in one apply and destroyed in one destroy, and drift of either
// is restored in one apply. After each apply the plan is empty.
func TestAccMesh_zoneEgress(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	name, ca := env.Mesh(), acctest.NewCA(t, "CA")
	fill := func(config string) string { return env.Config(config, "name", name, "chain", ca.Chain, "key", ca.Key) }
	change := func(edit func(mesh map[string]any)) func() {
		return func() { env.Change("/meshes/"+name, edit) }
	}
	action := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
	}
	on, off := holds(env, name, "routing", egressOn), holds(env, name, "routing", egressOff)
	imports := resource.TestStep{ImportState: true, ResourceName: address, ImportStateId: name, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerify: true}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + name),
		Steps: []resource.TestStep{
			{Config: fill(withEgress), Check: on}, // created in one apply
			imports,
			{
				PreConfig: change(func(mesh map[string]any) { mesh["routing"] = map[string]any{} }),
				Config:    fill(withEgress), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: on,
			},
			{ // mTLS and zone egress both gone
				PreConfig: change(func(mesh map[string]any) { delete(mesh, "mtls"); delete(mesh, "routing") }),
				Config:    fill(withEgress), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: on,
			},
			{ // mTLS off
				PreConfig: change(func(mesh map[string]any) {
					delete(mesh["mtls"].(map[string]any), "enabledBackend")
					delete(mesh, "routing")
				}),
				Config: fill(withEgress), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: on,
			},
			{Config: fill(strings.Replace(withEgress, `"ca-1"`, `"ca-2"`, 1)), Check: on}, // backend replaced
			{Config: fill(withMTLS), Check: off},                                          // taken out of the configuration
			{Config: fill(withEgress), Check: on},                                         // mTLS was there before
			{ // the backend goes with zone egress
				Config: fill(strings.Replace(withMTLS, "name = $name", "name    = $name\n  routing = { zone_egress = false }", 1)), Check: off,
			},
			{Config: fill(`resource "kongmesh_mesh" "this" { name = $name }`), Check: off},
			{Config: fill(withEgress), Check: on}, // both added to a mesh that exists
		},
	})
}

// Without a backend, zone egress waits for one, and each plan shows that.
func TestAccMesh_zoneEgressWithoutMTLS(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	name, ca := env.Mesh(), acctest.NewCA(t, "CA")
	const alone = `resource "kongmesh_mesh" "this" {
		name    = $name
		routing = { zone_egress = true, locality_aware_load_balancing = true }
	}`
	run := acctest.NewRun(t, env.Config(alone, "name", name))
	if output := run.Terraform("apply", "-auto-approve"); strings.Contains(output, "Warning: Zone egress") {
		t.Errorf("a backend could still follow:\n%s", output)
	}
	waits := acctest.Words("Zone egress waits for mTLS", `Mesh "`+name+`" has no mTLS`, "set zone_egress = false")
	for range 2 {
		if output := run.Terraform("apply", "-auto-approve"); !waits.MatchString(output) || !strings.Contains(output, "1 changed") {
			t.Errorf("the plan is\n%s", output)
		}
	}
	if err := holds(env, name, "routing", `{"localityAwareLoadBalancing": true}`)(nil); err != nil {
		t.Error(err)
	}
	run.Config(env.Config(withEgress, "name", name, "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	if err := holds(env, name, "routing", egressOn)(nil); err != nil {
		t.Error(err)
	}
	run.Config(env.Config(withEgress, "name", name+"-2", "chain", ca.Chain, "key", ca.Key))
	if output := run.Terraform("plan"); strings.Contains(output, "Zone egress waits") {
		t.Errorf("another mesh is created together with its backend:\n%s", output)
	}
	run.Terraform("destroy", "-auto-approve")
}

// A run that fails between the mesh and its backend is completed by the next one.
func TestAccMesh_zoneEgressInterrupted(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	ca := acctest.NewCA(t, "CA")
	config := env.Config(withEgress, "name", "m", "chain", ca.Chain, "key", ca.Key)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{
				PreConfig: func() {
					env.Twin.Inject(kumatest.Fault{
						Match: func(r *http.Request) bool {
							return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/secrets/")
						},
						Kinds: []kumatest.FaultKind{kumatest.Unavailable},
					})
				},
				Config: config, ExpectError: acctest.Words("Control plane failed"),
			},
			{PreConfig: env.Twin.ClearFaults, Config: config, Check: holds(env, "m", "routing", egressOn)},
		},
	})
}

// A mesh of another type of backend has mTLS too.
func TestAccMesh_zoneEgressBuiltin(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	name := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+name, map[string]any{
		"type": "Mesh", "name": name, "mtls": json.RawMessage(`{"enabledBackend": "b", "backends": [{"name": "b", "type": "builtin"}]}`),
	})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`import {
				to = kongmesh_mesh.this
				id = $name
			}
			resource "kongmesh_mesh" "this" {
				name    = $name
				routing = { zone_egress = true }
			}`, "name", name),
			Check: holds(env, name, "routing", egressOn),
		}},
	})
}
