package acctest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// Every example is applied, plans clean and is destroyed. Where it wants a CA,
// it gets one in the files that it names.
func TestAccExamples(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "examples")
	folders, err := filepath.Glob(filepath.Join(root, "resources", "*"))
	if err != nil {
		t.Fatal(err)
	}
	folders = append(folders, filepath.Join(root, "quickstart"))
	if len(folders) < 4 {
		t.Fatalf("there are only the examples %v", folders)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			env := acctest.NewReal(t)
			env.NeedTwin() // the names in examples are not of this test alone
			run := acctest.NewRun(t, example(t, folder))
			run.Setenv("KONGMESH_ADDRESS=" + env.Address)
			ca := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA")
			run.Write("ca-chain.pem", ca.Chain)
			run.Write("ca-key.pem", ca.Key)
			run.Terraform("apply", "-auto-approve")
			if output := run.Terraform("plan", "-detailed-exitcode"); !strings.Contains(output, "No changes.") {
				t.Errorf("there are changes:\n%s", output)
			}
			run.Terraform("destroy", "-auto-approve")
		})
	}
}

// example is the configuration of a folder, without what imports.
func example(t *testing.T, folder string) string {
	t.Helper()
	for _, name := range []string{"resource.tf", "main.tf"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		text := string(content)
		if !strings.Contains(text, "required_providers") {
			text = "terraform {\n  required_providers {\n    kongmesh = {\n      source = \"kongmesh/kongmesh\"\n    }\n  }\n}\n" + text
		}
		return text
	}
	t.Fatalf("%s has no example in it", folder)
	return ""
}
