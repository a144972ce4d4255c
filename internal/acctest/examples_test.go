package acctest_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

var examples = filepath.Join("..", "..", "examples")

// Every example is applied, plans clean and is destroyed. Where it wants a CA,
// it gets one in the files that it names.
func TestAccExamples(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"resources", "data-sources", "ephemeral-resources", "functions"} {
		folders, err := filepath.Glob(filepath.Join(examples, kind, "*"))
		if err != nil || len(folders) == 0 {
			t.Fatalf("there are no examples of %s: %v", kind, err)
		}
		for _, folder := range folders {
			t.Run(kind+"/"+filepath.Base(folder), func(t *testing.T) {
				t.Parallel()
				applied(t, folder)
			})
		}
	}
	t.Run("quickstart", func(t *testing.T) {
		t.Parallel()
		applied(t, filepath.Join(examples, "quickstart"))
	})
	for _, version := range []string{"2.14.3", "3.0"} {
		t.Run("identity/"+version, func(t *testing.T) {
			t.Parallel()
			applied(t, filepath.Join(examples, "identity"), kumatest.Version(version))
		})
	}
	t.Run("complete-identity", func(t *testing.T) {
		t.Parallel()
		applied(t, filepath.Join(examples, "complete-identity"), kumatest.Global()) // it does not look for files and variables
	})
	t.Run("kubernetes", func(t *testing.T) {
		t.Parallel()
		env := acctest.NewReal(t, kumatest.Kubernetes())
		run := acctest.NewRun(t, example(t, filepath.Join(examples, "kubernetes")))
		newFiles(t, run)
		kubectl(t, env, run)
		run.Terraform("apply", "-auto-approve")
		run.NoChanges()
		run.Terraform("destroy", "-auto-approve")
	})
	for _, version := range []string{"2.14.3", "2.7.29"} {
		t.Run("complete/"+version, func(t *testing.T) {
			t.Parallel()
			applied(t, filepath.Join(examples, "complete"), kumatest.Version(version))
		})
	}
}

// own lets a test of an example run alone: examples have the same names.
func own(env *acctest.Env) {
	env.Alone("payments", "file", "inline", "inline-string")
}

// needBoth skips a test of an example on a control plane that has only backends, as
// 2.7, or only identities, as 3.0: the examples show both.
func needBoth(env *acctest.Env) {
	env.NeedMTLS()
	env.NeedIdentities()
}

func applied(t *testing.T, folder string, options ...kumatest.Option) {
	t.Helper()
	env := acctest.New(t, options...)
	if filepath.Base(folder) == "kongmesh_upgrade_check" {
		env.NeedTwin() // it shows what every other test creates meanwhile
	}
	if len(options) == 0 {
		needBoth(env)
	}
	own(env)
	run := acctest.NewRun(t, example(t, folder))
	run.Serve(env.Provider())
	files := newFiles(t, run)
	if kind := filepath.Base(filepath.Dir(folder)); kind == "data-sources" || kind == "ephemeral-resources" {
		files.upload(env)
	}
	run.Terraform("apply", "-auto-approve")
	if output := run.NoChanges(); strings.Contains(output, "Check block assertion") {
		t.Errorf("a check of the example fails:\n%s", output)
	}
	files.check(t, folder)
	if filepath.Base(filepath.Dir(folder)) == "resources" {
		imported(t, run, folder)
	}
	run.Terraform("destroy", "-auto-approve")
}

// imported takes the object over in each way that the examples have for it,
// and has no changes to make then.
func imported(t *testing.T, run *acctest.Run, folder string) {
	t.Helper()
	block, err := os.ReadFile(filepath.Join(folder, "import-by-string-id.tf"))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := os.ReadFile(filepath.Join(folder, "import.sh"))
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`to = (\S+)`).FindStringSubmatch(string(block))
	if address == nil {
		t.Fatalf("what is imported by\n%s", block)
	}
	state := run.Terraform("state", "pull")
	named := func(secret, example string) string { // the names of a pair are not known to an example
		if found := regexp.MustCompile(`"` + secret + `":\s*"([^"]+)"`).FindStringSubmatch(state); found != nil {
			return found[1]
		}
		return example
	}
	names := strings.NewReplacer("ca.cert", named("certificate_secret", "ca.cert"), "ca.key", named("key_secret", "ca.key"))
	for line := range strings.Lines(names.Replace(string(commands)) + "terraform apply -auto-approve") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "terraform" {
			continue
		}
		run.Terraform("state", "rm", address[1])
		if words[1] == "apply" {
			run.Write("import.tf", string(block))
		}
		run.Terraform(words[1:]...)
		run.NoChanges()
	}
}

// files are what the examples find in their folder.
type files struct {
	run      *acctest.Run
	root, ca *acctest.CA
}

