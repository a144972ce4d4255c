package identity_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/identity"
)

const trustAddress = "kongmesh_mesh_trust.this"

// trust returns a configuration with one trust.
func (f *fixture) trust(body string, pairs ...string) string {
	return f.Config("resource \"kongmesh_mesh_trust\" \"this\" {\n  mesh = $mesh\n  name = \"payments-trust\"\n"+body+"\n}\n",
		append([]string{"mesh", f.mesh, "first", f.cas[0].Chain, "second", f.cas[1].Chain}, pairs...)...)
}

func TestAccMeshTrust_life(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	both := f.trust("labels = { team = \"a\" }\ntrust_domain = \"payments.example\"\nca_bundles = [$first, $second]")
	update := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(trustAddress, want)}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		CheckDestroy:             f.Gone(f.path("meshtrusts", "payments-trust"), f.path("meshtrusts", "other")),
		Steps: []resource.TestStep{
			{
				Config: both,
				Check:  f.hasSpec(t, "meshtrusts", "payments-trust", `{"trustDomain": "payments.example", "caBundles": [{"type": "Pem", "pem": {"value": `+mustJSON(t, f.cas[0].Chain)+`}}, {"type": "Pem", "pem": {"value": `+mustJSON(t, f.cas[1].Chain)+`}}]}`),
			},
			{ // the same certificates as other text
				Config:           f.trust("labels = { team = \"a\" }\ntrust_domain = \"payments.example\"\nca_bundles = [\"# the first CA\\n${$first}\", trimspace($second)]"),
				ConfigPlanChecks: empty(),
			},
			{ // everything is changed behind Terraform's back
				PreConfig: func() {
					f.Change(f.path("meshtrusts", "payments-trust"), func(document map[string]any) {
						document["labels"] = map[string]any{"team": "b"}
						document["spec"] = map[string]any{"trustDomain": "other.example", "caBundles": []any{pem(f.cas[1].Chain)}}
					})
				},
				Config:           both,
				ConfigPlanChecks: update(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(trustAddress, tfjsonpath.New("ca_bundles"), knownvalue.ListSizeExact(2)),
					statecheck.ExpectKnownValue(trustAddress, tfjsonpath.New("trust_domain"), knownvalue.StringExact("payments.example")),
				},
			},
			{ImportState: true, ResourceName: trustAddress, ImportStateId: f.mesh + "/payments-trust", ImportStateVerifyIdentifierAttribute: "name", ImportStateVerify: true},
			{Config: f.trust("trust_domain = \"payments.example\"\nca_bundles = [$second]"), ConfigPlanChecks: update(plancheck.ResourceActionUpdate)},
			{
				PreConfig:        func() { f.Must(http.MethodDelete, f.path("meshtrusts", "payments-trust"), nil) },
				Config:           both,
				ConfigPlanChecks: update(plancheck.ResourceActionCreate),
			},
			{Config: both, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ResourceName: trustAddress, ImportStateId: f.mesh + "/payments-trust"},
			{Config: strings.Replace(both, `"payments-trust"`, `"other"`, 1), ConfigPlanChecks: update(plancheck.ResourceActionDestroyBeforeCreate)},
		},
	})
	f.Must(http.MethodPut, f.path("meshtrusts", "payments-trust"), map[string]any{
		"type": "MeshTrust", "mesh": f.mesh, "name": "payments-trust", "spec": map[string]any{"trustDomain": "d", "caBundles": []any{pem(f.cas[0].Chain)}},
	})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: f.Provider(), Steps: []resource.TestStep{{
		Config: both, ExpectError: acctest.Words("Exists already", "to = kongmesh_mesh_trust.NAME", `id = "`+f.mesh+`/payments-trust"`),
	}}})
}

