package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const address = "kongmesh_mesh_identity.this"

// A fixture is a mesh in which identities work, with the secrets of two CAs:
// ca-1-cert, ca-1-key, ca-2-cert and ca-2-key.
type fixture struct {
	*acctest.Env
	mesh string
	cas  [2]*acctest.CA
}

func newFixture(t *testing.T, options ...kumatest.Option) *fixture {
	t.Helper()
	return fixtureOn(t, acctest.New(t, options...))
}

func fixtureOn(t *testing.T, env *acctest.Env) *fixture {
	t.Helper()
	env.NeedIdentities()
	f := &fixture{Env: env}
	f.mesh = f.Mesh()
	f.Must(http.MethodPut, "/meshes/"+f.mesh, map[string]any{"type": "Mesh", "name": f.mesh, "meshServices": map[string]any{"mode": "Exclusive"}})
	for i := range f.cas {
		f.cas[i] = acctest.NewCA(t, fmt.Sprintf("CA %d", i+1))
		f.PutSecret(f.mesh, fmt.Sprintf("ca-%d-cert", i+1), f.cas[i].Chain)
		f.PutSecret(f.mesh, fmt.Sprintf("ca-%d-key", i+1), f.cas[i].Key)
	}
	return f
}

func (f *fixture) path(kind, name string) string {
	return "/meshes/" + f.mesh + "/" + kind + "/" + name
}

// identity returns a configuration with one identity.
func (f *fixture) identity(body string) string {
	return f.Config("resource \"kongmesh_mesh_identity\" \"this\" {\n  mesh = $mesh\n  name = \"payments\"\n"+body+"\n}\n", "mesh", f.mesh)
}

// bundled is an identity of the first CA, without a trust.
const bundled = `
  bundled = {
    ca = {
      certificate = { secret = "ca-1-cert" }
      private_key = { secret = "ca-1-key" }
    }
    insecure_allow_self_signed = true
    mesh_trust_creation        = "Disabled"
  }`

const everybody = `
  selector = { dataplane = { match_labels = {} } }
`

func spec(t *testing.T, f *fixture, kind, name string) map[string]any {
	t.Helper()
	var document struct{ Spec map[string]any }
	if err := json.Unmarshal(f.Must(http.MethodGet, f.path(kind, name), nil), &document); err != nil {
		t.Fatal(err)
	}
	return document.Spec
}

func (f *fixture) hasSpec(t *testing.T, kind, name, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got, _ := json.Marshal(spec(t, f, kind, name))
		var parsed any
		if err := json.Unmarshal([]byte(want), &parsed); err != nil {
			return err
		}
		if wanted, _ := json.Marshal(parsed); string(got) != string(wanted) {
			return fmt.Errorf("its spec is\n%s\nand not\n%s", got, wanted)
		}
		return nil
	}
}

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	at := tfjsonpath.New(strings.Split(attribute, ".")[0])
	for _, step := range strings.Split(attribute, ".")[1:] {
		at = at.AtMapKey(step)
	}
	return statecheck.ExpectKnownValue(address, at, want)
}

func action(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
}

func empty() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

