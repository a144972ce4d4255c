package resource_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// kuma3 is a control plane of version 3.
func kuma3(t *testing.T) *acctest.Env {
	t.Helper()
	return acctest.New(t, kumatest.Version("3.0"))
}

const fault = `
resource "kongmesh_mesh" "this" { name = $mesh }
resource "kongmesh_resource" "this" {
  type = "MeshFaultInjection"
  mesh = kongmesh_mesh.this.name
  name = "abort"
  spec = {
    targetRef = { kind = "Mesh" }
    $section  = [{ $whom default = { http = [{ abort = { httpStatus = 500, percentage = 50 } }] } }]
  }
}
`

// Kuma 3 stores a MeshFaultInjection without its `from`: a policy that does
// nothing. The apply fails, and the next plan still shows the part.
func TestAccResource_fromOnKuma3(t *testing.T) {
	t.Parallel()
	env := kuma3(t)
	mesh := env.Mesh()
	config := func(section, whom string) string {
		return strings.NewReplacer("$section", section, "$whom", whom).Replace(env.Config(fault, "mesh", mesh))
	}
	from := config("from", `targetRef = { kind = "Mesh" },`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: from, ExpectError: acctest.Words("Control plane dropped part of the document", `MeshFaultInjection "abort" of mesh "`+mesh+`"`, "spec.from", "does not do what the configuration says")},
			{Config: from, PlanOnly: true, ExpectNonEmptyPlan: true},
			{Config: config("rules", "")},
		},
	})
}

// What is not known while planning is left to the apply, in a part of spec or in
// all of it, and the next plan is empty.
func TestAccResource_unknown(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(`
resource "kongmesh_mesh" "this" { name = $mesh }
resource "terraform_data" "this" { input = "90s" }
resource "kongmesh_resource" "this" {
  type   = "MeshTimeout"
  mesh   = kongmesh_mesh.this.name
  name   = "part"
  labels = { idle = terraform_data.this.output }
  spec   = { targetRef = { kind = "Mesh" }, to = [{ targetRef = { kind = "Mesh" }, default = { idleTimeout = terraform_data.this.output } }] }
}
resource "kongmesh_resource" "whole" {
  type = "MeshTimeout"
  mesh = kongmesh_mesh.this.name
  name = "whole"
  spec = yamldecode("{targetRef: {kind: Mesh}, to: [{targetRef: {kind: Mesh}, default: {idleTimeout: ${terraform_data.this.output}}}]}")
}
`, "mesh", env.Mesh())
	at := tfjsonpath.New("spec").AtMapKey("to").AtSliceIndex(0).AtMapKey("default").AtMapKey("idleTimeout")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(this, at, knownvalue.StringExact("90s")),
				statecheck.ExpectKnownValue("kongmesh_resource.whole", at, knownvalue.StringExact("90s")),
			}},
			{Config: strings.ReplaceAll(config, "90s", "91s"), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
			{
				Config:      strings.ReplaceAll(config, `spec = yamldecode("{targetRef: {kind: Mesh}, to: [{targetRef: {kind: Mesh}, default: {idleTimeout: ${terraform_data.this.output}}}]}")`, `spec = terraform_data.text.output`) + "resource \"terraform_data\" \"text\" { input = \"text\" }\n",
				ExpectError: acctest.Words("Content is not an object"),
			},
		},
	})
}

