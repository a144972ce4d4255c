//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Only the backend is removed from the example, and only if nothing follows it.
func TestRemoveBackend(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("../../..", example, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "main.tf")
	for name, test := range map[string]struct {
		more  string
		fails bool
	}{
		"the example":              {"", false},
		"with a resource after it": {"\nresource \"kongmesh_mesh\" \"other\" {}\n", true},
	} {
		if err := os.WriteFile(file, append(content, test.more...), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := removeBackend(file); (err != nil) != test.fails {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if is := strings.Contains(string(left), "kongmesh_mtls_provided_backend"); is != test.fails || !strings.Contains(string(left), `"kongmesh_resource" "allow"`) {
			t.Errorf("%s: what is left is\n%s", name, left)
		}
	}
	if removeBackend(file+".none") == nil {
		t.Error("a file that does not exist loses its backend")
	}
}
