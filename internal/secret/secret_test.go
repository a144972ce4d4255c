package secret_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
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

// A secret is one of the resources that are one secret, as a test has it.
type secret struct {
	t    *testing.T
	env  *acctest.Env
	mesh string // "" for a global one
	name string
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

func newMeshSecret(t *testing.T, options ...kumatest.Option) *secret {
	t.Helper()
	env := acctest.New(t, options...)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	return &secret{t, env, mesh, "my-secret"}
}

func newGlobalSecret(t *testing.T, options ...kumatest.Option) *secret {
	t.Helper()
	env := acctest.New(t, options...)
	s := &secret{t, env, "", "acc-" + env.Mesh()}
	t.Cleanup(func() { env.Do(http.MethodDelete, s.path(), nil) })
	return s
}

func (s *secret) path() string {
	if s.mesh == "" {
		return "/global-secrets/" + s.name
	}
	return "/meshes/" + s.mesh + "/secrets/" + s.name
}

func (s *secret) id() string {
	if s.mesh == "" {
		return s.name
	}
	return s.mesh + "/" + s.name
}

func (s *secret) kind() string {
	if s.mesh == "" {
		return "kongmesh_global_secret"
	}
	return "kongmesh_mesh_secret"
}

func (s *secret) address() string { return s.kind() + ".this" }

// block is the resource with these attributes.
func (s *secret) block(attributes string, pairs ...string) string {
	mesh := ""
	if s.mesh != "" {
		mesh = "  mesh = $mesh\n"
	}
	return acctest.Fill("resource \""+s.kind()+"\" \"this\" {\n"+mesh+"  name = $name\n"+attributes+"\n}\n",
		append([]string{"mesh", s.mesh, "name", s.name}, pairs...)...)
}

// config is a configuration of that.
func (s *secret) config(attributes string, pairs ...string) string {
	return s.env.Config(s.block(attributes, pairs...))
}

// put is somebody else's write.
func (s *secret) put(data string) {
	s.t.Helper()
	s.env.PutSecret(s.mesh, s.name, data)
	s.env.ResetRequests()
}

// holds checks what is on the control plane, and whether it was written since
// the last read.
func (s *secret) holds(data string, written bool) resource.TestCheckFunc {
	return func(state *terraform.State) error {
		var document struct{ Data []byte }
		if err := json.Unmarshal(s.env.Must(http.MethodGet, s.path(), nil), &document); err != nil {
			return err
		}
		if string(document.Data) != data {
			s.t.Errorf("the secret holds %q, not %q", document.Data, data)
		}
		if written {
			return s.env.Wrote(s.path())(state)
		}
		return s.env.Wrote()(state)
	}
}

func (s *secret) plans(want plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: append(more, plancheck.ExpectResourceAction(s.address(), want))}
}

func (s *secret) has(values map[string]knownvalue.Check) []statecheck.StateCheck {
	var checks []statecheck.StateCheck
	for name, check := range values {
		checks = append(checks, statecheck.ExpectKnownValue(s.address(), tfjsonpath.New(name), check))
	}
	return checks
}

// stored is what is in the state of the two forms that are stored there.
func (s *secret) stored(value, valueBase64 knownvalue.Check) []statecheck.StateCheck {
	return s.has(map[string]knownvalue.Check{
		"value": value, "value_base64": valueBase64, "value_wo": knownvalue.Null(), "value_base64_wo": knownvalue.Null(), "in_sync": knownvalue.Bool(true),
	})
}

const (
	none   = plancheck.ResourceActionNoop
	update = plancheck.ResourceActionUpdate
)

