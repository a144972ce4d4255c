package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// kubectl applies objects in YAML as a cluster administrator does.
func kubectl(t *testing.T, env *acctest.Env, text string) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var object map[string]any
		if decoder.Decode(&object) != nil {
			return
		}
		path := map[any]string{
			"Mesh": "/apis/kuma.io/v1alpha1/meshes", "Secret": "/api/v1/namespaces/kuma-system/secrets",
			"MeshTrafficPermission": "/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtrafficpermissions",
		}[object["kind"]]
		if status, answer := env.Twin.Cluster().Do(http.MethodPost, path, object); status > 299 {
			t.Fatalf("%d %s", status, answer)
		}
	}
}

// byKubectl is a mesh with its CA and a policy, as the documentation of Kuma shows them.
func byKubectl(ca *acctest.CA) string {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	return fmt.Sprintf(`apiVersion: v1
kind: Secret
type: system.kuma.io/secret
metadata: {name: ca-1-cert, namespace: kuma-system, labels: {kuma.io/mesh: payments}}
data: {value: %s}
---
apiVersion: v1
kind: Secret
type: system.kuma.io/secret
metadata: {name: ca-1-key, namespace: kuma-system, labels: {kuma.io/mesh: payments}}
data: {value: %s}
---
apiVersion: kuma.io/v1alpha1
kind: Mesh
metadata: {name: payments, labels: {team: platform}}
spec:
  mtls:
    enabledBackend: ca-1
    backends:
    - {name: ca-1, type: provided, dpCert: {rotation: {expiration: 1d}}, conf: {cert: {secret: ca-1-cert}, key: {secret: ca-1-key}}}
---
apiVersion: kuma.io/v1alpha1
kind: MeshTrafficPermission
metadata: {name: allow, namespace: kuma-system, labels: {kuma.io/mesh: payments}}
spec: {targetRef: {kind: Mesh}, from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]}
`, encoded(ca.Chain), encoded(ca.Key))
}

// What kubectl has applied is imported as it is, and plans clean.
func TestAccKubernetes_importFromKubectl(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	kubectl(t, env, byKubectl(ca))
	run := acctest.NewRun(t, env.Config(`
variable "key" {
  ephemeral = true
}

import {
  to = kongmesh_mesh.this
  id = "payments"
}

import {
  to = kongmesh_mesh_ca_secret.this
  id = "payments/ca-1-cert/ca-1-key"
}

import {
  to = kongmesh_mtls_provided_backend.this
  id = "payments/ca-1"
}

import {
  to = kongmesh_resource.allow
  id = "MeshTrafficPermission/payments/allow"
}

resource "kongmesh_mesh" "this" {
  name   = "payments"
  labels = { team = "platform" }
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh                    = kongmesh_mesh.this.name
  certificate_secret_name = "ca-1-cert"
  key_secret_name         = "ca-1-key"
  certificate_chain       = $chain
  private_key_wo          = var.key
}

resource "kongmesh_mtls_provided_backend" "this" {
  mesh    = kongmesh_mesh.this.name
  name    = "ca-1"
  cert    = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key     = { secret = kongmesh_mesh_ca_secret.this.key_secret }
  dp_cert = { rotation = { expiration = "1d" } }
}

resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.this.name
  name = "allow"
  spec = yamldecode("{targetRef: {kind: Mesh}, from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]}")
}
`, "chain", ca.Chain))
	run.Setenv("TF_VAR_key=" + ca.Key)
	env.ResetRequests()
	output := run.Terraform("apply", "-auto-approve")
	if !strings.Contains(output, "4 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("it is not taken over as it is:\n%s", output)
	}
	if err := env.Wrote()(nil); err != nil {
		t.Error(err)
	}
	run.NoChanges()
}

// Secrets that another tool creates work with a backend by name.
func TestAccKubernetes_secretsOfAnotherTool(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	secrets, _, _ := strings.Cut(byKubectl(ca), "---\napiVersion: kuma.io")
	kubectl(t, env, secrets)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`
resource "kongmesh_mesh" "this" { name = "payments" }
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  cert = { secret = "ca-1-cert" }
  key  = { secret = "ca-1-key" }
}
`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		}},
	})
}

