package mesh_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The configuration that Terraform writes for a mesh with everything in it
// plans clean, and is applied without a write.
func TestAccMesh_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Version("2.14.3"))
	mesh := env.Mesh()
	document := map[string]any{"type": "Mesh", "name": mesh, "labels": map[string]string{"team": "platform"}, "skipCreatingInitialPolicies": []string{"*"}}
	for _, s := range sectionsOf("2.14.3") {
		document[s.member] = json.RawMessage(s.setDocument)
	}
	var metrics struct {
		EnabledBackend string            `json:"enabledBackend"`
		Backends       []json.RawMessage `json:"backends"`
	}
	if err := json.Unmarshal(document["metrics"].(json.RawMessage), &metrics); err != nil {
		t.Fatal(err)
	}
	for i, conf := range []string{ // two forms of one thing, in each way that a mesh can have them
		`{}`, `{"skipMTLS": true}`, `{"skipMTLS": false}`, `{"tls": {}}`, `{"tls": {"mode": "providedTLS"}}`, `{"tls": {"mode": "disabled"}}`,
		`{"skipMTLS": true, "tls": {"mode": "disabled"}}`, `{"skipMTLS": false, "tls": {"mode": "activeMTLSBackend"}}`,
	} {
		metrics.Backends = append(metrics.Backends, fmt.Appendf(nil, `{"name": "prom-%d", "type": "prometheus", "conf": %s}`, i, conf))
	}
	document["metrics"] = metrics
	env.Must(http.MethodPut, "/meshes/"+mesh, document)
	run := acctest.NewRun(t, `
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		import {
			to = kongmesh_mesh.this
			id = "`+mesh+`"
		}
	`)
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("plan", "-generate-config-out=generated.tf")
	if generated := string(run.Read("generated.tf")); !strings.Contains(generated, `path = "/var/log/mesh/access.log"`) {
		t.Errorf("the configuration lacks what is there:\n%s", generated)
	}
	env.ResetRequests()
	run.TakeOver(env)
}

// A backend of a type that the provider does not know is not shown, stays, and
// can be chosen.
func TestAccMesh_backendOfUnknownType(t *testing.T) {
	t.Parallel()
	const foreign = `{"name":"s","type":"syslog","conf":{"port":9007199254740993}}`
	document := `{"type":"Mesh","name":"m","logging":{"defaultBackend":"s","backends":[` + foreign + `,{"name":"f","type":"file","conf":{"path":"/x"}}]}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Method {
		case http.MethodGet:
			_, _ = w.Write([]byte(document))
		case http.MethodPut:
			var body json.RawMessage
			_ = json.NewDecoder(r.Body).Decode(&body)
			document = string(body)
			_, _ = w.Write([]byte("{}"))
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(server.Close)
	with := func(logging string) string {
		return "provider \"kongmesh\" {\n  address = \"" + server.URL + "\"\n}\nimport {\n  to = kongmesh_mesh.this\n  id = \"m\"\n}\n" +
			"resource \"kongmesh_mesh\" \"this\" {\n  name = \"m\"\n  logging = " + logging + "\n}"
	}
	action := func(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: acctest.New(t).Provider(),
		Steps: []resource.TestStep{
			{
				Config:           with(`{ default_backend = "s", backends = [{ name = "f", file = { path = "/x" } }] }`),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{
				Config:      with(`{ default_backend = "x", backends = [{ name = "f", file = { path = "/x" } }] }`),
				ExpectError: acctest.Words("Unknown backend", `logging.default_backend: "x" is not the name of a backend`),
			},
			{Config: with(`{ default_backend = "s" }`), ConfigPlanChecks: action(plancheck.ResourceActionUpdate)},
		},
	})
	if want := `{"type":"Mesh","name":"m","logging":{"defaultBackend":"s","backends":[` + foreign + `]}}`; document != want {
		t.Errorf("the mesh is\n%s\nand not\n%s", document, want)
	}
}

// The TLS mode of a Prometheus endpoint can be any beside skip_mtls = false,
// whichever of the two forms the mesh has so far.
func TestAccMesh_prometheusTLS(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS() // what went with it: sections
	name := env.Mesh()
	step := func(before, prometheus, mode string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() {
				if before != "" {
					env.Change("/meshes/"+name, func(mesh map[string]any) {
						mesh["metrics"] = json.RawMessage(`{"backends": [{"name": "p", "type": "prometheus", "conf": ` + before + `}]}`)
					})
				}
			},
			Config: env.Config(`resource "kongmesh_mesh" "this" {
				name    = $name
				metrics = { backends = [{ name = "p", prometheus = { `+prometheus+` } }] }
			}`, "name", name),
			Check: func(*terraform.State) error {
				var mesh struct {
					Metrics struct {
						Backends []struct {
							Conf struct {
								SkipMTLS bool
								TLS      struct{ Mode string }
							}
						}
					}
				}
				if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+name, nil), &mesh); err != nil {
					return err
				}
				if conf := mesh.Metrics.Backends[0].Conf; conf.SkipMTLS || cmp.Or(conf.TLS.Mode, "activeMTLSBackend") != mode {
					return fmt.Errorf("it has %+v, and not the mode %s", conf, mode)
				}
				return nil
			},
		}
	}
	const active, provided, disabled = "activeMTLSBackend", "providedTLS", "disabled"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			step("", `skip_mtls = false, tls = { mode = "disabled" }`, disabled),
			step(`{"skipMTLS": false}`, `skip_mtls = false, tls = { mode = "disabled" }`, disabled),
			step(`{"skipMTLS": false}`, `skip_mtls = false, tls = { mode = "providedTLS" }`, provided),
			step(`{"skipMTLS": true}`, `skip_mtls = false, tls = { mode = "disabled" }`, disabled),
			step(`{"skipMTLS": true}`, `tls = { mode = "providedTLS" }`, provided),
			step(`{"tls": {"mode": "providedTLS"}}`, `skip_mtls = false, tls = { mode = "activeMTLSBackend" }`, active),
			step(`{"tls": {"mode": "disabled"}}`, `skip_mtls = false`, active),
		},
	})
}