func TestAccMeshSecret_life(t *testing.T) {
	t.Parallel()
	s := newMeshSecret(t)
	null := knownvalue.Null()
	unknown := plancheck.ExpectUnknownValue(s.address(), tfjsonpath.New("in_sync"))
	inSync := plancheck.ExpectKnownValue(s.address(), tfjsonpath.New("in_sync"), knownvalue.Bool(true))
	binary := "\x00\xff\xfe"
	old, shortest := s.path(), `value = ""`
	if s.env.Cluster() != "" { // where no secret is empty
		shortest = `value = "x"`
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		CheckDestroy:             func(state *terraform.State) error { return s.env.Gone(s.path(), old)(state) },
		Steps: []resource.TestStep{
			{
				PreConfig: func() { s.env.ResetRequests() },
				Config:    s.config(`value_wo = "one"`), Check: s.holds("one", true), ConfigStateChecks: s.stored(null, null),
			},
			// Without a version the value decides.
			{Config: s.config(`value_wo = "two"`), ConfigPlanChecks: s.plans(update, unknown), Check: s.holds("two", true)},
			{PreConfig: func() { s.put("other") }, Config: s.config(`value_wo = "two"`), ConfigPlanChecks: s.plans(update, inSync), Check: s.holds("two", true)},
			{PreConfig: func() { s.put("three") }, Config: s.config(`value_wo = "three"`), ConfigPlanChecks: s.plans(update), Check: s.holds("three", false)},
			// With one, the version does.
			{Config: s.config("value_wo = \"three\"\nvalue_wo_version = 1"), ConfigPlanChecks: s.plans(update, inSync), Check: s.holds("three", false)},
			{Config: s.config("value_wo = \"four\"\nvalue_wo_version = 1"), ConfigPlanChecks: s.plans(none), Check: s.holds("three", false)},
			{Config: s.config("value_wo = \"four\"\nvalue_wo_version = 2"), ConfigPlanChecks: s.plans(update), Check: s.holds("four", true)},
			{Config: s.config("value_wo = \"four\"\nvalue_wo_version = 3"), ConfigPlanChecks: s.plans(update), Check: s.holds("four", true)},
			{PreConfig: func() { s.put("other") }, Config: s.config("value_wo = \"four\"\nvalue_wo_version = 3"), ConfigPlanChecks: s.plans(update, inSync), Check: s.holds("four", true)},
			// From one form to the next, with the same in it.
			{Config: s.config(`value = "four"`), ConfigPlanChecks: s.plans(update, inSync), Check: s.holds("four", false), ConfigStateChecks: s.stored(text("four"), null)},
			{Config: s.config(`value = "five"`), ConfigPlanChecks: s.plans(update), Check: s.holds("five", true), ConfigStateChecks: s.stored(text("five"), null)},
			{PreConfig: func() { s.put(binary) }, Config: s.config(`value = "five"`), ConfigPlanChecks: s.plans(update), Check: s.holds("five", true), ConfigStateChecks: s.stored(text("five"), null)},
			{Config: s.config(`value_base64 = "AP/+"`), ConfigPlanChecks: s.plans(update), Check: s.holds(binary, true), ConfigStateChecks: s.stored(null, text("AP/+"))},
			{Config: s.config(`value_base64 = "AP_-\n"`), ConfigPlanChecks: s.plans(none), Check: s.holds(binary, false)},
			{PreConfig: func() { s.put("other") }, Config: s.config(`value_base64 = "AP_-"`), ConfigPlanChecks: s.plans(update), Check: s.holds(binary, true)},
			{Config: s.config("value_base64_wo = \"AP_-\"\nvalue_base64_wo_version = 1"), ConfigPlanChecks: s.plans(update, inSync), Check: s.holds(binary, false), ConfigStateChecks: s.stored(null, null)},
			// Gone, and under another name.
			{
				PreConfig: func() { s.env.Must(http.MethodDelete, s.path(), nil); s.env.ResetRequests() },
				Config:    s.config(`value_base64_wo = "AP/+"`), ConfigPlanChecks: s.plans(plancheck.ResourceActionCreate), Check: s.holds(binary, true),
			},
			{
				Config:           strings.Replace(s.config(shortest), "my-secret", "your-secret", 1),
				ConfigPlanChecks: s.plans(plancheck.ResourceActionReplace),
				Check:            s.env.Gone(old),
			},
		},
	})
}

