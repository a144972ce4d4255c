package mtls_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The plan says which backend the enabled one takes the place of.
func TestAccProvidedBackend_warnsBeforeReplacing(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.KongMesh())
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{
		"enabledBackend": "own", "backends": []any{map[string]any{"name": "own", "type": "builtin"}},
	}})
	config := func(enabled bool) string {
		return env.Config(fmt.Sprintf(`resource "kongmesh_mtls_provided_backend" "this" {
			mesh            = $mesh
			name            = "ca-1"
			enabled         = %t
			cert            = { file = "/dev/null" }
			key             = { file = "/dev/null" }
			skip_validation = true
		}`, enabled), "mesh", mesh)
	}
	run := acctest.NewRun(t, "")
	expect := func(enabled bool, command string, want ...string) {
		t.Helper()
		run.Config(config(enabled))
		output := run.Terraform(strings.Fields(command)...)
		for _, text := range want {
			if !acctest.Words(text).MatchString(output) {
				t.Errorf("without %q:\n%s", text, output)
			}
		}
		if len(want) == 0 && strings.Contains(output, "Another backend is enabled") {
			t.Errorf("a warning without need in\n%s", output)
		}
	}
	const warning, first = `now uses its backend "own" of type builtin. Enabling "ca-1" takes its place`, "list this one first"
	expect(true, "plan", warning, first)
	expect(false, "apply -auto-approve")
	expect(true, "apply -auto-approve", warning)
	expect(true, "plan")
	if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); !strings.Contains(document, `"builtin"`) {
		t.Errorf("the other backend is lost: %s", document)
	}
}
