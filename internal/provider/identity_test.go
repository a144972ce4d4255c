package provider_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// identities are the identities of all resources, version and attributes. They
// are in states: another shape needs another version, and an upgrade from this.
var identities = map[string]string{
	"kongmesh_mesh":                  "0 name",
	"kongmesh_mesh_ca_secret":        "0 certificate_secret key_secret mesh",
	"kongmesh_mtls_provided_backend": "0 mesh name",
	"kongmesh_mesh_secret":           "0 mesh name",
	"kongmesh_global_secret":         "0 name",
	"kongmesh_mesh_identity":         "0 mesh name",
	"kongmesh_mesh_trust":            "0 mesh name",
	"kongmesh_resource":              "0 mesh name type",
}

func TestIdentity_schemas(t *testing.T) {
	t.Parallel()
	provider := acctest.New(t).Protocol()
	for name, schema := range provider.Identities {
		shape := "0"
		for _, attribute := range schema.IdentityAttributes {
			shape += " " + attribute.Name
			optional := name == "kongmesh_resource" && attribute.Name == "mesh" // a type of scope Global has none
			if attribute.RequiredForImport == optional || attribute.Description == "" {
				t.Errorf("%s.%s is optional, or says nothing", name, attribute.Name)
			}
		}
		if schema.Version != 0 || shape != identities[name] {
			t.Errorf("the identity of %s, version %d, is %q and was %q", name, schema.Version, shape, identities[name])
		}
		// There is one version, so nothing to upgrade from: a state of another is refused.
		answer, err := provider.UpgradeResourceIdentity(t.Context(), &tfprotov6.UpgradeResourceIdentityRequest{
			TypeName: name, Version: schema.Version + 1, RawIdentity: &tfprotov6.RawState{JSON: []byte(`{"mesh":"m"}`)},
		})
		if err != nil || len(answer.Diagnostics) != 1 || answer.Diagnostics[0].Summary != "Unable to Upgrade Resource Identity" {
			t.Errorf("an identity of %s of another version is taken: %v %v", name, err, answer)
		}
	}
	for name := range provider.Schemas.ResourceSchemas {
		if provider.Identities[name] == nil {
			t.Errorf("%s has no identity", name)
		}
	}
}

