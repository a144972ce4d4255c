package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

const required = `
terraform {
  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
    kong-mesh = {
      source = "kong/kong-mesh"
    }
  }
}
`

// moves are those of the examples, in which the resources of the state have
// other names.
func moves(t *testing.T) string {
	t.Helper()
	text := ""
	for _, kind := range []string{"kongmesh_mesh", "kongmesh_mesh_ca_secret"} {
		example, err := os.ReadFile(filepath.Join("..", "..", "examples", "resources", kind, "resource_moved.tf"))
		if err != nil {
			t.Fatal(err)
		}
		text += string(example)
	}
	return strings.NewReplacer("secret.ca_cert", "secret.cert", "secret.ca_key", "secret.key").Replace(text)
}

const moved = `
variable "key" {
  type      = string
  ephemeral = true
}

resource "kongmesh_mesh" "payments" {
  name                           = "payments"
  labels                         = { team = "payments" }
  skip_creating_initial_policies = ["*"]
  networking                     = { outbound = { passthrough = false } }
  routing                        = { locality_aware_load_balancing = true }
  mesh_services                  = { mode = "Exclusive" }
  logging = {
    default_backend = "file"
    backends        = [{ name = "file", file = { path = "/var/log/access.log" } }]
  }
}

resource "kongmesh_mesh_ca_secret" "payments" {
  mesh                    = kongmesh_mesh.payments.name
  certificate_secret_name = "ca-1-cert"
  key_secret_name         = "ca-1-key"
  certificate_chain       = $chain
  private_key_wo          = var.key
}

resource "kongmesh_mtls_provided_backend" "this" {
  mesh    = kongmesh_mesh.payments.name
  name    = "ca-1"
  mode    = "PERMISSIVE"
  cert    = { secret = kongmesh_mesh_ca_secret.payments.certificate_secret }
  key     = { secret = kongmesh_mesh_ca_secret.payments.key_secret }
  dp_cert = { rotation = { expiration = "1d" } }
}
`

// From the vendor's provider to this one, and out of Terraform altogether: all
// of it without a write, and with no private key in the state.
func TestAccMove_fromVendorAndOut(t *testing.T) {
	t.Parallel()
	state, chain, key := acctest.VendorState(t)
	env := acctest.NewReal(t)
	env.NeedTwin() // the state has names that are not of this test alone
	env.VendorObjects(chain, key)
	config := required + acctest.Fill(moved, "chain", chain)

	run := acctest.NewRun(t, config+moves(t))
	run.Vendor()
	run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_VAR_key="+key)
	run.Write("terraform.tfstate", state)
	env.ResetRequests()
	before := env.Must(http.MethodGet, "/meshes/payments", nil)

	if output, err := run.Try("plan", "-refresh=false"); err == nil || !acctest.Words("Moved resource not read").MatchString(output) {
		t.Errorf("planned is what nobody has read: %v\n%s", err, output)
	}
	output := run.Terraform("plan")
	start := strings.Index(output, "import {")
	if start < 0 || !strings.Contains(output, "mTLS backends are not moved") {
		t.Fatalf("the plan does not say what becomes of mTLS:\n%s", output)
	}
	block, _, _ := strings.Cut(strings.ReplaceAll(output[start:], "│ ", ""), "}")
	block = strings.ReplaceAll(block, ".NAME", ".this")
	run.Config(config + moves(t) + block + "}\n") // as it was printed, with the name of the resource
	if output := run.TakeOver(env); !strings.Contains(output, "1 imported") {
		t.Errorf("mTLS is not imported:\n%s", output)
	}
	run.Config(config)
	run.NoChanges()
	now := string(run.Read("terraform.tfstate"))
	if found := acctest.Leaks(t, key, chain, now); len(found) > 0 || strings.Contains(now, "kong-mesh_") {
		t.Errorf("the state has the key (%v) or a resource of the vendor's provider:\n%s", found, now)
	}

	run.Config(required + `
		removed {
			from = kongmesh_mesh.payments
			lifecycle {
				destroy = false
			}
		}
		removed {
			from = kongmesh_mesh_ca_secret.payments
			lifecycle {
				destroy = false
			}
		}
		removed {
			from = kongmesh_mtls_provided_backend.this
			lifecycle {
				destroy = false
			}
		}
	`)
	run.Terraform("apply", "-auto-approve")
	if err := env.Wrote()(nil); err != nil {
		t.Error(err)
	}
	if now := string(run.Read("terraform.tfstate")); strings.Contains(now, "kongmesh_") {
		t.Errorf("something is left in the state:\n%s", now)
	}
	for _, name := range []string{"ca-1-cert", "ca-1-key"} {
		env.Must(http.MethodGet, "/meshes/payments/secrets/"+name, nil)
	}
	if mesh := env.Must(http.MethodGet, "/meshes/payments", nil); !bytes.Equal(mesh, before) {
		t.Errorf("the mesh is\n%s\nand was\n%s", mesh, before)
	}
}

