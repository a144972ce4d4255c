package casecret_test

import (
	"net/http"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A secret whose mesh is deleted first stays on the control plane, which is said.
func TestAccOrphaned(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	for name, test := range map[string]struct {
		config string
		want   []string
	}{
		"a CA": {acctest.Fill(`resource "kongmesh_mesh_ca_secret" "this" {
			mesh                    = $mesh
			certificate_secret_name = "ca.cert"
			key_secret_name         = "ca.key"
			certificate_chain       = $chain
			private_key             = $key
		}`, "chain", ca.Chain, "key", ca.Key), []string{`before the secrets "ca.cert", "ca.key"`, "kumactl delete secret ca.cert --mesh", "kumactl delete secret ca.key --mesh"}},
		"a secret": {`resource "kongmesh_mesh_secret" "this" {
			mesh  = $mesh
			name  = "plain"
			value = "x"
		}`, []string{`before the secret "plain"`, "kumactl delete secret plain --mesh"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, gone := range []bool{true, false} {
				env := acctest.NewReal(t)
				mesh := env.Mesh()
				env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
				run := acctest.NewRun(t, env.Config(test.config, "mesh", mesh))
				run.Terraform("apply", "-auto-approve")
				run.Terraform("plan", "-destroy", "-out=saved")
				if gone {
					env.Must(http.MethodDelete, "/meshes/"+mesh, nil)
				} else { // secrets that somebody else has deleted are no longer there
					for _, secret := range []string{"ca.cert", "ca.key", "plain"} {
						env.Do(http.MethodDelete, "/meshes/"+mesh+"/secrets/"+secret, nil)
					}
				}
				output := run.Terraform("apply", "saved")
				if said := acctest.Words(append([]string{`Warning: Secrets outlive their mesh`, `Mesh "` + mesh + `" was deleted`}, test.want...)...).MatchString(output); said != gone {
					t.Errorf("the mesh is gone: %t\n%s", gone, output)
				}
			}
		})
	}
}
