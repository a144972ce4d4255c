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
			mesh                    = "acc"
			certificate_secret_name = "ca.cert"
			key_secret_name         = "ca.key"
			certificate_chain       = $chain
			private_key             = $key
		}`, "chain", ca.Chain, "key", ca.Key), []string{`before the secrets "ca.cert", "ca.key"`, "kumactl delete secret ca.cert --mesh acc", "kumactl delete secret ca.key --mesh acc"}},
		"a secret": {`resource "kongmesh_mesh_secret" "this" {
			mesh  = "acc"
			name  = "plain"
			value = "x"
		}`, []string{`before the secret "plain"`, "kumactl delete secret plain --mesh acc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, gone := range []string{"/meshes/acc", ""} {
				env := acctest.NewReal(t)
				env.NeedTwin()
				env.Must(http.MethodPut, "/meshes/acc", map[string]any{"type": "Mesh", "name": "acc"})
				run := acctest.NewRun(t, env.Config(test.config))
				run.Terraform("apply", "-auto-approve")
				run.Terraform("plan", "-destroy", "-out=saved")
				if gone != "" {
					env.Must(http.MethodDelete, gone, nil)
				} else { // secrets that somebody else has deleted are no longer there
					for _, secret := range []string{"ca.cert", "ca.key", "plain"} {
						env.Do(http.MethodDelete, "/meshes/acc/secrets/"+secret, nil)
					}
				}
				output := run.Terraform("apply", "saved")
				if said := acctest.Words(append([]string{`Warning: Secrets outlive their mesh`, `Mesh "acc" was deleted`}, test.want...)...).MatchString(output); said != (gone != "") {
					t.Errorf("the mesh is gone: %t\n%s", gone != "", output)
				}
			}
		})
	}
}
