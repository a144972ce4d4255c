package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
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

// policies has resources of each form that Kuma's objects have in a cluster.
const policies = `
resource "kongmesh_mesh" "this" {
  name          = "acc"
  mesh_services = { mode = "Exclusive" }
}

resource "kongmesh_resource" "timeout" {
  type   = "MeshTimeout"
  mesh   = kongmesh_mesh.this.name
  name   = "timeout"
  labels = { team = "platform" }
  spec   = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { connectionTimeout = "5s" } }] }
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = $chain
  private_key_wo    = $key
}

resource "kongmesh_mesh_identity" "identity" {
  mesh      = kongmesh_mesh.this.name
  name      = "identity"
  selector  = { dataplane = { match_labels = {} } }
  spiffe_id = { trust_domain = kongmesh_mesh_trust.trust.trust_domain }
  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.this.key_secret }
    }
    insecure_allow_self_signed = true
  }
  force_destroy = true # without address, nobody can see whether proxies need it
}

resource "kongmesh_mesh_trust" "trust" {
  mesh         = kongmesh_mesh.this.name
  name         = "trust"
  trust_domain = "other.example.com"
  ca_bundles   = [$chain]
}

resource "kongmesh_resource" "tls" {
  type = "MeshTLS"
  mesh = kongmesh_mesh.this.name
  name = "tls"
  spec = { targetRef = { kind = "Mesh" }, rules = [{ default = { mode = "Strict" } }] }
}

resource "kongmesh_resource" "generator" {
  type = "HostnameGenerator"
  name = "generator"
  spec = { selector = { meshService = { matchLabels = { a = "b" } } }, template = "{{ .DisplayName }}.mesh" }
}

resource "kongmesh_resource" "permission" {
  type   = "TrafficPermission"
  mesh   = kongmesh_mesh.this.name
  name   = "permission"
  fields = { sources = [{ match = { "kuma.io/service" = "*" } }], destinations = [{ match = { "kuma.io/service" = "*" } }] }
}

resource "kongmesh_resource" "zone" {
  type   = "Zone"
  name   = "east"
  fields = { enabled = true }
}
`

// objectPaths are where the objects of policies are.
func objectPaths() map[string]string {
	const group, namespace = "/apis/kuma.io/v1alpha1/", "/apis/kuma.io/v1alpha1/namespaces/kuma-system/"
	return map[string]string{
		"timeout": namespace + "meshtimeouts/timeout", "identity": namespace + "meshidentities/identity", "trust": namespace + "meshtrusts/trust", "tls": namespace + "meshtlses/tls",
		"generator": namespace + "hostnamegenerators/generator", "permission": group + "trafficpermissions/permission", "zone": group + "zones/east",
	}
}

func TestAccKubernetes_resources(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"address", "no address"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes())
			ca := acctest.NewCA(t, "CA")
			text := acctest.Fill(policies, "chain", ca.Chain, "key", ca.Key)
			config := env.Config(text)
			if name == "no address" {
				config = "provider \"kongmesh\" {\n" + env.Cluster() + "}\n" + text
			}
			imports := func(name string) resource.TestStep {
				id := map[string]string{
					"timeout": "MeshTimeout/acc/timeout", "tls": "MeshTLS/acc/tls",
					"generator": "HostnameGenerator/generator", "permission": "TrafficPermission/acc/permission", "zone": "Zone/east",
				}[name]
				return resource.TestStep{
					ResourceName: "kongmesh_resource." + name, ImportState: true, ImportStateId: id, ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
				}
			}
			empty := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				CheckDestroy: func(*terraform.State) error {
					for _, path := range objectPaths() {
						if status, answer := env.Twin.Cluster().Do(http.MethodGet, path, nil); status != http.StatusNotFound {
							return fmt.Errorf("%s is still there: %d %s", path, status, answer)
						}
					}
					return nil
				},
				Steps: []resource.TestStep{
					{Config: config, ConfigPlanChecks: empty, Check: func(*terraform.State) error {
						for _, path := range objectPaths() {
							if status, answer := env.Twin.Cluster().Do(http.MethodGet, path, nil); status != http.StatusOK {
								return fmt.Errorf("%s: %d %s", path, status, answer)
							}
						}
						return nil
					}},
					imports("timeout"), imports("tls"), imports("generator"), imports("permission"), imports("zone"),
					{
						Config: strings.NewReplacer(`"5s"`, `"6s"`, "enabled = true }\n}", "enabled = false }\n}", `team = "platform"`, `team = "network"`).Replace(config),
						ConfigPlanChecks: resource.ConfigPlanChecks{
							PreApply: []plancheck.PlanCheck{
								plancheck.ExpectResourceAction("kongmesh_resource.timeout", plancheck.ResourceActionUpdate),
								plancheck.ExpectResourceAction("kongmesh_resource.zone", plancheck.ResourceActionUpdate),
								plancheck.ExpectResourceAction("kongmesh_mesh_identity.identity", plancheck.ResourceActionNoop),
							},
							PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
						},
						Check: func(*terraform.State) error {
							_, answer := env.Twin.Cluster().Do(http.MethodGet, objectPaths()["timeout"], nil)
							for _, part := range []string{`"connectionTimeout": "6s"`, `"team": "network"`, `"kuma.io/mesh": "acc"`} {
								if !strings.Contains(string(answer), part) {
									return fmt.Errorf("%s is not in %s", part, answer)
								}
							}
							return nil
						},
					},
				},
			})
		})
	}
}