func TestAccMeshIdentity_life(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := f.identity(`
  labels    = { team = "payments" }
  selector  = { dataplane = { match_labels = { app = "web", "kuma.io/zone" = "default" } } }
  spiffe_id = { trust_domain = "{{ .Mesh }}.example", path = "/w/{{ .Workload }}" }
  bundled = {
    ca = {
      certificate = { secret = "ca-1-cert" }
      private_key = { secret = "ca-1-key" }
    }
    expiration                 = "90m"
    insecure_allow_self_signed = true
    mesh_trust_creation        = "Disabled"
  }`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		CheckDestroy:             f.Gone(f.path("meshidentities", "payments"), f.path("meshidentities", "other"), f.path("meshtrusts", "payments")),
		Steps: []resource.TestStep{
			{
				Config: all,
				Check: f.hasSpec(t, "meshidentities", "payments", `{
					"selector": {"dataplane": {"matchLabels": {"app": "web", "kuma.io/zone": "default"}}},
					"spiffeID": {"trustDomain": "{{ .Mesh }}.example", "path": "/w/{{ .Workload }}"},
					"provider": {"type": "Bundled", "bundled": {
						"ca": {"certificate": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-1-cert"}}, "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-1-key"}}},
						"certificateParameters": {"expiry": "1h30m0s"}, "insecureAllowSelfSigned": true, "meshTrustCreation": "Disabled"}}}`),
				ConfigStateChecks: []statecheck.StateCheck{value("bundled.expiration", knownvalue.StringExact("90m")), value("force_destroy", knownvalue.Bool(false))},
			},
			{Config: all, ConfigPlanChecks: empty()},
			{Config: strings.Replace(all, `"90m"`, `"1h30m"`, 1), ConfigPlanChecks: empty()},
			{ // everything is changed behind Terraform's back
				PreConfig: func() {
					f.Change(f.path("meshidentities", "payments"), func(document map[string]any) {
						document["labels"] = map[string]any{"team": "other", "more": "x"}
						document["spec"] = map[string]any{
							"selector": map[string]any{"dataplane": map[string]any{}},
							"spiffeID": map[string]any{"path": "/other"},
							"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{
								"insecureAllowSelfSigned": true, "meshTrustCreation": "Disabled", "autogenerate": map[string]any{"enabled": true},
							}},
						}
					})
				},
				Config:           all,
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					value("labels", knownvalue.MapExact(map[string]knownvalue.Check{"team": knownvalue.StringExact("payments")})),
					value("spiffe_id.trust_domain", knownvalue.StringExact("{{ .Mesh }}.example")),
					value("bundled.autogenerate", knownvalue.Bool(false)),
				},
			},
			{ImportState: true, ResourceName: address, ImportStateId: f.mesh + "/payments", ImportStateVerifyIdentifierAttribute: "name", ImportStateVerify: true, ImportStateVerifyIgnore: []string{"bundled.expiration"}},
			{Config: f.identity(everybody + bundled), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: f.hasSpec(t, "meshidentities", "payments", `{
					"selector": {"dataplane": {"matchLabels": {}}},
					"provider": {"type": "Bundled", "bundled": {
						"ca": {"certificate": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-1-cert"}}, "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-1-key"}}},
						"insecureAllowSelfSigned": true, "meshTrustCreation": "Disabled"}}}`)},
			{ // no provider: final once it is partially ready
				Config:           f.identity(everybody),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				Check:            f.hasSpec(t, "meshidentities", "payments", `{"selector": {"dataplane": {"matchLabels": {}}}}`),
			},
			{Config: f.identity(`selector = {}
				spire = {}`), Check: f.hasSpec(t, "meshidentities", "payments", `{"selector": {}, "provider": {"type": "Spire", "spire": {}}}`)},
			{Config: f.identity(`selector = {}
				spire = { agent_timeout = "1500ms" }`), Check: f.hasSpec(t, "meshidentities", "payments", `{"selector": {}, "provider": {"type": "Spire", "spire": {"agent": {"timeout": "1.5s"}}}}`)},
			{ // disappears
				PreConfig:        func() { f.Must(http.MethodDelete, f.path("meshidentities", "payments"), nil) },
				Config:           f.identity(everybody + bundled),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
			},
			{Config: f.identity(everybody + bundled), ImportState: true, ImportStateKind: resource.ImportBlockWithID, ResourceName: address, ImportStateId: f.mesh + "/payments"},
			{
				Config:           strings.Replace(f.identity(everybody+bundled), `"payments"`, `"other"`, 1),
				ConfigPlanChecks: action(plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
	})
}

