package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// Two people apply to one mesh at once, each with a state and a process of
// their own: both changes are there afterwards.
func TestAccTogether_twoProcesses(t *testing.T) {
	t.Parallel()
	// Answers that take their time let each see the mesh as it was before the other's write.
	env := acctest.NewReal(t, kumatest.KongMesh(), kumatest.Latency(20*time.Millisecond))
	ca := acctest.NewCA(t, "CA")
	first, second := acctest.NewRun(t, ""), acctest.NewRun(t, "")
	for _, run := range []*acctest.Run{first, second} {
		run.Setenv("TF_VAR_key=" + ca.Key)
	}
	configs := func(round int) (string, string) {
		mode := []string{"STRICT", "PERMISSIVE"}[round%2]
		labels := env.Config(fmt.Sprintf(`resource "kongmesh_mesh" "this" {
			name   = "shared"
			labels = { round = "%d" }
		}
		resource "kongmesh_mtls_provided_backend" "one" {
			mesh            = kongmesh_mesh.this.name
			name            = "one"
			enabled         = false
			mode            = %q
			skip_validation = true
			cert            = { file = "/does/not/exist" }
			key             = { file = "/does/not/exist" }
		}`, round, mode))
		backend := env.Config(fmt.Sprintf(`variable "key" {
			type      = string
			ephemeral = true
		}
		resource "kongmesh_mesh_ca_secret" "this" {
			mesh              = "shared"
			name              = "ca"
			certificate_chain = $chain
			private_key_wo    = var.key
		}
		resource "kongmesh_mtls_provided_backend" "two" {
			mesh            = "shared"
			name            = "two"
			mode            = %q
			skip_validation = true
			cert            = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
			key             = { secret = kongmesh_mesh_ca_secret.this.key_secret }
		}`, mode), "chain", ca.Chain)
		return by(firstRun, labels), by(secondRun, backend)
	}
	for round := range 6 {
		a, b := configs(round)
		first.Config(a)
		second.Config(b)
		if round == 0 {
			first.Terraform("apply", "-auto-approve")
			second.Terraform("apply", "-auto-approve")
			continue
		}
		env.ResetRequests()
		var both sync.WaitGroup
		both.Go(func() { _, _ = first.Try("apply", "-auto-approve") })
		both.Go(func() { _, _ = second.Try("apply", "-auto-approve") })
		both.Wait()
		requests := env.Twin.Requests()
		for name, run := range map[string]*acctest.Run{firstRun: first, secondRun: second} {
			output, err := run.Try("plan", "-detailed-exitcode")
			if err == nil {
				continue
			}
			if !overtaken(requests, name) {
				t.Errorf("round %d: something was lost:\n%s", round, output)
			}
			run.Terraform("apply", "-auto-approve")
		}
	}
	second.Terraform("destroy", "-auto-approve")
	first.Terraform("destroy", "-auto-approve")
}

// The two processes, by a header of their requests.
const firstRun, secondRun = "first", "second"

func by(run, config string) string {
	return strings.Replace(config, "  address =", fmt.Sprintf("  headers = { X-Run = %q }\n  address =", run), 1)
}

// overtaken tells whether the other process wrote the mesh, as it had read it
// before a write of this one, after this one had read that write back. Without
// conditional writes nobody can notice that: it is the one case in which an
// update is lost in silence.
func overtaken(requests []kumatest.Request, run string) bool {
	const slack = 10 * time.Millisecond // requests take effect in about the order in which they come
	// What one process does to a mesh it does one after the other: read, write, read back.
	type write struct{ read, written, looked time.Time }
	writes := func(own bool) (list []write) {
		var read time.Time
		for _, r := range requests {
			if r.Path != "/meshes/shared" || (r.Header.Get("X-Run") == run) != own {
				continue
			}
			if r.Method == http.MethodPut {
				list = append(list, write{read: read, written: r.Time})
				continue
			}
			read = r.Time
			if n := len(list); n > 0 && list[n-1].looked.IsZero() {
				list[n-1].looked = r.Time
			}
		}
		return list
	}
	for _, mine := range writes(true) {
		for _, other := range writes(false) {
			if other.read.Before(mine.written.Add(slack)) && other.written.After(mine.looked.Add(-slack)) {
				return true
			}
		}
	}
	return false
}

// A mesh that was deleted behind Terraform's back leaves its secrets. The next
// apply finds the pair again by its content, and no other.
func TestAccTogether_meshDeleted(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	full := env.Config(triple, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	remove := func() {
		env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
		env.Must(http.MethodDelete, "/meshes/"+mesh, nil)
	}
	enabled := func(*terraform.State) error {
		if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); !strings.Contains(document, `"enabledBackend": "ca-1"`) {
			return fmt.Errorf("the backend is not enabled: %s", document)
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: full},
			{PreConfig: remove, Config: full, Check: enabled},
			{PreConfig: func() {
				var list struct {
					Items []struct{ Name string }
				}
				if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets", nil), &list); err != nil {
					t.Fatal(err)
				}
				for _, item := range list.Items {
					if strings.HasSuffix(item.Name, "-key") && strings.HasPrefix(item.Name, "ca-") {
						env.PutSecret(mesh, item.Name, "another key")
					}
				}
				remove()
			}, Config: full, ExpectError: acctest.Words("Exists already", "import {")},
			{PreConfig: func() {
				for _, name := range secretsOf(t, env, mesh) {
					_, secret, _ := strings.Cut(name, "/")
					env.Must(http.MethodDelete, "/meshes/"+mesh+"/secrets/"+secret, nil)
				}
			}, Config: full, Check: enabled},
		},
	})
}