// The plan of a backend and of a secret has the rejection of the control plane, and of
// Kubernetes. What the same run changes first is no reason for one.
func TestAccKubernetes_dryRunOfBackendsAndSecrets(t *testing.T) {
	t.Parallel()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("y"), 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	const backend = `
resource "kongmesh_mtls_provided_backend" "this" {
  mesh    = "payments"
  name    = "ca-1"
  cert    = { secret = "ca-1-cert" }
  key     = { secret = "ca-1-key" }
  dp_cert = { rotation = { expiration = "%s" } }
}
`
	const secret = `
resource "kongmesh_mesh_secret" "this" {
  mesh     = "payments"
  name     = "s"
  value_wo = "%s"
}
`
	const key = `
resource "kongmesh_mesh_secret" "key" {
  mesh     = "payments"
  name     = "ca-1-key"
  value_wo = $key
}
resource "terraform_data" "key" {
  input            = $key
  triggers_replace = $version
}
`
	for name, test := range map[string]struct {
		first, second string
		between       func(*testing.T, *acctest.Env)
		want          []string // "": the plan is accepted
	}{
		"the key in use does not fit any more": {
			fmt.Sprintf(backend, "1d"), fmt.Sprintf(backend, "2d"),
			func(_ *testing.T, env *acctest.Env) { env.PutSecret("payments", "ca-1-key", other.Key) },
			[]string{"Control plane rejected the change", "Could not plan backend", "private key does not match public key"},
		},
		"an object that may not change": {
			fmt.Sprintf(secret, "one"), fmt.Sprintf(secret, "two"),
			func(t *testing.T, env *acctest.Env) {
				if status, answer := env.Twin.Cluster().Do(http.MethodPatch, "/api/v1/namespaces/kuma-system/secrets/s", map[string]any{"immutable": true}); status > 299 {
					t.Fatalf("%d %s", status, answer)
				}
			},
			[]string{"Control plane rejected the change", `Could not plan secret "s" of mesh "payments"`, "field is immutable"},
		},
		"a new secret that is too large": {
			"", strings.Replace(fmt.Sprintf(secret, "X"), `"X"`, fmt.Sprintf("file(%q)", large), 1),
			nil, []string{"Control plane rejected the change", "may not be more than 1048576 bytes"},
		},
		"the secrets come in the same run": {
			"", strings.ReplaceAll(acctest.Fill(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key), "acc", "other"), nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes())
			kubectl(t, env, strings.NewReplacer("    enabledBackend: ca-1\n", "", "dpCert: {rotation: {expiration: 1d}}, ", "").Replace(byKubectl(ca)))
			if strings.Contains(test.second, "kongmesh_mtls") && test.first != "" {
				env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"}) // without the backend
			}
			steps := []resource.TestStep{}
			if test.first != "" {
				steps = append(steps, resource.TestStep{Config: env.Config(test.first)})
			}
			step := resource.TestStep{Config: env.Config(test.second), PreConfig: func() {
				if test.between != nil {
					test.between(t, env)
				}
				env.ResetRequests()
			}}
			if test.want != nil {
				step.PlanOnly, step.ExpectError = true, acctest.Words(test.want...)
			}
			steps = append(steps, step)
			if test.want != nil {
				steps = append(steps, resource.TestStep{PreConfig: func() {
					for _, request := range env.Twin.Requests() {
						if found := acctest.Leaks(t, ca.Key, ca.Chain, string(request.Body)); len(found) > 0 && strings.Contains(request.Path, "/secrets") {
							t.Errorf("the dry run sends a key: %v", found)
						}
					}
					if err := env.Wrote()(nil); err != nil {
						t.Error(err)
					}
					if test.between != nil {
						env.Twin.Cluster().Do(http.MethodPatch, "/api/v1/namespaces/kuma-system/secrets/s", map[string]any{"immutable": nil})
						env.PutSecret("payments", "ca-1-key", ca.Key)
					}
				}, Config: env.Config(test.first)})
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
		})
	}
	for name, value := range map[string]string{"a known key": `value_wo = $key`, "a key that is known after apply": `value = terraform_data.key.output`} {
		t.Run("the same run restores "+name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes())
			ordered := func(lifetime, version string) string {
				return env.Config(acctest.Fill(strings.Replace(key, "value_wo = $key", value, 1), "key", ca.Key, "version", version) +
					strings.Replace(fmt.Sprintf(backend, lifetime), `"ca-1-key"`, "kongmesh_mesh_secret.key.name", 1))
			}
			kubectl(t, env, byKubectl(ca))
			env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"})
			env.Must(http.MethodDelete, "/meshes/payments/secrets/ca-1-key", nil)
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{
				{Config: ordered("1d", "1")},
				{PreConfig: func() { env.PutSecret("payments", "ca-1-key", other.Key) }, Config: ordered("2d", "2")},
			}})
		})
	}
}