func TestAccMeshIdentity_existsAlready(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Must(http.MethodPut, f.path("meshidentities", "payments"), map[string]any{"type": "MeshIdentity", "mesh": f.mesh, "name": "payments", "spec": map[string]any{}})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{{
			Config:      f.identity(everybody),
			ExpectError: acctest.Words("Exists already", "import {", "to = kongmesh_mesh_identity.NAME", `id = "`+f.mesh+`/payments"`),
		}},
	})
}

// An import by identity and one by ID find the same, and neither writes.
func TestAccMeshIdentity_importByIdentity(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Must(http.MethodPut, f.path("meshidentities", "payments"), map[string]any{
		"type": "MeshIdentity", "mesh": f.mesh, "name": "payments", "labels": map[string]any{"team": "a"},
		"spec": map[string]any{"selector": map[string]any{}, "provider": map[string]any{"type": "Spire", "spire": map[string]any{}}},
	})
	protocol := f.Protocol()
	byID, _, problems := protocol.Import("kongmesh_mesh_identity", f.mesh+"/payments")
	protocol.NoProblems(problems)
	byIdentity, identity, problems := protocol.Import("kongmesh_mesh_identity", map[string]any{"mesh": f.mesh, "name": "payments"})
	protocol.NoProblems(problems)
	if !reflect.DeepEqual(byID, byIdentity) || byID["spire"] == nil || byID["force_destroy"] != false {
		t.Errorf("they are\n%v\nand\n%v", byID, byIdentity)
	}
	if !reflect.DeepEqual(identity, map[string]any{"mesh": f.mesh, "name": "payments"}) {
		t.Errorf("the identity is %v", identity)
	}
	for _, id := range []string{"payments", f.mesh + "/payments/more", "", "/"} {
		if _, _, problems := protocol.Import("kongmesh_mesh_identity", id); len(problems) == 0 {
			t.Errorf("%q is an import ID", id)
		}
	}
}

// The configuration that Terraform writes is applied without a write.
func TestAccMeshIdentity_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	f.Must(http.MethodPut, f.path("meshidentities", "payments"), map[string]any{
		"type": "MeshIdentity", "mesh": f.mesh, "name": "payments", "labels": map[string]any{"team": "a"}, "spec": map[string]any{
			"selector": map[string]any{"dataplane": map[string]any{"matchLabels": map[string]any{"app": "web"}}},
			"spiffeID": map[string]any{"trustDomain": "payments.example", "path": "/{{ .Workload }}"},
			"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{
				"meshTrustCreation": "Disabled", "insecureAllowSelfSigned": true, "certificateParameters": map[string]any{"expiry": "36h"},
				"ca": map[string]any{
					"certificate": map[string]any{"type": "File", "file": map[string]any{"path": "/etc/ca.crt"}},
					"privateKey":  map[string]any{"type": "EnvVar", "envVar": map[string]any{"name": "CA_KEY"}},
				},
			}},
		},
	})
	f.Must(http.MethodPut, f.path("meshtrusts", "payments-trust"), map[string]any{
		"type": "MeshTrust", "mesh": f.mesh, "name": "payments-trust", "spec": map[string]any{"trustDomain": "payments.example", "caBundles": []any{pem(f.cas[0].Chain), pem(f.cas[1].Chain)}},
	})
	run := acctest.NewRun(t, acctest.Fill(`
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		import {
			to = kongmesh_mesh_identity.this
			id = $identity
		}
		import {
			to = kongmesh_mesh_trust.this
			id = $trust
		}
	`, "identity", f.mesh+"/payments", "trust", f.mesh+"/payments-trust"))
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("plan", "-generate-config-out=generated.tf")
	generated := string(run.Read("generated.tf"))
	for _, want := range []string{`"36h0m0s"`, `"/etc/ca.crt"`, `"CA_KEY"`, `"payments.example"`, `"Disabled"`, `app = "web"`, "BEGIN CERTIFICATE"} {
		if !strings.Contains(generated, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, generated)
		}
	}
	env.ResetRequests()
	run.TakeOver(env)
}

