package provider_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// kubeconfig writes the configuration of a cluster to a file.
func kubeconfig(t *testing.T, env *acctest.Env) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(env.Twin.Kubernetes.Kubeconfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAccKubernetes_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	file := kubeconfig(t, env)
	broken := filepath.Join(t.TempDir(), "broken")
	empty := filepath.Join(t.TempDir(), "empty")
	for path, content := range map[string]string{broken: "clusters: [\n", empty: "apiVersion: v1\nkind: Config\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := acctest.PKI(t, "ec.key")
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"nothing":            {``, []string{"No Kubernetes cluster configured", "config_path", "KUBECONFIG is not read"}},
		"no such file":       {`config_path = "/does/not/exist"`, []string{"Kubeconfig file not found", `"/does/not/exist"`}},
		"no such context":    {acctest.Fill(`config_path = $f, config_context = "prod"`, "f", file), []string{"Kubeconfig entry not found", `no context "prod"`, `"kumatest", "kumatest-user"`}},
		"no such user":       {acctest.Fill(`config_path = $f, config_context_auth_info = "me"`, "f", file), []string{"Kubeconfig entry not found", `no user "me"`, `"admin", "terraform"`}},
		"no such cluster":    {acctest.Fill(`config_path = $f, config_context_cluster = "c"`, "f", file), []string{"Kubeconfig entry not found", `no cluster "c"`}},
		"no context":         {acctest.Fill(`config_path = $f`, "f", empty), []string{"Kubeconfig has no context", "config_context"}},
		"broken file":        {acctest.Fill(`config_path = $f`, "f", broken), []string{"Kubeconfig not usable", "broken"}},
		"two files":          {acctest.Fill(`config_path = $f, config_paths = [$f]`, "f", file), []string{"Conflicting provider arguments", "kubernetes.config_paths"}},
		"two kinds":          {acctest.Fill(`host = "https://h", token = "t0ken-of-mine", client_certificate = "c", client_key = $k`, "k", key), []string{"Conflicting provider arguments", "token, client_certificate"}},
		"token and command":  {`host = "https://h", token = "t", exec = { api_version = "v1", command = "x" }`, []string{"Conflicting provider arguments", "token, exec"}},
		"half a pair":        {`host = "https://h", client_certificate = "c"`, []string{"Client key is missing", "kubernetes.client_key"}},
		"other half":         {acctest.Fill(`host = "https://h", client_key = $k`, "k", key), []string{"Client certificate is missing", "argument kubernetes.client_key"}},
		"no URL":             {`host = "kubernetes"`, []string{"Invalid address", "argument kubernetes.host"}},
		"proxy":              {`host = "https://h", proxy_url = "x"`, []string{"Invalid address", "argument kubernetes.proxy_url"}},
		"no certificate":     {`host = "https://h", cluster_ca_certificate = "LS0t"`, []string{"No certificate found", "base64decode"}},
		"namespace":          {`host = "https://h", namespace = "Kuma System"`, []string{"Invalid namespace", `"Kuma System"`}},
		"key as a path":      {acctest.Fill(`config_path = $k`, "k", key), []string{"Not a file path", "not shown"}},
		"unknown authority":  {fmt.Sprintf(`host = %q, token = "t"`, env.Twin.Kubernetes.URL), []string{"Kubernetes does not answer", "cluster_ca_certificate"}},
		"wrong token":        {acctest.Fill(`host = $h, token = "t0ken-of-mine", cluster_ca_certificate = $c`, "h", env.Twin.Kubernetes.URL, "c", env.Twin.Kubernetes.CACertificate), []string{"Kubernetes credentials rejected", "argument kubernetes.token"}},
		"nobody answers":     {`host = "https://127.0.0.1:1", token = "t"`, []string{"Kubernetes does not answer", "argument kubernetes.host"}},
		"command that fails": {acctest.Fill(`host = $h, cluster_ca_certificate = $c, exec = { api_version = "client.authentication.k8s.io/v1", command = "/does/not/exist" }`, "h", env.Twin.Kubernetes.URL, "c", env.Twin.Kubernetes.CACertificate), []string{"Kubernetes does not answer", "argument kubernetes.exec"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := fmt.Sprintf("provider \"kongmesh\" {\n  max_retries = 0\n  kubernetes  = { %s }\n}\n", test.lines) + oneMesh
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{{
				Config: config, ExpectError: acctest.Words(test.want...),
			}}})
		})
	}
}

