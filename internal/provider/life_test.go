package provider_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// triple is a mesh, its CA and its backend.
const triple = `
resource "kongmesh_mesh" "this" {
  name   = $mesh
  labels = { team = "platform" }
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = $chain
  private_key_wo    = $key

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

// One apply, no changes, one destroy, and nothing is left.
func TestAccLife_oneApplyOneDestroy(t *testing.T) {
	t.Parallel()
	for _, version := range kumatest.Versions() {
		if strings.HasPrefix(version, "3") {
			continue // has no mTLS in a mesh
		}
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Version(version))
			life(t, env)
		})
	}
	t.Run("global", func(t *testing.T) {
		t.Parallel()
		life(t, acctest.New(t, kumatest.Global()))
	})
	t.Run("kubernetes", func(t *testing.T) {
		t.Parallel()
		life(t, acctest.New(t, kumatest.Kubernetes()))
	})
	t.Run("any", func(t *testing.T) {
		t.Parallel()
		env := acctest.New(t)
		env.NeedMTLS()
		life(t, env)
	})
}

func life(t *testing.T, env *acctest.Env) {
	t.Helper()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy: func(state *terraform.State) error {
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
			defer env.Must(http.MethodDelete, "/meshes/"+mesh, nil)
			if list := string(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets", nil)); strings.Contains(list, `"ca-`) {
				return fmt.Errorf("secrets are left: %s", list)
			}
			return env.Gone("/meshes/absent")(state)
		},
		Steps: []resource.TestStep{{
			Config: env.Config(triple, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: func(*terraform.State) error {
				if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); !strings.Contains(document, `"enabledBackend": "ca-1"`) {
					return fmt.Errorf("the backend is not enabled: %s", document)
				}
				return nil
			},
		}},
	})
}

// The switch to another CA is one write of the mesh. At no moment does the mesh
// name a pair whose halves do not fit or whose content changed, and the old
// pair goes no sooner than the wait allows.
func TestAccLife_switch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []kumatest.Option
		wait    time.Duration
	}{
		"zone":   {nil, 5 * time.Second},
		"global": {[]kumatest.Option{kumatest.Global()}, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, test.options...)
			env.NeedTwin()
			mesh := env.Mesh()
			first, second := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
			config := func(ca *acctest.CA) string {
				return env.Config(triple, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: config(first)},
					{PreConfig: env.ResetRequests, Config: config(second), Check: func(*terraform.State) error {
						return checkSwitch(env.Twin.Requests(), mesh, test.wait)
					}},
				},
			})
		})
	}
}

// checkSwitch looks at the writes of a switch, in their order.
func checkSwitch(requests []kumatest.Request, mesh string, wait time.Duration) error {
	var switched time.Time
	var written, deleted []string
	for _, request := range requests {
		secret, isSecret := strings.CutPrefix(request.Path, "/meshes/"+mesh+"/secrets/")
		switch {
		case request.Method == http.MethodGet:
		case request.Status > 299:
			return fmt.Errorf("%s %s was answered with %d", request.Method, request.Path, request.Status)
		case request.Method == http.MethodPut && isSecret:
			if !switched.IsZero() {
				return fmt.Errorf("secret %s was written after the switch", secret)
			}
			written = append(written, secret)
		case request.Method == http.MethodPut:
			if !switched.IsZero() {
				return fmt.Errorf("the mesh was written twice")
			}
			if len(written) != 2 {
				return fmt.Errorf("the mesh was switched when %v were written", written)
			}
			for _, name := range written {
				if !strings.Contains(string(request.Body), name) {
					return fmt.Errorf("the mesh does not name %s", name)
				}
			}
			switched = request.Time
		case request.Method == http.MethodDelete:
			if switched.IsZero() {
				return fmt.Errorf("secret %s went before the switch", secret)
			}
			if passed := request.Time.Sub(switched); passed < wait {
				return fmt.Errorf("secret %s went %s after the switch, less than %s", secret, passed, wait)
			}
			deleted = append(deleted, secret)
		}
	}
	if switched.IsZero() || len(deleted) != 2 {
		return fmt.Errorf("switched at %v, deleted %v", switched, deleted)
	}
	for _, name := range deleted {
		if slices.Contains(written, name) {
			return fmt.Errorf("secret %s was written and deleted", name)
		}
	}
	return nil
}

// Every resource writes a mesh document that has more in it than anybody knows.
func TestAccLife_foreignPartsStay(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Verbatim(), kumatest.KongMesh())
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	meshOnly := env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh)
	full := env.Config(triple, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: meshOnly},
			{PreConfig: func() { env.Must(http.MethodPut, "/meshes/"+mesh, acctest.ForeignMesh(mesh)) }, Config: full, Check: env.ForeignStays(mesh)},
			{Config: strings.Replace(full, `  name = "ca-1"`, "  name = \"ca-1\"\n  mode = \"PERMISSIVE\"", 1), Check: env.ForeignStays(mesh)},
			{Config: meshOnly, Check: env.ForeignStays(mesh)},
		},
	})
}

