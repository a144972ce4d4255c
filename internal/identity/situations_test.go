package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// An identity that the control plane accepts, and issues nothing from, fails the
// apply with the reason on its attribute, and is in the state.
func TestAccMeshIdentity_notReady(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"absent file": {`bundled = {
			ca = {
				certificate = { file = "/nonexistent/ca.crt" }
				private_key = { file = "/nonexistent/ca.key" }
			}
			insecure_allow_self_signed = true
		}`, []string{"bundled.ca:", "no such file or directory"}},
		"no such extension": {`extension = { name = "vault", config = jsonencode({ path = "pki" }) }`, []string{"extension = {", "ProviderNotFoundError"}},
		"label in domain": {`spiffe_id = { trust_domain = "{{ label \"absent\" }}.example" }
		bundled = {
			autogenerate               = true
			insecure_allow_self_signed = true
		}`, []string{"spiffe_id.trust_domain:", "label absent not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: f.Provider(),
				CheckDestroy:             f.Gone(f.path("meshidentities", "payments")),
				Steps: []resource.TestStep{
					{Config: f.identity(everybody + test.body), ExpectError: acctest.Words(append([]string{"Identity is not ready"}, test.want...)...)},
					{ // it is in the state, as an object that has to be replaced
						Config:           f.identity(everybody + bundled),
						ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate)}},
					},
				},
			})
		})
	}
}

// Conditions of the previous version look like those of the current one: an
// update that breaks an identity is not taken for ready.
func TestAccMeshIdentity_notReadyAfterUpdate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	broken := f.identity(everybody + `bundled = {
		ca = {
			certificate = { env_var = "NO_SUCH_VARIABLE" }
			private_key = { env_var = "NO_SUCH_VARIABLE" }
		}
		insecure_allow_self_signed = true
	}`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: f.identity(everybody + bundled)},
			{Config: broken, ExpectError: acctest.Words("Identity is not ready", "bundled.ca:", "NO_SUCH_VARIABLE")},
			{Config: broken, ConfigPlanChecks: empty()},
			{Config: f.identity(everybody + bundled), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
		},
	})
}

// On a global control plane there is no status to wait for.
func TestAccMeshIdentity_global(t *testing.T) {
	t.Parallel()
	f := newFixture(t, kumatest.Global())
	before := f.Clock.Now()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps:                    []resource.TestStep{{Config: f.identity(everybody + bundled)}},
	})
	if waited := f.Clock.Now().Sub(before); waited > 5*time.Second {
		t.Errorf("it waits %s", waited)
	}
}

// In Kuma 2, identities have no effect unless services are MeshServices: an error
// of the plan, unless the same run changes the mesh.
func TestAccMeshIdentity_meshServices(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.NeedMTLS()
	f.Must(http.MethodDelete, "/meshes/"+f.mesh, nil)
	with := func(services, mesh string) string {
		return strings.Replace(f.identity("selector = {}"), fmt.Sprintf("%q", f.mesh), mesh, 1) + acctest.Fill(`
			resource "kongmesh_mesh" "this" {
				name = $mesh
				`+services+`
			}`, "mesh", f.mesh)
	}
	const mesh = "kongmesh_mesh.this.name"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: with(``, mesh), PlanOnly: true, ExpectError: acctest.Words("Identity needs MeshServices", `mesh_services mode "Disabled"`, `mesh_services = { mode = "Exclusive" }`)},
			{Config: with(`mesh_services = { mode = "Everywhere" }`, mesh), PlanOnly: true, ExpectError: acctest.Words("Identity needs MeshServices", `"Everywhere"`)},
			{Config: with(`mesh_services = { mode = "Exclusive" }`, mesh)},
			{Config: strings.Replace(with(`mesh_services = { mode = "Everywhere" }`, mesh), "selector = {}", "selector = {}\nspire = {}", 1), ExpectError: acctest.Words("Identity needs MeshServices")},
		},
	})
}

// A MeshTrust that the control plane generated outlives its identity, unless the
// provider deletes it.
func TestAccMeshIdentity_deletesGeneratedTrust(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	generates := f.identity(everybody + strings.Replace(bundled, `"Disabled"`, `"Enabled"`, 1))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		CheckDestroy:             f.Gone(f.path("meshidentities", "payments"), f.path("meshtrusts", "payments")),
		Steps: []resource.TestStep{
			{Config: generates, Check: func(*terraform.State) error {
				if status, _ := f.Do(http.MethodGet, f.path("meshtrusts", "payments"), nil); status != http.StatusOK {
					return fmt.Errorf("the control plane has generated no trust: %d", status)
				}
				return nil
			}},
			{Config: generates, ConfigPlanChecks: empty()},
		},
	})
}

