package acctest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// RefusedFields returns the fields of all recorded rejections of a mesh's
// document.
func RefusedFields(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "kumatest", "testdata", "contract", "*.json"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%q, %v", files, err)
	}
	var fields []string
	for _, file := range files {
		if strings.HasSuffix(file, "-kubernetes.json") { // its refusals of a label are those of an API that the provider does not write to
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var recording struct {
			Scenarios []struct {
				Steps []struct {
					Method, Path string
					Response     json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(content, &recording); err != nil {
			t.Fatal(err)
		}
		for _, scenario := range recording.Scenarios {
			for _, step := range scenario.Steps {
				var answer struct {
					Parameters []struct{ Field string } `json:"invalid_parameters"`
				}
				if strings.Count(step.Path, "/") != 2 || !strings.HasPrefix(step.Path, "/meshes/") || json.Unmarshal(step.Response, &answer) != nil {
					continue // another object, or an answer that is not a JSON object
				}
				for _, parameter := range answer.Parameters {
					fields = append(fields, parameter.Field)
				}
			}
		}
	}
	if len(fields) == 0 {
		t.Fatal("no recorded refusals")
	}
	return fields
}

// HasAttribute checks that a resource has the attribute at a path.
func HasAttribute(t *testing.T, of resource.Resource, at path.Path) {
	t.Helper()
	var answer resource.SchemaResponse
	of.Schema(t.Context(), resource.SchemaRequest{}, &answer)
	if _, diags := answer.Schema.TypeAtPath(t.Context(), at); diags.HasError() {
		t.Errorf("there is no %s: %s", at, diags[0].Detail())
	}
}
