package mtls_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

const address = "kongmesh_mtls_provided_backend.this"

// before is a mesh and its CA.
const before = acctest.MeshWithCA

// backend is a backend with these lines in it.
func backend(body string) string {
	return before + `
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
` + body + `
}
`
}

const secrets = `
  cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
`

func value(attribute tfjsonpath.Path, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, attribute, want)
}

func at(steps ...string) tfjsonpath.Path {
	path := tfjsonpath.New(steps[0])
	for _, step := range steps[1:] {
		path = path.AtMapKey(step)
	}
	return path
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

func action(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
}

// mtlsOf checks the mesh's mtls on the control plane.
func mtlsOf(t *testing.T, env *acctest.Env, mesh string, check func(mtls map[string]any) error) resource.TestCheckFunc {
	return func(*terraform.State) error {
		t.Helper()
		var document struct {
			MTLS map[string]any `json:"mtls"`
		}
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh, nil), &document); err != nil {
			return err
		}
		return check(document.MTLS)
	}
}

// entry checks the only backend of a mesh.
func entry(t *testing.T, env *acctest.Env, mesh string, want string) resource.TestCheckFunc {
	return mtlsOf(t, env, mesh, func(mtls map[string]any) error {
		backends, _ := mtls["backends"].([]any)
		if len(backends) != 1 {
			return fmt.Errorf("backends are %v", backends)
		}
		only, _ := backends[0].(map[string]any)
		delete(only, "conf")
		got, err := json.Marshal(only)
		if err != nil {
			return err
		}
		if string(got) != want {
			return fmt.Errorf("the backend is\n%s\nnot\n%s", got, want)
		}
		return nil
	})
}

