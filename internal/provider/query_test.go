package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// Queries find what resources can manage, and no more of it than is asked for.
func TestQuery(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.KongMesh())
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	provided := func(name, cert, key string) any {
		return map[string]any{"name": name, "type": "provided", "conf": map[string]any{"cert": map[string]any{"secret": cert}, "key": map[string]any{"secret": key}}}
	}
	for name, backends := range map[string][]any{
		"a": {provided("ca-1", "ca.cert", "ca.key"), map[string]any{"name": "own", "type": "builtin"}, provided("ca-2", "ca-0123456789-cert", "ca-0123456789-key")},
		"b": {provided("ca-1", "ca-1-rollout-0123456789-cert", "ca-1-rollout-0123456789-key")},
		"c": nil,
	} {
		document := map[string]any{"type": "Mesh", "name": name}
		if name != "c" {
			document["labels"] = map[string]any{"team": "platform"}
		}
		env.Must(http.MethodPut, "/meshes/"+name, document)
		if backends == nil {
			continue
		}
		for secret, content := range map[string]string{
			"ca.cert": ca.Chain, "ca.key": ca.Key, // used in a alone
			"ca-0123456789-cert": other.Chain, "ca-0123456789-key": other.Key,
			"half-0123456789-cert":         other.Chain,
			"ca-1-rollout-0123456789-cert": ca.Chain, "ca-1-rollout-0123456789-key": ca.Key,
			"token": "t",
		} {
			env.PutSecret(name, secret, content)
		}
		document["mtls"] = map[string]any{"enabledBackend": "ca-1", "backends": backends}
		env.Must(http.MethodPut, "/meshes/"+name, document)
	}
	provider := env.Protocol()
	env.PutSecret("", "license", "license")
	env.PutSecret("", "user-token-signing-key-1", "key")
	for mesh, names := range map[string][]string{"a": {"slow", "fast"}, "b": {"slow"}} {
		for _, name := range names {
			env.Must(http.MethodPut, "/meshes/"+mesh+"/meshtimeouts/"+name, map[string]any{
				"type": "MeshTimeout", "mesh": mesh, "name": name, "labels": map[string]any{"speed": name, "of": mesh},
				"spec": map[string]any{"to": []any{map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "default": map[string]any{"connectionTimeout": "5s"}}}},
			})
		}
	}
	env.Must(http.MethodPut, "/zones/east", map[string]any{"type": "Zone", "name": "east", "enabled": true})
	const mesh, secret, backend = "kongmesh_mesh", "kongmesh_mesh_ca_secret", "kongmesh_mtls_provided_backend"
	const plain, global, policy = "kongmesh_mesh_secret", "kongmesh_global_secret", "kongmesh_resource"
	for name, test := range map[string]struct {
		kind   string
		config map[string]any
		limit  int64
		want   []string // names for people, which are import IDs
		error  string
	}{
		"meshes":            {mesh, nil, 0, []string{"a", "b", "c", "default"}, ""},
		"meshes with label": {mesh, map[string]any{"labels": map[string]any{"team": "platform"}}, 100, []string{"a", "b"}, ""},
		"two meshes":        {mesh, nil, 2, []string{"a", "b"}, ""},
		"CAs":               {secret, nil, 100, []string{"a/ca-0123456789-cert/ca-0123456789-key", "a/ca.cert/ca.key", "b/ca-0123456789-cert/ca-0123456789-key"}, ""},
		"CAs of a mesh":     {secret, map[string]any{"mesh": "b"}, 100, []string{"b/ca-0123456789-cert/ca-0123456789-key"}, ""},
		"one CA":            {secret, nil, 1, []string{"a/ca-0123456789-cert/ca-0123456789-key"}, ""},
		"CAs of no mesh":    {secret, map[string]any{"mesh": "absent"}, 100, nil, "No such mesh"},
		"backends":          {backend, nil, 100, []string{"a/ca-1", "a/ca-2", "b/ca-1"}, ""},
		"backends of mesh":  {backend, map[string]any{"mesh": "a"}, 100, []string{"a/ca-1", "a/ca-2"}, ""},
		"one backend":       {backend, nil, 1, []string{"a/ca-1"}, ""},
		"backends of none":  {backend, map[string]any{"mesh": "absent"}, 100, nil, "No such mesh"},
		"secrets":           {plain, nil, 100, []string{"a/half-0123456789-cert", "a/token", "b/ca.cert", "b/ca.key", "b/half-0123456789-cert", "b/token"}, ""},
		"secrets of a mesh": {plain, map[string]any{"mesh": "a"}, 100, []string{"a/half-0123456789-cert", "a/token"}, ""},
		"one secret":        {plain, nil, 1, []string{"a/half-0123456789-cert"}, ""},
		"global secrets":    {global, nil, 100, []string{"license"}, ""},
		"policies of a mesh": {
			policy, map[string]any{"type": "MeshTimeout", "mesh": "a", "labels": map[string]any{"of": "a"}}, 100, []string{"MeshTimeout/a/fast", "MeshTimeout/a/slow"}, "",
		},
		"policies with label": {
			policy, map[string]any{"type": "MeshTimeout", "labels": map[string]any{"speed": "slow"}}, 100, []string{"MeshTimeout/a/slow", "MeshTimeout/b/slow"}, "",
		},
		"one policy":       {policy, map[string]any{"type": "MeshTimeout", "mesh": "a"}, 1, []string{"MeshTimeout/a/fast"}, ""},
		"policies of none": {policy, map[string]any{"type": "MeshTimeout", "mesh": "absent"}, 100, nil, "No such mesh"},
		"zones":            {policy, map[string]any{"type": "Zone"}, 100, []string{"Zone/default", "Zone/east"}, ""},
		"zones of a mesh":  {policy, map[string]any{"type": "Zone", "mesh": "a"}, 100, nil, "Mesh is not allowed"},
		"unknown type":     {policy, map[string]any{"type": "MeshTimeouts"}, 100, nil, "Unknown type"},
		"secrets by type":  {policy, map[string]any{"type": "Secret"}, 100, nil, "Invalid type"},
		"bad name":         {backend, map[string]any{"mesh": "Ä"}, 100, nil, "Invalid name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, full := range []bool{false, true} {
				found, problems := provider.Query(test.kind, test.config, test.limit, full)
				if test.error == "" {
					provider.NoProblems(problems)
				} else if len(problems) != 1 || problems[0].Summary != test.error || problems[0].Severity != tfprotov6.DiagnosticSeverityError {
					t.Errorf("the problems are %v", problems)
				}
				var names []string
				for _, one := range found {
					names = append(names, one.Name)
					asImported(t, provider, test.kind, one, full)
				}
				if !slices.Equal(names, test.want) {
					t.Errorf("found are %q", names)
				}
				if text := fmt.Sprint(found); len(acctest.Leaks(t, ca.Key, ca.Chain, text))+len(acctest.Leaks(t, other.Key, other.Chain, text)) > 0 {
					t.Error("a private key is among what was found")
				}
			}
		})
	}
}

