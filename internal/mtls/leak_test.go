package mtls_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A private key behind an inline certificate of a mesh is neither shown nor stored,
// and the next apply removes it. In a configuration, it is an error.
func TestAccProvidedBackend_keyInCertificate(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	encode := base64.StdEncoding.EncodeToString
	for form, test := range map[string]struct{ member, chain, both string }{
		"inline_string": {"inlineString", ca.Chain, ca.Chain + ca.Key},
		"inline":        {"inline", encode([]byte(ca.Chain)), encode([]byte(ca.Chain + ca.Key))},
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			env.NeedMTLS()
			mesh := env.Mesh()
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
			env.PutSecret(mesh, "ca-key", ca.Key)
			leak := func() {
				env.Change("/meshes/"+mesh, func(document map[string]any) {
					document["mtls"] = map[string]any{"enabledBackend": "ca-1", "backends": []any{map[string]any{"name": "ca-1", "type": "provided", "conf": map[string]any{
						"cert": map[string]any{test.member: test.both}, "key": map[string]any{"secret": "ca-key"},
					}}}}
				})
			}
			leak()
			config := func(certificate string) string {
				return env.Config(`
import {
  to = kongmesh_mtls_provided_backend.this
  id = "`+mesh+`/ca-1"
}
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = $mesh
  name = "ca-1"
  cert = { `+form+` = `+certificate+` }
  key  = { secret = "ca-key" }
}
`, "mesh", mesh, "chain", test.chain)
			}
			run := acctest.NewRun(t, config("$chain"))
			run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			shown := run.Terraform("plan", "-out=tfplan") + run.Terraform("apply", "tfplan") + run.NoChanges()
			if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); strings.Contains(document, strings.TrimRight(test.both, "=")[len(test.chain):]) {
				t.Errorf("the key stays in the mesh: %s", document)
			}
			leak()
			shown += run.Terraform("apply", "-refresh-only", "-auto-approve") + run.Terraform("plan")
			listed, _ := env.Protocol().Query("kongmesh_mtls_provided_backend", map[string]any{"mesh": mesh}, 0, true)
			if len(listed) != 1 {
				t.Errorf("the query finds %v", listed)
			}
			shown += fmt.Sprint(listed)

			run.Write("both.txt", test.both)
			run.Config(config(`file("both.txt")`))
			output, err := run.Try("plan", "-refresh=false")
			if err == nil || !acctest.Words("Private key in certificates", "cert."+form).MatchString(output) {
				t.Errorf("a key in the configuration: %v\n%s", err, output)
			}
			for where, text := range map[string]string{
				"output": shown + output, "log": run.Unpacked("trace.log"), "plan": run.Unpacked("tfplan"),
				"state": run.Unpacked("terraform.tfstate") + run.Unpacked("terraform.tfstate.backup"),
			} {
				if found := acctest.Leaks(t, ca.Key, ca.Chain+test.chain, text); len(found) > 0 {
					t.Errorf("the key is in the %s: %q", where, found)
				}
			}
		})
	}
}