// Secrets become kongmesh_mesh_secret without a write, and without their values.
func TestAccMove_plainSecrets(t *testing.T) {
	t.Parallel()
	state, chain, key := acctest.VendorState(t)
	env := acctest.NewReal(t)
	env.NeedTwin()
	env.VendorObjects(chain, key)
	config := required + `
		variable "secrets" {
			type      = map(string)
			ephemeral = true
		}
		resource "kongmesh_mesh_secret" "cert" {
			mesh     = "payments"
			name     = "ca-1-cert"
			value_wo = var.secrets.cert
		}
		resource "kongmesh_mesh_secret" "key" {
			mesh     = "payments"
			name     = "ca-1-key"
			value_wo = var.secrets.key
		}
	`
	run := acctest.NewRun(t, config+`
		moved {
			from = kong-mesh_mesh_secret.cert
			to   = kongmesh_mesh_secret.cert
		}
		moved {
			from = kong-mesh_mesh_secret.key
			to   = kongmesh_mesh_secret.key
		}
		removed {
			from = kong-mesh_mesh.payments
			lifecycle {
				destroy = false
			}
		}
	`)
	run.Vendor()
	secrets, _ := json.Marshal(map[string]string{"cert": chain, "key": key}) // texts always marshal
	run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_VAR_secrets="+string(secrets))
	run.Write("terraform.tfstate", state)
	env.ResetRequests()
	run.TakeOver(env)
	run.Config(config)
	run.NoChanges()
	if found := acctest.Leaks(t, key, chain, string(run.Read("terraform.tfstate"))); len(found) > 0 {
		t.Errorf("the key is in the state: %v", found)
	}
}

