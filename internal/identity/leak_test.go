package identity_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A private key behind a certificate of a MeshIdentity or a MeshTrust is neither
// shown nor stored, and the next apply removes it. In a configuration, it is an
// error.
func TestAccMeshIdentity_keyInCertificate(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		as, collection string
		spec           func(certificates string) map[string]any
		config         string // with $certificates
		want           []string
	}{
		"mesh_identity": {
			"MeshIdentity", "meshidentities", func(certificates string) map[string]any {
				return map[string]any{"selector": map[string]any{}, "provider": map[string]any{"type": "Bundled", "bundled": map[string]any{
					"meshTrustCreation": "Disabled", "insecureAllowSelfSigned": true, "ca": map[string]any{
						"certificate": map[string]any{"type": "InsecureInline", "insecureInline": map[string]any{"value": certificates}},
						"privateKey":  map[string]any{"type": "Secret", "secretRef": map[string]any{"kind": "Secret", "name": "ca-1-key"}},
					},
				}}}
			}, `
  selector = {}
  bundled = {
    ca = {
      certificate = { inline = $certificates }
      private_key = { secret = "ca-1-key" }
    }
    insecure_allow_self_signed = true
    mesh_trust_creation        = "Disabled"
  }`, []string{"Private key in certificates", "bundled.ca.certificate.inline"},
		},
		"mesh_trust": {
			"MeshTrust", "meshtrusts", func(certificates string) map[string]any {
				return map[string]any{"trustDomain": "payments.example", "caBundles": []any{pem(certificates)}}
			}, `
  trust_domain = "payments.example"
  ca_bundles   = [$certificates]`, []string{"Private key in trust", "ca_bundles[0]"},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			f := fixtureOn(t, env)
			ca, at := f.cas[0], f.path(test.collection, "payments")
			leak := func() {
				f.Must(http.MethodPut, at, map[string]any{"type": test.as, "mesh": f.mesh, "name": "payments", "spec": test.spec(ca.Chain + ca.Key)})
			}
			leak()
			config := func(certificates string) string {
				return f.Config(`
import {
  to = kongmesh_`+kind+`.this
  id = $id
}
resource "kongmesh_`+kind+`" "this" {
  mesh = $mesh
  name = "payments"`+strings.ReplaceAll(test.config, "$certificates", certificates)+`
}
data "kongmesh_`+kind+`" "this" {
  mesh = $mesh
  name = "payments"
}
output "found" { value = data.kongmesh_`+kind+`.this }
`, "id", f.mesh+"/payments", "mesh", f.mesh, "chain", f.cas[0].Chain)
			}
			run := acctest.NewRun(t, config("$chain"))
			run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			shown := run.Terraform("plan", "-out=tfplan") + run.Terraform("apply", "tfplan")
			if found := acctest.Leaks(t, ca.Key, ca.Chain, string(f.Must(http.MethodGet, at, nil))); len(found) > 0 {
				t.Errorf("the key stays on the control plane: %q", found)
			}
			leak()
			shown += run.Terraform("apply", "-refresh-only", "-auto-approve") + run.Terraform("plan")
			listed, _ := env.Protocol().Query("kongmesh_"+kind, map[string]any{"mesh": f.mesh}, 0, true)
			if len(listed) != 1 {
				t.Errorf("the query finds %v", listed)
			}
			shown += fmt.Sprint(listed)

			run.Write("both.pem", ca.Chain+ca.Key)
			run.Config(config(`file("both.pem")`))
			output, err := run.Try("plan", "-refresh=false")
			if err == nil || !acctest.Words(test.want...).MatchString(output) {
				t.Errorf("a key in the configuration: %v\n%s", err, output)
			}
			for where, text := range map[string]string{
				"output": shown + output, "log": run.Unpacked("trace.log"), "plan": run.Unpacked("tfplan"),
				"state": run.Unpacked("terraform.tfstate") + run.Unpacked("terraform.tfstate.backup"),
			} {
				if found := acctest.Leaks(t, ca.Key, ca.Chain, text); len(found) > 0 {
					t.Errorf("the key is in the %s: %q", where, found)
				}
			}
		})
	}
}
