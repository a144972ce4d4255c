package mtls_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const permission = `
resource "kongmesh_resource" "allow" {
  type = "TrafficPermission"
  mesh = kongmesh_mesh.this.name
  name = "allow"
  fields = {
    sources      = [{ match = { "kuma.io/service" = "*" } }]
    destinations = [{ match = { "kuma.io/service" = "*" } }]
  }
}
`

// A plan that enables mTLS in a mesh without a permission says that requests will
// be denied, of a mesh that exists and of one that the same run creates. Real
// control planes create no permission with a mesh (measured on 2.7.29 and
// 2.14.3), and deny requests without one (read in their sources).
func TestAccPermission_missing(t *testing.T) {
	t.Parallel()
	const denied = "Warning: Requests will be denied"
	depends := "\ndepends_on = [kongmesh_resource.allow]"
	newMTP := `{"type":"MeshTrafficPermission","mesh":"acc","name":"a","spec":{"targetRef":{"kind":"Mesh"},"from":[{"targetRef":{"kind":"Mesh"},"default":{"action":"Allow"}}]}}`
	oldTP := `{"type":"TrafficPermission","mesh":"acc","name":"a","sources":[{"match":{"kuma.io/service":"*"}}],"destinations":[{"match":{"kuma.io/service":"*"}}]}`
	for name, test := range map[string]struct {
		put    map[string]string // what other clients have written into the mesh
		config string
		warns  bool
	}{
		"none":                        {map[string]string{"": `{"type":"Mesh","name":"acc"}`}, backend(secrets), true},
		"none, in a new mesh":         {nil, backend(secrets), true},
		"MeshTrafficPermission":       {map[string]string{"": `{"type":"Mesh","name":"acc"}`, "/meshtrafficpermissions/a": newMTP}, backend(secrets), false},
		"TrafficPermission":           {map[string]string{"": `{"type":"Mesh","name":"acc"}`, "/traffic-permissions/a": oldTP}, backend(secrets), false},
		"in the same run":             {map[string]string{"": `{"type":"Mesh","name":"acc"}`}, backend(secrets+depends) + permission, false},
		"in the same run as the mesh": {nil, backend(secrets+depends) + permission, false},
		"not enabled":                 {map[string]string{"": `{"type":"Mesh","name":"acc"}`}, backend(secrets + "enabled = false"), false},
		"not enabled, in a new mesh":  {nil, backend(secrets + "enabled = false"), false},
	} {
		for _, version := range []string{"2.14.3", "2.7.29"} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				s := unapplied(t, kumatest.Version(version))
				config := test.config
				for _, path := range []string{"", "/meshtrafficpermissions/a", "/traffic-permissions/a"} {
					if document := test.put[path]; document != "" {
						s.env.Must(http.MethodPut, "/meshes/acc"+path, document)
						config = strings.ReplaceAll(config, "kongmesh_mesh.this.name", `"acc"`)
					}
				}
				if test.put != nil {
					config = strings.Replace(config, "resource \"kongmesh_mesh\" \"this\" {\n  name = $mesh\n}\n", "", 1)
				}
				s.write(config)
				output := s.Terraform("plan")
				if got := strings.Contains(output, denied); got != test.warns {
					t.Errorf("it warns: %t\n%s", got, output)
				}
				if test.warns && !acctest.Words(`Requests between proxies of mesh "acc" will be denied`, `mesh = "acc"`, "depends_on = [kongmesh_resource.allow]").MatchString(output) {
					t.Errorf("it does not say what to do:\n%s", output)
				}
			})
		}
	}
}

// Enabled, nothing changes for requests; a control plane that does not list
// policies to this caller does not tell. Neither is a warning.
func TestAccPermission_notTold(t *testing.T) {
	t.Parallel()
	s := unapplied(t)
	s.set("")
	s.Terraform("apply", "-auto-approve")
	s.set(`mode = "PERMISSIVE"`)
	if output := s.Terraform("plan"); strings.Contains(output, "Requests will be denied") {
		t.Errorf("it warns where mTLS is on:\n%s", output)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "permissions") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"type": "/std-errors", "status": 403, "title": "Access Denied"}`))
			return
		}
		s.env.Twin.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s.set("enabled = false")
	s.Terraform("apply", "-auto-approve")
	s.env.Address = front.URL
	s.set("")
	if output := s.Terraform("plan"); strings.Contains(output, "Requests will be denied") {
		t.Errorf("it warns without knowing:\n%s", output)
	}
}