// Each kind of credentials, from arguments, a file or the environment.
func TestAccKubernetes_credentials(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	cluster := env.Twin.Kubernetes
	command := filepath.Join(t.TempDir(), "credentials")
	script := "#!/bin/sh\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$1$REST'\"}}'\n"
	if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	token := kumatest.ClusterAdminToken
	for name, test := range map[string]struct {
		lines string
		env   []string
	}{
		"token":              {env.Cluster(), nil},
		"client certificate": {env.ClusterWith(acctest.Fill("client_certificate = $c\nclient_key = $k", "c", cluster.ClientCertificate, "k", cluster.ClientKey)), nil},
		"command": {env.ClusterWith(acctest.Fill("exec = {\napi_version = \"client.authentication.k8s.io/v1\"\ncommand = $x\nargs = [$a]\nenv = { REST = $b }\n}", "x", command, "a", token[:9], "b", token[9:])), []string{
			"KUBE_TOKEN=of-somebody-else", // an argument ignores it
		}},
		"file":         {acctest.Fill("  kubernetes = { config_path = $f }\n", "f", kubeconfig(t, env)), nil},
		"files":        {acctest.Fill("  kubernetes = { config_paths = [$f], config_context = \"kumatest\" }\n", "f", kubeconfig(t, env)), nil},
		"KUBE_":        {"  kubernetes = {}\n", []string{"KUBE_HOST=" + cluster.URL, "KUBE_TOKEN=" + token, "KUBE_CLUSTER_CA_CERT_DATA=" + cluster.CACertificate}},
		"KUBE_ CONFIG": {"  kubernetes = {}\n", []string{"KUBE_CONFIG_PATH=" + kubeconfig(t, env), "KUBE_CTX=kumatest", "KUBECONFIG=/does/not/exist"}},
		"insecure":     {fmt.Sprintf("  kubernetes = { host = %q, token = %q, insecure = true }\n", cluster.URL, token), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mesh := "acc-" + strings.ToLower(regexp.MustCompile(`[^A-Za-z]`).ReplaceAllString(name, ""))
			run := acctest.NewRun(t, fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n%s}\n", env.Address, test.lines)+acctest.Fill("resource \"kongmesh_mesh\" \"this\" { name = $mesh }\n", "mesh", mesh))
			run.Setenv(test.env...)
			output := run.Terraform("apply", "-auto-approve")
			if warned := strings.Contains(output, "Kubernetes certificate not verified"); warned != (name == "insecure") {
				t.Errorf("warned: %v\n%s", warned, output)
			}
			if status, _ := env.Do(http.MethodGet, "/meshes/"+mesh, nil); status != http.StatusOK {
				t.Errorf("no mesh: %d", status)
			}
			run.NoChanges()
		})
	}
}