func TestAccProvidedBackend_life(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA")
	with := func(body string) string {
		return env.Config(backend(secrets+body), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	change := func(edit func(mtls map[string]any)) func() {
		return func() {
			env.Change("/meshes/"+mesh, func(document map[string]any) {
				mtls, _ := document["mtls"].(map[string]any)
				edit(mtls)
			})
		}
	}
	first := func(mtls map[string]any) map[string]any {
		backends, _ := mtls["backends"].([]any)
		backend, _ := backends[0].(map[string]any)
		return backend
	}
	full := `
		mode            = "PERMISSIVE"
		skip_validation = true
		dp_cert = {
			rotation        = { expiration = "1d" }
			request_timeout = "1.5s"
		}
		root_chain = { request_timeout = "12s" }`
	fullEntry := `{"dpCert":{"requestTimeout":"1.500s","rotation":{"expiration":"1d"}},"mode":"PERMISSIVE","name":"ca-1","rootChain":{"requestTimeout":"12s"},"type":"provided"}`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + mesh),
		Steps: []resource.TestStep{
			{
				Config: with(""),
				ConfigStateChecks: []statecheck.StateCheck{
					value(at("enabled"), knownvalue.Bool(true)),
					value(at("mode"), text("STRICT")),
					value(at("skip_validation"), knownvalue.Bool(false)),
					value(at("dp_cert"), knownvalue.Null()),
					value(at("root_chain"), knownvalue.Null()),
				},
				Check: entry(t, env, mesh, `{"name":"ca-1","type":"provided"}`),
			},
			{Config: with(full), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: entry(t, env, mesh, fullEntry)},
			{ // the same durations, spelled in another way
				Config:           with(strings.NewReplacer(`"1d"`, `"24h"`, `"1.5s"`, `"1500ms"`, `"12s"`, `"0m12s"`).Replace(full)),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{ // only listed
				Config:            with(full + "\nenabled = false"),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{value(at("enabled"), knownvalue.Bool(false))},
				Check: mtlsOf(t, env, mesh, func(mtls map[string]any) error {
					if mtls["enabledBackend"] != nil {
						return fmt.Errorf("%v is enabled", mtls["enabledBackend"])
					}
					return nil
				}),
			},
			{Config: with(`dp_cert = { rotation = { expiration = "90m" } }`), Check: entry(t, env, mesh, `{"dpCert":{"rotation":{"expiration":"90m"}},"name":"ca-1","type":"provided"}`)},
			{Config: with(`root_chain = {}`), Check: entry(t, env, mesh, `{"name":"ca-1","rootChain":{},"type":"provided"}`)},
			// Drift of every attribute.
			{PreConfig: change(func(mtls map[string]any) { first(mtls)["mode"] = "PERMISSIVE" }), Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
			{PreConfig: change(func(mtls map[string]any) { delete(mtls, "enabledBackend") }), Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
			{PreConfig: change(func(mtls map[string]any) { mtls["skipValidation"] = true }), Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
			{PreConfig: change(func(mtls map[string]any) {
				first(mtls)["dpCert"] = map[string]any{"rotation": map[string]any{"expiration": "2d"}}
			}), Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
			{PreConfig: change(func(mtls map[string]any) { first(mtls)["rootChain"] = map[string]any{"requestTimeout": "3s"} }), Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate), Check: entry(t, env, mesh, `{"name":"ca-1","type":"provided"}`)},
			{ // another CA
				PreConfig: func() {
					other := acctest.NewCA(t, "Other CA")
					for name, data := range map[string]string{"other.cert": other.Chain, "other.key": other.Key} {
						env.PutSecret(mesh, name, data)
					}
					change(func(mtls map[string]any) {
						first(mtls)["conf"] = map[string]any{"cert": map[string]any{"secret": "other.cert"}, "key": map[string]any{"secret": "other.key"}}
					})()
				},
				Config: with(""), ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{ // gone
				PreConfig: func() {
					env.Change("/meshes/"+mesh, func(document map[string]any) { delete(document, "mtls") })
				},
				Config: with(full), ConfigPlanChecks: action(plancheck.ResourceActionCreate), Check: entry(t, env, mesh, fullEntry),
			},
			{ImportState: true, ResourceName: address, ImportStateId: mesh + "/ca-1", ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"timeouts", "dp_cert.request_timeout"}},
			{Config: with(full), ImportState: true, ImportStateKind: resource.ImportBlockWithID, ResourceName: address, ImportStateId: mesh + "/ca-1"},
			{ImportState: true, ResourceName: address, ImportStateId: mesh, ExpectError: acctest.Words("Invalid import ID", "mesh/name")},
			{ // deleting takes it out, and leaves no mtls behind
				Config: env.Config(before, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
				Check: mtlsOf(t, env, mesh, func(mtls map[string]any) error {
					if mtls != nil {
						return fmt.Errorf("mtls is %v", mtls)
					}
					return nil
				}),
			},
		},
	})
}

func TestAccProvidedBackend_forms(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	folder := t.TempDir()
	files := map[string]string{"cert": filepath.Join(folder, "ca.pem"), "key": filepath.Join(folder, "ca.key")}
	if err := os.WriteFile(files["cert"], []byte(ca.Chain), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files["key"], []byte(ca.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"inline": acctest.Fill("cert = { inline = $cert }\nkey = { inline = $key }",
			"cert", base64.StdEncoding.EncodeToString([]byte(ca.Chain)), "key", base64.StdEncoding.EncodeToString([]byte(ca.Key))),
		"inline string": acctest.Fill("cert = { inline_string = $cert }\nkey = { inline_string = $key }", "cert", ca.Chain, "key", ca.Key),
		"file":          acctest.Fill("cert = { file = $cert }\nkey = { file = $key }", "cert", files["cert"], "key", files["key"]),
		"mixed":         acctest.Fill("cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }\nkey = { inline_string = $key }", "key", ca.Key),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			env.NeedMTLS()
			mesh := env.Mesh()
			full := env.Config(backend(body), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: full},
					{ImportState: true, ResourceName: address, ImportStateId: mesh + "/ca-1", ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"timeouts"}},
					{Config: env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
				},
			})
		})
	}
}