// Each resource has its identity once it is created, and is found by it.
func TestIdentity_createdImportedAndRead(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh, ca := env.Mesh(), acctest.NewCA(t, "CA")
	t.Cleanup(func() {
		env.Do(http.MethodDelete, "/global-secrets/"+mesh+"-plain", nil)
		env.Do(http.MethodDelete, "/hostnamegenerators/"+mesh, nil)
	})
	provider := env.Protocol()
	for _, test := range []struct {
		kind, id         string
		config, identity map[string]any
		// what the read after the import tells, by attribute, as JSON
		state map[string]string
	}{
		{
			"kongmesh_mesh", mesh, map[string]any{"name": mesh, "labels": map[string]any{"team": "platform"}}, map[string]any{"name": mesh},
			map[string]string{"labels": `{"team":"platform"}`},
		},
		{
			"kongmesh_mesh_ca_secret", mesh + "/ca.cert/ca.key",
			map[string]any{"mesh": mesh, "certificate_secret_name": "ca.cert", "key_secret_name": "ca.key", "certificate_chain": ca.Chain, "private_key_wo": ca.Key},
			map[string]any{"mesh": mesh, "certificate_secret": "ca.cert", "key_secret": "ca.key"},
			map[string]string{"key_secret_name": `"ca.key"`, "private_key": "null", "private_key_wo": "null"},
		},
		{
			"kongmesh_resource", "TrafficPermission/" + mesh + "/allow",
			map[string]any{"type": "TrafficPermission", "mesh": mesh, "name": "allow", "labels": map[string]any{"team": "a"}, "fields": map[string]any{
				"sources":      []any{map[string]any{"match": map[string]any{"kuma.io/service": "*"}}},
				"destinations": []any{map[string]any{"match": map[string]any{"kuma.io/service": "*"}}},
			}},
			map[string]any{"type": "TrafficPermission", "mesh": mesh, "name": "allow"},
			map[string]string{
				"labels": `{"team":"a"}`, "spec": "null",
				"fields": `{"destinations":[{"match":{"kuma.io/service":"*"}}],"sources":[{"match":{"kuma.io/service":"*"}}]}`,
			},
		},
		{
			"kongmesh_resource", "HostnameGenerator/" + mesh,
			map[string]any{"type": "HostnameGenerator", "name": mesh, "spec": map[string]any{
				"selector": map[string]any{"meshService": map[string]any{"matchLabels": map[string]any{"a": "b"}}}, "template": "{{ .Name }}.mesh",
			}},
			map[string]any{"type": "HostnameGenerator", "mesh": nil, "name": mesh},
			map[string]string{"mesh": "null", "labels": "null", "fields": "null", "spec": `{"selector":{"meshService":{"matchLabels":{"a":"b"}}},"template":"{{ .Name }}.mesh"}`},
		},
		{
			"kongmesh_mtls_provided_backend", mesh + "/ca-1",
			map[string]any{"mesh": mesh, "name": "ca-1", "enabled": true, "mode": "PERMISSIVE", "skip_validation": false, "cert": map[string]any{"secret": "ca.cert"}, "key": map[string]any{"secret": "ca.key"}},
			map[string]any{"mesh": mesh, "name": "ca-1"},
			map[string]string{"enabled": "true", "mode": `"PERMISSIVE"`, "cert": `{"file":null,"inline":null,"inline_string":null,"secret":"ca.cert"}`},
		},
		{
			"kongmesh_mesh_secret", mesh + "/plain", map[string]any{"mesh": mesh, "name": "plain", "value_wo": ca.Key}, map[string]any{"mesh": mesh, "name": "plain"},
			map[string]string{"value": "null", "value_wo": "null", "in_sync": "true"},
		},
		{
			"kongmesh_global_secret", mesh + "-plain", map[string]any{"name": mesh + "-plain", "value_wo": ca.Key}, map[string]any{"name": mesh + "-plain"},
			map[string]string{"value": "null", "value_wo": "null", "in_sync": "true"},
		},
	} {
		_, identity, problems := provider.Create(test.kind, test.config)
		provider.NoProblems(problems)
		if !maps.Equal(identity, test.identity) {
			t.Errorf("created, the identity of %s is %v", test.kind, identity)
		}
		for _, by := range []any{test.id, test.identity} {
			state, identity, problems := provider.Import(test.kind, by)
			provider.NoProblems(problems)
			if !maps.Equal(identity, test.identity) {
				t.Errorf("imported by %v, the identity of %s is %v", by, test.kind, identity)
			}
			for name, want := range test.state {
				if got, _ := json.Marshal(state[name]); string(got) != want {
					t.Errorf("imported by %v, %s.%s is %s and not %s", by, test.kind, name, got, want)
				}
			}
		}
		other := maps.Clone(test.identity)
		for name := range other {
			if name != "type" && other[name] != nil {
				other[name] = "absent"
			}
		}
		if state, _, _ := provider.Import(test.kind, other); state != nil {
			t.Errorf("of %s there is one that is not there: %v", test.kind, state)
		}
	}
	if status, body := env.Do(http.MethodGet, "/meshes/"+mesh, nil); status != http.StatusOK || !strings.Contains(string(body), `"ca-1"`) {
		t.Errorf("an import changed the mesh: %s", body)
	}
}

// An identity that cannot be that of an object is refused before a request: in a
// URL, a slash or an empty name would lead to another object.
func TestIdentity_importRefused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	provider := env.Protocol()
	for kind, schema := range provider.Identities {
		for _, attribute := range schema.IdentityAttributes {
			for _, wrong := range []any{"", nil, "a/b"} {
				if wrong == nil && attribute.OptionalForImport {
					continue
				}
				identity := map[string]any{}
				for _, each := range schema.IdentityAttributes {
					identity[each.Name] = each.Name
				}
				identity[attribute.Name] = wrong
				env.ResetRequests()
				state, _, problems := provider.Import(kind, identity)
				if state != nil || len(problems) != 1 || problems[0].Summary != "Invalid import ID" || !strings.Contains(problems[0].Detail, attribute.Name+" = ") {
					t.Errorf("%s with %s = %v: %v %v", kind, attribute.Name, wrong, state, problems)
				}
				if sent := env.Twin.Requests(); len(sent) > 0 {
					t.Errorf("%s with %s = %v: %d requests", kind, attribute.Name, wrong, len(sent))
				}
			}
		}
	}
	_, _, problems := provider.Import("kongmesh_mesh_ca_secret", map[string]any{"mesh": "default", "certificate_secret": "ca", "key_secret": "ca"})
	if len(problems) != 1 || !strings.Contains(problems[0].Detail, `"ca" for both secrets`) {
		t.Errorf("one secret for both: %v", problems)
	}
}