// No credential is in a message, in a log at any level, in a plan or in a state, also
// when the API server repeats it.
func TestAccKubernetes_credentialsAreNowhere(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	cluster := env.Twin.Kubernetes
	ca := acctest.NewCA(t, "CA")
	command := filepath.Join(t.TempDir(), "credentials")
	const printed = "token-that-a-command-prints-1"
	for _, script := range []string{"#!/bin/sh\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"" + printed + "\"}}'\n"} {
		if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	repeat := func(secret string) string { // an API server that repeats what it got
		server := repeating(t)
		return strings.NewReplacer("$host", server, "$secret", secret).Replace(`  kubernetes = { host = "$host", $secret }` + "\n")
	}
	for name, test := range map[string]struct {
		lines   string
		secrets []string
		fails   bool
	}{
		"token":              {env.Cluster(), []string{kumatest.ClusterAdminToken}, false},
		"file":               {acctest.Fill("  kubernetes = { config_path = $f }\n", "f", kubeconfig(t, env)), []string{kumatest.ClusterAdminToken, kumatest.ClusterUserToken}, false},
		"client certificate": {env.ClusterWith(acctest.Fill("client_certificate = $c\nclient_key = $k", "c", cluster.ClientCertificate, "k", cluster.ClientKey)), nil, false},
		"repeated token":     {repeat(`token = "my-own-token-0123456789"`), []string{"my-own-token-0123456789"}, true},
		"repeated printed":   {repeat(acctest.Fill(`exec = { api_version = "client.authentication.k8s.io/v1", command = $x }`, "x", command)), []string{printed}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n  max_retries = 1\n%s}\n", env.Address, test.lines) +
				acctest.Fill(triple, "mesh", "acc-"+strings.ReplaceAll(name, " ", "-"), "chain", ca.Chain, "key", ca.Key)
			run := acctest.NewRun(t, config)
			run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("log"))
			output, err := run.Try("apply", "-auto-approve")
			if (err != nil) != test.fails {
				t.Fatalf("%v\n%s", err, output)
			}
			log := string(run.Read("log"))
			if !strings.Contains(log, "provider.terraform-provider-kongmesh") && !strings.Contains(log, "control plane") {
				t.Error("the log is not that of the provider")
			}
			// Terraform itself logs the configuration of a provider nowhere but over its protocol, which is not logged.
			all := output + log + run.Unpacked("terraform.tfstate")
			for _, secret := range test.secrets {
				if at := strings.Index(all, secret); at >= 0 {
					t.Errorf("%q is in %q", secret, all[max(0, at-200):min(len(all), at+100)])
				}
			}
			if found := acctest.Leaks(t, cluster.ClientKey, cluster.ClientCertificate, all); len(found) > 0 {
				t.Errorf("the client key is there: %v", found)
			}
			if found := acctest.Leaks(t, ca.Key, ca.Chain, all); len(found) > 0 {
				t.Errorf("the key of the CA is there: %v", found)
			}
		})
	}
}

// repeating is an API server that refuses everything, and repeats the credentials.
func repeating(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		said := fmt.Sprintf("no %s for %s", r.Header.Get("Authorization"), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": said, "reason": "Invalid", "code": 422})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// One CA under one name in two meshes: names of secrets are unique in the namespace.
func TestAccKubernetes_oneCAInTwoMeshes(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	one := acctest.Fill(triple, "mesh", "one", "chain", ca.Chain, "key", ca.Key)
	two := strings.ReplaceAll(acctest.Fill(triple, "mesh", "two", "chain", ca.Chain, "key", ca.Key), "this", "other")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/one", "/meshes/two"),
		Steps: []resource.TestStep{{
			Config: env.Config(one + two),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{ // the names are known
					plancheck.ExpectKnownValue("kongmesh_mesh_ca_secret.this", tfjsonpath.New("certificate_secret"), knownvalue.StringRegexp(regexp.MustCompile(`^ca-[0-9a-f]{10}-cert$`))),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}, {
			ResourceName: "kongmesh_mesh_ca_secret.this", ImportState: true, ImportStateId: "one/ca",
			ImportStateVerifyIgnore: []string{"private_key_wo"}, ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "certificate_secret",
		}},
	})
}

// A secret that has another mesh's name is refused, with the mesh that has it.
func TestAccKubernetes_nameIsTaken(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	const secret = `
resource "kongmesh_mesh" "$r" {
  name = "$r"
}

resource "kongmesh_mesh_secret" "$r" {
  mesh  = kongmesh_mesh.$r.name
  name  = "shared"
  value = "v"
}
`
	one, two := strings.ReplaceAll(secret, "$r", "one"), strings.ReplaceAll(secret, "$r", "two")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(one)},
			{Config: env.Config(one + two), ExpectError: acctest.Words("Secret name is taken", `"shared"`, `mesh "one"`, "kuma-system")},
			{Config: env.Config(one)},
		},
	})
}