// Another spelling of the same inline CA is no change.
func TestAccProvidedBackend_inlineSpellings(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	wrapped := func(text string) string {
		return regexp.MustCompile(".{76}").ReplaceAllString(base64.StdEncoding.EncodeToString([]byte(text)), "$0\n") + "\n"
	}
	flat := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	inline := func(form string, as func(string) string) string {
		return env.Config("resource \"kongmesh_mesh\" \"this\" {\n  name = $mesh\n}\n"+
			`resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  cert = { `+form+` = $chain }
  key  = { `+form+` = $key }
}`, "mesh", mesh, "chain", as(ca.Chain), "key", as(ca.Key))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: inline("inline", wrapped)},
			{Config: inline("inline", flat), ConfigPlanChecks: action(plancheck.ResourceActionNoop)},
			{Config: inline("inline", func(text string) string { return flat("# CA\n" + text) }), ConfigPlanChecks: action(plancheck.ResourceActionNoop)},
			{Config: inline("inline_string", strings.TrimSpace), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
			{Config: inline("inline_string", func(text string) string { return text }), ConfigPlanChecks: action(plancheck.ResourceActionNoop)},
		},
	})
}

func TestAccProvidedBackend_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	names := "cert = { secret = \"a\" }\nkey = { secret = \"b\" }\n"
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"1 day":             {names + `dp_cert = { rotation = { expiration = "1 day" } }`, []string{"Invalid duration", "dp_cert.rotation.expiration", "1d, 36h or 90m"}},
		"two units":         {names + `dp_cert = { rotation = { expiration = "1h30m" } }`, []string{"Invalid duration"}},
		"request timeout":   {names + `dp_cert = { rotation = { expiration = "1d" }, request_timeout = "soon" }`, []string{"Invalid duration", "dp_cert.request_timeout"}},
		"negative":          {names + `root_chain = { request_timeout = "-1s" }`, []string{"root_chain.request_timeout", "negative"}},
		"0s":                {names + `dp_cert = { rotation = { expiration = "0s" } }`, []string{"Certificate lifetime is too short", `dp_cert.rotation.expiration: "0s" is less than a minute`}},
		"59s":               {names + `dp_cert = { rotation = { expiration = "59s" } }`, []string{"Certificate lifetime is too short"}},
		"mode":              {names + `mode = "strict"`, []string{"mode", "STRICT"}},
		"two forms of cert": {`cert = { secret = "a", file = "/x" }` + "\n" + `key = { secret = "b" }`, []string{"cert.secret: Set exactly one of", "Currently, secret and file are set."}},
		"no form of key":    {`cert = { secret = "a" }` + "\n" + `key = {}`, []string{"key", "secret", "inline"}},
		"no rotation":       {names + `dp_cert = {}`, []string{"rotation"}},
		"not base64":        {`cert = { inline = "***" }` + "\n" + `key = { secret = "b" }`, []string{"Invalid base64", "cert.inline", "base64encode"}},
		"bad secret name":   {`cert = { secret = "A B" }` + "\n" + `key = { secret = "b" }`, []string{"Invalid name", "lowercase letters"}},
		"bad mesh name":     {`mesh = "No Mesh"` + "\n" + names, []string{"Invalid name", "lowercase letters"}},
		"empty name":        {`name = ""` + "\n" + names, []string{"Invalid value", "name = ", "it is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := test.body
			for _, line := range []string{"mesh = \"m\"\n", "name = \"ca-1\"\n"} {
				if !strings.Contains("\n"+body, "\n"+line[:6]) {
					body = line + body
				}
			}
			env.PlanFails(t, env.Config("resource \"kongmesh_mtls_provided_backend\" \"this\" {\n"+body+"\n}"), test.want...)
		})
	}
}

