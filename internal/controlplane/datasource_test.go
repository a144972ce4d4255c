package controlplane_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const config = `data "kongmesh_control_plane" "this" {}`

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data.kongmesh_control_plane.this", tfjsonpath.New(attribute), want)
}

func TestAccControlPlane_read(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options                []kumatest.Option
		product, version, mode string
		mtls, readOnly         bool
	}{
		"2.14":      {nil, "Kuma", "2.14.3", "zone", true, false},
		"2.7":       {[]kumatest.Option{kumatest.Version("2.7.29")}, "Kuma", "2.7.29", "zone", true, false},
		"3.0":       {[]kumatest.Option{kumatest.Version("3.0")}, "Kuma", "unknown", "zone", false, false},
		"Kong Mesh": {[]kumatest.Option{kumatest.KongMesh()}, "Kong Mesh", "2.14.3", "zone", true, false},
		"global":    {[]kumatest.Option{kumatest.Global()}, "Kuma", "2.14.3", "global", true, false},
		"read-only": {[]kumatest.Option{kumatest.ReadOnly()}, "Kuma", "2.14.3", "zone", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, test.options...)
			env.NeedTwin()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config: env.Config(config),
					ConfigStateChecks: []statecheck.StateCheck{
						value("product", knownvalue.StringExact(test.product)),
						value("version", knownvalue.StringExact(test.version)),
						value("mode", knownvalue.StringExact(test.mode)),
						value("supports_mesh_mtls", knownvalue.Bool(test.mtls)),
						value("read_only", knownvalue.Bool(test.readOnly)),
					},
				}},
			})
		})
	}
}

func TestAccControlPlane_any(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(config),
			ConfigStateChecks: []statecheck.StateCheck{
				value("product", knownvalue.NotNull()), value("version", knownvalue.NotNull()), value("mode", knownvalue.NotNull()),
				value("supports_mesh_mtls", knownvalue.NotNull()), value("read_only", knownvalue.Bool(false)),
			},
		}},
	})
}

// What the control plane keeps to itself is null, and another server is an error.
func TestAccControlPlane_saysLittle(t *testing.T) {
	t.Parallel()
	serve := func(answers map[string]string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if body, ok := answers[r.URL.Path]; ok {
				_, _ = w.Write([]byte(body))
				return
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"type": "/std-errors", "status": 403, "title": "Access Denied", "detail": "no"}`))
		}))
		t.Cleanup(server.Close)
		return "provider \"kongmesh\" {\n  address = \"" + server.URL + "\"\n}\n" + config
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: acctest.New(t).Provider(),
		Steps: []resource.TestStep{
			{
				Config: serve(map[string]string{"/": `{"product": "Kuma", "version": "9"}`}),
				ConfigStateChecks: []statecheck.StateCheck{
					value("version", knownvalue.StringExact("9")), value("mode", knownvalue.Null()), value("supports_mesh_mtls", knownvalue.Null()), value("read_only", knownvalue.Null()),
				},
			},
			{
				Config:            serve(map[string]string{"/": `{"product": "Kuma", "version": "9"}`, "/config": `{"mode": 1}`, "/_resources": `{"resources": []}`}),
				ConfigStateChecks: []statecheck.StateCheck{value("mode", knownvalue.Null()), value("supports_mesh_mtls", knownvalue.Null())},
			},
			{Config: serve(map[string]string{"/": `{"hello": "world"}`}), ExpectError: acctest.Words("Not a control plane's answer")},
			{Config: serve(nil), ExpectError: acctest.Words("Permission denied")},
			{Config: serve(map[string]string{"/": `{"product": "Kuma", "version": "9"}`, "/config": `[]`}), ExpectError: acctest.Words("Not a control plane's answer")},
		},
	})
}