func TestAccGlobalSecret_life(t *testing.T) {
	t.Parallel()
	s := newGlobalSecret(t)
	null := knownvalue.Null()
	old := s.path()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		CheckDestroy:             s.env.Gone(s.path(), old+"-2"),
		Steps: []resource.TestStep{
			{
				PreConfig: func() { s.env.ResetRequests() },
				Config:    s.config(`value_wo = "one"`), Check: s.holds("one", true), ConfigStateChecks: s.stored(null, null),
			},
			{PreConfig: func() { s.put("other") }, Config: s.config(`value_wo = "one"`), ConfigPlanChecks: s.plans(update), Check: s.holds("one", true)},
			{Config: s.config(`value_base64 = "AP8="`), ConfigPlanChecks: s.plans(update), Check: s.holds("\x00\xff", true), ConfigStateChecks: s.stored(null, text("AP8="))},
			{
				PreConfig: func() { s.env.Must(http.MethodDelete, s.path(), nil); s.env.ResetRequests() },
				Config:    s.config(`value = "two"`), ConfigPlanChecks: s.plans(plancheck.ResourceActionCreate), Check: s.holds("two", true),
			},
			{ImportState: true, ResourceName: s.address(), ImportStateId: s.id(), ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"value"}},
			{
				Config:           strings.Replace(s.config(`value = "two"`), s.name, s.name+"-2", 1),
				ConfigPlanChecks: s.plans(plancheck.ResourceActionReplace),
				Check:            s.env.Gone(old),
			},
		},
	})
}

// What is there is taken over without a write, and stays out of the state.
func TestAccMeshSecret_import(t *testing.T) {
	t.Parallel()
	s := newMeshSecret(t)
	var config strings.Builder
	var plans []plancheck.PlanCheck
	var writes []string
	holds := map[string]string{}
	for i, test := range []struct {
		there, attributes string
		want              plancheck.ResourceActionType
		holds             string
	}{
		{"x", `value_wo = "x"`, none, "x"},
		{"\xff", `value_base64_wo = "_w"`, none, "\xff"},
		{"x", `value = "x"`, update, "x"},
		{"\xff", `value_base64 = "/w=="`, update, "\xff"},
		{"x", "value_wo = \"x\"\nvalue_wo_version = 7", update, "x"},
		{"x", "value_wo = \"y\"\nvalue_wo_version = 7", update, "y"},
		{"\xff", `value = "y"`, update, "y"},
	} {
		one := *s
		one.name = fmt.Sprintf("s%d", i)
		one.put(test.there)
		this := strings.ReplaceAll(one.block(test.attributes), `"this"`, `"`+one.name+`"`)
		config.WriteString(this + acctest.Fill("import {\n  to = kongmesh_mesh_secret."+one.name+"\n  id = $id\n}\n", "id", one.id()))
		plans = append(plans, plancheck.ExpectResourceAction("kongmesh_mesh_secret."+one.name, test.want))
		holds[one.path()] = test.holds
		if test.holds != test.there {
			writes = append(writes, s.env.ObjectPath(one.path()))
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		Steps: []resource.TestStep{{
			Config:           s.env.Config(config.String()),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: plans},
			Check: func(*terraform.State) error {
				for path, want := range holds {
					var document struct{ Data []byte }
					if err := json.Unmarshal(s.env.Must(http.MethodGet, path, nil), &document); err != nil {
						return err
					}
					if string(document.Data) != want {
						t.Errorf("%s holds %q, not %q", path, document.Data, want)
					}
				}
				if s.env.Twin == nil {
					return nil
				}
				wrote := s.env.Written()
				if slices.Sort(wrote); !slices.Equal(wrote, writes) {
					t.Errorf("written were %q, not %q", wrote, writes)
				}
				return nil
			},
		}},
	})
}

// An import of something else fails before anything is done.
func TestAccMeshSecret_importRefused(t *testing.T) {
	t.Parallel()
	s, global := newMeshSecret(t), newGlobalSecret(t)
	step := func(s *secret, id string, want ...string) resource.TestStep {
		return resource.TestStep{
			Config: s.config(`value_wo = "x"`), ImportState: true, ResourceName: s.address(), ImportStateId: id, ExpectError: acctest.Words(want...),
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		Steps: []resource.TestStep{
			step(s, s.mesh, "Invalid import ID", "mesh/name"),
			step(s, s.mesh+"/absent", "Cannot import non-existent remote object"),
			step(s, s.mesh+"/dataplane-token-signing-key-"+s.mesh+"-1", "Secret belongs to control plane", "the signing key of data plane tokens", "signing-key-"+s.mesh+"-2"),
			step(s, s.mesh+"/"+s.mesh+".ca-builtin-key-b", "Secret belongs to control plane", `the private key of the CA that the control plane created for the builtin mTLS backend "b"`),
			step(global, "a/b", "Invalid import ID", "have the form name"),
			step(global, "admin-user-token", "Secret belongs to control plane", "restart all instances"),
		},
	})
}

