package resource_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A directory of YAML policies that kumactl applied comes under Terraform: an
// import, and then an empty plan.
func TestAccResource_fromKumactl(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	if !strings.Contains(string(env.Must(http.MethodGet, "/_resources", nil)), `"TrafficPermission"`) {
		t.Skip("the policies have members that Kuma 3 does not have")
	}
	folder := filepath.Join("..", "..", "examples", "policies")
	main, err := os.ReadFile(filepath.Join(folder, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "policies", "*.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d policies: %v", len(files), err)
	}
	config := strings.ReplaceAll(string(main), `= "shop"`, `= "`+mesh+`"`)
	run := acctest.NewRun(t, config)
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	if err := os.Mkdir(run.Path("policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
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
	imports := "import {\n to = kongmesh_mesh.shop\n id = \"" + mesh + "\"\n}\n"
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), "mesh: shop", "mesh: "+mesh)
		run.Write(filepath.Join("policies", filepath.Base(file)), text)
		var document map[string]any
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		kind, name := document["type"].(string), document["name"].(string)
		env.Must(http.MethodPut, "/meshes/"+mesh+"/"+paths[kind]+"/"+name, document)
		imports += "import {\n to = kongmesh_resource.policy[\"" + strings.TrimSuffix(filepath.Base(file), ".yaml") + "\"]\n id = \"" + kind + "/" + mesh + "/" + name + "\"\n}\n"
	}
	run.Config(config + imports)
	env.ResetRequests()
	if output := run.TakeOver(env); !strings.Contains(output, "11 imported, 0 added, 0 changed") && !strings.Contains(output, "11 to import, 0 to add, 0 to change") {
		t.Errorf("it says\n%s", output)
	}
	run.NoChanges()
	run.Config(config)
	run.NoChanges()
	run.Terraform("destroy", "-auto-approve")
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
