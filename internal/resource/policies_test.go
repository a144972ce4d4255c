package resource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A directory of ten YAML policies that kumactl applied comes under Terraform: an
// import by the blocks of the example, and then an empty plan.
func TestAccResource_fromKumactl(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	if !strings.Contains(string(env.Must(http.MethodGet, "/_resources", nil)), `"TrafficPermission"`) {
		t.Skip("needs a control plane before Kuma 3, which does not have all members of the policies")
	}
	run := policies(t, env, "policies", true)
	if output := run.TakeOver(env); !strings.Contains(output, "11 imported, 0 added, 0 changed") {
		t.Errorf("it says\n%s", output)
	}
	run.Write("imports.tf", "")
	run.NoChanges()
	run.Terraform("destroy", "-auto-approve")
}

// The policies of the example for Kuma 3, and those for other versions, are applied
// from nothing, and nothing of them is dropped.
func TestAccResource_directory(t *testing.T) {
	t.Parallel()
	for directory, kumas := range map[string]func(*testing.T) *acctest.Env{
		"policies": func(t *testing.T) *acctest.Env { t.Helper(); return acctest.NewReal(t) }, "policies-kuma-3": kuma3,
	} {
		t.Run(directory, func(t *testing.T) {
			t.Parallel()
			env := kumas(t)
			if directory == "policies" && !strings.Contains(string(env.Must(http.MethodGet, "/_resources", nil)), `"TrafficPermission"`) {
				t.Skip("needs a control plane before Kuma 3, which does not have all members of the policies")
			}
			run := policies(t, env, directory, false)
			run.Terraform("apply", "-auto-approve")
			run.NoChanges()
			run.Terraform("destroy", "-auto-approve")
		})
	}
}

// policies is the example in a folder, for a mesh of this test alone. applied tells
// that kumactl has applied the documents; without it, there is nothing to import.
func policies(t *testing.T, env *acctest.Env, directory string, applied bool) *acctest.Run {
	t.Helper()
	mesh, folder := env.Mesh(), filepath.Join("..", "..", "examples", "policies")
	named := func(file string) string {
		content, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(`= "shop"`, `= "`+mesh+`"`, "mesh: shop", "mesh: "+mesh, "spiffe://shop", "spiffe://"+mesh).Replace(string(content))
	}
	run := acctest.NewRun(t, named("main.tf"))
	run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_VAR_directory="+directory)
	if err := os.Mkdir(run.Path(directory), 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, directory, "*.yaml"))
	if err != nil || directory == "policies" && len(files) != 10 || len(files) == 0 {
		t.Fatalf("%d policies: %v", len(files), err)
	}
	paths := pathsOf(t, env)
	if applied {
		env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
		run.Write("imports.tf", named("imports.tf"))
	}
	for _, file := range files {
		text := named(filepath.Join(directory, filepath.Base(file)))
		run.Write(filepath.Join(directory, filepath.Base(file)), text)
		var document map[string]any
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		if applied {
			env.Must(http.MethodPut, fmt.Sprintf("/meshes/%s/%s/%s", mesh, paths[fmt.Sprint(document["type"])], document["name"]), document)
		}
	}
	env.ResetRequests()
	return run
}

// pathsOf are the paths of all types of the control plane.
func pathsOf(t *testing.T, env *acctest.Env) map[string]string {
	t.Helper()
	var kinds struct {
		Resources []struct{ Name, Path string }
	}
	if err := json.Unmarshal(env.Must(http.MethodGet, "/_resources", nil), &kinds); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{}
	for _, kind := range kinds.Resources {
		paths[kind.Name] = kind.Path
	}
	return paths
}

// The configuration that Terraform writes for an import plans without changes.
func TestAccResource_generatedConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
	env.Must(http.MethodPut, "/meshes/"+mesh+"/meshtraces/t", map[string]any{"type": "MeshTrace", "mesh": mesh, "name": "t", "spec": map[string]any{
		"targetRef": map[string]any{"kind": "Mesh"},
		"default": map[string]any{
			"backends": []any{map[string]any{"type": "Zipkin", "zipkin": map[string]any{"url": "http://a.example.com/x"}}},
			"sampling": map[string]any{"overall": "2.5"},
		},
	}})
	run := acctest.NewRun(t, acctest.Fill(`
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		import {
			to = kongmesh_resource.this
			id = $id
		}
	`, "id", "MeshTrace/"+mesh+"/t"))
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Terraform("plan", "-generate-config-out=generated.tf")
	if generated := string(run.Read("generated.tf")); strings.Contains(generated, "sharedSpanContext") || !strings.Contains(generated, "zipkin") {
		t.Errorf("generated is\n%s", generated)
	}
	env.ResetRequests()
	run.TakeOver(env)
	run.NoChanges()
}