// A secret that is there is not overwritten, and whose it is is told.
func TestAccMeshSecret_existsAlready(t *testing.T) {
	t.Parallel()
	s, global := newMeshSecret(t), newGlobalSecret(t)
	s.put("x")
	step := func(s *secret, name string, want ...string) resource.TestStep {
		return resource.TestStep{Config: strings.Replace(s.config(`value_wo = "y"`), s.name, name, 1), ExpectError: acctest.Words(want...)}
	}
	key := "dataplane-token-signing-key-" + s.mesh
	steps := []resource.TestStep{
		step(s, s.name, "Exists already", "import {", "to = kongmesh_mesh_secret.NAME", s.id()),
		step(s, key+"-1", "Secret belongs to control plane", "the signing key of data plane tokens", key+"-2"),
		// One with a higher number is how the key is rotated.
		{Config: strings.Replace(s.config(`value_wo = "y"`), s.name, key+"-2", 1), ConfigPlanChecks: s.plans(plancheck.ResourceActionCreate)},
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: s.env.Provider(), Steps: steps, CheckDestroy: func(state *terraform.State) error {
		s.env.ResetRequests()
		return s.holds("x", false)(state)
	}})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: global.env.Provider(), Steps: []resource.TestStep{
		step(global, "zone-token-signing-key-1", "Secret belongs to control plane", "the signing key of zone tokens", "zone-token-signing-key-2"),
	}})
}

func TestAccMeshSecret_badInput(t *testing.T) {
	t.Parallel()
	s := newMeshSecret(t)
	for name, test := range map[string]struct {
		attributes string
		want       []string
	}{
		"no value":              {``, []string{"Value is missing", "value_wo"}},
		"two values":            {"value = \"x\"\nvalue_wo = \"x\"", []string{"value_wo = ", "value conflicts with value_wo"}},
		"no base64":             {`value_base64 = "!"`, []string{"value_base64 = ", "it is not base64", "base64encode"}},
		"no base64, write-only": {`value_base64_wo = "!"`, []string{"value_base64_wo = ", "it is not base64"}},
		"version without value": {"value = \"x\"\nvalue_wo_version = 1", []string{"value_wo_version = 1", "value_wo"}},
		"version of another":    {"value_wo = \"x\"\nvalue_base64_wo_version = 1", []string{"value_base64_wo_version = 1", "value_base64_wo"}},
		"bad name":              {"value = \"x\"\n#Bad_Name", []string{"name = ", "lowercase letters"}},
		"name of a rotation":    {"value = \"x\"\n#ca-rollout-0123456789-cert", []string{"Reserved name", "name = ", "kongmesh_mtls_provided_backend"}},
		"long name":             {"value = \"x\"\n#" + strings.Repeat("a", 254), []string{"name = ", "the maximum is 253"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := s.config(test.attributes)
			if _, name, found := strings.Cut(test.attributes, "#"); found {
				config = strings.Replace(config, `"`+s.name+`"`, `"`+name+`"`, 1)
			}
			s.env.PlanFails(t, config, test.want...)
		})
	}
	t.Run("no mesh", func(t *testing.T) {
		t.Parallel()
		resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: s.env.Provider(), Steps: []resource.TestStep{{
			Config: strings.Replace(s.config(`value = "x"`), `"`+s.mesh+`"`, `"absent"`, 1), ExpectError: acctest.Words("No such mesh", `mesh "absent"`),
		}}})
	})
}