func newFiles(t *testing.T, run *acctest.Run) files {
	t.Helper()
	root := acctest.NewCA(t, "Root CA")
	ca := root.Intermediate(t, "Mesh CA")
	for name, content := range map[string]string{
		"ca-chain.pem": ca.Chain, "ca-key.pem": ca.Key, "signing-key.pem": ca.Key, "root-ca.pem": root.Chain, "other-ca.pem": acctest.NewCA(t, "Other CA").Chain, "mesh-ca.pem": strings.TrimSuffix(ca.Chain, root.Chain),
		"password.txt": "a password", "keystore.bin": "\xff\x00 is no text",
		"smoke-test.sh": "set -eu\nprintf %s \"$CERTIFICATE\" > got-certificate.pem\nprintf %s \"$PRIVATE_KEY\" > got-key.pem\nprintf %s \"$TRUST_BUNDLE\" > got-bundle.pem\n",
	} {
		run.Write(name, content)
	}
	return files{run, root, ca}
}

// upload makes the mesh that examples read from.
func (f files) upload(env *acctest.Env) {
	env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"})
	for name, content := range map[string]string{"ca-cert": f.ca.Chain, "ca-key": f.ca.Key} {
		env.PutSecret("payments", name, content)
	}
	backend := map[string]any{"name": "ca-1", "type": "provided", "conf": map[string]any{
		"cert": map[string]any{"secret": "ca-cert"}, "key": map[string]any{"secret": "ca-key"},
	}}
	env.Change("/meshes/payments", func(document map[string]any) {
		document["mtls"] = map[string]any{"enabledBackend": "ca-1", "backends": []any{backend}}
	})
	env.Must(http.MethodPut, "/meshes/payments/meshidentities/payments", map[string]any{"type": "MeshIdentity", "mesh": "payments", "name": "payments", "spec": map[string]any{}})
	env.Must(http.MethodPut, "/meshes/payments/meshtrusts/payments-trust", map[string]any{"type": "MeshTrust", "mesh": "payments", "name": "payments-trust", "spec": map[string]any{
		"trustDomain": "payments.example", "caBundles": []any{map[string]any{"type": "Pem", "pem": map[string]any{"value": f.ca.Chain}}},
	}})
	env.Must(http.MethodPut, "/meshes/payments/meshidentities/payments-identity", `{"type": "MeshIdentity", "mesh": "payments", "name": "payments-identity", "spec": {"provider": {"type": "Bundled",
		"bundled": {"meshTrustCreation": "Disabled", "ca": {"certificate": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-cert"}}, "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "ca-key"}}}}}}}`)
}

// check compares what an example gives with what it says that it gives.
func (f files) check(t *testing.T, folder string) {
	t.Helper()
	want := map[string]map[string]any{
		"data-sources/kongmesh_ca_chain": {"problems": []any{}},
		"data-sources/kongmesh_proxy_certificate": {"spiffe_id": "spiffe://payments/web", "uris": []any{
			"spiffe://payments/api", "spiffe://payments/api-admin", "kuma://kuma.io/protocol/http",
			"kuma://kuma.io/service/api", "kuma://kuma.io/service/api-admin", "kuma://version/v1",
		}},
		"data-sources/kongmesh_mesh_identity": {"web": "spiffe://payments.default.mesh.local/workload/web"},
		"functions/parse_chain":               {"subjects": []any{"CN=Mesh CA", "CN=Root CA"}},
		"functions/order_chain":               {"certificate_chain": f.ca.Chain},
		"functions/spiffe_id":                 {"spiffe_id": "spiffe://payments/web"},
	}
	name := filepath.Join(filepath.Base(filepath.Dir(folder)), filepath.Base(folder))
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(f.run.Terraform("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(name, "functions") && len(want[name]) == 0 {
		t.Errorf("with what is %s to be compared?", name)
	}
	for output, value := range want[name] {
		got, _ := json.Marshal(outputs[output].Value)
		if expected, _ := json.Marshal(value); string(got) != string(expected) {
			t.Errorf("output %s is\n%s\nnot\n%s", output, got, expected)
		}
	}
	if name != "ephemeral-resources/kongmesh_proxy_certificate" {
		return
	}
	if _, err := tls.X509KeyPair(f.run.Read("got-certificate.pem"), f.run.Read("got-key.pem")); err != nil {
		t.Errorf("the script got no certificate with its key: %v", err)
	}
	if bundle := string(f.run.Read("got-bundle.pem")); bundle != f.ca.Chain {
		t.Errorf("the script got the bundle\n%s", bundle)
	}
}

// jwt is the form of a token.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)

// A token gets into Vault and into a Kubernetes secret, and into no state. What
// stands in for their providers has the arguments of the example, no more.
func TestAccExamples_tokens(t *testing.T) {
	t.Parallel()
	for folder, provider := range map[string]func(wrote func(string)) acctest.Providers{
		"vault": func(wrote func(string)) acctest.Providers {
			return acctest.Providers{"vault": standIn(thing{
				name: "vault_kv_secret_v2", takes: []string{"mount", "name", "data_json_wo_version"}, wants: "data_json_wo", wrote: wrote,
			})}
		},
		"kubernetes": func(wrote func(string)) acctest.Providers {
			return acctest.Providers{"kubernetes": standIn(thing{
				name: "kubernetes_secret_v1", blocks: []string{"metadata"}, takes: []string{"data_wo_revision"}, wants: "data_wo", wrote: wrote,
			})}
		},
	} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			own(env)
			env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"})
			var wrote string
			run := acctest.NewRun(t, example(t, filepath.Join(examples, "tokens", folder)))
			run.Serve(env.Provider(), provider(func(text string) { wrote += text }))
			run.Terraform("apply", "-auto-approve")
			run.NoChanges()
			if !jwt.MatchString(wrote) {
				t.Errorf("what is stored is no token")
			}
			if jwt.Match(run.Read("terraform.tfstate")) {
				t.Errorf("the state has a token")
			}
		})
	}
}