// Unknown members of a document, and of a bundle that stays, are written back as
// they are.
func TestAccMeshTrust_unknownMembers(t *testing.T) {
	t.Parallel()
	server := newForeign(t)
	first, second := acctest.NewCA(t, "CA 1"), acctest.NewCA(t, "CA 2")
	run := acctest.NewRun(t, server.trust(first.Chain))
	run.Terraform("apply", "-auto-approve")
	server.change(`"type":"Pem"`, `"type":"Pem", "future":9007199254740993`)
	server.change(`"spec":{`, `"future": 1.10, "spec":{"more":{ },`)
	run.NoChanges()
	run.Config(server.trust(second.Chain, first.Chain))
	run.Terraform("apply", "-auto-approve")
	for _, want := range []string{`"future": 1.10`, `"future":9007199254740993`, `"more":{ }`} {
		if !strings.Contains(server.written(), want) {
			t.Errorf("%s is lost from\n%s", want, server.written())
		}
	}
}

// What the control plane accepts and does not store is an error, on the attribute
// that is missing. The object is in the state as it is.
func TestAccMeshIdentity_dropped(t *testing.T) {
	t.Parallel()
	server := newForeign(t)
	ca := acctest.NewCA(t, "CA")
	server.drops = []string{`"path":"/x"`, `{"pem":{"value":` + mustJSON(t, ca.Chain) + `},"type":"Pem"}`}
	for config, want := range map[string][]string{
		server.config(`resource "kongmesh_mesh_identity" "this" {
			mesh      = "m"
			name      = "payments"
			selector  = {}
			spiffe_id = { path = "/x" }
		}`): {"Control plane dropped the change", `spiffe_id.path: Could not write MeshIdentity "payments" of mesh "m"`},
		server.trust(ca.Chain): {"Control plane dropped the change", "ca_bundles"},
	} {
		run := acctest.NewRun(t, config)
		if output, err := run.Try("apply", "-auto-approve"); err == nil || !acctest.Words(want...).MatchString(output) {
			t.Errorf("it applies:\n%s\n%v", output, err)
		}
		if output := run.Terraform("state", "list"); !strings.Contains(output, ".this") {
			t.Errorf("the object is not in the state: %s", output)
		}
	}
}

// What a trust must not have is an error of the plan, on its element.
func TestAccMeshTrust_badInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"no bundle":            {"trust_domain = \"d\"\nca_bundles = []", []string{"ca_bundles", "at least 1"}},
		"no list":              {"trust_domain = \"d\"", []string{`"ca_bundles" is required`}},
		"null":                 {"trust_domain = \"d\"\nca_bundles = [null]", []string{"Null element", "ca_bundles[0]"}},
		"private key":          {"trust_domain = \"d\"\nca_bundles = [$first, $key]", []string{"Private key in trust", "ca_bundles[1]", "is not shown"}},
		"key after a CA":       {"trust_domain = \"d\"\nca_bundles = [\"${$first}${$key}\"]", []string{"Private key in trust", "ca_bundles[0]"}},
		"no certificate":       {"trust_domain = \"d\"\nca_bundles = [\"hello\"]", []string{"CA material", "ca_bundles[0]"}},
		"another block":        {"trust_domain = \"d\"\nca_bundles = [\"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\\n\"]", []string{"CA material", "ca_bundles[0]"}},
		"no trust domain":      {"trust_domain = \"\"\nca_bundles = [$first]", []string{"trust_domain", "the trust domain is empty"}},
		"long trust domain":    {"trust_domain = \"" + strings.Repeat("a", 254) + "\"\nca_bundles = [$first]", []string{"trust_domain", "254 characters"}},
		"trust domain of URLs": {"trust_domain = \"spiffe://d\"\nca_bundles = [$first]", []string{"trust_domain", "only lowercase letters"}},
		"template":             {"trust_domain = \"{{ .Mesh }}\"\nca_bundles = [$first]", []string{"trust_domain", "only lowercase letters"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := f.trust(test.body, "key", f.cas[0].Key)
			f.PlanFails(t, config, test.want...)
			if strings.Contains(test.body, "$key") {
				_, problems := planTrust(t, f, []string{f.cas[0].Key})
				if leaks := acctest.Leaks(t, f.cas[0].Key, f.cas[0].Chain, problems); len(leaks) > 0 {
					t.Errorf("the messages have the key as %v:\n%s", leaks, problems)
				}
			}
		})
	}
}

