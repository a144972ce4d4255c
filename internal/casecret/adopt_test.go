package casecret_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// The configuration that Terraform writes for a pair has no key in it, and the
// error says what to fill in. With the key it is applied without a write.
func TestAccCASecret_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	cert, key := names(ca.Chain)
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	for name, data := range map[string]string{cert: ca.Chain, key: ca.Key, "ca.cert": ca.Chain, "ca.key": ca.Key} {
		env.PutSecret(mesh, name, data)
	}
	for name, test := range map[string]struct{ id, names string }{
		"derived names": {mesh + "/ca", `name                    = "ca"`},
		"fixed names":   {mesh + "/ca.cert/ca.key", `key_secret_name         = "ca.key"`},
	} {
		t.Run(name, func(t *testing.T) {
			run := acctest.NewRun(t, acctest.Fill(`
				terraform {
					required_providers {
						kongmesh = { source = "kongmesh/kongmesh" }
					}
				}
				variable "key" {
					type      = string
					ephemeral = true
				}
				import {
					to = kongmesh_mesh_ca_secret.this
					id = $id
				}
			`, "id", test.id))
			run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_VAR_key="+ca.Key)
			output, err := run.Try("plan", "-generate-config-out=generated.tf")
			if err == nil || !acctest.Words("Error: No private key", "replace `private_key_wo = null` with a reference").MatchString(output) {
				t.Errorf("not said is what to fill in: %v\n%s", err, output)
			}
			generated := string(run.Read("generated.tf"))
			if !strings.Contains(generated, test.names) || len(acctest.Leaks(t, ca.Key, ca.Chain, generated)) > 0 {
				t.Errorf("the configuration has a key in it, or lacks a name:\n%s", generated)
			}
			run.Write("generated.tf", regexp.MustCompile(`private_key_wo += null.*`).ReplaceAllString(generated, "private_key_wo = var.key"))
			env.ResetRequests()
			run.TakeOver(env)
			if found := acctest.Leaks(t, ca.Key, ca.Chain, string(run.Read("terraform.tfstate"))); len(found) > 0 {
				t.Errorf("the key is in the state: %v", found)
			}
		})
	}
}
