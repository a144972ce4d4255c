package provider_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// 401, 403, read-only and 404 are four different things, and what was refused
// leaves the state as it was.
func TestAccAccess_refused(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Authentication())
	ca := acctest.NewCA(t, "CA")
	admin := env.AdminToken()
	config := env.Config(triple, "mesh", env.Mesh(), "chain", ca.Chain, "key", ca.Key)
	run := acctest.NewRun(t, config)
	run.Setenv("KONGMESH_TOKEN=" + admin)
	run.Terraform("apply", "-auto-approve")
	before := string(run.Read("terraform.tfstate"))
	for _, test := range []struct {
		token string
		want  []string
	}{
		{"expired", []string{"Invalid or expired token", "environment variable KONGMESH_TOKEN", "kumactl generate user-token"}},
		{env.ReaderToken(), []string{"Permission denied", "environment variable KONGMESH_TOKEN", "mesh-system:admin", "The state is unchanged"}},
		{"", []string{"Permission denied", "no token is set: set token or KONGMESH_TOKEN"}},
	} {
		run.Setenv("KONGMESH_TOKEN=" + test.token)
		for _, command := range [][]string{{"plan"}, {"apply", "-auto-approve"}, {"apply", "-refresh-only", "-auto-approve"}, {"destroy", "-auto-approve"}} {
			output, err := run.Try(command...)
			if err == nil || !acctest.Words(test.want...).MatchString(output) {
				t.Errorf("token %q, %v: %v\n%s", test.token, command, err, output)
			}
		}
		if after := string(run.Read("terraform.tfstate")); after != before {
			t.Errorf("token %q: the state was\n%s\nand is\n%s", test.token, before, after)
		}
	}
	run.Setenv("KONGMESH_TOKEN=" + admin)
	run.Terraform("destroy", "-auto-approve")
}

func TestAccAccess_readOnly(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.ReadOnly())
	ca := acctest.NewCA(t, "CA")
	config := env.Config(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
	want := acctest.Words("Control plane is read-only", "global control plane", "set the provider's address to the global one", "add the argument kubernetes to the provider block")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: want},
			{ // a mesh that is there can be refreshed and planned, but not changed
				PreConfig: func() {
					env.Must(http.MethodPut, "/meshes/acc", map[string]any{"type": "Mesh", "name": "acc", "labels": map[string]string{"team": "platform"}})
				},
				Config: env.Config(`resource "kongmesh_mesh" "this" {
					name   = "acc"
					labels = { team = "platform" }
				}
				import {
					to = kongmesh_mesh.this
					id = "acc"
				}`),
			},
			{Config: env.Config(`resource "kongmesh_mesh" "this" { name = "acc" }`), ExpectError: want},
			{Config: env.Config(`removed {
				from = kongmesh_mesh.this
				lifecycle { destroy = false }
			}`)},
		},
	})
}

// An interrupt ends a run that waits for an answer, long before the answer
// would be given up.
func TestAccAccess_interrupt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kumatest.Fault{
		"no answer": {Kinds: []kumatest.FaultKind{kumatest.Hang}},
		"retries":   {Kinds: []kumatest.FaultKind{kumatest.TooManyRequests}, RetryAfter: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			env.NeedTwin()
			fault.Match = func(r *http.Request) bool { return r.Method == http.MethodPut }
			env.Twin.Inject(fault)
			run := acctest.NewRun(t, env.Config(oneMesh))
			started := make(chan struct{})
			go func() {
				defer close(started)
				for !asked(env, http.MethodPut) {
					if t.Context().Err() != nil {
						return
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
			output, err := run.Interrupt(started, "apply", "-auto-approve")
			if err == nil {
				t.Errorf("it was not interrupted:\n%s", output)
			}
			if !strings.Contains(output, "Cancelled") {
				t.Errorf("it does not say so:\n%s", output)
			}
		})
	}
}

func asked(env *acctest.Env, method string) bool {
	for _, request := range env.Twin.Requests() {
		if request.Method == method {
			return true
		}
	}
	return false
}

// A control plane that takes requests and never answers does not hang Terraform.
func TestAccAccess_neverAnswers(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Hang}})
	run := acctest.NewRun(t, strings.Replace(env.Config(oneMesh), "{\n", "{\n  request_timeout = \"100ms\"\n  max_retries = 1\n", 1))
	output, err := run.Try("apply", "-auto-approve")
	if err == nil || !acctest.Words("Control plane does not answer", env.Address, "argument address").MatchString(output) {
		t.Errorf("%v\n%s", err, output)
	}
	if _, err := os.Stat(run.Path("terraform.tfstate")); err == nil && strings.Contains(string(run.Read("terraform.tfstate")), `"kongmesh_mesh"`) {
		t.Error("a mesh that was never asked for is in the state")
	}
}
