package identity_test

import (
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/identity"
)

// A SPIFFE ID is rendered as the control plane does, or not at all: half of one
// in a policy would allow others.
func TestSPIFFEID(t *testing.T) {
	t.Parallel()
	web := map[string]string{"kuma.io/workload": "web", "k8s.kuma.io/namespace": "shop", "k8s.kuma.io/service-account": "web-sa", "team": "a"}
	for name, test := range map[string]struct {
		zone, environment, trustDomain, path string
		labels                               map[string]string
		want                                 string
	}{
		"defaults":           {"east", "universal", "", "", web, "spiffe://m.east.mesh.local/workload/web"},
		"on Kubernetes":      {"east", "kubernetes", "", "", web, "spiffe://m.east.mesh.local/ns/shop/sa/web-sa"},
		"own templates":      {"east", "universal", "{{ .Mesh }}.example", "/{{ label \"team\" }}/{{ .Workload }}", web, "spiffe://m.example/a/web"},
		"domain in path":     {"east", "universal", "", "/{{ .TrustDomain }}", web, "spiffe://m.east.mesh.local/m.east.mesh.local"},
		"no zone":            {"", "universal", "", "", web, ""},
		"no zone needed":     {"", "universal", "m.example", "", web, "spiffe://m.example/workload/web"},
		"no workload":        {"east", "universal", "", "", map[string]string{"team": "a"}, ""},
		"no such label":      {"east", "universal", "", "/{{ label \"absent\" }}", web, ""},
		"no such field":      {"east", "universal", "", "/{{ .Nope }}", web, ""},
		"not a domain":       {"east", "universal", "A B", "", web, ""},
		"path ends in slash": {"east", "universal", "", "/{{ .Workload }}/", web, ""},
		"path with a space":  {"east", "universal", "", "/a {{ .Workload }}", web, ""},
		"path begins late":   {"east", "universal", "", "{{ .Workload }}/x", web, ""},
		"path has no slash":  {"east", "universal", "", "{{ .Workload }}", web, ""},
	} {
		if got := identity.SPIFFEID(test.zone, test.environment, test.trustDomain, test.path, test.labels); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}
