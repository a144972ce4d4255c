package provider_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
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
	modes := []string{"STRICT", "PERMISSIVE"}
	configs := func(round int) (string, string) {
		mode := modes[round%2]
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
		var end shared
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/shared", nil), &end); err != nil {
			t.Fatal(err)
		}
		mode := modes[round%2]
		lost := map[string]bool{}
		for run, changes := range map[string][]change{
			firstRun: {
				{"labels", func(m shared) bool { return m.Labels["round"] == strconv.Itoa(round) }},
				{"backend one", func(m shared) bool { return m.modes()["one"] == mode }},
			},
			secondRun: {{"backend two", func(m shared) bool { return m.modes()["two"] == mode }}},
		} {
			for _, change := range changes {
				if err := notLost(t, requests, end, run, change.in); err != nil {
					t.Errorf("round %d, %s: %v", round, change.what, err)
				}
				lost[run] = lost[run] || !change.in(end)
			}
		}
		for name, run := range map[string]*acctest.Run{firstRun: first, secondRun: second} {
			output, err := run.Try("plan", "-detailed-exitcode")
			if (err != nil) != lost[name] {
				t.Errorf("round %d, %s: something is lost, or is not missed:\n%s", round, name, output)
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

// shared is what the two processes write of their mesh.
type shared struct {
	Labels map[string]string
	MTLS   struct {
		Backends []struct{ Name, Mode string }
	}
}

func (m shared) modes() map[string]string {
	modes := map[string]string{}
	for _, backend := range m.MTLS.Backends {
		modes[backend.Name] = cmp.Or(backend.Mode, "STRICT")
	}
	return modes
}

// A change is a part of the mesh that one process writes.
type change struct {
	what string
	in   func(shared) bool
}

// notLost tells whether a change of one process is in the mesh at the end, or
// was lost in the one way that nobody can notice without conditional writes:
// the process has seen its change in the mesh, and afterwards another that had
// read the mesh before wrote it. Nobody takes out what they have read, and
// nobody writes without having read.
func notLost(t *testing.T, requests []kumatest.Request, end shared, run string, in func(shared) bool) error {
	t.Helper()
	var (
		latest = map[string]*shared{} // what each process has read and not yet written
		seen   bool                   // the process has seen its change
		unseen bool                   // another wrote without it and had not read it
	)
	for _, r := range requests {
		if r.Path != "/meshes/shared" {
			continue
		}
		by, text := r.Header.Get("X-Run"), r.Answer
		if r.Method == http.MethodPut {
			text = r.Body
		}
		var mesh shared
		if err := json.Unmarshal(text, &mesh); err != nil {
			t.Fatalf("%s %s: %v", r.Method, r.Path, err)
		}
		if r.Method == http.MethodGet {
			latest[by] = &mesh
			seen = seen || by == run && in(mesh)
			continue
		}
		switch read := latest[by]; {
		case read == nil:
			return fmt.Errorf("%s wrote the mesh and had not read it", by)
		case in(*read) && !in(mesh):
			return fmt.Errorf("%s took out what it had read", by)
		case by != run && !in(mesh):
			unseen = true
		}
		latest[by] = nil
	}
	if !in(end) && (!seen || !unseen) {
		return fmt.Errorf("%s has not brought it in", run)
	}
	return nil
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

// Another client writes the mesh as it was before: what is lost is told by the
// next change of the run that reads the mesh.
func TestAccTogether_overwritten(t *testing.T) {
	t.Parallel()
	twin := kumatest.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		twin.ServeHTTP(w, r)
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "-key") { // after the mesh, before the backend
			bare := httptest.NewRequestWithContext(r.Context(), http.MethodPut, "/meshes/acc", strings.NewReader(`{"type": "Mesh", "name": "acc"}`))
			bare.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			twin.ServeHTTP(answer, bare)
			if answer.Code != http.StatusOK {
				t.Errorf("the other client's write: %d %s", answer.Code, answer.Body)
			}
		}
	}))
	t.Cleanup(server.Close)
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n}\n", server.URL)+acctest.Fill(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key))
	output := run.Terraform("apply", "-auto-approve")
	if !acctest.Words("Warning: Change was overwritten", `Terraform changed mesh "acc" at`, `"labels.team"`, "terraform plan").MatchString(output) {
		t.Errorf("the loss is not told:\n%s", output)
	}
	output = run.Terraform("apply", "-auto-approve")
	if strings.Contains(output, "Change was overwritten") || !strings.Contains(output, "0 added, 1 changed") {
		t.Errorf("the next apply:\n%s", output)
	}
	run.NoChanges()
}