// planTrust validates a trust, and returns the messages.
func planTrust(t *testing.T, f *fixture, bundles []string) (count int, text string) {
	t.Helper()
	list := make([]any, len(bundles))
	for i, bundle := range bundles {
		list[i] = bundle
	}
	problems := f.Protocol().Validate("kongmesh_mesh_trust", map[string]any{"mesh": f.mesh, "name": "t", "trust_domain": "d", "ca_bundles": list})
	for _, problem := range problems {
		text += problem.Summary + "\n" + problem.Detail + "\n"
	}
	return len(problems), text
}

// The control plane accepts a trusted certificate that is no CA, and so does the
// provider, with a warning.
func TestAccMeshTrust_noCAWarns(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	f := fixtureOn(t, env)
	config := "terraform {\n required_providers {\n kongmesh = { source = \"kongmesh/kongmesh\" }\n }\n}\n"
	run := acctest.NewRun(t, config+f.trust("trust_domain = \"d\"\nca_bundles = [$first, $leaf]", "leaf", acctest.PKI(t, "notca.crt")))
	if output := run.Terraform("apply", "-auto-approve"); !acctest.Words("Trusted certificate is no CA", "ca_bundles[1]", "Certificate 0").MatchString(output) {
		t.Errorf("it applies without a warning:\n%s", output)
	}
	run.NoChanges()
	run.Terraform("destroy", "-auto-approve")
}

func TestAccMeshTrust_noMesh(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: f.Provider(), Steps: []resource.TestStep{
		{Config: strings.Replace(f.trust("trust_domain = \"d\"\nca_bundles = [$first]"), f.mesh, "acc-absent", 1), ExpectError: acctest.Words("No such mesh", `"acc-absent"`)},
		{Config: strings.Replace(f.identity("selector = {}"), f.mesh, "acc-absent", 1), ExpectError: acctest.Words("No such mesh", `"acc-absent"`)},
	}})
}

// A query finds identities and trusts, with the state that an import would have,
// and no trust of an interrupted rotation.
func TestAccMeshIdentity_query(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	put := func(kind, path, name string, spec map[string]any) {
		f.Must(http.MethodPut, f.path(path, name), map[string]any{"type": kind, "mesh": f.mesh, "name": name, "spec": spec})
	}
	put("MeshIdentity", "meshidentities", "a", map[string]any{"selector": map[string]any{}})
	put("MeshIdentity", "meshidentities", "b", map[string]any{"provider": map[string]any{"type": "Spire", "spire": map[string]any{}}})
	put("MeshTrust", "meshtrusts", "a", map[string]any{"trustDomain": "d", "caBundles": []any{pem(f.cas[0].Chain)}})
	put("MeshTrust", "meshtrusts", identity.InterimTrust("gone", "d"), map[string]any{"trustDomain": "d", "caBundles": []any{pem(f.cas[0].Chain)}}) // of an interrupted rotation
	protocol := f.Protocol()
	for _, kind := range []string{"kongmesh_mesh_identity", "kongmesh_mesh_trust"} {
		found, problems := protocol.Query(kind, map[string]any{"mesh": f.mesh}, 0, true)
		protocol.NoProblems(problems)
		var ids []string
		for _, one := range found {
			ids = append(ids, one.Name)
			imported, _, problems := protocol.Import(kind, one.Name)
			protocol.NoProblems(problems)
			if !reflect.DeepEqual(one.State, imported) {
				t.Errorf("%s is\n%v\nand is imported as\n%v", one.Name, one.State, imported)
			}
		}
		want := []string{f.mesh + "/a", f.mesh + "/b"}
		if kind == "kongmesh_mesh_trust" {
			want = want[:1]
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: found %q, not %q", kind, ids, want)
		}
		if _, problems := protocol.Query(kind, map[string]any{"mesh": "acc-absent"}, 0, true); len(problems) != 1 || problems[0].Summary != "No such mesh" {
			t.Errorf("%s of an absent mesh: %v", kind, problems)
		}
	}
}