// A write of another client between the read and the write of this one is not lost.
func TestAccKubernetes_resourceUpdateIsNotLost(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	path, once := objectPaths()["timeout"], false
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Unavailable}, Times: 1, Match: func(r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Path == path && r.URL.Query().Get("dryRun") == "" && !once { // after the read, before the write
			once = true
			env.Twin.Cluster().Do(http.MethodPatch, path, map[string]any{"metadata": map[string]any{"annotations": map[string]any{"of": "another"}}})
		}
		return false
	}})
	ca := acctest.NewCA(t, "CA")
	config := env.Config(acctest.Fill(policies, "chain", ca.Chain, "key", ca.Key))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{Config: config}, {
			Config: strings.ReplaceAll(config, `"5s"`, `"6s"`),
			Check: func(*terraform.State) error {
				if _, answer := env.Twin.Cluster().Do(http.MethodGet, path, nil); !strings.Contains(string(answer), `"of": "another"`) || !strings.Contains(string(answer), `"6s"`) {
					return fmt.Errorf("a write is lost: %s", answer)
				}
				return nil
			},
		}},
	})
}

// What would make each write fail, and what the control plane rejects, is in the plan.
func TestAccKubernetes_resourcePlan(t *testing.T) {
	t.Parallel()
	const timeout = `resource "kongmesh_resource" "this" {
  type = "MeshTimeout"
  mesh = $mesh
  name = "t"
  spec = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { connectionTimeout = "5s" } }] }
}
`
	user := fmt.Sprintf("token = %q", kumatest.ClusterUserToken)
	admin := fmt.Sprintf("token = %q", kumatest.ClusterAdminToken)
	for name, test := range map[string]struct {
		lines, object string
		want          []string
	}{
		"no rights in the namespace": {user, acctest.Fill(timeout, "mesh", "default"), []string{"Kubernetes permission denied", "get, list, create, update, delete meshtimeouts", "kind: Role\n", "namespace: kuma-system", `apiGroups: ["kuma.io"]`, "resources: [meshtimeouts]"}},
		"no rights in the cluster":   {user, "resource \"kongmesh_resource\" \"this\" {\n  type   = \"Zone\"\n  name   = \"z\"\n  fields = {}\n}\n", []string{"Kubernetes permission denied", "kind: ClusterRole", "resources: [zones]"}},
		"no namespace":               {admin + "\nnamespace = \"other\"", acctest.Fill(timeout, "mesh", "default"), []string{"Namespace does not exist", `"other"`}},
		"what it writes itself":      {admin, "resource \"kongmesh_resource\" \"this\" {\n  type   = \"DataplaneInsight\"\n  mesh   = \"default\"\n  name   = \"z\"\n  fields = {}\n}\n", []string{"Type is read-only"}},
		"a bad value":                {admin, strings.Replace(acctest.Fill(timeout, "mesh", "default"), `connectionTimeout = "5s"`, "", 1), []string{"Control plane rejected the change", "Could not plan MeshTimeout", "spec.to[0].default", "at least one"}},
		"a bad duration":             {admin, strings.Replace(acctest.Fill(timeout, "mesh", "default"), `"5s"`, `"5q"`, 1), []string{"Control plane rejected the change", "unknown unit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes())
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{{
				Config:   fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n%s}\n", env.Address, env.ClusterWith(test.lines)) + test.object,
				PlanOnly: true, ExpectError: acctest.Words(test.want...),
			}}})
			for _, request := range env.Twin.Requests() {
				if request.Method != http.MethodGet && request.Query.Get("dryRun") != "All" && !strings.HasSuffix(request.Path, "reviews") {
					t.Errorf("%s %s", request.Method, request.Path)
				}
			}
		})
	}
}