func pem(certificates string) map[string]any {
	return map[string]any{"type": "Pem", "pem": map[string]any{"value": certificates}}
}

// Objects that kongmesh_resource or Kong's provider manages are moved without a
// write.
func TestAccMeshIdentity_moved(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	f.Must(http.MethodPut, f.path("meshidentities", "payments"), map[string]any{"type": "MeshIdentity", "mesh": f.mesh, "name": "payments", "spec": map[string]any{}})
	f.Must(http.MethodPut, f.path("meshtrusts", "payments"), map[string]any{
		"type": "MeshTrust", "mesh": f.mesh, "name": "payments", "spec": map[string]any{"trustDomain": "payments.example", "caBundles": []any{pem(f.cas[0].Chain)}},
	})
	state := func(provider, kind, name string) map[string]any {
		of := "MeshIdentity"
		if strings.HasSuffix(name, "trust") {
			of = "MeshTrust"
		}
		return map[string]any{
			"mode": "managed", "type": kind, "name": name, "provider": fmt.Sprintf("provider[%q]", "registry.terraform.io/"+provider),
			"instances": []any{map[string]any{"schema_version": 0, "attributes": map[string]any{"type": of, "mesh": f.mesh, "name": "payments", "labels": nil}}},
		}
	}
	for name, test := range map[string]struct{ provider, identity, trust string }{
		"kongmesh":       {"kongmesh/kongmesh", "kongmesh_resource.identity", "kongmesh_resource.trust"},
		"kong/kong-mesh": {"kong/kong-mesh", "kong-mesh_mesh_identity.identity", "kong-mesh_mesh_trust.trust"},
	} {
		t.Run(name, func(t *testing.T) {
			run := acctest.NewRun(t, acctest.Fill(`
				terraform {
					required_providers {
						kongmesh  = { source = "kongmesh/kongmesh" }
						kong-mesh = { source = "kong/kong-mesh" }
					}
				}
				resource "kongmesh_mesh_identity" "this" {
					mesh = $mesh
					name = "payments"
				}
				resource "kongmesh_mesh_trust" "this" {
					mesh         = $mesh
					name         = "payments"
					trust_domain = "payments.example"
					ca_bundles   = [$ca]
				}
				moved {
					from = `+test.identity+`
					to   = kongmesh_mesh_identity.this
				}
				moved {
					from = `+test.trust+`
					to   = kongmesh_mesh_trust.this
				}
			`, "mesh", f.mesh, "ca", f.cas[0].Chain))
			run.Vendor()
			run.Setenv("KONGMESH_ADDRESS=" + env.Address)
			identity, _, _ := strings.Cut(test.identity, ".")
			trust, _, _ := strings.Cut(test.trust, ".")
			text, err := json.Marshal(map[string]any{
				"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": map[string]any{},
				"resources": []any{state(test.provider, identity, "identity"), state(test.provider, trust, "trust")},
			})
			if err != nil {
				t.Fatal(err)
			}
			run.Write("terraform.tfstate", string(text))
			env.ResetRequests()
			run.TakeOver(env)
		})
	}
}

