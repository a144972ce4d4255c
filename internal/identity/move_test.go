package identity_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// crossing is a mesh that goes from a provided backend to an identity with the
// same CA: with the backend alone, with both, and with the identity alone.
func crossing(env *acctest.Env, mesh string, ca *acctest.CA, mode, identity string, withBackend bool) string {
	services, own, backend := "", "", ""
	if identity != "" {
		services = `mesh_services = { mode = "Exclusive" }`
		own = strings.ReplaceAll(trustOfOwn, "$mesh", "kongmesh_mesh.this.name") + `
resource "kongmesh_mesh_identity" "this" {
  mesh      = kongmesh_mesh.this.name
  name      = "payments"
  selector  = { dataplane = { match_labels = {` + identity + `} } }
  spiffe_id = { trust_domain = "acc.example" }
  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.this.key_secret }
    }
    mesh_trust_creation        = "Disabled"
    insecure_allow_self_signed = true
  }
  depends_on = [kongmesh_mesh_trust.own]
}
`
	}
	if withBackend {
		backend = `
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  mode = "` + mode + `"
  cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
}
`
	}
	return env.Config(`
resource "kongmesh_mesh" "this" {
  name = $mesh
  `+services+`
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = $chain
  private_key       = $key

  lifecycle {
    create_before_destroy = true
  }
}
`+own+backend, "mesh", mesh, "chain", ca.Chain, "key", ca.Key, "anchor", ca.Chain)
}

// connectWorkloads connects proxies whose Dataplanes have the label of a workload,
// which an identity needs.
func connectWorkloads(t *testing.T, env *acctest.Env, mesh string, n int) {
	t.Helper()
	for i := range n {
		workload := map[string]string{"kuma.io/workload": fmt.Sprintf("dp-%d", i+1), "app": "web"}
		env.Twin.Connect(mesh, fmt.Sprintf("dp-%d", i+1), kumatest.Labels(workload))
		env.Pass(t, 1700*time.Millisecond)
	}
	env.Pass(t, 20*time.Second)
}

// Proxies go from a backend to an identity in two applies without a refused
// handshake, whether the identity is new or selected nobody before.
func TestAccIdentity_crossing(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]string{"strict": "STRICT", "permissive": "PERMISSIVE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Version("2.14.3"))
			env.NeedTwin()
			ca := acctest.NewCA(t, "Mesh CA")
			var handshakes *acctest.Handshakes
			all := func(identity string, backend bool) string { return crossing(env, "acc", ca, mode, identity, backend) }
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: all("", true)},
					{
						PreConfig: func() {
							connectWorkloads(t, env, "acc", 4)
							handshakes = env.WatchHandshakes("acc")
						},
						Config: all(`app = "web"`, true),
						Check: func(s *terraform.State) error {
							env.Pass(t, 15*time.Second)
							if list := string(env.Must(http.MethodGet, "/meshes/acc/meshidentities", nil)); strings.Contains(list, "-rollout-") {
								return fmt.Errorf("the announcement is left: %s", list)
							}
							return handshakes.Check(s)
						},
					},
					{
						Config: all(`app = "web"`, false),
						Check: func(s *terraform.State) error {
							env.Pass(t, 15*time.Second)
							return handshakes.Check(s)
						},
					},
					{PreConfig: func() { env.RemoveProxies("acc") }, Config: all(`app = "web"`, false), ConfigPlanChecks: empty()},
				},
			})
		})
	}
}

// What the plan of each apply of the crossing says.
func TestAccIdentity_crossingPlan(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	env.NeedTwin()
	ca := acctest.NewCA(t, "Mesh CA")
	run := acctest.NewRun(t, required+crossing(env, "acc", ca, "STRICT", "", true))
	run.Serve(env.Provider())
	run.Terraform("apply", "-auto-approve")
	connectWorkloads(t, env, "acc", 2)
	run.Config(required + crossing(env, "acc", ca, "STRICT", "", false))
	if output, err := run.Try("plan"); err == nil || !acctest.Words("mTLS backend is in use").MatchString(output) {
		t.Errorf("the backend can go while proxies need it: %v\n%s", err, output)
	}
	run.Config(required + crossing(env, "acc", ca, "STRICT", " ", true))
	if output := run.Terraform("plan"); !acctest.Words("Proxies move to identity", `"dp-1", "dp-2"`, "MeshTLS").MatchString(output) {
		t.Errorf("the plan does not say that proxies move:\n%s", output)
	}
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	run.Config(required + crossing(env, "acc", ca, "STRICT", " ", false))
	if output := run.Terraform("plan"); !acctest.Words("all 2 connected proxies are from a MeshIdentity").MatchString(output) {
		t.Errorf("the plan does not say what it has checked:\n%s", output)
	}
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	env.RemoveProxies("acc")
}