// A key that does not fit inline certificates fails the plan. Where meshes have no
// backends, the plan says that first.
func TestAccProvidedBackend_inlineKeyMismatch(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	env.PlanFails(t, env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
  mesh = "m"
  name = "ca-1"
  cert = { inline_string = $cert }
  key  = { inline_string = $key }
}`, "cert", acctest.PKI(t, "chain-wrong-order.crt"), "key", acctest.PKI(t, "int1.key")), "key mismatch", "key.inline_string")
}

func TestAccProvidedBackend_applyFails(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	good, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	env.PutSecret(mesh, "good.cert", good.Chain)
	env.PutSecret(mesh, "good.key", good.Key)
	env.PutSecret(mesh, "other.key", other.Key)
	env.PutSecret(mesh, "leaf.cert", acctest.PKI(t, "notca.crt"))
	env.PutSecret(mesh, "leaf.key", acctest.PKI(t, "notca.key"))
	env.PutSecret(mesh, "order.cert", acctest.PKI(t, "int2.crt")+acctest.PKI(t, "root.crt")+acctest.PKI(t, "int1.crt"))
	env.PutSecret(mesh, "expired.cert", acctest.PKI(t, "expired.crt"))
	env.PutSecret(mesh, "expired.key", acctest.PKI(t, "expired.key"))
	for name, test := range map[string]struct {
		mesh, cert, key string
		want            []string
	}{
		"no mesh":       {"absent", "good.cert", "good.key", []string{"No such mesh", `mesh "absent"`}},
		"no secret":     {mesh, "absent", "good.key", []string{"No such secret", "cert.secret: Mesh", `secret "absent"`}},
		"no key secret": {mesh, "good.cert", "absent", []string{"No such secret", "key.secret: Mesh"}},
		"another's key": {mesh, "good.cert", "other.key", []string{"key mismatch"}},
		"a leaf":        {mesh, "leaf.cert", "leaf.key", []string{"Not CA", "onstraint CA"}},
		"expired":       {mesh, "expired.cert", "expired.key", []string{"expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config: env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
						mesh = $mesh
						name = "ca-1"
						cert = { secret = $cert }
						key  = { secret = $key }
					}`, "mesh", test.mesh, "cert", test.cert, "key", test.key),
					ExpectError: acctest.Words(test.want...),
				}},
			})
		})
	}
}

// With skip_validation the provider checks no more than the control plane does.
func TestAccProvidedBackend_skipValidation(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	config := env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
		mesh            = $mesh
		name            = "ca-1"
		skip_validation = true
		cert = { secret = "not-there-yet" }
		key  = { secret = "not-there-yet" }
	}`, "mesh", mesh)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps:                    []resource.TestStep{{Config: config}},
	})
}

func TestAccProvidedBackend_existsAlready(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{
		"type": "Mesh", "name": mesh,
		"mtls": map[string]any{"backends": []any{map[string]any{"name": "ca-1", "type": "builtin"}}},
	})
	provided := func() {
		env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{
			"type": "Mesh", "name": mesh,
			"mtls": map[string]any{"skipValidation": true, "backends": []any{map[string]any{
				"name": "ca-1", "type": "provided", "conf": map[string]any{"cert": map[string]any{"file": "/dev/null"}, "key": map[string]any{"file": "/dev/null"}},
			}}},
		})
	}
	config := func(name string) string {
		return env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
			mesh            = $mesh
			name            = $name
			cert            = { file = "/dev/null" }
			key             = { file = "/dev/null" }
			skip_validation = true
		}`, "mesh", mesh, "name", name)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config("ca-1"), ExpectError: acctest.Words("Backend has another type", `a backend "ca-1" of type builtin`)},
			{PreConfig: provided, Config: config("ca-1"), ExpectError: acctest.Words("Exists already", `Backend "ca-1"`, "to = kongmesh_mtls_provided_backend.NAME", `id = "`+mesh+`/ca-1"`)},
			{Config: config("ca-2"), ExpectError: acctest.Words("Control plane rejected the change", "cannot have more than 1 backends", "keep the existing backend")},
		},
	})
}