// The data source has the document, what the control plane reports, and the
// SPIFFE ID of a proxy as the control plane renders it.
func TestAccMeshIdentity_dataSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := f.identity(everybody+strings.Replace(bundled, `"Disabled"`, `"Enabled"`, 1)) + acctest.Fill(`
		data "kongmesh_mesh_identity" "this" {
			mesh             = kongmesh_mesh_identity.this.mesh
			name             = kongmesh_mesh_identity.this.name
			dataplane_labels = { "kuma.io/workload" = "web" }
		}
		data "kongmesh_mesh_identity" "unlabeled" {
			mesh             = kongmesh_mesh_identity.this.mesh
			name             = kongmesh_mesh_identity.this.name
			dataplane_labels = {}
		}
		data "kongmesh_mesh_trust" "this" {
			mesh       = kongmesh_mesh_identity.this.mesh
			name       = kongmesh_mesh_identity.this.name
			depends_on = [kongmesh_mesh_identity.this]
		}`)
	domain := f.mesh + ".default.mesh.local"
	at := func(name, attribute string, want knownvalue.Check) statecheck.StateCheck {
		path := tfjsonpath.New(strings.Split(attribute, ".")[0])
		for _, step := range strings.Split(attribute, ".")[1:] {
			path = path.AtMapKey(step)
		}
		return statecheck.ExpectKnownValue("data."+name, path, want)
	}
	const identity, unlabeled, trust = "kongmesh_mesh_identity.this", "kongmesh_mesh_identity.unlabeled", "kongmesh_mesh_trust.this"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: f.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				at(identity, "ready", knownvalue.Bool(true)),
				at(identity, "conditions", knownvalue.ListPartial(map[int]knownvalue.Check{2: knownvalue.ObjectPartial(map[string]knownvalue.Check{"type": knownvalue.StringExact("Ready"), "status": knownvalue.StringExact("True")})})),
				at(identity, "kri", knownvalue.StringExact("kri_mid_"+f.mesh+"_default__payments_")),
				at(identity, "bundled.ca.private_key.secret", knownvalue.StringExact("ca-1-key")),
				at(identity, "trust_domain", knownvalue.StringExact(domain)),
				at(identity, "dataplane_spiffe_id", knownvalue.StringExact("spiffe://"+domain+"/workload/web")),
				at(unlabeled, "dataplane_spiffe_id", knownvalue.Null()),
				at(trust, "trust_domain", knownvalue.StringExact(domain)),
				at(trust, "origin_kri", knownvalue.StringExact("kri_mid_"+f.mesh+"_default__payments_")),
				at(trust, "certificates", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"subject": knownvalue.StringExact("CN=CA 1"), "is_ca": knownvalue.Bool(true)})})),
			}},
			{Config: config + "\ndata \"kongmesh_mesh_trust\" \"absent\" {\n mesh = kongmesh_mesh_identity.this.mesh\n name = \"absent\"\n }", ExpectError: acctest.Words("No such resource", `MeshTrust "absent" of mesh "`+f.mesh+`"`)},
		},
	})
}

// kongmesh_resource does not manage these types, and says what does.
func TestAccMeshIdentity_notAsAnyResource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, use := range map[string]string{"MeshIdentity": "kongmesh_mesh_identity", "MeshTrust": "kongmesh_mesh_trust"} {
		f.PlanFails(t, f.Config("resource \"kongmesh_resource\" \"this\" {\n type = $type\n mesh = $mesh\n name = \"x\"\n spec = {}\n}\n", "type", kind, "mesh", f.mesh), "Invalid type", "use "+use+" instead", "moved block")
	}
}