// Two processes change parts of one mesh at the same time. Neither loses what the
// other one wrote.
func TestAccKubernetes_twoProcesses(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	const variables = "variable \"n\" {\n  default = 0\n}\n"
	first := acctest.NewRun(t, variables+env.Config(`
resource "kongmesh_mesh" "this" {
  name   = "acc"
  labels = { n = var.n }
}
`))
	first.Terraform("apply", "-auto-approve")
	second := acctest.NewRun(t, variables+env.Config(strings.NewReplacer("kongmesh_mesh.this.name", `"acc"`, "resource \"kongmesh_mesh\" \"this\" {\n  name   = \"acc\"\n  labels = { team = \"platform\" }\n}\n", "",
		`name = "ca-1"`, "name = \"ca-1\"\n  dp_cert = { rotation = { expiration = \"${var.n + 1}h\" } }").Replace(acctest.Fill(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key))))
	second.Terraform("apply", "-auto-approve")
	for n := range 4 {
		var both sync.WaitGroup
		for _, run := range []*acctest.Run{first, second} {
			both.Go(func() {
				if output, err := run.Try("apply", "-auto-approve", fmt.Sprintf("-var=n=%d", n+1)); err != nil || strings.Count(output, "Warning:") > 1 { // one is of Terraform's own
					t.Errorf("%v\n%s", err, output)
				}
			})
		}
		both.Wait()
		document := string(env.Must(http.MethodGet, "/meshes/acc", nil))
		for _, wanted := range []string{fmt.Sprintf(`"n": "%d"`, n+1), fmt.Sprintf(`"expiration": "%dh"`, n+2)} {
			if !strings.Contains(document, wanted) {
				t.Errorf("%s is not in %s", wanted, document)
			}
		}
	}
	second.Terraform("destroy", "-auto-approve")
	first.Terraform("destroy", "-auto-approve")
}

// A write of another client between the read and the write of this one is not lost.
func TestAccKubernetes_noUpdateIsLost(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	const mesh = "/apis/kuma.io/v1alpha1/meshes/acc"
	once := sync.Once{}
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Unavailable}, Times: 1, Match: func(r *http.Request) bool {
		if r.Method != http.MethodPut || r.URL.Path != mesh {
			return false
		}
		once.Do(func() { // after the read, before the write
			env.Twin.Cluster().Do(http.MethodPatch, mesh, map[string]any{"metadata": map[string]any{"labels": map[string]any{"of": "another"}}})
		})
		return false
	}})
	config := func(passthrough bool) string {
		return env.Config(fmt.Sprintf("resource \"kongmesh_mesh\" \"this\" {\n  name = \"acc\"\n  networking = { outbound = { passthrough = %v } }\n}\n", passthrough))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config(true)},
			{
				Config: config(false),
				Check: func(*terraform.State) error {
					if document := string(env.Must(http.MethodGet, "/meshes/acc", nil)); !strings.Contains(document, `"of": "another"`) || !strings.Contains(document, `"passthrough": false`) {
						return fmt.Errorf("a write is lost: %s", document)
					}
					return nil
				},
			},
		},
	})
}

// The webhook may take a secret for used for some seconds after mTLS was turned off.
func TestAccKubernetes_webhookCache(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes(), kumatest.WebhookCache(4*time.Second))
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy: func(state *terraform.State) error {
			refused := 0
			for _, r := range env.Twin.Requests() {
				if r.Method == http.MethodDelete && r.Status == http.StatusUnprocessableEntity {
					refused++
				}
			}
			if refused == 0 {
				return fmt.Errorf("no deletion was refused, so this shows nothing")
			}
			return env.Gone("/meshes/acc")(state)
		},
		Steps: []resource.TestStep{{Config: env.Config(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)}},
	})
}