// asImported compares what a query says about an object with what an import by
// its identity makes of it.
func asImported(t *testing.T, provider *acctest.Protocol, kind string, found acctest.Listed, full bool) {
	t.Helper()
	state, _, problems := provider.Import(kind, found.Identity)
	provider.NoProblems(problems)
	if !full {
		state = nil
	}
	got, _ := json.Marshal(found.State)
	if want, _ := json.Marshal(state); string(got) != string(want) {
		t.Errorf("%s is\n%s\nand imported\n%s", found.Name, got, want)
	}
}

// A query asks the control plane for no more than it needs.
func TestQuery_requests(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	for _, name := range []string{"a", "b"} {
		env.Must(http.MethodPut, "/meshes/"+name, map[string]any{"type": "Mesh", "name": name})
	}
	provider := env.Protocol()
	for kind, want := range map[string][]string{
		"kongmesh_mesh":                  {"/meshes"},
		"kongmesh_mtls_provided_backend": {"/meshes"},
		"kongmesh_global_secret":         {"/global-secrets"},
		"kongmesh_mesh_ca_secret":        {"/meshes", "/meshes/a/secrets", "/meshes/b/secrets", "/meshes/default/secrets"},
		"kongmesh_resource":              {"/_resources", "/meshtimeouts"},
	} {
		env.ResetRequests()
		_, problems := provider.Query(kind, anyOf(kind), 100, true)
		provider.NoProblems(problems)
		var got []string
		for _, request := range env.Twin.Requests() {
			got = append(got, request.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s requests %q", kind, got)
		}
	}
}

// What a query shows of an object has no sensitive value in it: `terraform query
// -json` and generated configuration print it as it is.
func TestQuery_sensitive(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.KongMesh())
	ca := acctest.NewCA(t, "CA")
	inline := func(name, member string, cert, key any) any {
		return map[string]any{"name": name, "type": "provided", "conf": map[string]any{"cert": map[string]any{member: cert}, "key": map[string]any{member: key}}}
	}
	env.Must(http.MethodPut, "/meshes/m", map[string]any{"type": "Mesh", "name": "m", "mtls": map[string]any{"enabledBackend": "inline", "backends": []any{
		inline("inline", "inline", []byte(ca.Chain), []byte(ca.Key)), // bytes are base64 in JSON
		inline("inline-string", "inlineString", ca.Chain, ca.Key),
	}}})
	env.PutSecret("m", "ca-0123456789-cert", ca.Chain)
	env.PutSecret("m", "ca-0123456789-key", ca.Key)
	const value = "a value that nobody is to see"
	env.PutSecret("m", "plain", value)
	env.PutSecret("", "plain", value)
	provider := env.Protocol()
	env.Must(http.MethodPut, "/meshes/m/meshtimeouts/slow", map[string]any{"type": "MeshTimeout", "mesh": "m", "name": "slow", "spec": map[string]any{
		"to": []any{map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "default": map[string]any{"connectionTimeout": "5s"}}},
	}})
	source := func(text string) map[string]any {
		return map[string]any{"type": "InsecureInline", "insecureInline": map[string]any{"value": text}}
	}
	env.Must(http.MethodPut, "/meshes/m/meshidentities/inline", map[string]any{"type": "MeshIdentity", "mesh": "m", "name": "inline", "spec": map[string]any{
		"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{"ca": map[string]any{"certificate": source(ca.Chain), "privateKey": source(ca.Key)}}},
	}})
	env.Must(http.MethodPut, "/meshes/m/meshtrusts/own", map[string]any{"type": "MeshTrust", "mesh": "m", "name": "own", "spec": map[string]any{
		"trustDomain": "example", "caBundles": []any{map[string]any{"type": "Pem", "pem": map[string]any{"value": ca.Chain}}},
	}})
	for kind := range provider.Schemas.ListResourceSchemas {
		found, problems := provider.Query(kind, anyOf(kind), 0, true)
		provider.NoProblems(problems)
		if len(found) == 0 {
			t.Errorf("there is no %s to show a sensitive value of", kind)
		}
		for _, object := range found {
			for _, attribute := range acctest.Attributes(provider.Schemas.ResourceSchemas[kind]) {
				if shown := valueAt(object.State, attribute.Path); attribute.Sensitive && shown != nil {
					t.Errorf("%s %s shows its %s", kind, object.Name, attribute.Path)
				}
			}
			text, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			if forms := acctest.Leaks(t, ca.Key, ca.Chain, string(text)); len(forms) > 0 {
				t.Errorf("%s %s shows a private key as %q", kind, object.Name, forms)
			}
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
				if strings.Contains(string(text), form) {
					t.Errorf("%s %s shows the value of a secret", kind, object.Name)
				}
			}
			if kind == "kongmesh_mtls_provided_backend" && !strings.Contains(string(text), base64.StdEncoding.EncodeToString([]byte(ca.Chain))) && object.Identity["name"] == "inline" {
				t.Errorf("%s does not show its certificate chain, which is not sensitive", object.Name)
			}
		}
	}
}

