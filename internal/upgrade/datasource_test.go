package upgrade_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const address = "data.kongmesh_upgrade_check.this"

func ready(want bool) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New("ready"), knownvalue.Bool(want))
}

// problems checks the list of problems, each as "TYPE MESH/NAME PATH EFFECT".
func problems(want ...string) resource.TestCheckFunc {
	return func(state *terraform.State) error {
		attributes := state.RootModule().Resources[address].Primary.Attributes
		got := []string{}
		for i := 0; attributes[fmt.Sprintf("problems.%d.type", i)] != ""; i++ {
			of := func(name string) string { return attributes[fmt.Sprintf("problems.%d.%s", i, name)] }
			got = append(got, fmt.Sprintf("%s %s/%s %s %s", of("type"), of("mesh"), of("name"), of("path"), of("effect")))
			if !strings.Contains(of("message"), "Kuma 3.0") && of("effect") != "unchecked" {
				return fmt.Errorf("message %q", of("message"))
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	}
}

func put(env *acctest.Env, path, kind, mesh, name, content string) {
	env.Must(http.MethodPut, path+"/"+name, json.RawMessage(`{"type": "`+kind+`", "mesh": "`+mesh+`", "name": "`+name+`", `+content+`}`))
}

// The meshes, policies and other documents of all meshes, or of one.
func TestAccUpgradeCheck(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	env.NeedTwin() // the meshes of other tests have problems as well
	env.Do(http.MethodDelete, "/meshes/default", nil)
	env.Must(http.MethodPut, "/meshes/payments", `{"type": "Mesh", "name": "payments", "skipCreatingInitialPolicies": ["*"], "meshServices": {"mode": "Exclusive"}}`)
	put(env, "/meshes/payments/meshtlses", "MeshTLS", "payments", "strict", `"spec": {"rules": [{"default": {"mode": "Strict"}}]}`)
	config := func(lines string) string {
		return env.Config("data \"kongmesh_upgrade_check\" \"this\" {\n  target_version = \"3.0\"\n" + lines + "\n}\n")
	}
	old := func() {
		env.Must(http.MethodPut, "/meshes/orders", `{"type": "Mesh", "name": "orders", "skipCreatingInitialPolicies": ["*"], "mtls": {"backends": [{"name": "ca-1", "type": "builtin"}]}}`)
		put(env, "/meshes/orders/meshtlses", "MeshTLS", "orders", "old", `"spec": {"from": [{"targetRef": {"kind": "Mesh"}, "default": {"mode": "Strict"}}]}`)
		put(env, "/meshes/payments/meshtimeouts", "MeshTimeout", "payments", "web", `"spec": {"targetRef": {"kind": "MeshSubset", "tags": {"a": "b"}}, "to": [{"targetRef": {"kind": "Mesh"}, "default": {"idleTimeout": "1h"}}]}`)
		put(env, "/meshes/payments/traffic-permissions", "TrafficPermission", "payments", "all", `"sources": [{"match": {"kuma.io/service": "*"}}], "destinations": [{"match": {"kuma.io/service": "*"}}]`)
		put(env, "/zones", "Zone", "", "1.east", `"enabled": true`)
	}
	ofPayments := []string{"MeshTimeout payments/web spec.targetRef.kind refused", "TrafficPermission payments/all  refused"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config(""), Check: problems(), ConfigStateChecks: []statecheck.StateCheck{
				ready(true), statecheck.ExpectKnownValue(address, tfjsonpath.New("problems"), knownvalue.ListExact(nil)),
			}},
			{PreConfig: old, Config: config(""), ConfigStateChecks: []statecheck.StateCheck{ready(false)}, Check: problems(
				"Mesh /orders mtls dropped", "Mesh /orders meshServices.mode changed", "MeshTLS orders/old spec.from dropped",
				ofPayments[0], ofPayments[1], "Zone /1.east name refused")},
			{Config: strings.Replace(config(""), `"3.0"`, `"2.14"`, 1), ExpectError: acctest.Words("Invalid value", `target_version = "2.14"`, `"3.0"`)},
			{Config: config(`mesh = "missing"`), ExpectError: acctest.Words("No such mesh", `mesh "missing"`)},
			{Config: config(`mesh = "payments"`), ConfigStateChecks: []statecheck.StateCheck{ready(false)}, Check: problems(ofPayments...)},
		},
	})
}