// The private key is in no plan, no state, no output and no log of a whole life,
// and no log line has a token, a header's value or a body in it.
func TestAccLife_keyIsNowhere(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	first, second := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	config := func(ca *acctest.CA) string {
		// A file, as a key in the configuration would be in Terraform's own log of it.
		return strings.Replace(env.Config(`variable "key" {
			type      = string
			ephemeral = true
			sensitive = true
		}
		`+strings.Replace(triple, "$key", "var.key", 1), "mesh", mesh, "chain", ca.Chain),
			"{\n", "{\n  headers = { \"X-Gateway\" = var.header }\n", 1) + "variable \"header\" {}\n"
	}
	const header = "a-header-of-the-test"
	token := cmp.Or(os.Getenv("KONGMESH_TOKEN"), "a-token-of-the-test")
	run := acctest.NewRun(t, config(first))
	run.Setenv("KONGMESH_TOKEN="+token, "TF_VAR_header="+header)
	run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
	var seen strings.Builder
	terraform := func(key string, args ...string) {
		t.Helper()
		write(t, run.Path("terraform.tfvars.json"), `{"key": `+quote(t, key)+`}`)
		output, err := run.Try(args...)
		seen.WriteString(output)
		if err != nil {
			t.Fatalf("terraform %s: %s\n%s", strings.Join(args, " "), err, output)
		}
		for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", "plan"} {
			seen.WriteString(run.Unpacked(name))
		}
	}
	terraform(first.Key, "plan", "-out=plan")
	terraform(first.Key, "show", "-json", "plan")
	terraform(first.Key, "apply", "plan")
	terraform(first.Key, "plan", "-out=plan")
	// Drift of the key, a key that does not fit, and a control plane that is away.
	run.Config(config(second))
	write(t, run.Path("terraform.tfvars.json"), `{"key": `+quote(t, first.Key)+`}`)
	if output, err := run.Try("plan"); err == nil {
		t.Error("a key that does not fit was planned")
	} else {
		seen.WriteString(output)
	}
	terraform(second.Key, "plan", "-out=plan")
	terraform(second.Key, "show", "-json", "plan")
	terraform(second.Key, "apply", "plan")
	terraform(second.Key, "show", "-json")
	terraform(second.Key, "destroy", "-auto-approve")
	log := string(run.Read("trace.log"))
	if !strings.Contains(log, "control plane answered") {
		t.Error("the log has nothing of the provider in it, so this shows nothing")
	}
	for name, text := range map[string]string{"plan, state or output": seen.String(), "log": log} {
		for _, ca := range []*acctest.CA{first, second} {
			if found := acctest.Leaks(t, ca.Key, ca.Chain, text); len(found) > 0 {
				t.Errorf("the private key is in the %s: %v", name, found)
			}
		}
	}
	for name, text := range map[string]string{"token": token, "header": header, "body": `"skipCreatingInitialPolicies"`, "encoded body": "LS0tLS1CRUdJTi"} {
		if strings.Contains(log, text) {
			t.Errorf("a %s is in the log", name)
		}
	}
	if found := acctest.Leaks(t, first.Key, first.Chain, "x"+quote(t, first.Key)); len(found) == 0 {
		t.Error("the search finds nothing")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func quote(t *testing.T, text string) string {
	t.Helper()
	encoded, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// What HCP Terraform does: a plan is saved, and applied on another machine,
// which has nothing but the plan and the variables, by runs that nobody watches.
func TestAccLife_savedPlanElsewhere(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	config := acctest.Fill(`
		terraform {
			required_providers {
				kongmesh = {
					source = "kongmesh/kongmesh"
				}
			}
		}
		variable "key" {
			type      = string
			ephemeral = true
		}
	`+strings.Replace(triple, "$key", "var.key", 1), "mesh", mesh, "chain", ca.Chain)
	here := acctest.NewRun(t, config)
	here.Setenv("TF_VAR_key="+ca.Key, "KONGMESH_ADDRESS="+env.Address, "CI=true", "TF_INPUT=0")
	want := changes{Add: 3, Operation: "plan"}
	if got := lastChanges(t, here.Terraform("plan", "-json", "-out=plan")); got != want {
		t.Errorf("the plan is %+v, not %+v", got, want)
	}
	there := here.Elsewhere()
	if err := os.Remove(there.Path("main.tf")); err != nil {
		t.Fatal(err)
	}
	write(t, there.Path("plan"), string(here.Read("plan")))
	want.Operation = "apply"
	if got := lastChanges(t, there.Terraform("apply", "-json", "plan")); got != want {
		t.Errorf("what was applied is %+v, not %+v", got, want)
	}
	there.Config(config)
	there.NoChanges()
	there.Terraform("apply", "-refresh-only", "-auto-approve")
	// Not its exit code: Terraform takes two sensitive attributes in another order for a difference.
	if output := there.Terraform("plan", "-refresh-only"); !strings.Contains(output, "No changes.") {
		t.Errorf("a refresh sees changes:\n%s", output)
	}
	there.Terraform("destroy", "-auto-approve")
}

// changes are what a run says that it has done.
type changes struct {
	Add, Change, Remove int
	Operation           string
}

// lastChanges reads what -json prints: each line must be an object with a type.
func lastChanges(t *testing.T, output string) changes {
	t.Helper()
	var last changes
	for line := range strings.Lines(output) {
		var said struct {
			Type    string
			Changes changes
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Type == "" {
			t.Errorf("%v: %s", err, line)
		}
		if said.Type == "change_summary" {
			last = said.Changes
		}
	}
	return last
}
