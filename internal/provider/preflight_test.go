package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// What the control plane tells beforehand that it refuses is an error of the
// plan, for every type of resource.
func TestAccPreflight(t *testing.T) {
	t.Parallel()
	secrets := []string{"kongmesh_mesh_ca_secret", "kongmesh_mesh_secret", "kongmesh_global_secret"}
	ca := acctest.NewCA(t, "CA")
	none := func(*acctest.Env) string { return "" }
	for name, test := range map[string]struct {
		option  kumatest.Option
		token   func(*acctest.Env) string
		refused []string // nil: all
		want    []string
	}{
		"read-only":        {kumatest.ReadOnly(), none, nil, []string{"Control plane is read-only", "Nothing was sent", "set the provider's address to the global one", "add the argument kubernetes to the provider block"}},
		"no token":         {kumatest.Authentication(), none, secrets, []string{"Permission denied", "Could not write secrets", "no token is set: set token or KONGMESH_TOKEN"}},
		"a user's token":   {kumatest.Authentication(), (*acctest.Env).ReaderToken, secrets, []string{"Permission denied", "argument token", "mesh-system:admin"}},
		"an expired token": {kumatest.Authentication(), func(*acctest.Env) string { return "expired" }, nil, []string{"Invalid or expired token", "kumactl generate user-token"}},
		"an admin's token": {kumatest.Authentication(), (*acctest.Env).AdminToken, []string{}, nil},
		"version 3":        {kumatest.Version("3.0"), none, []string{"kongmesh_mtls_provided_backend"}, []string{"Meshes have no mTLS backends", "version VERSION", "MeshIdentity", "Nothing was sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, test.option)
			token := test.token(env)
			var is struct{ Version string }
			if _, index := env.Do(http.MethodGet, "/", nil); json.Unmarshal(index, &is) != nil {
				t.Fatalf("the control plane does not tell its version: %s", index)
			}
			want := slices.Clone(test.want)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "VERSION", is.Version)
			}
			for kind := range env.Protocol().Schemas.ResourceSchemas {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					config := strings.Replace(env.Config(alone(t, kind), "mesh", "new", "chain", ca.Chain, "key", ca.Key),
						"{\n", fmt.Sprintf("{\n  token = %q\n", token), 1)
					step := resource.TestStep{Config: config, PlanOnly: true, ExpectError: acctest.Words(want...)}
					if test.refused != nil && !slices.Contains(test.refused, kind) {
						step.ExpectError, step.ExpectNonEmptyPlan = nil, true
					}
					resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{step}})
				})
			}
		})
	}
}

// It is said once, before anything is sent, and asked once, however many
// resources there are; and not at all where nothing changes.
func TestAccPreflight_once(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		option  kumatest.Option
		summary string
	}{
		"read-only": {kumatest.ReadOnly(), "Error: Control plane is read-only"},
		"no token":  {kumatest.Authentication(), "Error: Permission denied"},
		"version 3": {kumatest.Version("3.0"), "Error: Meshes have no mTLS backends"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t, test.option)
			env.NeedTwin()
			ca := acctest.NewCA(t, "CA")
			run := acctest.NewRun(t, env.Config(manyTriples, "chain", ca.Chain, "meshes", "3", "cas", "1"))
			run.Setenv("TF_VAR_key=" + ca.Key)
			env.ResetRequests()
			output, err := run.Try("apply", "-auto-approve")
			if err == nil || strings.Count(output, test.summary) != 1 || strings.Count(output, "Error: ") != 1 {
				t.Errorf("%v\n%s", err, output)
			}
			asked := map[string]int{}
			for _, request := range env.Twin.Requests() {
				asked[request.Path]++
				if request.Method != http.MethodGet {
					t.Errorf("it sent %s %s", request.Method, request.Path)
				}
			}
			for _, path := range []string{"/_resources", "/secrets", "/"} {
				if asked[path] > 1 {
					t.Errorf("%s was asked %d times", path, asked[path])
				}
			}
		})
	}
}

// A control plane that cannot be reached stops no plan.
func TestAccPreflight_noControlPlane(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	ca := acctest.NewCA(t, "CA")
	env.Twin.Close()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key), PlanOnly: true, ExpectNonEmptyPlan: true,
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPreRefresh: []plancheck.PlanCheck{plancheck.ExpectNonEmptyPlan()}},
		}},
	})
}