// What is refused may be a backend of somebody else, and then says so.
func TestAccProvidedBackend_anotherIsRefused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.KongMesh())
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{
		"type": "Mesh", "name": mesh,
		"mtls": map[string]any{"skipValidation": true, "backends": []any{map[string]any{
			"name": "theirs", "type": "provided", "conf": map[string]any{"cert": map[string]any{"file": "/dev/null"}, "key": map[string]any{"file": "/dev/null"}},
		}}},
	})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
				mesh = $mesh
				name = "ours"
				cert = { inline_string = $chain }
				key  = { inline_string = $key }
			}`, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			ExpectError: acctest.Words("Control plane rejected the change", "mesh = ", "rejected mtls.backends[0].conf.cert", `The other backend is "theirs", which this resource does not manage`),
		}},
	})
}

// Kong Mesh has several backends: one hands over to the other in one apply.
func TestAccProvidedBackend_handOver(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.KongMesh())
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	with := func(first, second bool) string {
		return env.Config(fmt.Sprintf(before+`
			resource "kongmesh_mtls_provided_backend" "this" {
				mesh       = kongmesh_mesh.this.name
				name       = "ca-1"
				enabled    = %t
				cert       = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
				key        = { secret = kongmesh_mesh_ca_secret.this.key_secret }
				depends_on = [kongmesh_mtls_provided_backend.other]
			}
			resource "kongmesh_mtls_provided_backend" "other" {
				mesh    = kongmesh_mesh.this.name
				name    = "ca-2"
				enabled = %t
				cert    = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
				key     = { secret = kongmesh_mesh_ca_secret.this.key_secret }
			}
		`, first, second), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	enabled := func(want string) resource.TestCheckFunc {
		return mtlsOf(t, env, mesh, func(mtls map[string]any) error {
			if mtls["enabledBackend"] != want {
				return fmt.Errorf("enabled is %v", mtls["enabledBackend"])
			}
			for _, request := range env.Twin.Requests() {
				if request.Method == http.MethodPut && strings.Contains(string(request.Body), `"mtls"`) && !strings.Contains(string(request.Body), `"enabledBackend"`) {
					return fmt.Errorf("mTLS was off for a moment: %s", request.Body)
				}
			}
			return nil
		})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: with(true, false)},
			{PreConfig: env.ResetRequests, Config: with(false, true), Check: enabled("ca-2")},
		},
	})
}

// A refusal that comes from the control plane's old view of the secrets passes.
func TestAccProvidedBackend_secretCache(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.StaleSecrets}, Times: 2, Match: func(r *http.Request) bool {
		return r.Method == http.MethodPut && r.URL.Path == "/meshes/"+mesh
	}})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			Check: func(*terraform.State) error {
				refused := 0
				for _, request := range env.Twin.Requests() {
					if request.Method == http.MethodPut && request.Status == http.StatusBadRequest {
						refused++
					}
				}
				if refused == 0 {
					return fmt.Errorf("nothing was refused, so this shows nothing")
				}
				return nil
			},
		}},
	})
}

// Version 3 accepts mtls and drops it, which the plan knows before the private
// key is uploaded.
func TestAccProvidedBackend_version3(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("3.0"))
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config:      env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			ExpectError: acctest.Words("Meshes have no mTLS backends", "Kuma 3", "MeshIdentity"),
		}},
	})
	if err := env.Wrote()(nil); err != nil {
		t.Error(err)
	}
}

// Turning mTLS off is said before it happens.
func TestAccProvidedBackend_warnsBeforeOff(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	t.Cleanup(func() { run.Terraform("destroy", "-auto-approve") })
	for name, test := range map[string]struct {
		config string
		args   []string
	}{
		"disabled": {backend(secrets + "enabled = false"), []string{"plan"}},
		"removed":  {before, []string{"plan"}},
		"renamed":  {strings.Replace(backend(secrets), `"ca-1"`, `"ca-9"`, 1), []string{"plan"}},
		"destroy":  {backend(secrets), []string{"plan", "-destroy"}},
	} {
		t.Run(name, func(t *testing.T) {
			run.Config(env.Config(test.config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key))
			output := run.Terraform(test.args...)
			if !acctest.Words("Warning: mTLS of the mesh goes off", `turns off mTLS of mesh "`+mesh+`"`).MatchString(output) {
				t.Errorf("no warning in\n%s", output)
			}
		})
	}
	t.Run("unchanged", func(t *testing.T) {
		run.Config(env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key))
		if output := run.Terraform("plan"); strings.Contains(output, "Warning: mTLS") {
			t.Errorf("a warning without need in\n%s", output)
		}
	})
}

// The requests of a life are these and no more.
func TestAccProvidedBackend_requests(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	made := func(want ...string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			var got []string
			for _, request := range env.Twin.Requests() {
				if request.Method != http.MethodGet {
					got = append(got, request.Method+" "+request.Path)
				}
			}
			env.ResetRequests()
			if !slices.Equal(got, want) {
				return fmt.Errorf("requests were %q, not %q", got, want)
			}
			return nil
		}
	}
	path := "/meshes/" + mesh
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(before, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)},
			{PreConfig: env.ResetRequests, Config: env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key), Check: made("PUT " + path)},
			{Config: env.Config(backend(secrets+`mode = "PERMISSIVE"`), "mesh", mesh, "chain", ca.Chain, "key", ca.Key), Check: made("PUT " + path)},
			{Config: env.Config(before, "mesh", mesh, "chain", ca.Chain, "key", ca.Key), Check: made("PUT " + path)},
		},
	})
}

// Parts that are known only when they are applied.
func TestAccProvidedBackend_unknownParts(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(before+`
				resource "terraform_data" "later" {
					input = {
						cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
						key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
						rotation = { expiration = "2d" }
					}
				}
				resource "kongmesh_mtls_provided_backend" "this" {
					mesh    = kongmesh_mesh.this.name
					name    = "ca-1"
					cert    = terraform_data.later.output.cert
					key     = terraform_data.later.output.key
					dp_cert = { rotation = terraform_data.later.output.rotation }
				}`, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			Check: entry(t, env, mesh, `{"dpCert":{"rotation":{"expiration":"2d"}},"name":"ca-1","type":"provided"}`),
		}},
	})
}

// Zone egress, whoever turned it on, goes off with mTLS, and comes back with a
// backend that takes the place of the one before.
func TestAccProvidedBackend_zoneEgress(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	config := func(config string) string { return env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key) }
	egress := func(want bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			var document struct{ Routing struct{ ZoneEgress bool } }
			if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh, nil), &document); err != nil {
				return err
			}
			if is := document.Routing.ZoneEgress; is != want {
				return fmt.Errorf("zone egress is %t", is)
			}
			return nil
		}
	}
	turnOn := func() {
		env.Change("/meshes/"+mesh, func(document map[string]any) { document["routing"] = map[string]any{"zoneEgress": true} })
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + mesh),
		Steps: []resource.TestStep{
			{Config: config(backend(secrets))},
			{PreConfig: turnOn, Config: config(backend(secrets)), ConfigPlanChecks: action(plancheck.ResourceActionNoop), Check: egress(true)},
			{ // renamed: deleted, and created under the other name
				Config:           config(strings.Replace(backend(secrets), `"ca-1"`, `"ca-2"`, 1)),
				ConfigPlanChecks: action(plancheck.ResourceActionDestroyBeforeCreate), Check: egress(true),
			},
			{Config: config(strings.Replace(backend(secrets+"\nenabled = false"), `"ca-1"`, `"ca-2"`, 1)), Check: egress(false)},
			{Config: config(strings.Replace(backend(secrets), `"ca-1"`, `"ca-2"`, 1)), Check: egress(false)}, // nobody wants it
			{PreConfig: turnOn, Config: config(before), Check: egress(false)},                                // only the backend is destroyed
		},
	})
}

// What a rotation left that was interrupted at its very end goes with the backend.
func TestAccProvidedBackend_leftSteps(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	const left = "ca-1-rollout-0123456789-key"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)},
			{
				PreConfig: func() { env.PutSecret(mesh, left, "x") },
				Config:    env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key), ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{Config: env.Config(before, "mesh", mesh, "chain", ca.Chain, "key", ca.Key), Check: env.Gone("/meshes/" + mesh + "/secrets/" + left)},
		},
	})
}