// A narrower selector takes no certificate from a connected proxy, unless another
// identity is ready for it.
func TestAccIdentity_narrower(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	const selector = "selector  = { dataplane = { match_labels = {} } }"
	config := r.config(r.cas[0], "Disabled", "")
	narrower := strings.Replace(config, selector, `selector  = { dataplane = { match_labels = { app = "db" } } }`, 1)
	nobody := strings.Replace(config, selector, "selector  = {}", 1)
	second := `
resource "kongmesh_mesh_identity" "second" {
  mesh      = "` + r.mesh + `"
  name      = "second"
  selector  = { dataplane = { match_labels = { app = "web" } } }
  spiffe_id = { trust_domain = "acc.example" }
  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.this.key_secret }
    }
    mesh_trust_creation        = "Disabled"
    insecure_allow_self_signed = true
  }
  depends_on = [kongmesh_mesh_trust.own]
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig:   func() { connectWorkloads(t, r.env, r.mesh, 2); r.Reset() },
				Config:      narrower,
				PlanOnly:    true,
				ExpectError: acctest.Words("Identity is in use", "Changing MeshIdentity", `"dp-1", "dp-2"`),
			},
			{Config: nobody, PlanOnly: true, ExpectError: acctest.Words("Identity is in use")},
			{Config: config + second},
			{
				Config: nobody + second,
				Check: func(s *terraform.State) error {
					r.env.Pass(t, 20*time.Second)
					if list := string(r.env.Must(http.MethodGet, "/meshes/"+r.mesh+"/dataplanes/_overview", nil)); strings.Count(list, "__second_") != 2 {
						return fmt.Errorf("the proxies have no certificate of the second identity: %s", list)
					}
					return r.Check(s)
				},
			},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: nobody + second, ConfigPlanChecks: empty()},
		},
	})
}

// An identity for proxies of which some have another one takes TLS from none of
// them while it gets ready, although its selector is more specific.
func TestAccIdentity_moreSpecific(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	first := strings.Replace(r.config(r.cas[0], "Disabled", ""), "match_labels = {}", `match_labels = { app = "web" }`, 1)
	second := strings.Replace(first[strings.Index(first, `resource "kongmesh_mesh_identity"`):], `match_labels = { app = "web" }`, `match_labels = { tier = "a", zone = "b" }`, 1)
	second = strings.NewReplacer(`"this"`, `"second"`, `"payments"`, `"second"`).Replace(second)
	plain := 0
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: first},
			{
				PreConfig: func() {
					labels := map[string]string{"kuma.io/workload": "w", "tier": "a", "zone": "b"}
					r.env.Twin.Connect(r.mesh, "dp-2", kumatest.Labels(labels))
					with := maps.Clone(labels)
					with["app"] = "web"
					has := r.env.Twin.Connect(r.mesh, "dp-1", kumatest.Labels(with))
					r.env.Pass(t, 20*time.Second)
					r.env.Twin.Watch(func(time.Time) {
						if has.Plaintext() {
							plain++
						}
					})
				},
				Config: first + second,
				Check: func(*terraform.State) error {
					r.env.Pass(t, 20*time.Second)
					if list := string(r.env.Must(http.MethodGet, "/meshes/"+r.mesh+"/dataplanes/_overview", nil)); strings.Count(list, "__second_") != 2 {
						return fmt.Errorf("the proxies have no certificate of the second identity: %s", list)
					}
					if plain > 0 {
						return fmt.Errorf("a proxy with an identity spoke plain text at %d moments", plain)
					}
					return r.nothingLeft(nil)
				},
			},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: first + second, ConfigPlanChecks: empty()},
		},
	})
}