// Values, and which of the forms they have, that are known only when applied.
func TestAccMeshSecret_unknownWhenPlanned(t *testing.T) {
	t.Parallel()
	s := newMeshSecret(t)
	with := func(data, attributes string) string {
		return acctest.Fill("resource \"terraform_data\" \"value\" {\n  input = $data\n  triggers_replace = $data\n}\n", "data", data) + s.config(attributes)
	}
	const value = "terraform_data.value.output"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		Steps: []resource.TestStep{
			{PreConfig: func() { s.env.ResetRequests() }, Config: with("one", "value_wo = "+value), Check: s.holds("one", true)},
			{Config: with("two", "value_wo = "+value), ConfigPlanChecks: s.plans(update), Check: s.holds("two", true)},
			{Config: with("eHg", "value_base64 = "+value), ConfigPlanChecks: s.plans(update), Check: s.holds("xx", true), ConfigStateChecks: s.stored(knownvalue.Null(), text("eHg"))},
			{Config: with("!", "value_base64_wo = "+value), ExpectError: acctest.Words("Invalid base64", "value_base64_wo")},
			{Config: with("y", "value = "+value+" == \"y\" ? "+value+" : null\nvalue_wo = "+value+" == \"y\" ? \"z\" : null"), ExpectError: acctest.Words("Several values are set")},
			{Config: with("!!", "value = "+value+" == \"x\" ? "+value+" : null"), ExpectError: acctest.Words("Value is missing")},
		},
	})
}

// What may be there is in the state, what is not is not, and nothing is taken
// for absent that cannot be seen.
func TestAccMeshSecret_faults(t *testing.T) {
	t.Parallel()
	s := newMeshSecret(t)
	s.env.NeedTwin()
	fail := func(method string, side kumatest.Side, kind kumatest.FaultKind) func() {
		return func() {
			s.env.Twin.ClearFaults()
			s.env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kind}, Side: side, Match: func(r *http.Request) bool {
				return r.Method == method && (r.URL.Path == s.path() || r.URL.Path == path.Dir(s.path())) // itself, or the list that it is read from
			}})
		}
	}
	calm := func() { s.env.Twin.ClearFaults(); s.env.ResetRequests() }
	backend := func(secrets ...string) {
		document := map[string]any{"type": "Mesh", "name": s.mesh}
		if len(secrets) > 0 {
			document["mtls"] = map[string]any{"enabledBackend": "b", "backends": []any{map[string]any{"name": "b", "type": "provided", "conf": map[string]any{
				"cert": map[string]any{"secret": secrets[0]}, "key": map[string]any{"secret": secrets[1]},
			}}}}
		}
		s.env.Must(http.MethodPut, "/meshes/"+s.mesh, document)
	}
	ca := acctest.NewCA(t, "CA")
	one, two := s.config(`value_wo = "one"`), s.config(`value_wo = "two"`)
	key, trimmed := s.config("value_wo = $key", "key", ca.Key), s.config("value_wo = $key", "key", strings.TrimSpace(ca.Key))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.env.Provider(),
		CheckDestroy:             s.env.Gone(s.path()),
		Steps: []resource.TestStep{
			{PreConfig: fail(http.MethodPut, kumatest.After, kumatest.InternalError), Config: one, ExpectError: acctest.Words("Control plane failed", "write secret")},
			{ // it is there: replaced, as Terraform does after a create that failed
				PreConfig: calm, Config: one, ConfigPlanChecks: s.plans(plancheck.ResourceActionReplace),
			},
			{PreConfig: fail(http.MethodPut, kumatest.After, kumatest.InternalError), Config: two, ExpectError: acctest.Words("Control plane failed", "write secret")},
			{PreConfig: calm, Config: two, ConfigPlanChecks: s.plans(update), Check: s.holds("two", false)},
			{PreConfig: fail(http.MethodGet, kumatest.Before, kumatest.HTML), Config: two, ExpectError: acctest.Words("Not a control plane's answer")},
			{PreConfig: calm, Config: two, ConfigPlanChecks: s.plans(none)},
			{Config: key},
			{ // a backend needs it
				PreConfig: func() {
					s.env.PutSecret(s.mesh, "cert", ca.Chain)
					backend("cert", s.name)
				},
				Config: key, Destroy: true, ExpectError: acctest.Words("Secret is still in use", `mTLS backend "b"`),
			},
			{Config: two, PlanOnly: true, ExpectError: acctest.Words("CA secret is in use", `mTLS backend "b"`, "kongmesh_mesh_ca_secret")},
			{PreConfig: s.env.ResetRequests, Config: trimmed, ConfigPlanChecks: s.plans(update), Check: s.holds(strings.TrimSpace(ca.Key), true)}, // the same key
			{Config: key, ConfigPlanChecks: s.plans(update), Check: s.holds(ca.Key, true)},
			{ // the same, and known only when it is applied
				Config:      "resource \"terraform_data\" \"two\" {\n  input = \"two\"\n}\n" + s.config("value_wo = terraform_data.two.output"),
				ExpectError: acctest.Words("CA secret is in use"),
			},
			{PreConfig: func() { s.put("drift") }, Config: key, ConfigPlanChecks: s.plans(update), Check: s.holds(ca.Key, true)},
			{PreConfig: func() { backend(); s.env.ResetRequests() }, Config: key, Check: s.holds(ca.Key, false)},
		},
	})
}

