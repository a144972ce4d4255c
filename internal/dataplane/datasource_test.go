package dataplane_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const address = "data.kongmesh_dataplanes.this"

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func proxy(attribute string, index int, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("dataplanes").AtSliceIndex(index).AtMapKey(attribute), want)
}

func count(n int64) knownvalue.Check { return knownvalue.Int64Exact(n) }

func TestAccDataplanes(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.14.3", "2.7.29"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Version(version))
			env.NeedTwin()
			ca := acctest.NewCA(t, "CA")
			backend(t, env, ca)
			for _, name := range []string{"web-1", "web-2", "api-1"} {
				env.Twin.Connect("acc", name, kumatest.Service(strings.Split(name, "-")[0]))
			}
			wait(t, env, 20*time.Second)
			env.Twin.Proxies("acc")[1].Disconnect()
			env.Must(http.MethodPut, "/meshes/acc/dataplanes/never", `{"type": "Dataplane", "mesh": "acc", "name": "never", "networking": {"address": "127.0.0.1", "inbound": [{"port": 8080, "tags": {"kuma.io/service": "never"}}]}}`)
			wait(t, env, 5*time.Second)
			config := func(lines string) string {
				return env.Config("data \"kongmesh_dataplanes\" \"this\" {\n  mesh = \"acc\"\n" + lines + "\n}")
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: config(""), ConfigStateChecks: []statecheck.StateCheck{
						value("total", count(4)), value("online", count(2)), value("offline", count(2)),
						proxy("name", 0, knownvalue.StringExact("api-1")),
						proxy("online", 0, knownvalue.Bool(true)),
						proxy("issued_backend", 0, knownvalue.StringExact("ca-1")),
						proxy("certificate_issued_at", 0, knownvalue.NotNull()),
						proxy("certificate_expires_at", 0, knownvalue.NotNull()),
						proxy("zone", 0, knownvalue.StringExact("default")),
						proxy("tags", 0, knownvalue.MapPartial(map[string]knownvalue.Check{"kuma.io/service": knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("api")})})),
						proxy("name", 1, knownvalue.StringExact("never")),
						proxy("online", 1, knownvalue.Bool(false)),
						proxy("certificate_issued_at", 1, knownvalue.Null()),
						proxy("online", 3, knownvalue.Bool(false)),
					}},
					{Config: config(`name = "web"`), ConfigStateChecks: []statecheck.StateCheck{value("total", count(2)), value("online", count(1))}},
					{Config: config(`tags = { "kuma.io/service" = "api" }`), ConfigStateChecks: []statecheck.StateCheck{value("total", count(1))}},
					{Config: config(`tags = { "kuma.io/service" = "ap" }`), ConfigStateChecks: []statecheck.StateCheck{value("total", count(0)), value("dataplanes", knownvalue.ListExact(nil))}},
					{ // what a check block asks after a rotation
						Config: config("") + `
							check "certificates" {
								assert {
									condition = alltrue([for d in data.kongmesh_dataplanes.this.dataplanes :
										timecmp(d.certificate_issued_at, "2001-01-01T00:00:00Z") > 0 if d.online])
									error_message = "Some proxies have certificates of before."
								}
							}`,
					},
					{Config: strings.Replace(config(""), `"acc"`, `"absent"`, 1), ExpectError: acctest.Words("No such mesh", `mesh "absent"`)},
				},
			})
		})
	}
}

// backend makes a mesh with an enabled backend.
func backend(t *testing.T, env *acctest.Env, ca *acctest.CA) {
	t.Helper()
	env.Must(http.MethodPut, "/meshes/acc", map[string]any{"type": "Mesh", "name": "acc"})
	for name, data := range map[string]string{"cert": ca.Chain, "key": ca.Key} {
		env.PutSecret("acc", name, data)
	}
	env.Must(http.MethodPut, "/meshes/acc", `{"type": "Mesh", "name": "acc", "mtls": {"enabledBackend": "ca-1", "backends": [
		{"name": "ca-1", "type": "provided", "conf": {"cert": {"secret": "cert"}, "key": {"secret": "key"}}}]}}`)
}

func wait(t *testing.T, env *acctest.Env, d time.Duration) {
	t.Helper()
	if err := env.Clock.Sleep(context.Background(), d); err != nil {
		t.Fatal(err)
	}
}

// What issued a certificate, while a mesh moves from mTLS to a MeshIdentity: one
// expression tells whether each connected proxy has a certificate of the identity.
func TestAccDataplanes_identity(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	env.NeedTwin()
	ca := acctest.NewCA(t, "CA")
	backend(t, env, ca)
	env.Change("/meshes/acc", func(mesh map[string]any) { mesh["meshServices"] = map[string]any{"mode": "Exclusive"} })
	for _, name := range []string{"web", "api"} {
		env.Twin.Connect("acc", name, kumatest.Service(name), kumatest.Labels(map[string]string{"kuma.io/workload": name}))
	}
	gone := env.Twin.Connect("acc", "gone", kumatest.Service("gone"), kumatest.Labels(map[string]string{"kuma.io/workload": "gone"}))
	wait(t, env, 20*time.Second)
	gone.Disconnect()
	wait(t, env, 5*time.Second)
	source := func(kind string) string {
		return `{"type": "Secret", "secretRef": {"kind": "Secret", "name": "` + kind + `"}}`
	}
	identity := func(selector string) func() {
		return func() {
			env.Must(http.MethodPut, "/meshes/acc/meshidentities/payments", `{"type": "MeshIdentity", "mesh": "acc", "name": "payments", "spec": {"selector": `+selector+`,
				"provider": {"type": "Bundled", "bundled": {"insecureAllowSelfSigned": true, "ca": {"certificate": `+source("cert")+`, "privateKey": `+source("key")+`}}}}}`)
			wait(t, env, 20*time.Second)
		}
	}
	config := env.Config(`
		data "kongmesh_dataplanes" "this" {
			mesh = "acc"
		}
		output "moved" {
			value = alltrue([for d in data.kongmesh_dataplanes.this.dataplanes : d.issued_identity == "payments" if d.online])
		}`)
	moved := func(want bool) statecheck.StateCheck {
		return statecheck.ExpectKnownOutputValue("moved", knownvalue.Bool(want))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{PreConfig: identity(`{}`), Config: config, ConfigStateChecks: []statecheck.StateCheck{
				moved(false), proxy("issued_backend", 0, knownvalue.StringExact("ca-1")), proxy("issued_identity", 0, knownvalue.Null()),
			}},
			{PreConfig: identity(`{"dataplane": {"matchLabels": {"kuma.io/workload": "api"}}}`), Config: config, ConfigStateChecks: []statecheck.StateCheck{
				moved(false), proxy("name", 0, knownvalue.StringExact("api")), proxy("issued_identity", 0, knownvalue.StringExact("payments")),
				proxy("issued_backend", 0, knownvalue.StringExact("kri_mid_acc_default__payments_")),
				proxy("certificate_issued_at", 0, knownvalue.NotNull()), proxy("certificate_expires_at", 0, knownvalue.NotNull()),
				proxy("name", 2, knownvalue.StringExact("web")), proxy("issued_identity", 2, knownvalue.Null()),
			}},
			{PreConfig: identity(`{"dataplane": {"matchLabels": {}}}`), Config: config, ConfigStateChecks: []statecheck.StateCheck{
				moved(true), proxy("name", 1, knownvalue.StringExact("gone")), proxy("issued_identity", 1, knownvalue.Null()),
				proxy("issued_identity", 2, knownvalue.StringExact("payments")),
			}},
		},
	})
}