// behind is a server in front of the embedded control plane that answers a request
// itself where answer says so.
func behind(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string) bool) *acctest.Env {
	t.Helper()
	env := acctest.New(t)
	env.NeedTwin()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		w.Header().Set("Content-Type", "application/json")
		if !answer(w, r, string(body)) {
			env.Twin.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	env.Address = front.URL
	return env
}

func withSource(config string) string {
	return "terraform {\n  required_providers {\n    kongmesh = { source = \"kongmesh/kongmesh\" }\n  }\n}\n" + config
}

// A deletion that the control plane refuses is an error with its words, and the
// object stays in the state.
func TestAccResource_deleteRefused(t *testing.T) {
	t.Parallel()
	refuses := true
	env := behind(t, func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method != http.MethodDelete || !refuses {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"type":"/std-errors","status":400,"title":"Could not delete a resource","detail":"Resource is not valid",
			"invalid_parameters":[{"field":"zone","reason":"unable to delete Zone, Zone CP is still connected, please shut it down first"}]}`))
		return true
	})
	config := env.Config(`resource "kongmesh_resource" "this" {
  type   = "Zone"
  name   = "east"
  fields = { enabled = true }
}
`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/zones/east"),
		Steps: []resource.TestStep{
			{Config: config},
			{Config: config, Destroy: true, ExpectError: acctest.Words("Deletion was refused", `refuses to delete Zone "east"`, "Zone CP is still connected", "destroy = false")},
			{Config: config, ConfigPlanChecks: plans(plancheck.ResourceActionNoop)},
			{PreConfig: func() { refuses = false }, Config: config},
		},
	})
}

// What a document has inline is in no message and no log, not even where the
// control plane quotes it.
func TestAccResource_secretsInSpec(t *testing.T) {
	t.Parallel()
	const inline, password = "battery/staple+9 of a client", "correct-horse-7"
	for name, reason := range map[string]string{
		"quoted":   "invalid value: BODY",
		"in parts": `BODY`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := behind(t, func(w http.ResponseWriter, r *http.Request, body string) bool {
				if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "meshexternalservices") {
					return false
				}
				w.WriteHeader(http.StatusBadRequest)
				said := fmt.Sprintf("%q", strings.ReplaceAll(reason, "BODY", body))
				_, _ = fmt.Fprintf(w, `{"type":"/std-errors","status":400,"title":"Could not process a resource","detail":%s,
					"invalid_parameters":[{"field":"spec.tls.verification.clientKey.insecureInline.value","reason":%s},{"field":"spec.tls.password","reason":%s}]}`, said, said, said)
				return true
			})
			run := acctest.NewRun(t, withSource(env.Config(`
variable "inline" {}
variable "password" {}
resource "kongmesh_resource" "this" {
  type = "MeshExternalService"
  mesh = "default"
  name = "db"
  spec = {
    match     = { type = "HostnameGenerator", port = 443, protocol = "tcp" }
    endpoints = [{ address = "db.example.com", port = 443 }]
    tls = {
      enabled      = true
      password     = var.password
      verification = { clientKey = { type = "InsecureInline", insecureInline = { value = var.inline } } }
    }
  }
}
`)))
			run.Serve(env.Provider())
			run.Setenv("TF_VAR_inline="+inline, "TF_VAR_password="+password) // Terraform 1.15 shows the line of an attribute
			run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			run.Terraform("init")
			output, err := run.Try("apply", "-auto-approve")
			if err == nil || !acctest.Words("Control plane rejected the change", `MeshExternalService "db"`).MatchString(output) {
				t.Fatalf("%v\n%s", err, output)
			}
			_, messages, _ := strings.Cut(output, "Error: ") // after the plan, which Terraform shows
			for where, text := range map[string]string{"messages": messages, "log": string(run.Read("trace.log"))} {
				for _, secret := range []string{inline, password, base64.StdEncoding.EncodeToString([]byte(inline))} {
					if strings.Contains(text, secret) {
						t.Errorf("a secret is in the %s: %q", where, secret)
					}
				}
			}
		})
	}
}

// A private key is refused in a configuration, because a plan would show it, and
// is not read into the state.
func TestAccResource_privateKey(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin() // a backend with an inline key is not for a real control plane
	ca := acctest.NewCA(t, "CA")
	inline := base64.StdEncoding.EncodeToString([]byte(ca.Key))
	env.Must(http.MethodPut, "/meshes/acc", map[string]any{"type": "Mesh", "name": "acc", "mtls": map[string]any{"backends": []any{map[string]any{
		"name": "ca-1", "type": "provided", "conf": map[string]any{"cert": map[string]any{"inlineString": ca.Chain}, "key": map[string]any{"inline": inline}},
	}}}})
	env.Must(http.MethodPut, "/meshes/acc/external-services/db", map[string]any{"type": "ExternalService", "mesh": "acc", "name": "db",
		"tags": map[string]any{"kuma.io/service": "db"}, "networking": map[string]any{"address": "db:443", "tls": map[string]any{"clientKey": map[string]any{"inline": inline}}},
	})
	run := acctest.NewRun(t, withSource(env.Config(`
data "kongmesh_resource" "mesh" {
  type = "Mesh"
  name = "acc"
}
output "mesh" { value = data.kongmesh_resource.mesh.fields.mtls }
`)))
	run.Serve(env.Provider())
	run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
	run.Write("key.txt", inline) // Terraform itself shows a line of the configuration
	run.Terraform("init")
	shown := run.Terraform("apply", "-auto-approve")
	for what, service := range map[string]struct{ config, want string }{
		"configuration": {`
resource "kongmesh_resource" "this" {
  type   = "ExternalService"
  mesh   = "acc"
  name   = "new"
  fields = { tags = { "kuma.io/service" = "db" }, networking = { address = "db:443", tls = { clientKey = { inline = file("key.txt") } } } }
}`, "Private key in configuration|fields.networking.tls.clientKey.inline is a private key"},
		"import": {`
import {
  to = kongmesh_resource.this
  id = "ExternalService/acc/db"
}
resource "kongmesh_resource" "this" {
  type   = "ExternalService"
  mesh   = "acc"
  name   = "db"
  fields = { tags = { "kuma.io/service" = "db" }, networking = { address = "db:443" } }
}`, "Private key in resource|document.networking.tls.clientKey.inline is a private key"},
	} {
		run.Write("main.tf", withSource(env.Config(service.config)))
		output, err := run.Try("plan")
		if err == nil || !acctest.Words(strings.Split(service.want, "|")...).MatchString(output) {
			t.Errorf("%s: %v\n%s", what, err, output)
		}
		shown += output
	}
	if !strings.Contains(shown, "BEGIN CERTIFICATE") {
		t.Errorf("the certificate is not read: %s", shown)
	}
	for where, text := range map[string]string{"output": shown, "log": string(run.Read("trace.log")), "state": string(run.Read("terraform.tfstate"))} {
		if found := acctest.Leaks(t, ca.Key, ca.Chain, text); len(found) > 0 {
			t.Errorf("the key is in the %s: %q", where, found)
		}
	}
}

// The warnings of the control plane are Terraform's, each once in a run and on the
// attribute that it names, also of writes of other resources.
func TestAccResource_warnings(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin() // the name is not of this test alone
	run := acctest.NewRun(t, withSource(env.Config(`
resource "kongmesh_mesh" "this" { name = "do.t" }
resource "kongmesh_mesh_secret" "this" {
  mesh     = kongmesh_mesh.this.name
  name     = "plain"
  value_wo = "x"
}
resource "kongmesh_resource" "this" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.this.name
  name = "allow"
  spec = {
    targetRef = { kind = "Mesh" }
    from      = [{ targetRef = { kind = "Mesh" }, default = { action = "Allow" } }]
  }
}
`)))
	run.Serve(env.Provider())
	run.Terraform("init")
	output := run.Terraform("apply", "-auto-approve")
	for summary, want := range map[string]string{
		"MeshTrafficPermission: spec.from": "'from' field is deprecated", "meshes/do.t": "Invalid Mesh resource name: 'do.t'",
	} {
		if !acctest.Words("Warning: Control plane warns of "+summary, want).MatchString(output) {
			t.Errorf("without %q:\n%s", want, output)
		}
	}
	if strings.Count(output, "Warning: ") != 2 {
		t.Errorf("it warns more than once:\n%s", output)
	}
	run.NoChanges()
}