// A generated trust with labels may belong to somebody else: it stays, and the
// destroy says so.
func TestAccMeshIdentity_keepsLabeledTrust(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	run := acctest.NewRun(t, "terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n }\n}\n"+f.identity(everybody+strings.Replace(bundled, `"Disabled"`, `"Enabled"`, 1)))
	run.Terraform("apply", "-auto-approve")
	f.Change(f.path("meshtrusts", "payments"), func(document map[string]any) { document["labels"] = map[string]any{"team": "a"} })
	output := run.Terraform("destroy", "-auto-approve")
	if !acctest.Words("Generated trust is kept", `MeshTrust "payments" of mesh "`+f.mesh+`"`, "kumactl delete meshtrust payments").MatchString(output) {
		t.Errorf("the destroy prints\n%s", output)
	}
	f.Must(http.MethodGet, f.path("meshtrusts", "payments"), nil)
}

// A trust that somebody manages is never one that the control plane changes: not
// for an identity of its name, and not the other way round.
func TestAccMeshIdentity_trustHasTwoOwners(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	enabled := everybody + strings.Replace(bundled, `"Disabled"`, `"Enabled"`, 1)
	trust := acctest.Fill(`
		resource "kongmesh_mesh_trust" "this" {
			mesh         = $mesh
			name         = "payments"
			trust_domain = "payments.example"
			ca_bundles   = [$ca]
		}`, "mesh", f.mesh, "ca", f.cas[0].Chain)
	two := acctest.Words("MeshTrust has two owners", `MeshIdentity "payments" of mesh "`+f.mesh+`"`, `mesh_trust_creation = "Disabled"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: f.identity(enabled) + trust, PlanOnly: true, ExpectError: two},
			{Config: f.Config(trust)},
			{Config: f.identity(enabled) + trust, PlanOnly: true, ExpectError: two},
			{Config: f.identity(everybody+bundled) + trust},
			{Config: f.identity(enabled) + trust, PlanOnly: true, ExpectError: two},
			{Config: f.identity(everybody + bundled)},
			{Config: f.identity(enabled)},
			{Config: f.identity(enabled) + trust, PlanOnly: true, ExpectError: two},
		},
	})
	f.Must(http.MethodPut, f.path("meshtrusts", "payments"), map[string]any{
		"type": "MeshTrust", "mesh": f.mesh, "name": "payments", "spec": map[string]any{"trustDomain": "d", "caBundles": []any{pem(f.cas[1].Chain)}},
	})
	f.PlanFails(t, f.identity(enabled), "MeshTrust has two owners", "bundled.mesh_trust_creation")
}

// An identity from which connected proxies have their certificate is not
// deleted, replaced or disabled by accident. Proxies of others do not count.
func TestAccMeshIdentity_inUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.NeedTwin()
	run := acctest.NewRun(t, "")
	run.Serve(f.Provider())
	set := func(config string) {
		run.Config("terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n }\n}\n" + config)
	}
	config := f.identity(everybody + bundled)
	set(config)
	run.Terraform("init")
	run.Terraform("apply", "-auto-approve")
	f.Twin.Connect(f.mesh, "dp-other", kumatest.WithIdentity("other", true))
	set(f.Config(""))
	run.Terraform("plan")

	proxy := f.Twin.Connect(f.mesh, "dp-1", kumatest.WithIdentity("payments", true))
	f.Wait(t, 1)
	fails := func(name, config string, want ...string) {
		t.Helper()
		set(config)
		if output, err := run.Try("plan"); err == nil || !acctest.Words(append(append([]string{"Identity is in use"}, want...), "1 data plane proxy (1 connected): \"dp-1\"", "force_destroy = true")...).MatchString(output) {
			t.Errorf("%s plans\n%s\n%v", name, output, err)
		}
	}
	fails("a destroy", f.Config(""), "Deleting MeshIdentity")
	fails("another name", strings.Replace(config, `"payments"`, `"other"`, 1), "Replacing MeshIdentity")
	fails("no provider", f.identity(everybody), "Changing MeshIdentity")
	fails("no selector", f.identity("selector = {}"+bundled), "Changing MeshIdentity")
	set(config)
	run.NoChanges()
	if output, err := run.Try("plan", "-replace="+address); err == nil || !acctest.Words("Identity is in use", "Replacing MeshIdentity").MatchString(output) {
		t.Errorf("a requested replacement plans\n%s\n%v", output, err)
	}

	set(f.Config(""))
	proxy.Disconnect()
	f.Wait(t, 1)
	run.Terraform("plan", "-out=plan")
	f.Twin.Connect(f.mesh, "dp-1", kumatest.WithIdentity("payments", true))
	f.Wait(t, 1)
	if output, err := run.Try("apply", "plan"); err == nil || !acctest.Words("Identity is in use").MatchString(output) {
		t.Errorf("a destroy that was planned before applies\n%s\n%v", output, err)
	}
	f.Must(http.MethodGet, f.path("meshidentities", "payments"), nil)

	set(strings.Replace(config, `name = "payments"`, "name = \"payments\"\nforce_destroy = true", 1))
	run.Terraform("apply", "-auto-approve")
	set(f.Config(""))
	run.Terraform("apply", "-auto-approve")
	if status, _ := f.Do(http.MethodGet, f.path("meshidentities", "payments"), nil); status != http.StatusNotFound {
		t.Errorf("with force_destroy it is still there: %d", status)
	}
}

// The control plane deletes a secret that only an identity uses. The resource of
// the CA does not: a replacement without create_before_destroy changes nothing,
// and with it the identity has the new CA before the old one goes.
func TestAccMeshIdentity_usesCASecret(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := func(ca *acctest.CA, lifecycle string) string {
		return f.identity(everybody+`
			bundled = {
				ca = {
					certificate = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
					private_key = { secret = kongmesh_mesh_ca_secret.this.key_secret }
				}
				insecure_allow_self_signed = true
				mesh_trust_creation        = "Disabled"
			}`) + acctest.Fill(`
			resource "kongmesh_mesh_ca_secret" "this" {
				mesh              = $mesh
				name              = "ca"
				certificate_chain = $chain
				private_key       = $key
				`+lifecycle+`
			}`, "mesh", f.mesh, "chain", ca.Chain, "key", ca.Key)
	}
	const safely = "lifecycle {\n create_before_destroy = true\n }"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: config(f.cas[0], "")},
			{Config: config(f.cas[0], ""), ConfigPlanChecks: empty()},
			{Config: config(f.cas[1], ""), ExpectError: acctest.Words("CA secret is in use", `MeshIdentity "payments" uses them`, "create_before_destroy = true")},
			{Config: config(f.cas[1], safely)},
		},
	})
}

// An identity that Terraform does not manage uses a CA secret as well.
func TestAccMeshIdentity_unmanagedUsesCASecret(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	const source = "terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n }\n}\n"
	run := acctest.NewRun(t, source+f.Config(`
		resource "kongmesh_mesh_ca_secret" "this" {
			mesh                    = $mesh
			certificate_secret_name = "own-cert"
			key_secret_name         = "own-key"
			certificate_chain       = $chain
			private_key             = $key
		}`, "mesh", f.mesh, "chain", f.cas[0].Chain, "key", f.cas[0].Key))
	run.Terraform("apply", "-auto-approve")
	secret := func(name string) map[string]any {
		return map[string]any{"type": "Secret", "secretRef": map[string]any{"kind": "Secret", "name": name}}
	}
	f.Must(http.MethodPut, f.path("meshidentities", "unmanaged"), map[string]any{"type": "MeshIdentity", "mesh": f.mesh, "name": "unmanaged", "spec": map[string]any{
		"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{"ca": map[string]any{"certificate": secret("ca-1-cert"), "privateKey": secret("own-key")}}},
	}})
	if output, err := run.Try("destroy", "-auto-approve"); err == nil || !acctest.Words("CA secret is in use", `MeshIdentity "unmanaged" uses them`).MatchString(output) {
		t.Errorf("the destroy prints\n%s\n%v", output, err)
	}
	run.Config(strings.NewReplacer(mustJSON(t, f.cas[0].Chain), mustJSON(t, f.cas[1].Chain), mustJSON(t, f.cas[0].Key), mustJSON(t, f.cas[1].Key)).Replace(string(run.Read("main.tf"))))
	if output, err := run.Try("plan"); err == nil || !acctest.Words("CA secret is in use", `MeshIdentity "unmanaged" uses them`).MatchString(output) {
		t.Errorf("new content plans\n%s\n%v", output, err)
	}
	f.Must(http.MethodDelete, f.path("meshidentities", "unmanaged"), nil)
	run.Terraform("destroy", "-auto-approve")
}

func mustJSON(t *testing.T, value string) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}