// One list for each type that can have problems, whatever the number of meshes.
func TestAccUpgradeCheck_requests(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	env.NeedTwin()
	for i := range 5 {
		env.Must(http.MethodPut, fmt.Sprintf("/meshes/m%d", i), fmt.Sprintf(`{"type": "Mesh", "name": "m%d"}`, i))
	}
	env.ResetRequests()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps:                    []resource.TestStep{{Config: env.Config(`data "kongmesh_upgrade_check" "this" { target_version = "3.0" }`), PlanOnly: true}},
	})
	counts := map[string]int{}
	for _, request := range env.Twin.Requests() {
		path, _, _ := strings.Cut(request.Path, "?")
		counts[path]++
	}
	if len(counts) < 30 || counts["/meshtimeouts"] == 0 {
		t.Errorf("requests %v", counts)
	}
	for path, n := range counts {
		if n > counts["/meshes"] || strings.HasPrefix(path, "/meshes/") {
			t.Errorf("%d requests of %s", n, path)
		}
	}
}

// A control plane of version 3 has no problems of version 2.
func TestAccUpgradeCheck_version3(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("3.0-dev"))
	env.Must(http.MethodPut, "/meshes/payments", `{"type": "Mesh", "name": "payments"}`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`data "kongmesh_upgrade_check" "this" { target_version = "3.0" }`), Check: problems(), ConfigStateChecks: []statecheck.StateCheck{ready(true)},
		}},
	})
}

