package controlplane_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
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

// resource_types are those of `/_resources` by name, with the paths of the version.
func TestAccControlPlane_resourceTypes(t *testing.T) {
	t.Parallel()
	for version, test := range map[string]struct {
		there, absent string
	}{
		"2.7.29": {"Dataplane GlobalSecret=global-secrets Mesh MeshTimeout TrafficPermission", "Workload"},
		"2.14.3": {"Dataplane GlobalSecret=globalsecrets Mesh MeshTimeout TrafficPermission Workload", "ServiceInsights"},
		"3.0":    {"Dataplane GlobalSecret=globalsecrets Mesh MeshTimeout Workload", "TrafficPermission"},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Version(version))
			provider := env.Protocol()
			schema := provider.Schemas.DataSourceSchemas["kongmesh_control_plane"].ValueType()
			answer, err := provider.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: "kongmesh_control_plane", Config: provider.Value(schema, map[string]any{})})
			if err != nil {
				t.Fatal(err)
			}
			provider.NoProblems(answer.Diagnostics)
			types, _ := provider.Plain(schema, answer.State)["resource_types"].([]any)
			var names []string
			kinds := map[string]map[string]any{}
			for _, each := range types {
				kind, _ := each.(map[string]any)
				name, _ := kind["name"].(string)
				names, kinds[name] = append(names, name), kind
			}
			if !slices.IsSorted(names) {
				t.Errorf("the order is %q", names)
			}
			for want := range strings.FieldsSeq(test.there) {
				name, path, _ := strings.Cut(want, "=")
				if kinds[name] == nil || path != "" && kinds[name]["path"] != path {
					t.Errorf("%s is %v", name, kinds[name])
				}
			}
			if kinds[test.absent] != nil {
				t.Errorf("there is a %s", test.absent)
			}
			if got := kinds["MeshTimeout"]; got["scope"] != "Mesh" || got["policy"] != true || got["read_only"] != false {
				t.Errorf("MeshTimeout is %v", got)
			}
			if got := kinds["MeshInsight"]; got["scope"] != "Global" || got["policy"] != false || got["read_only"] != true {
				t.Errorf("MeshInsight is %v", got)
			}
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