// Without the address everything but what needs proxies works.
func TestAccKubernetes_noAddress(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	first, second := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	config := func(ca *acctest.CA, more string) string {
		text := acctest.Fill(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
		return "provider \"kongmesh\" {\n" + env.Cluster() + "}\n" + strings.Replace(text, `name = "ca-1"`, "name = \"ca-1\"\n"+more, 1)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/acc"),
		Steps: []resource.TestStep{
			{
				Config:           config(first, "force_destroy = true"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{Config: config(second, "force_destroy = true"), ExpectError: acctest.Words("Rotation needs control plane address", `strategy = "switch"`)},
			{Config: config(second, "force_destroy = true\nrollout = { strategy = \"switch\" }")},
			{
				Config:      config(second, "force_destroy = true\nrollout = { strategy = \"switch\" }") + "data \"kongmesh_dataplanes\" \"this\" {\n  mesh = \"acc\"\n}\n",
				ExpectError: acctest.Words("Control plane address required", "KONGMESH_ADDRESS"),
			},
		},
	})
	for _, request := range env.Twin.Requests() {
		if !strings.HasPrefix(request.Path, "/api") {
			t.Errorf("%s %s", request.Method, request.Path)
		}
	}
}

// Without the argument kubernetes, a plan says what to add.
func TestAccKubernetes_writesNeedTheArgument(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config:      fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n}\n", env.Address) + oneMesh,
			PlanOnly:    true,
			ExpectError: acctest.Words("Control plane is read-only", "It runs on Kubernetes", "kubernetes = {", "config_path"),
		}},
	})
}

// A zone takes the secrets and refuses the mesh: the plan says so.
func TestAccKubernetes_zoneOfGlobal(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes(), kumatest.ZoneOf("grpcs://global.example.com:5685"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: env.Config(oneMesh), PlanOnly: true, ExpectError: acctest.Words("Control plane is read-only", "zone of the global control plane", "global.example.com")},
			{
				Config:   env.Config("resource \"kongmesh_mesh_secret\" \"this\" {\n  mesh = \"default\"\n  name = \"s\"\n  value = \"v\"\n}\n"),
				PlanOnly: true, ExpectError: acctest.Words("Control plane is read-only", "global.example.com"),
			},
		},
	})
}

// What would make each write fail is in the plan.
func TestAccKubernetes_plan(t *testing.T) {
	t.Parallel()
	const secret = "resource \"kongmesh_mesh_secret\" \"this\" {\n  mesh  = \"default\"\n  name  = \"s\"\n  value = \"v\"\n}\n"
	other := acctest.New(t, kumatest.Kubernetes(), kumatest.Clock(func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }))
	universal := acctest.New(t)
	for name, test := range map[string]struct {
		options []kumatest.Option
		address string // "" is that of the cluster
		lines   string
		object  string
		want    []string
	}{
		"no rights to meshes":  {nil, "", fmt.Sprintf("token = %q", kumatest.ClusterUserToken), oneMesh, []string{"Kubernetes permission denied", "get, list, create, update, delete meshes", "kind: ClusterRole", `apiGroups: ["kuma.io"]`}},
		"no rights to secrets": {nil, "", fmt.Sprintf("token = %q", kumatest.ClusterUserToken), secret, []string{"Kubernetes permission denied", `in namespace "kuma-system"`, "kind: Role", "namespace: kuma-system", `apiGroups: [""]`}},
		"no Kuma":              {[]kumatest.Option{kumatest.WithoutCRDs()}, "none", fmt.Sprintf("token = %q", kumatest.ClusterAdminToken), oneMesh, []string{"Kuma is not in cluster", "kubectl get crd meshes.kuma.io"}},
		"no namespace":         {nil, "", fmt.Sprintf("token = %q\nnamespace = \"kong-mesh-system\"", kumatest.ClusterAdminToken), secret, []string{"Namespace does not exist", `"kong-mesh-system"`}},
		"another cluster":      {nil, other.Address, fmt.Sprintf("token = %q", kumatest.ClusterAdminToken), oneMesh, []string{"Address of another control plane", `mesh "default"`}},
		"not on Kubernetes":    {nil, universal.Address, fmt.Sprintf("token = %q", kumatest.ClusterAdminToken), oneMesh, []string{"Address of another control plane", "does not run on Kubernetes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, append([]kumatest.Option{kumatest.Kubernetes()}, test.options...)...)
			address := fmt.Sprintf("  address = %q\n", cmp.Or(test.address, env.Address))
			if test.address == "none" {
				address = ""
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{{
				Config: "provider \"kongmesh\" {\n" + address + env.ClusterWith(test.lines) + "}\n" + test.object, PlanOnly: true, ExpectError: acctest.Words(test.want...),
			}}})
			for _, request := range env.Twin.Requests() {
				if request.Method != http.MethodGet && request.Query.Get("dryRun") != "All" && !strings.HasSuffix(request.Path, "reviews") {
					t.Errorf("%s %s", request.Method, request.Path)
				}
			}
		})
	}
}