// The CA of an identity is a problem exactly if version 3.0 does not issue from
// it.
func TestAccUpgradeCheck_identities(t *testing.T) {
	t.Parallel()
	before, after := acctest.New(t, kumatest.Version("2.14.3")), acctest.New(t, kumatest.Version("3.0-dev"))
	pairs := map[string][2]string{
		"agree": {"agree.crt", "agree.key"}, "wrong-order": {"chain-wrong-order.crt", "int1.key"}, "chain1": {"chain1.crt", "int1.key"}, "chain2": {"chain2.crt", "int2.key"},
		"ec": {"ec.crt", "ec.key"}, "ec-sec1": {"ec.crt", "ec-sec1.key"}, "ed": {"ed.crt", "ed.key"}, "expired": {"expired.crt", "expired.key"}, "noku": {"noku.crt", "noku.key"},
		"nosign": {"nosign.crt", "nosign.key"}, "notca": {"notca.crt", "notca.key"}, "root": {"root.crt", "root.key"}, "pkcs1": {"root.crt", "root-pkcs1.key"},
		"should": {"should.crt", "should.key"}, "sample": {"sample.crt", "sample.key"}, "wrong-key": {"ec.crt", "ed.key"}, "swapped": {"ec.key", "ec.crt"},
		"second-key": {"chain1.crt", "root.key"},
	}
	var want []string
	for _, env := range []*acctest.Env{before, after} {
		env.Must(http.MethodPut, "/meshes/default", `{"type": "Mesh", "name": "default", "meshServices": {"mode": "Exclusive"}}`)
		for _, path := range []string{"/meshes/default/meshtimeouts/mesh-timeout-all-default", "/meshes/default/meshtimeouts/mesh-gateways-timeout-all-default"} {
			env.Do(http.MethodDelete, path, nil)
		}
		for name, pair := range pairs {
			env.PutSecret("default", name+"-cert", acctest.PKI(t, pair[0]))
			env.PutSecret("default", name+"-key", acctest.PKI(t, pair[1]))
			put(env, "/meshes/default/meshidentities", "MeshIdentity", "default", name, identity(
				secretSource(name+"-cert"), secretSource(name+"-key")))
		}
		put(env, "/meshes/default/meshidentities", "MeshIdentity", "default", "inline", identity(
			acctest.Fill(`{"type": "InsecureInline", "insecureInline": {"value": $v}}`, "v", acctest.PKI(t, "nosign.crt")), secretSource("nosign-key")))
		put(env, "/meshes/default/meshidentities", "MeshIdentity", "default", "missing", identity(secretSource("no-cert"), secretSource("root-key")))
		put(env, "/meshes/default/meshidentities", "MeshIdentity", "default", "generated", `"spec": {"provider": {"type": "Bundled", "bundled": {"insecureAllowSelfSigned": true, "autogenerate": {"enabled": true}}}}`)
		put(env, "/meshes/default/meshidentities", "MeshIdentity", "default", "spire", `"spec": {"provider": {"type": "Spire", "spire": {}}}`)
		if err := env.Clock.Sleep(context.Background(), 15*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	var list struct {
		Items []struct {
			Name   string
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal(after.Must(http.MethodGet, "/meshes/default/meshidentities", nil), &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		if conditions := item.Status.Conditions; conditions[len(conditions)-1].Status != "True" {
			want = append(want, item.Name)
		}
	}
	slices.Sort(want)
	if len(want) != 10 {
		t.Errorf("version 3.0 issues nothing from %v", want)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: before.Provider(),
		Steps: []resource.TestStep{{
			Config: before.Config(`data "kongmesh_upgrade_check" "this" { target_version = "3.0" }`),
			Check: func(state *terraform.State) error {
				attributes := state.RootModule().Resources[address].Primary.Attributes
				var got []string
				for i := 0; attributes[fmt.Sprintf("problems.%d.type", i)] != ""; i++ {
					if attributes[fmt.Sprintf("problems.%d.type", i)] == "MeshIdentity" {
						got = append(got, attributes[fmt.Sprintf("problems.%d.name", i)])
					}
					if message := attributes[fmt.Sprintf("problems.%d.message", i)]; strings.Contains(message, "PRIVATE KEY") {
						return fmt.Errorf("a key is in %q", message)
					}
				}
				if got = slices.Compact(got); !slices.Equal(got, want) {
					return fmt.Errorf("got %v, want %v", got, want)
				}
				return nil
			},
		}},
	})
}

func secretSource(name string) string {
	return `{"type": "Secret", "secretRef": {"kind": "Secret", "name": "` + name + `"}}`
}

func identity(certificate, key string) string {
	return `"spec": {"provider": {"type": "Bundled", "bundled": {"insecureAllowSelfSigned": true, "ca": {"certificate": ` + certificate + `, "privateKey": ` + key + `}}}}`
}

// Without the right to read secrets, the CA of an identity is a problem of its
// own, and everything else is checked.
func TestAccUpgradeCheck_forbidden(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Version("2.14.3"), kumatest.Authentication())
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, `{"type": "Mesh", "name": "`+mesh+`", "meshServices": {"mode": "Exclusive"}, "skipCreatingInitialPolicies": ["*"]}`)
	env.PutSecret(mesh, "cert", acctest.PKI(t, "ec.crt"))
	env.PutSecret(mesh, "key", acctest.PKI(t, "ec.key"))
	put(env, "/meshes/"+mesh+"/meshidentities", "MeshIdentity", mesh, "east", identity(secretSource("cert"), secretSource("key")))
	run := acctest.NewRun(t, env.Config(`
		data "kongmesh_upgrade_check" "this" {
			target_version = "3.0"
			mesh           = $mesh
		}
		output "problems" { value = [for p in data.kongmesh_upgrade_check.this.problems : "${p.name} ${p.effect}: ${p.message}"] }
		output "ready" { value = data.kongmesh_upgrade_check.this.ready }`, "mesh", mesh))
	for token, want := range map[string][]string{
		env.AdminToken():  {"ready = true"},
		env.ReaderToken(): {`east unchecked: The token may not read secret \"cert\", \"key\"`, "ready = false"},
	} {
		run.Setenv("KONGMESH_TOKEN=" + token)
		if output := run.Terraform("apply", "-auto-approve"); !acctest.Words(want...).MatchString(output) {
			t.Errorf("%s\nwithout %q", output, want)
		}
	}
}