// An admin's token issues one for a user who may write policies, and no secrets.
func TestAccExamples_lesserUser(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Authentication())
	own(env)
	env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"})
	config := example(t, filepath.Join(examples, "tokens", "lesser-user"))
	run := acctest.NewRun(t, strings.Replace(config, "alias = \"policies\"\n", acctest.Fill("alias = \"policies\"\n  address = $address\n", "address", env.Address), 1))
	run.Setenv("KONGMESH_ADDRESS="+env.Address, "KONGMESH_TOKEN="+env.AdminToken())
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	run.Config(config + "resource \"kongmesh_global_secret\" \"this\" {\n  provider = kongmesh.policies\n  name = \"a\"\n  value = \"b\"\n}\n")
	if output, err := run.Try("plan"); err == nil || !acctest.Words("Permission denied", "mesh-system:admin").MatchString(output) {
		t.Errorf("%v\n%s", err, output)
	}
}

// Every way of authentication plans: each example configures the provider.
func TestAccExamples_provider(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(examples, "provider", "*.tf"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	server := acctest.NewCA(t, "API")
	for _, file := range found {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			run := acctest.NewRun(t, withSource(string(content))+"resource \"kongmesh_mesh\" \"this\" {\n  name = \"payments\"\n}\n")
			run.Write("control-plane-ca.pem", server.Chain)
			run.Write("client.pem", server.Chain)
			run.Write("client-key.pem", server.Key)
			if err := os.Mkdir(run.Path(".kumactl"), 0o700); err != nil {
				t.Fatal(err)
			}
			run.Write(".kumactl/config", "contexts: [{name: east, control_plane: east}]\ncontrol_planes: [{name: east, coordinates: {api_server: {url: \"https://east.example.com\"}}}]\n")
			run.Setenv("HOME="+run.Path(""), "TF_VAR_kongmesh_token=x", "TF_VAR_konnect_token=x", "TF_VAR_control_plane_id=x", "TF_VAR_east_token=x", "TF_VAR_west_token=x")
			toAdd := fmt.Sprintf("%d to add", 1+strings.Count(string(content), "\nresource "))
			if output := run.Terraform("plan"); !strings.Contains(output, toAdd) || strings.Contains(output, "Warning: Token") {
				t.Errorf("it plans\n%s", output)
			}
		})
	}
}

// A check block, a precondition and terraform test: each lets a good chain
// pass, and none a bad one.
func TestAccExamples_testingAChain(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(examples, "testing-a-chain")
	run := acctest.NewRun(t, example(t, folder))
	run.Setenv("KONGMESH_ADDRESS=http://127.0.0.1:1")
	files := newFiles(t, run)
	if err := os.Mkdir(run.Path("fixtures"), 0o700); err != nil {
		t.Fatal(err)
	}
	expired := filepath.Join("fixtures", "expired.pem")
	for _, name := range []string{"chain.tftest.hcl", expired} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		run.Write(name, string(content))
	}

	if output := run.Terraform("apply", "-auto-approve"); strings.Contains(output, "Warning: Check block assertion") {
		t.Errorf("a good chain fails a check:\n%s", output)
	}
	if output := run.Terraform("test"); !strings.Contains(output, "2 passed, 0 failed") {
		t.Errorf("the tests say\n%s", output)
	}

	output, err := run.Try("plan", "-var=chain_file="+expired)
	if err == nil {
		t.Error("an expired chain is planned")
	}
	for _, want := range []string{"precondition", "This certificate expired on 2021-01-01", "Warning: Check block assertion failed", "The CA expires on 2021-01-01T00:00:00Z"} {
		if !acctest.Words(want).MatchString(output) {
			t.Errorf("without %q:\n%s", want, output)
		}
	}
	for chain, want := range map[string]string{
		string(run.Read(expired)):       "Check block assertion failed",
		string(run.Read("mesh-ca.pem")): "The chain does not include its root",
	} {
		run.Write("ca-chain.pem", chain)
		if output, err := run.Try("test"); err == nil || !strings.Contains(output, want) {
			t.Errorf("the tests pass a bad chain, without %q: %v\n%s", want, err, output)
		}
	}
	run.Write("ca-chain.pem", files.ca.Chain)
	run.Write(expired, files.ca.Chain)
	if output, err := run.Try("test"); err == nil || !strings.Contains(output, "1 passed, 1 failed") {
		t.Errorf("the tests take a good chain for an expired one: %v\n%s", err, output)
	}
}

