package provider_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// manyTriples are meshes, each with CAs and a backend for each of them, of which
// the first is enabled.
const manyTriples = `
variable "key" {
  type      = string
  ephemeral = true
}

variable "team" {
  default = "platform"
}

variable "mode" {
  default = "STRICT"
}

locals {
  each = { for n in range($meshes * $cas) : n => { mesh = floor(n / $cas), ca = n % $cas } }
}

resource "kongmesh_mesh" "this" {
  count  = $meshes
  name   = "requests-${count.index}"
  labels = { team = var.team }
}

resource "kongmesh_mesh_ca_secret" "this" {
  for_each          = local.each
  mesh              = kongmesh_mesh.this[each.value.mesh].name
  name              = "ca-${each.value.ca}"
  certificate_chain = $chain
  private_key_wo    = var.key

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mtls_provided_backend" "this" {
  for_each = local.each
  mesh     = kongmesh_mesh.this[each.value.mesh].name
  name     = "ca-${each.value.ca}"
  enabled  = each.value.ca == 0
  mode     = var.mode
  cert     = { secret = kongmesh_mesh_ca_secret.this[each.key].certificate_secret }
  key      = { secret = kongmesh_mesh_ca_secret.this[each.key].key_secret }
}
`

// What each command asks of the control plane, to the request. One resource after
// the other: of those at once some share their reads.
func TestAccRequests(t *testing.T) {
	t.Parallel()
	const oneByOne = "-parallelism=1"
	for name, test := range map[string]struct {
		cas  int
		want map[string]string
	}{
		"one CA in a mesh": {1, map[string]string{
			// What the control plane takes, in general and of secrets: 2 in the plan, 2 in the apply.
			// mesh: look, PUT, read back; CA: look, 2 PUT; backend: mesh, PUT, read back.
			"create":  "GET 9, PUT 4",
			"no-op":   "GET 2",
			"refresh": "GET 2",
			// What the control plane takes: 1 in the plan, 1 in the apply.
			// mesh and backend: refresh 2; mesh, PUT, read back; secrets, mesh, PUT, read back.
			"update": "GET 9, PUT 2",
			// refresh 2; proxies, for STRICT again; what the control plane takes, in plan and apply; proxies; backend: mesh, proxies, PUT, read back;
			// CA: identities, who holds it, 2 DELETE; mesh: DELETE.
			"destroy": "DELETE 3, GET 11, PUT 1",
		}},
		"ten CAs in a mesh": {10, map[string]string{
			"create":  "GET 36, PUT 31",
			"no-op":   "GET 2",
			"refresh": "GET 2",
			"update":  "GET 27, PUT 11",
			"destroy": "DELETE 21, GET 38, PUT 10",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t, kumatest.KongMesh())
			env.NeedTwin()
			ca := acctest.NewCA(t, "CA")
			run := acctest.NewRun(t, env.Config(manyTriples, "chain", ca.Chain, "meshes", "1", "cas", fmt.Sprint(test.cas)))
			run.Setenv("TF_VAR_key=" + ca.Key)
			for _, command := range []struct {
				what string
				args []string
			}{
				{"create", []string{"apply", "-auto-approve"}},
				{"refresh", []string{"apply", "-auto-approve", "-refresh-only"}},
				{"no-op", []string{"plan", "-detailed-exitcode"}},
				{"update", []string{"apply", "-auto-approve", "-var=team=network", "-var=mode=PERMISSIVE"}},
				{"destroy", []string{"destroy", "-auto-approve"}},
			} {
				env.ResetRequests()
				run.Terraform(append(command.args, oneByOne)...)
				if got := counted(env.Twin.Requests()); got != test.want[command.what] {
					t.Errorf("%s: %s, want %s\n%s", command.what, got, test.want[command.what], listed(env.Twin.Requests()))
				}
			}
		})
	}
}

// counted are requests by their method.
func counted(requests []kumatest.Request) string {
	methods := map[string]int{}
	for _, r := range requests {
		methods[r.Method]++
	}
	var counts []string
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		counts = append(counts, fmt.Sprintf("%s %d", method, methods[method]))
	}
	return strings.Join(counts, ", ")
}

func listed(requests []kumatest.Request) string {
	var lines strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&lines, "%d %s %s\n", r.Status, r.Method, r.Path)
	}
	return lines.String()
}

// Connections are kept: there are no more than Terraform does things at once.
func TestAccRequests_connections(t *testing.T) {
	t.Parallel()
	const (
		parallelism = 10
		// Under load net/http gives a connection up now and then, of 450 requests.
		givenUp = 10
	)
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(kumatest.New())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, acctest.Fill(manyTriples, "chain", ca.Chain, "meshes", "50", "cas", "1"))
	run.Setenv("TF_VAR_key="+ca.Key, "KONGMESH_ADDRESS="+server.URL)
	run.Terraform("plan", "-out=saved")
	connections.Store(0) // those of another process
	run.Terraform("apply", fmt.Sprintf("-parallelism=%d", parallelism), "saved")
	if n := connections.Load(); n > parallelism+givenUp {
		t.Errorf("%d connections", n)
	}
}