// Each form of bad input is an error of the plan, on its attribute.
func TestAccMeshIdentity_badInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ca := func(certificate, key string) string {
		return "bundled = {\n ca = {\n certificate = { " + certificate + " }\n private_key = { " + key + " }\n }\n insecure_allow_self_signed = true\n mesh_trust_creation = \"Disabled\"\n }"
	}
	secrets := `certificate = { secret = "a" }
		private_key = { secret = "b" }`
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"two forms of a certificate": {ca(`secret = "a", file = "/b"`, `secret = "c"`), []string{"Invalid Attribute Combination", "bundled.ca.certificate", "secret and file are set"}},
		"no form of a key":           {ca(`secret = "a"`, ``), []string{"Invalid Attribute Combination", "bundled.ca.private_key", "none of them is set"}},
		"no private key":             {`bundled = { ca = { certificate = { secret = "a" } } }`, []string{`"private_key" is required`}},
		"ca and autogenerate":        {"bundled = {\nautogenerate = true\ninsecure_allow_self_signed = true\nca = {\n" + secrets + "\n}\n}", []string{"Contradiction", "bundled.autogenerate", "Remove one of them"}},
		"no CA":                      {`bundled = {}`, []string{"Contradiction", "bundled.ca", "There is no CA"}},
		"autogenerate, not insecure": {`bundled = { autogenerate = true }`, []string{"Contradiction", "bundled.insecure_allow_self_signed", "is self-signed"}},
		"two providers":              {"spire = {}\nextension = { name = \"x\" }", []string{"Invalid Attribute Combination", "[bundled,spire,extension]"}},
		"creation":                   {`bundled = { autogenerate = true, insecure_allow_self_signed = true, mesh_trust_creation = "On" }`, []string{"bundled.mesh_trust_creation", `"Enabled"`, `"Disabled"`}},
		"unclosed template":          {`spiffe_id = { trust_domain = "{{ .Mesh" }`, []string{"Invalid value", "spiffe_id.trust_domain", "unclosed action"}},
		"unknown function":           {`spiffe_id = { trust_domain = "{{ nope }}" }`, []string{"spiffe_id.trust_domain", "nope", "not defined"}},
		"unknown field":              {`spiffe_id = { trust_domain = "{{ .Workload }}" }`, []string{"spiffe_id.trust_domain", "there is no field .Workload"}},
		"no trust domain":            {`spiffe_id = { trust_domain = "{{ if false }}x{{ end }}" }`, []string{"spiffe_id.trust_domain", "the trust domain is empty"}},
		"no domain":                  {`spiffe_id = { trust_domain = "Payments/{{ .Mesh }}" }`, []string{"spiffe_id.trust_domain", "only lowercase letters"}},
		"path's field":               {`spiffe_id = { path = "/{{ .Zone }}" }`, []string{"spiffe_id.path", "there is no field .Zone"}},
		"path without slash":         {`spiffe_id = { path = "workload/{{ .Workload }}" }`, []string{"spiffe_id.path", "does not begin with a slash"}},
		"path that ends in a slash":  {`spiffe_id = { path = "/{{ .Workload }}/" }`, []string{"spiffe_id.path", "ends with a slash"}},
		"relative file":              {ca(`file = "ca.crt"`, `file = "/k"`), []string{"bundled.ca.certificate.file", "must be absolute"}},
		"file above":                 {ca(`file = "/etc/ca.crt"`, `file = "/etc/../k"`), []string{"bundled.ca.private_key.file", `must not contain ".."`}},
		"empty inline":               {ca(`inline = " "`, `secret = "k"`), []string{"bundled.ca.certificate.inline", "it is empty"}},
		"secret's name":              {ca(`secret = "A B"`, `secret = "k"`), []string{"bundled.ca.certificate.secret", "lowercase letters"}},
		"day":                        {`bundled = { autogenerate = true, insecure_allow_self_signed = true, expiration = "1d" }`, []string{"Invalid duration", "bundled.expiration", "1d"}},
		"negative":                   {`bundled = { autogenerate = true, insecure_allow_self_signed = true, expiration = "-1h" }`, []string{"Certificate lifetime is too short", "bundled.expiration"}},
		"short":                      {`bundled = { autogenerate = true, insecure_allow_self_signed = true, expiration = "5s" }`, []string{"Certificate lifetime is too short", "less than a minute"}},
		"negative timeout":           {`spire = { agent_timeout = "-2s" }`, []string{"spire.agent_timeout", "it is negative"}},
		"no JSON":                    {`extension = { name = "x", config = "{" }`, []string{"extension.config", "it is not JSON"}},
		"label":                      {`labels = { "kuma.io/origin" = "zone" }`, []string{"Invalid label", "belong to the control plane"}},
		"label of a selector":        {`selector = { dataplane = { match_labels = { "a b" = "c" } } }`, []string{"Invalid label", `match_labels["a b"]`}},
		"timeouts":                   {`timeouts = { create = "soon" }`, []string{"timeouts.create"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.PlanFails(t, f.identity(test.body), test.want...)
		})
	}
}