// The complete examples have every attribute that there is to set.
func TestExamples_complete(t *testing.T) {
	t.Parallel()
	set := map[string]bool{}
	for _, folder := range []string{"complete", "complete-identity"} {
		content := example(t, filepath.Join(examples, folder))
		file, diags := hclsyntax.ParseConfig([]byte(content), "main.tf", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks {
			if len(block.Labels) != 2 {
				continue
			}
			for name, attribute := range block.Body.Attributes {
				addSet(set, block.Type+" "+block.Labels[0]+"."+name, attribute.Expr)
			}
		}
	}
	schemas := acctest.New(t).Protocol().Schemas
	for kind, objects := range map[string]map[string]*tfprotov6.Schema{"resource": schemas.ResourceSchemas, "data": schemas.DataSourceSchemas} {
		for name, schema := range objects {
			for _, attribute := range acctest.Attributes(schema) {
				full := kind + " " + name + "." + attribute.Path
				if attribute.Configurable && !set[full] {
					t.Errorf("%s is not in it", full)
				}
			}
		}
	}
}

// addSet adds the path of an expression, and those within it.
func addSet(set map[string]bool, path string, expression hclsyntax.Expression) {
	set[path] = true
	switch expression := expression.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range expression.Items {
			if name := hcl.ExprAsKeyword(item.KeyExpr); name != "" {
				addSet(set, path+"."+name, item.ValueExpr)
			}
		}
	case *hclsyntax.TupleConsExpr:
		for _, item := range expression.Exprs {
			addSet(set, path, item)
		}
	}
}

// example is the configuration of a folder, without what imports.
func example(t *testing.T, folder string) string {
	t.Helper()
	names := []string{"resource.tf", "data-source.tf", "ephemeral-resource.tf", "function.tf", "main.tf"}
	found := slices.IndexFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	})
	if found < 0 {
		t.Fatalf("%s has no example in it", folder)
	}
	content, err := os.ReadFile(filepath.Join(folder, names[found]))
	if err != nil {
		t.Fatal(err)
	}
	return withSource(string(content))
}

// withSource says where the provider comes from, unless the text does.
func withSource(text string) string {
	if !strings.Contains(text, "required_providers") {
		text = "terraform {\n  required_providers {\n    kongmesh = {\n      source = \"kongmesh/kongmesh\"\n    }\n  }\n}\n" + text
	}
	return text
}

var (
	listExample   = regexp.MustCompile(`(?m)^list "(\w+)" "\w+" \{$|^    (\w+) += `)
	actionExample = regexp.MustCompile(`(?m)^action "(\w+)" "\w+" \{$|^    (\w+) += `)
)

// Every query and every action has an example, with what its schema has.
func TestExamples_queries(t *testing.T) {
	t.Parallel()
	schemas := acctest.New(t).Protocol().Schemas
	for name, schema := range schemas.ListResourceSchemas {
		checkExample(t, filepath.Join("list-resources", name, "list-resource.tfquery.hcl"), listExample, name, schema)
	}
	for name, action := range schemas.ActionSchemas {
		checkExample(t, filepath.Join("actions", name, "action.tf"), actionExample, name, action.Schema)
	}
}

func checkExample(t *testing.T, file string, pattern *regexp.Regexp, name string, schema *tfprotov6.Schema) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, file))
	if err != nil {
		t.Error(err)
		return
	}
	matches := pattern.FindAllStringSubmatch(string(content), -1)
	if len(matches) == 0 || matches[0][1] != name {
		t.Errorf("this is no example of %s:\n%s", name, content)
		return
	}
	for _, match := range matches[1:] {
		if !slices.ContainsFunc(schema.Block.Attributes, func(a *tfprotov6.SchemaAttribute) bool { return a.Name == match[2] }) {
			t.Errorf("%s has no %s", name, match[2])
		}
	}
}