// sensitive are the lines that Terraform generates for the values of secrets, the
// keys of CAs and inline keys.
var sensitive = regexp.MustCompile(`(private_key_wo|value_wo) += null # sensitive|inline_string += null # sensitive\n +secret += null`)

// Terraform finds one object of each kind, generates the configuration without a
// secret, and imports each by its identity without a change.
func TestAccQuery(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin() // which has nothing else to find
	ca := acctest.NewCA(t, "CA")
	const value = "a value that nobody is to see"
	first := acctest.NewRun(t, withSource(strings.ReplaceAll(env.Config(allResources, "mesh", "acc", "chain", ca.Chain, "key", ca.Key), `"x"`, `"`+value+`"`)))
	first.NeedTerraform(14)
	first.Serve(env.Provider())
	first.Terraform("init")
	first.Terraform("apply", "-auto-approve")
	env.Must(http.MethodPut, "/meshes/inline", map[string]any{"type": "Mesh", "name": "inline", "mtls": map[string]any{"backends": []any{map[string]any{
		"name": "ca-1", "type": "provided", "conf": map[string]any{"cert": map[string]any{"inlineString": ca.Chain}, "key": map[string]any{"inlineString": ca.Key}},
	}}}})

	run := acctest.NewRun(t, withSource(env.Config("")))
	run.NeedTerraform(14)
	run.Serve(env.Provider())
	queries := ""
	for kind := range env.Protocol().Schemas.ListResourceSchemas {
		config := ""
		if kind == "kongmesh_resource" {
			config = "config {\n type = \"MeshTrafficPermission\"\n}"
		}
		queries += fmt.Sprintf("list %q \"all\" {\n provider = kongmesh\n include_resource = true\n %s\n}\n", kind, config)
	}
	run.Write("all.tfquery.hcl", queries)
	run.Terraform("init")
	shown := run.Terraform("query", "-json") + run.Terraform("query", "-generate-config-out=found.tf")
	found := string(run.Read("found.tf"))
	for what, text := range map[string]string{"the output": shown, "the configuration": found} {
		if forms := acctest.Leaks(t, ca.Key, ca.Chain, text); len(forms) > 0 || strings.Contains(text, value) {
			t.Errorf("%s has the key as %q, or the value of a secret:\n%s", what, forms, text)
		}
	}

	run.Write("ca-key.pem", ca.Key)
	run.Write("found.tf", sensitive.ReplaceAllStringFunc(found, func(line string) string {
		argument, _, _ := strings.Cut(line, " ")
		if argument == "value_wo" {
			return fmt.Sprintf("value_wo = %q", value)
		}
		return argument + ` = file("ca-key.pem")`
	}))
	imports := fmt.Sprintf("%d imported", strings.Count(found, "\nimport {"))
	env.ResetRequests()
	if output := run.TakeOver(env); !strings.Contains(output, imports) || strings.HasPrefix(imports, "0") {
		t.Errorf("of %s:\n%s", imports, output)
	}
}

// anyOf is a query for objects of a kind, which must say a type where there are several.
func anyOf(kind string) map[string]any {
	if kind == "kongmesh_resource" {
		return map[string]any{"type": "MeshTimeout"}
	}
	return nil
}

// valueAt is the value at a path of attributes, nil if there is none.
func valueAt(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}