// A configuration that Terraform writes lacks the value alone; with it, as
// write-only, the import writes nothing, and the value is in no file and no log.
func TestAccMeshSecret_generatedConfiguration(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.7.29", "2.14.3"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t, kumatest.Version(version))
			key := acctest.NewCA(t, "CA").Key
			global, mesh := &secret{t, env, "", "gs"}, &secret{t, env, "default", "ms"}
			run := acctest.NewRun(t, "terraform {\n  required_providers {\n    kongmesh = { source = \"kongmesh/kongmesh\" }\n  }\n}\n"+
				"variable \"key\" {\n  type = string\n  ephemeral = true\n}\n"+
				acctest.Fill("import {\n  to = kongmesh_global_secret.this\n  id = $global\n}\nimport {\n  to = kongmesh_mesh_secret.this\n  id = $mesh\n}\n", "global", global.id(), "mesh", mesh.id()))
			run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			variables, _ := json.Marshal(map[string]string{"key": key})
			run.Write("terraform.tfvars.json", string(variables)) // the environment is in Terraform's log
			global.put(key)
			mesh.put(key)
			output, err := run.Try("plan", "-generate-config-out=generated.tf")
			if err == nil || !acctest.Words("Value is missing").MatchString(output) {
				t.Errorf("a configuration without a value is taken: %v\n%s", err, output)
			}
			generated := string(run.Read("generated.tf"))
			run.Write("generated.tf", regexp.MustCompile(`(?m)^( *value_wo +=) null.*$`).ReplaceAllString(generated, "$1 var.key"))
			env.ResetRequests()
			output += run.Terraform("plan", "-out=plan")
			output += run.Terraform("show", "-json", "plan")
			output += run.TakeOver(env, "plan")
			output += run.Terraform("show", "-json") + generated
			for _, file := range []string{"terraform.tfstate", "trace.log"} {
				output += string(run.Read(file))
			}
			if found := acctest.Leaks(t, key, "", output); len(found) > 0 {
				t.Errorf("the value is in what Terraform prints and writes: %v", found)
			}
		})
	}
}

// The control plane deletes a secret that an identity uses, and the provider does not.
func TestAccMeshSecret_identityUses(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedIdentities()
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(`
resource "kongmesh_mesh" "this" { name = "acc" }
resource "kongmesh_mesh_secret" "this" {
  for_each = { own-cert = $chain, own-key = $key }
  mesh     = kongmesh_mesh.this.name
  name     = each.key
  value    = each.value
}`, "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	secret := func(name string) map[string]any {
		return map[string]any{"type": "Secret", "secretRef": map[string]any{"kind": "Secret", "name": name}}
	}
	env.Must(http.MethodPut, "/meshes/acc/meshidentities/i", map[string]any{"type": "MeshIdentity", "mesh": "acc", "name": "i", "spec": map[string]any{
		"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{"ca": map[string]any{"certificate": secret("own-cert"), "privateKey": secret("own-key")}}},
	}})
	if output, err := run.Try("destroy", "-auto-approve"); err == nil || !acctest.Words("Secret is still in use", `The CA of the MeshIdentity "i" is in secret "own-key" of mesh "acc"`).MatchString(output) {
		t.Errorf("the destroy prints\n%s\n%v", output, err)
	}
	for _, name := range []string{"own-cert", "own-key"} {
		env.Must(http.MethodGet, "/meshes/acc/secrets/"+name, nil)
	}
	env.Must(http.MethodDelete, "/meshes/acc/meshidentities/i", nil)
	run.Terraform("destroy", "-auto-approve")
}