// Without a selector, no proxy gets the identity, which the plan says. With an
// empty one, the configuration says so itself.
func TestAccMeshIdentity_selectsNobody(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	for body, warns := range map[string]bool{``: true, `selector = {}`: false, everybody: false} {
		run := acctest.NewRun(t, strings.Replace(f.identity(body), "provider \"kongmesh\"", "terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n}\n}\nprovider \"kongmesh\"", 1))
		if output := run.Terraform("plan"); acctest.Words("Identity selects no proxy").MatchString(output) != warns {
			t.Errorf("%q plans\n%s", body, output)
		}
	}
}

// A control plane of version 2.7 has no identities, and the plan says which
// version has.
func TestAccMeshIdentity_oldVersion(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.7.29"))
	env.Must(http.MethodPut, "/meshes/m", `{"type": "Mesh", "name": "m"}`)
	for _, body := range []string{
		`resource "kongmesh_mesh_identity" "this" {
			mesh     = "m"
			name     = "i"
			selector = {}
		}`,
		`resource "kongmesh_mesh_trust" "this" {
			mesh         = "m"
			name         = "i"
			trust_domain = "d"
			ca_bundles   = [$ca]
		}`,
		`data "kongmesh_mesh_identity" "this" {
			mesh = "m"
			name = "i"
		}`,
	} {
		env.PlanFails(t, env.Config(body, "ca", acctest.NewCA(t, "CA").Chain), "Control plane has no identities", "version 2.7.29", "since version 2.12")
	}
}

// The rules for CA material hold on each version, for secrets and inline, during
// plan: Kuma 2.14 says Ready to most of these.
func TestAccMeshIdentity_badCA(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := acctest.NewCA(t, "Other")
	secrets := map[string]string{"garbage": "no certificate", "key": f.cas[0].Key}
	for _, name := range []string{"notca", "nosign", "noku", "agree"} {
		secrets[name+"-cert"], secrets[name+"-key"] = acctest.PKI(t, name+".crt"), acctest.PKI(t, name+".key")
	}
	for name, data := range secrets {
		f.PutSecret(f.mesh, name, data)
	}
	for name, test := range map[string]struct {
		certificate, key string
		want             []string
	}{
		"another key":              {`secret = "ca-1-cert"`, `secret = "ca-2-key"`, []string{"CA material: key mismatch", "bundled.ca.private_key.secret"}},
		"another key inline":       {`inline = $chain`, `inline = $other`, []string{"CA material: key mismatch", "bundled.ca.private_key.inline"}},
		"no CA":                    {`secret = "notca-cert"`, `secret = "notca-key"`, []string{"CA material: basic constraints ca", "bundled.ca.certificate.secret"}},
		"no keyCertSign":           {`secret = "nosign-cert"`, `secret = "nosign-key"`, []string{"CA material: key usage cert sign", "bundled.ca.certificate.secret"}},
		"no key usage":             {`secret = "noku-cert"`, `secret = "noku-key"`, []string{"CA material: key usage cert sign", "bundled.ca.certificate.secret"}},
		"key agreement":            {`secret = "agree-cert"`, `secret = "agree-key"`, []string{"CA material: key usage key agreement", "bundled.ca.certificate.secret"}},
		"no PEM":                   {`secret = "garbage"`, `secret = "ca-1-key"`, []string{"CA material:", "bundled.ca.certificate.secret"}},
		"a key for a chain":        {`secret = "key"`, `secret = "key"`, []string{"CA material:", "bundled.ca.certificate.secret"}},
		"a certificate for a key":  {`secret = "ca-1-cert"`, `secret = "ca-1-cert"`, []string{"CA material:", "bundled.ca.private_key.secret"}},
		"a chain of another order": {`inline = "${$root}${$chain}"`, `inline = $key`, []string{"CA material:", "bundled.ca"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := f.identity(everybody + acctest.Fill(`
				bundled = {
					ca = {
						certificate = { `+test.certificate+` }
						private_key = { `+test.key+` }
					}
					insecure_allow_self_signed = true
					mesh_trust_creation        = "Disabled"
				}`, "chain", f.cas[0].Chain, "key", f.cas[0].Key, "other", other.Key, "root", other.Chain))
			f.PlanFails(t, config, test.want...)
		})
	}
}