// A value of the block that is known only when applied: the plan sends nothing to the
// cluster, and the apply works.
func TestAccKubernetes_unknownWhenPlanned(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	cluster := env.Twin.Kubernetes
	for name, lines := range map[string]string{
		"the token": `host = $host, cluster_ca_certificate = $ca, token = terraform_data.value.output`,
		"the host":  `host = terraform_data.value.output == "" ? "" : $host, cluster_ca_certificate = $ca, token = $token`,
		"all":       `host = terraform_data.value.output == "" ? "" : $host, cluster_ca_certificate = terraform_data.value.output == "" ? "" : $ca, token = terraform_data.value.output`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mesh := "acc-" + strings.ReplaceAll(name, " ", "-")
			run := acctest.NewRun(t, acctest.Fill(`
resource "terraform_data" "value" { input = $token }
provider "kongmesh" {
  address    = $address
  kubernetes = { `+lines+` }
}
resource "kongmesh_mesh" "this" { name = $mesh }
resource "kongmesh_resource" "this" {
  type = "MeshTimeout"
  mesh = kongmesh_mesh.this.name
  name = $mesh
  spec = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { connectionTimeout = "5s" } }] }
}
`, "token", kumatest.ClusterAdminToken, "address", env.Address, "mesh", mesh, "host", cluster.URL, "ca", cluster.CACertificate))
			run.Terraform("apply", "-auto-approve")
			if status, _ := env.Do(http.MethodGet, "/meshes/"+mesh, nil); status != http.StatusOK {
				t.Errorf("no mesh: %d", status)
			}
			run.NoChanges()
			run.Terraform("destroy", "-auto-approve")
		})
	}
}

// A command for credentials that fails is run once for a request, and not max_retries
// times more.
func TestAccKubernetes_aFailingCommandIsNotRepeated(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	folder := t.TempDir()
	command, log := filepath.Join(folder, "credentials"), filepath.Join(folder, "log")
	if err := os.WriteFile(command, []byte("#!/bin/sh\necho run >>"+log+"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ran := func(retries int) int {
		t.Helper()
		_ = os.Remove(log) // the first time, there is none
		run := acctest.NewRun(t, fmt.Sprintf("provider \"kongmesh\" {\n  max_retries = %d\n%s}\n", retries,
			env.ClusterWith(acctest.Fill("exec = {\napi_version = \"client.authentication.k8s.io/v1\"\ncommand = $x\n}", "x", command)))+oneMesh)
		output, err := run.Try("plan")
		if err == nil {
			output, err = run.Try("apply", "-auto-approve")
		}
		if err == nil || !strings.Contains(output, "Kubernetes does not answer") {
			t.Fatalf("%v\n%s", err, output)
		}
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(content), "run")
	}
	if without, with := ran(0), ran(4); with > without {
		t.Errorf("the command ran %d times with 4 retries, and %d times without", with, without)
	}
}

// A CA secret that another object comes to hold while it is deleted stays, with its key.
func TestAccKubernetes_aNewHolderKeepsTheCA(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(acctest.MeshWithCA, "mesh", "acc", "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	once := sync.Once{}
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Unavailable}, Times: 1, Match: func(r *http.Request) bool {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "-cert") {
			once.Do(func() { // after the read, before the deletion
				env.Twin.Cluster().Do(http.MethodPatch, r.URL.Path, map[string]any{"metadata": map[string]any{"labels": map[string]any{"terraform-provider-kongmesh/holder-0123": "true"}}})
			})
		}
		return false
	}})
	output := run.Terraform("destroy", "-auto-approve", "-target=kongmesh_mesh_ca_secret.this")
	if !strings.Contains(output, "CA secrets are kept") {
		t.Errorf("it does not say that the secrets stay:\n%s", output)
	}
	for part, want := range map[string]string{"cert": ca.Chain, "key": ca.Key} {
		name := regexp.MustCompile(`"(ca-[0-9a-f]+-` + part + `)"`).FindStringSubmatch(string(env.Must(http.MethodGet, "/meshes/acc/secrets", nil)))
		if name == nil {
			t.Fatalf("no secret with the %s", part)
		}
		var secret struct{ Data []byte }
		if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/acc/secrets/"+name[1], nil), &secret); err != nil || string(secret.Data) != want {
			t.Errorf("the %s is another one (%v)", part, err)
		}
	}
}