// What cannot be moved is refused, and said is what to do instead.
func TestMove_refused(t *testing.T) {
	t.Parallel()
	_, chain, key := acctest.VendorState(t)
	env := acctest.New(t)
	provider := env.Protocol()
	secret := func(content string) string {
		return acctest.Fill(`{"mesh": "payments", "name": "ca-1", "data": $data}`, "data", base64.StdEncoding.EncodeToString([]byte(content)))
	}
	const vendor = "registry.terraform.io/kong/kong-mesh"
	for name, test := range map[string]struct {
		source, target, provider string
		version                  int64
		state                    string
		want                     []string
	}{
		"mesh":             {"kong-mesh_mesh", "kongmesh_mesh", vendor, 0, `{"name": "payments", "mtls": null}`, nil},
		"mesh of a mirror": {"kong-mesh_mesh", "kongmesh_mesh", "tf.example.com/kong/kong-mesh", 0, `{"name": "payments"}`, nil},
		"mesh with other backends": {
			"kong-mesh_mesh", "kongmesh_mesh", vendor, 0, `{"name": "payments", "mtls": {"backends": [{"name": "b", "type": "builtin"}]}}`,
			[]string{"mTLS backends are not moved", `not have a resource for "b" of type builtin`},
		},
		"another provider": {"kong-mesh_mesh", "kongmesh_mesh", "registry.terraform.io/other/kong-mesh", 0, `{}`, []string{"Not a kong/kong-mesh state", "registry.terraform.io/other/kong-mesh", "destroy = false"}},
		"another version":  {"kong-mesh_mesh", "kongmesh_mesh", vendor, 1, `{}`, []string{"Unsupported state version", "schema version 1"}},
		"another type":     {"kong-mesh_zone", "kongmesh_mesh", vendor, 0, `{}`, []string{"Unable to Move Resource State", "kong-mesh_zone"}},
		"unreadable":       {"kong-mesh_mesh", "kongmesh_mesh", vendor, 0, `{"name": 1}`, []string{"Unexpected state"}},
		"chain":            {"kong-mesh_mesh_secret", "kongmesh_mesh_ca_secret", vendor, 0, secret(chain), nil},
		"key":              {"kong-mesh_mesh_secret", "kongmesh_mesh_ca_secret", vendor, 0, secret(key), []string{"Not a certificate chain secret", "removed {\n  from = kong-mesh_mesh_secret.key"}},
		"something else":   {"kong-mesh_mesh_secret", "kongmesh_mesh_ca_secret", vendor, 0, secret("token"), []string{"contains neither", "kongmesh_mesh_secret"}},
		"plain secret":     {"kong-mesh_mesh_secret", "kongmesh_mesh_secret", vendor, 0, secret("token"), nil},
		"policy":           {"kong-mesh_mesh_timeout", "kongmesh_resource", vendor, 0, `{"type": "MeshTimeout", "mesh": "payments", "name": "slow"}`, nil},
		"without a mesh":   {"kong-mesh_mesh_hostname_generator", "kongmesh_resource", vendor, 0, `{"type": "HostnameGenerator", "name": "a"}`, nil},
		"without a type":   {"kong-mesh_mesh_timeout", "kongmesh_resource", vendor, 0, `{"mesh": "payments", "name": "slow"}`, []string{"Unable to Move Resource State"}},
		"a mesh as policy": {"kong-mesh_mesh", "kongmesh_resource", vendor, 0, `{"type": "Mesh", "name": "payments"}`, []string{"Unable to Move Resource State"}},
		"policy of another provider": {
			"kong-mesh_mesh_timeout", "kongmesh_resource", "registry.terraform.io/other/kong-mesh", 0, `{"type": "MeshTimeout", "mesh": "payments", "name": "slow"}`,
			[]string{"Not a kong/kong-mesh state"},
		},
		"policy of the AWS provider": {"aws_thing", "kongmesh_resource", vendor, 0, `{"type": "MeshTimeout", "mesh": "payments", "name": "slow"}`, []string{"Unable to Move Resource State"}},
		"own of the control plane": {
			"kong-mesh_mesh_secret", "kongmesh_mesh_secret", vendor, 0, `{"mesh": "payments", "name": "payments.ca-builtin-key-ca-1", "data": ""}`,
			[]string{"Secret belongs to control plane"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := provider.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
				SourceTypeName: test.source, SourceProviderAddress: test.provider, SourceSchemaVersion: test.version,
				SourceState: &tfprotov6.RawState{JSON: []byte(test.state)}, TargetTypeName: test.target,
			})
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, problem := range answer.Diagnostics {
				said += problem.Summary + ": " + problem.Detail + "\n"
			}
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("without %q:\n%s", want, said)
				}
			}
			if len(test.want) == 0 && said != "" {
				t.Error(said)
			}
			if found := acctest.Leaks(t, key, chain, said); len(found) > 0 {
				t.Errorf("the key is in it: %v", found)
			}
		})
	}
}

// The key of a certificate secret that was moved is the one that fits, or of
// several the one that a backend names with it.
func TestMove_findsTheKey(t *testing.T) {
	t.Parallel()
	_, chain, key := acctest.VendorState(t)
	env := acctest.New(t)
	env.NeedMTLS() // a backend names the key
	env.VendorObjects(chain, key)
	provider := env.Protocol()
	const kind = "kongmesh_mesh_ca_secret"
	read := func() (key any, said string) {
		of := provider.Schemas.ResourceSchemas[kind].ValueType()
		answer, err := provider.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
			TypeName: kind, CurrentState: provider.Value(of, map[string]any{"mesh": "payments", "certificate_secret": "ca-1-cert"}),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range answer.Diagnostics {
			said += problem.Summary + ": " + problem.Detail + "\n"
		}
		return provider.Plain(of, answer.NewState)["key_secret_name"], said
	}
	env.PutSecret("payments", "another", acctest.NewCA(t, "Another CA").Key)
	if got, said := read(); got != "ca-1-key" || said != "" {
		t.Errorf("found %v: %s", got, said)
	}
	env.PutSecret("payments", "a-copy", key)
	if got, said := read(); got != "ca-1-key" || said != "" {
		t.Errorf("of two found %v: %s", got, said)
	}
	env.Change("/meshes/payments", func(document map[string]any) { delete(document, "mtls") })
	if _, said := read(); !strings.Contains(said, "Key secret not found") || !strings.Contains(said, "has 2 secrets") {
		t.Errorf("of two that nobody names: %s", said)
	}
}