// The plan of a mesh has the control plane's own rejection, which no check of the
// provider foresees: the key in use does not fit any more.
func TestAccKubernetes_dryRun(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	config := func(team string) string {
		return strings.Replace(env.Config(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key), `"platform"`, fmt.Sprintf("%q", team), 1)
	}
	replace := func(key string) func() {
		return func() {
			name := regexp.MustCompile(`"(ca-[0-9a-f]+-key)"`).FindStringSubmatch(string(env.Must(http.MethodGet, "/meshes/acc/secrets", nil)))[1]
			env.PutSecret("acc", name, key)
			env.ResetRequests()
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/acc"),
		Steps: []resource.TestStep{
			{Config: config("platform")},
			{
				PreConfig: replace(other.Key), Config: config("network"), PlanOnly: true,
				ExpectError: acctest.Words("Control plane rejected the change", "Could not plan mesh", "private key does not match public key"),
			},
			{
				PreConfig: func() {
					for _, request := range env.Twin.Requests() {
						if request.Method == http.MethodPut && request.Query.Get("dryRun") != "All" {
							t.Errorf("%s was written", request.Path)
						}
					}
					replace(ca.Key)()
				},
				Config: config("network"),
			},
		},
	})
}

// Without the address, Kubernetes tells while planning that a mesh has proxies.
func TestAccKubernetes_deleteWithoutAddress(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	config := "provider \"kongmesh\" {\n" + env.Cluster() + "}\n"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config + oneMesh},
			{
				PreConfig: func() { env.Twin.Connect("acc", "dp-1") },
				Config:    config, PlanOnly: true, ExpectError: acctest.Words("Mesh is still in use", "there are still some dataplanes attached"),
			},
			{
				PreConfig: func() {
					for _, proxy := range env.Twin.Proxies("acc") {
						env.Twin.Remove(proxy)
					}
				},
				Config: config,
			},
		},
	})
}

// The roles of the guide are enough.
func TestAccKubernetes_roles(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	roles(t, env)
	ca := acctest.NewCA(t, "CA")
	config := fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n%s}\n", env.Address, env.ClusterWith(fmt.Sprintf("token = %q", kumatest.ClusterUserToken)))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/acc"),
		Steps: []resource.TestStep{{Config: config + acctest.Fill(triple, "mesh", "acc", "chain", ca.Chain, "key", ca.Key) + `
resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.this.name
  name = "allow"
  spec = { targetRef = { kind = "Mesh" }, from = [{ targetRef = { kind = "Mesh" }, default = { action = "Allow" } }] }
}
`}},
	})
}

// The first two roles of the guide are enough for a mesh and its CA, also without the address
// of the control plane.
func TestAccKubernetes_rolesOfCA(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	roles(t, env, "terraform-policies")
	ca, next := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Next CA")
	config := func(ca *acctest.CA) string {
		return "provider \"kongmesh\" {\n" + env.ClusterWith(fmt.Sprintf("token = %q", kumatest.ClusterUserToken)) + "}\n" +
			acctest.Fill(acctest.MeshWithCA, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/acc"),
		Steps:                    []resource.TestStep{{Config: config(ca)}, {Config: config(next)}},
	})
}

// Without the list of identities, no CA secret could be deleted. The plan says so.
func TestAccKubernetes_noListOfIdentities(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Kubernetes())
	roles(t, env, "terraform-policies")
	role := "/apis/rbac.authorization.k8s.io/v1/namespaces/kuma-system/roles/terraform-mesh"
	if status, answer := env.Twin.Cluster().Do(http.MethodPatch, role, map[string]any{"rules": []any{map[string]any{
		"apiGroups": []any{""}, "resources": []any{"secrets"}, "verbs": []any{"get", "list", "create", "update", "delete"},
	}}}); status > 299 {
		t.Fatalf("%d %s", status, answer)
	}
	ca := acctest.NewCA(t, "CA")
	without := "provider \"kongmesh\" {\n" + env.ClusterWith(fmt.Sprintf("token = %q", kumatest.ClusterUserToken)) + "}\n"
	with := strings.Replace(without, "{\n", fmt.Sprintf("{\n  address = %q\n", env.Address), 1)
	text := acctest.Fill(acctest.MeshWithCA, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/acc"),
		Steps: []resource.TestStep{
			{Config: without + text, PlanOnly: true, ExpectError: acctest.Words(
				"Kubernetes permission denied", "may not list meshidentities", "name: terraform-meshidentities", `apiGroups: ["kuma.io"]`, "verbs: [list]",
			)},
			{Config: with + text}, // which lists them
		},
	})
}

