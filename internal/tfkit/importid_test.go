package tfkit

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

func FuzzSplitID(f *testing.F) {
	for _, seed := range []string{"", "/", "mesh", "mesh/name", "mesh/a/b", "a//b", "mesh/", "/x", "a/b/c/d", "mesh/\x00", "é/ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var diags diag.Diagnostics
		parts := SplitID(&diags, id, "mesh/certificate-secret/key-secret", "mesh/name")
		if (parts == nil) != diags.HasError() {
			t.Fatalf("%q gives %q and %v", id, parts, diags)
		}
		if parts == nil {
			return
		}
		if strings.Join(parts, "/") != id || len(parts) != 2 && len(parts) != 3 {
			t.Errorf("%q gives %q", id, parts)
		}
		for _, part := range parts {
			if part == "" {
				t.Errorf("%q has an empty part", id)
			}
		}
	})
}
