package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// triples are ten meshes with their CAs and backends.
const triples = `
variable "key" {
  type      = string
  ephemeral = true
}

resource "kongmesh_mesh" "this" {
  count = 10
  name  = "storm-${count.index}"
}

resource "kongmesh_mesh_ca_secret" "this" {
  count             = 10
  mesh              = kongmesh_mesh.this[count.index].name
  name              = "ca"
  certificate_chain = $chain
  private_key_wo    = var.key

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mtls_provided_backend" "this" {
  count = 10
  mesh  = kongmesh_mesh.this[count.index].name
  name  = "ca-1"
  cert  = { secret = kongmesh_mesh_ca_secret.this[count.index].certificate_secret }
  key   = { secret = kongmesh_mesh_ca_secret.this[count.index].key_secret }
}
`

// Under a storm of faults an apply and a destroy may fail, but what is there is
// in the state at each stop, and once the storm is over one further run ends it.
func TestAccFault_storm(t *testing.T) {
	t.Parallel()
	const seeds = 20
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			env.NeedTwin()
			ca := acctest.NewCA(t, "CA")
			run := acctest.NewRun(t, env.Config(triples, "chain", ca.Chain))
			run.Setenv("TF_VAR_key=" + ca.Key)
			storm := kumatest.Fault{Rate: 0.3, Seed: seed, Side: kumatest.EitherSide, Kinds: []kumatest.FaultKind{
				kumatest.Refuse, kumatest.InternalError, kumatest.BadGateway, kumatest.Unavailable, kumatest.GatewayTimeout,
				kumatest.HTML, kumatest.Truncated, kumatest.Empty, kumatest.StaleSecrets, kumatest.Conflict,
			}}
			applies := inStorm(t, env, run, storm, "apply")
			run.NoChanges()
			for n := range 10 {
				if document := string(env.Must(http.MethodGet, fmt.Sprintf("/meshes/storm-%d", n), nil)); !strings.Contains(document, `"enabledBackend": "ca-1"`) {
					t.Errorf("mesh %d: %s", n, document)
				}
			}
			destroys := inStorm(t, env, run, storm, "destroy")
			if left := there(t, env); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			t.Logf("applies: %d, destroys: %d", applies, destroys)
		})
	}
}

// inStorm runs a command during a storm, and once more without one if that failed.
func inStorm(t *testing.T, env *acctest.Env, run *acctest.Run, storm kumatest.Fault, command string) int {
	t.Helper()
	env.Twin.Inject(storm)
	output, err := run.Try(command, "-auto-approve")
	env.Twin.ClearFaults()
	nothingForgotten(t, env, run, output)
	if err == nil {
		return 1
	}
	run.Terraform(command, "-auto-approve")
	nothingForgotten(t, env, run, "")
	return 2
}

// nothingForgotten checks that all that is on the control plane is in the state.
func nothingForgotten(t *testing.T, env *acctest.Env, run *acctest.Run, output string) {
	t.Helper()
	known := known(t, run)
	for _, object := range there(t, env) {
		if !slices.Contains(known, object) {
			t.Errorf("%s is on the control plane and not in the state\n%s", object, output)
		}
	}
}

// there is what the control plane has of ours: meshes, secrets, backends.
func there(t *testing.T, env *acctest.Env) []string {
	t.Helper()
	var objects []string
	for n := range 10 {
		mesh := fmt.Sprintf("storm-%d", n)
		status, body := env.Do(http.MethodGet, "/meshes/"+mesh, nil)
		if status == http.StatusNotFound {
			// A mesh that is gone hides its secrets: look at them in a new one.
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
			objects = append(objects, secretsOf(t, env, mesh)...)
			env.Must(http.MethodDelete, "/meshes/"+mesh, nil)
			continue
		}
		objects = append(objects, mesh)
		objects = append(objects, secretsOf(t, env, mesh)...)
		if strings.Contains(string(body), `"ca-1"`) {
			objects = append(objects, mesh+"/ca-1")
		}
	}
	return objects
}

func secretsOf(t *testing.T, env *acctest.Env, mesh string) []string {
	t.Helper()
	var list struct {
		Items []struct{ Name string }
	}
	if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets", nil), &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range list.Items {
		if strings.HasPrefix(item.Name, "ca-") {
			names = append(names, mesh+"/"+item.Name)
		}
	}
	return names
}

// known is what the state has, tainted objects included.
func known(t *testing.T, run *acctest.Run) []string {
	t.Helper()
	var state struct {
		Resources []struct {
			Type      string
			Instances []struct {
				Attributes struct {
					Mesh, Name        string
					CertificateSecret string `json:"certificate_secret"`
					KeySecret         string `json:"key_secret"`
				}
			}
		}
	}
	if err := json.Unmarshal(run.Read("terraform.tfstate"), &state); err != nil {
		t.Fatal(err)
	}
	var objects []string
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			a := instance.Attributes
			switch resource.Type {
			case "kongmesh_mesh":
				objects = append(objects, a.Name)
			case "kongmesh_mesh_ca_secret":
				objects = append(objects, a.Mesh+"/"+a.CertificateSecret, a.Mesh+"/"+a.KeySecret)
			case "kongmesh_mtls_provided_backend":
				objects = append(objects, a.Mesh+"/"+a.Name)
			}
		}
	}
	return objects
}

// The provider's process dies after any number of answers. What it had just
// made and could not say any more is adopted, or the next apply prints how.
func TestAccFault_killed(t *testing.T) {
	t.Parallel()
	for answers := 1; answers <= 12; answers++ {
		t.Run(fmt.Sprintf("after %d answers", answers), func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			env.NeedTwin()
			ca := acctest.NewCA(t, "CA")
			run := acctest.NewRun(t, env.Config(strings.ReplaceAll(triples, "= 10", "= 1"), "chain", ca.Chain))
			run.Setenv("TF_VAR_key=" + ca.Key)
			run.DieAfter(answers)
			if output, err := run.Try("apply", "-auto-approve"); err == nil {
				t.Skipf("an apply has fewer than %d answers:\n%s", answers, output)
			}
			run.DieAfter(0)
			adopt(t, run)
			run.NoChanges()
			run.Terraform("destroy", "-auto-approve")
			if left := there(t, env); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// adopt applies, and imports what the apply says is there already.
func adopt(t *testing.T, run *acctest.Run) {
	t.Helper()
	for range 2 {
		output, err := run.Try("apply", "-auto-approve")
		if err == nil {
			return
		}
		_, rest, found := strings.Cut(output, "to = ")
		if !found || !strings.Contains(output, "Exists already") {
			t.Fatalf("the next apply does not say what to do:\n%s", output)
		}
		address, rest, _ := strings.Cut(rest, ".NAME")
		_, rest, _ = strings.Cut(rest, `id = "`)
		id, _, _ := strings.Cut(rest, `"`)
		run.Terraform("import", address+".this[0]", id)
	}
	run.Terraform("apply", "-auto-approve")
}