// roles binds the roles that the guide shows to the user, without some of them.
func roles(t *testing.T, env *acctest.Env, without ...string) {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "kubernetes.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	subject := []any{map[string]any{"kind": "User", "name": "terraform"}}
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(found) != 3 {
		t.Fatalf("%d roles", len(found))
	}
	for _, block := range found {
		var role map[string]any
		if err := yaml.Unmarshal([]byte(block[1]), &role); err != nil {
			t.Fatal(err)
		}
		kind, _ := role["kind"].(string)
		metadata, _ := role["metadata"].(map[string]any)
		name, _ := metadata["name"].(string)
		if slices.Contains(without, name) {
			continue
		}
		path := "/apis/rbac.authorization.k8s.io/v1/"
		if kind == "Role" {
			path += "namespaces/kuma-system/"
		}
		binding := map[string]any{
			"apiVersion": role["apiVersion"], "kind": kind + "Binding", "metadata": map[string]any{"name": name}, "subjects": subject,
			"roleRef": map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
		}
		for plural, object := range map[string]any{strings.ToLower(kind) + "s": role, strings.ToLower(kind) + "bindings": binding} {
			if status, answer := env.Twin.Cluster().Do(http.MethodPost, path+plural, object); status > 299 {
				t.Fatalf("%d %s", status, answer)
			}
		}
	}
}

func TestAccKubernetes_environment(t *testing.T) {
	t.Parallel()
	for want, options := range map[string][]kumatest.Option{"kubernetes": {kumatest.Kubernetes()}, "universal": nil} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, options...)
			env.NeedTwin()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config: env.Config("data \"kongmesh_control_plane\" \"this\" {}\n"),
					ConfigStateChecks: []statecheck.StateCheck{
						statecheck.ExpectKnownValue("data.kongmesh_control_plane.this", tfjsonpath.New("environment"), knownvalue.StringExact(want)),
					},
				}},
			})
		})
	}
}

// The namespace is the one that the control plane reports, or the configured one.
func TestAccKubernetes_namespace(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{"reported": "", "configured": "\nnamespace = \"kong-mesh-system\""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Kubernetes(), kumatest.SystemNamespace("kong-mesh-system"))
			config := fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n%s}\n", env.Address, env.ClusterWith(fmt.Sprintf("token = %q%s", kumatest.ClusterAdminToken, lines)))
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config: config + "resource \"kongmesh_global_secret\" \"this\" {\n  name = \"g\"\n  value = \"v\"\n}\n",
					Check: func(*terraform.State) error {
						if status, _ := env.Do(http.MethodGet, "/global-secrets/g", nil); status != http.StatusOK {
							return fmt.Errorf("no global secret: %d", status)
						}
						return nil
					},
				}},
			})
		})
	}
}

// What is planned for many meshes is one list of meshes and one of secrets.
func TestAccKubernetes_requests(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Kubernetes())
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(manyTriples, "chain", ca.Chain, "meshes", "5", "cas", "1"))
	run.Setenv("TF_VAR_key=" + ca.Key)
	run.Terraform("apply", "-auto-approve")
	env.ResetRequests()
	run.NoChanges()
	got := map[string]int{}
	for _, request := range env.Twin.Requests() {
		got[request.Method+" "+request.Path]++
	}
	want := map[string]int{"GET /config": 1, "GET /apis/kuma.io/v1alpha1/meshes": 1, "GET /api/v1/namespaces/kuma-system/secrets": 1}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	run.Terraform("destroy", "-auto-approve")
}
