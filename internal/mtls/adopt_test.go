package mtls_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// The configuration that Terraform writes for a backend with everything in it
// is applied without a write, and plans clean.
func TestAccProvidedBackend_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	document := map[string]any{"type": "Mesh", "name": mesh}
	env.Must(http.MethodPut, "/meshes/"+mesh, document)
	for name, data := range map[string]string{"ca.cert": ca.Chain, "ca.key": ca.Key} {
		env.PutSecret(mesh, name, data)
	}
	document["mtls"] = map[string]any{"enabledBackend": "ca-1", "backends": []any{map[string]any{
		"name": "ca-1", "type": "provided", "mode": "PERMISSIVE", "rootChain": map[string]any{"requestTimeout": "11s"},
		"dpCert": map[string]any{"rotation": map[string]any{"expiration": "36h"}, "requestTimeout": "12s"},
		"conf":   map[string]any{"cert": map[string]any{"secret": "ca.cert"}, "key": map[string]any{"secret": "ca.key"}},
	}}}
	env.Must(http.MethodPut, "/meshes/"+mesh, document)
	run := acctest.NewRun(t, acctest.Fill(`
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		import {
			to = kongmesh_mtls_provided_backend.this
			id = $id
		}
	`, "id", mesh+"/ca-1"))
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("plan", "-generate-config-out=generated.tf")
	generated := string(run.Read("generated.tf"))
	for _, want := range []string{`"36h"`, `"12s"`, `"11s"`, `"PERMISSIVE"`, `"ca.cert"`} {
		if !strings.Contains(generated, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, generated)
		}
	}
	env.ResetRequests()
	run.TakeOver(env)
}
