package mesh_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// withMTLS is a mesh, its CA and its backend.
const withMTLS = `
resource "kongmesh_mesh" "this" {
  name = $name
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

resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
}
`

// putProxies adds proxies that never connect, dp-1 and so on.
func putProxies(env *acctest.Env, mesh string, number int) {
	for i := range number {
		name := fmt.Sprintf("dp-%d", i+1)
		env.Must(http.MethodPut, "/meshes/"+mesh+"/dataplanes/"+name, fmt.Sprintf(
			`{"type": "Dataplane", "mesh": %q, "name": %q, "networking": {"address": "127.0.0.1", "inbound": [{"port": 8080, "tags": {"kuma.io/service": "backend"}}]}}`, mesh, name))
	}
}

func deleteProxies(env *acctest.Env, mesh string, number int) {
	for i := range number {
		env.Must(http.MethodDelete, fmt.Sprintf("/meshes/%s/dataplanes/dp-%d", mesh, i+1), nil)
	}
}

// A mesh that still has proxies, connected or not, fails while planning: nothing
// is written, mTLS stays on.
func TestAccMesh_deleteWithProxies(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	name, ca := env.Mesh(), acctest.NewCA(t, "CA")
	config := env.Config(withMTLS, "name", name, "chain", ca.Chain, "key", ca.Key)
	refused := acctest.Words("Mesh is still in use", `"`+name+`" has 7 data plane proxies (0 connected): "dp-1", "dp-2", "dp-3", "dp-4", "dp-5" and 2 more`,
		"would delete the mTLS backend and the CA before the mesh", "kumactl get dataplanes --mesh "+name, "kumactl delete dataplane NAME --mesh "+name)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + name),
		Steps: []resource.TestStep{
			{Config: config},
			{PreConfig: func() { putProxies(env, name, 7); env.ResetRequests() }, Config: config, Destroy: true, ExpectError: refused},
			{Config: env.Config(withMTLS, "name", name+"-2", "chain", ca.Chain, "key", ca.Key), ExpectError: refused},
			{Config: config, Check: resource.ComposeAggregateTestCheckFunc(env.Wrote(), enabledBackend(env, name, "ca-1"))},
			{PreConfig: func() { deleteProxies(env, name, 7) }, Config: config},
		},
	})
}

// Proxies that the same run deletes do not keep a mesh from being deleted.
func TestAccMesh_deleteWithItsProxies(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t) // the plans of the deletions wait for each other
	name := env.Mesh()
	config := env.Config(`
resource "kongmesh_mesh" "this" { name = $name }
resource "kongmesh_resource" "dp" {
  type   = "Dataplane"
  mesh   = kongmesh_mesh.this.name
  name   = "dp-1"
  labels = { "kuma.io/workload" = "web" }
  fields = { networking = { address = "127.0.0.1", inbound = [{ port = 8080, tags = { "kuma.io/service" = "web" } }] } }
}
`, "name", name)
	env.NeedMTLS() // Kuma 3 drops the tags of a proxy
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + name),
		Steps: []resource.TestStep{
			{Config: config},
			{PreConfig: func() { putProxies(env, name, 2) }, Config: config, Destroy: true, ExpectError: acctest.Words("Mesh is still in use", "dp-2")},
			{PreConfig: func() { env.Must(http.MethodDelete, "/meshes/"+name+"/dataplanes/dp-2", nil) }, Config: env.Config("")},
			{Config: config}, // and destroyed as a whole
		},
	})
}

// What no plan tells, such as a tainted mesh, the control plane refuses.
func TestAccMesh_deleteRefused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	name := env.Mesh()
	config := env.Config(`resource "kongmesh_mesh" "this" { name = $name }`, "name", name)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() { putProxies(env, name, 1) }, Config: config, Taint: []string{address},
				ExpectError: acctest.Words("Mesh is still in use", `1 data plane proxy (0 connected): "dp-1"`, "there are still some dataplanes attached", "Stop the proxies"),
			},
			{PreConfig: func() { deleteProxies(env, name, 1) }, Config: config},
		},
	})
}

// A control plane that deletes what is in use is left to it.
func TestAccMesh_deleteUnsafe(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.UnsafeDelete())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/m"),
		Steps: []resource.TestStep{{
			Config: env.Config(`resource "kongmesh_mesh" "this" { name = "m" }`),
			Check:  func(*terraform.State) error { putProxies(env, "m", 1); return nil },
		}},
	})
}

// Who may not list proxies may still delete a mesh.
func TestAccMesh_deleteForbiddenList(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/dataplanes") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"type": "/std-errors", "status": 403, "title": "Access Denied"}`))
			return
		}
		env.Twin.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/m"),
		Steps: []resource.TestStep{{
			Config: acctest.Fill("provider \"kongmesh\" {\n  address = $address\n}\nresource \"kongmesh_mesh\" \"this\" {\n  name = \"m\"\n}", "address", front.URL),
		}},
	})
}

// Proxies are listed where a mesh is to be deleted: once by the plan, and once by
// the apply before it turns mTLS off.
func TestAccMesh_deleteRequests(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(withMTLS, "name", "m", "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	run.Terraform("plan")
	lists := func() int {
		n := 0
		for _, request := range env.Twin.Requests() {
			if strings.Contains(request.Path, "/dataplanes") {
				n++
			}
		}
		return n
	}
	if n := lists(); n != 0 {
		t.Errorf("%d lists of proxies, although nothing is deleted", n)
	}
	run.Terraform("destroy", "-auto-approve")
	if n := lists(); n != 2 {
		t.Errorf("%d lists of proxies", n)
	}
	if methods := env.Twin.Requests(); slices.ContainsFunc(methods, func(r kumatest.Request) bool { return r.Path == "/config" }) {
		t.Error("the configuration of the control plane was asked for, although there are no proxies")
	}
}

// enabledBackend checks which mTLS backend of a mesh is enabled.
func enabledBackend(env *acctest.Env, mesh, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var document struct {
			MTLS struct{ EnabledBackend string }
		}
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh, nil), &document); err != nil {
			return err
		}
		if is := document.MTLS.EnabledBackend; is != want {
			return fmt.Errorf("the enabled backend is %q, and not %q", is, want)
		}
		return nil
	}
}