// A resource that has the name in another mesh is refused, with that mesh.
func TestAccKubernetes_resourceNameIsTaken(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	const policy = `
resource "kongmesh_mesh" "$r" { name = "$r" }
resource "kongmesh_resource" "$r" {
  type = "MeshTimeout"
  mesh = kongmesh_mesh.$r.name
  name = "shared"
  spec = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { connectionTimeout = "5s" } }] }
}
`
	one, two := strings.ReplaceAll(policy, "$r", "one"), strings.ReplaceAll(policy, "$r", "two")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(one)},
			{Config: env.Config(one + two), ExpectError: acctest.Words("Resource name is taken", `"shared"`, `mesh "one"`, "kuma-system")},
			{Config: env.Config(one)},
		},
	})
}

// Data sources also have the resources of other namespaces, under the names of the HTTP
// API. Those of the control plane's namespace have the names that a resource uses.
func TestAccKubernetes_resourcesOfOtherNamespaces(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	for path, namespace := range map[string]string{"here": "kuma-system", "there": "apps"} {
		var object map[string]any
		text := fmt.Sprintf(`{"apiVersion":"kuma.io/v1alpha1","kind":"MeshTimeout","metadata":{"name":%q,"namespace":%q,"labels":{"kuma.io/mesh":"default"}},
			"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"5s"}}]}}`, path, namespace)
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		if status, answer := env.Twin.Cluster().Do(http.MethodPost, "/apis/kuma.io/v1alpha1/namespaces/"+namespace+"/meshtimeouts", object); status > 299 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	const sources = `
data "kongmesh_resources" "all" {
  type   = "MeshTimeout"
  mesh   = "default"
}
data "kongmesh_resource" "here" {
  type = "MeshTimeout"
  mesh = "default"
  name = "here"
}
data "kongmesh_resource" "there" {
  type = "MeshTimeout"
  mesh = "default"
  name = "there.apps"
}
`
	namespace := func(name, want string) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.kongmesh_resource."+name, tfjsonpath.New("labels").AtMapKey("k8s.kuma.io/namespace"), knownvalue.StringExact(want))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(sources),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.kongmesh_resources.all", tfjsonpath.New("names"), knownvalue.ListExact([]knownvalue.Check{
					knownvalue.StringExact("here"), knownvalue.StringExact("mesh-gateways-timeout-all-default"), knownvalue.StringExact("mesh-timeout-all-default"),
					knownvalue.StringExact("there.apps"),
				})),
				namespace("here", "kuma-system"), namespace("there", "apps"),
			},
		}},
	})
}

// What is planned for many resources of a type in many meshes is one list of the type.
func TestAccKubernetes_resourceRequests(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	run := acctest.NewRun(t, env.Config(`
resource "kongmesh_mesh" "this" {
  count = 3
  name  = "acc-${count.index}"
}

resource "kongmesh_resource" "this" {
  count = 9
  type  = "MeshTimeout"
  mesh  = kongmesh_mesh.this[count.index % 3].name
  name  = "timeout-${count.index}"
  spec  = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { connectionTimeout = "5s" } }] }
}
`))
	run.Terraform("apply", "-auto-approve")
	env.ResetRequests()
	run.NoChanges()
	got := map[string]int{}
	for _, request := range env.Twin.Requests() {
		got[request.Method+" "+request.Path]++
	}
	want := map[string]int{
		"GET /_resources": 1, "GET /config": 1, "GET /apis/kuma.io/v1alpha1": 1, "GET /apis/kuma.io/v1alpha1/meshes": 1,
		"GET /apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtimeouts": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	run.Terraform("destroy", "-auto-approve")
}