// Secrets of the same run that cannot be a CA together fail the plan, before any of
// them is uploaded.
func TestAccMeshIdentity_wrongSecretsOfTheSameRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ca := acctest.Fill(`
		resource "kongmesh_mesh_ca_secret" "this" {
			mesh              = $mesh
			name              = "new"
			certificate_chain = $chain
			private_key_wo    = $key
		}`, "mesh", f.mesh, "chain", f.cas[0].Chain, "key", f.cas[0].Key)
	f.PlanFails(t, f.identity(everybody+`
		bundled = {
			ca = {
				certificate = { secret = kongmesh_mesh_ca_secret.this.key_secret }
				private_key = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
			}
			insecure_allow_self_signed = true
			mesh_trust_creation        = "Disabled"
		}`)+ca, "CA material: private key in chain", "bundled.ca.certificate.secret", "contains the private key of a CA", "you swapped")
}

// A self-signed issuer is an error of the plan unless the identity allows it; an
// intermediate CA needs no permission.
func TestAccMeshIdentity_selfSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	intermediate := f.cas[0].Intermediate(t, "Intermediate")
	f.PutSecret(f.mesh, "int-cert", intermediate.Chain)
	f.PutSecret(f.mesh, "int-key", intermediate.Key)
	strict := strings.Replace(bundled, "insecure_allow_self_signed = true", "", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: f.identity(everybody + strict), PlanOnly: true, ExpectError: acctest.Words("Self-signed CA not allowed", "bundled.insecure_allow_self_signed", "CN=CA 1")},
			{Config: f.identity(everybody + strings.NewReplacer("ca-1-cert", "int-cert", "ca-1-key", "int-key").Replace(strict))},
		},
	})
}

// What is known only during apply is checked before the write, and nothing is
// written.
func TestAccMeshIdentity_badCAOfTheSameRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := func(key, insecure string) string {
		return f.identity(everybody+`
			bundled = {
				ca = {
					certificate = { secret = kongmesh_mesh_secret.cert.name }
					private_key = { secret = kongmesh_mesh_secret.key.name }
				}
				insecure_allow_self_signed = `+insecure+`
				mesh_trust_creation        = "Disabled"
			}`) + acctest.Fill(`
			resource "kongmesh_mesh_secret" "cert" {
				mesh  = $mesh
				name  = "new-cert"
				value = $chain
			}
			resource "kongmesh_mesh_secret" "key" {
				mesh  = $mesh
				name  = "new-key"
				value = $key
			}`, "mesh", f.mesh, "chain", f.cas[0].Chain, "key", key)
	}
	absent := func(*terraform.State) error {
		if status, _ := f.Do(http.MethodGet, f.path("meshidentities", "payments"), nil); status != http.StatusNotFound {
			return fmt.Errorf("the identity was written: %d", status)
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: config(f.cas[1].Key, "true"), ExpectError: acctest.Words("CA material: key mismatch", "bundled.ca.private_key.secret")},
			{Config: config(f.cas[0].Key, "false"), ExpectError: acctest.Words("Self-signed CA not allowed")},
			{PreConfig: func() {
				if err := absent(nil); err != nil {
					t.Error(err)
				}
			}, Config: config(f.cas[0].Key, "true")},
		},
	})
}
