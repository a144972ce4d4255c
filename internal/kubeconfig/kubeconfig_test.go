package kubeconfig_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kubeconfig"
)

// cluster is an API server over TLS that notes the credentials it gets.
func cluster(t *testing.T) (server *httptest.Server, ca string, seen *string) {
	t.Helper()
	seen = new(string)
	server = httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { *seen = r.Header.Get("Authorization") }))
	t.Cleanup(server.Close)
	return server, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), seen
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// authorization is what a cluster gets from a client of a configuration.
func authorization(t *testing.T, config kubeconfig.Config, seen *string) string {
	t.Helper()
	access, err := config.Access()
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	access.Secrets(func(secret []byte) { secrets = append(secrets, string(secret)) })
	defer func() {
		if token := strings.TrimPrefix(*seen, "Bearer "); !slices.Contains(secrets, token) {
			t.Errorf("the token %q is not among the secrets %q", token, secrets)
		}
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, access.Address.JoinPath("version").String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := access.Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return *seen
}

func TestAccess_token(t *testing.T) {
	server, ca, seen := cluster(t)
	config := kubeconfig.Config{Host: server.URL, ClusterCACertificate: ca, Token: "secret"}
	if got := authorization(t, config, seen); got != "Bearer secret" {
		t.Errorf("the server got %q", got)
	}
}

func TestAccess_file(t *testing.T) {
	server, _, seen := cluster(t)
	path := file(t, `
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: "`+server.URL+`", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: first}}, {name: w, user: {token: second}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: w}}]
`)
	for context, want := range map[string]string{"": "Bearer first", "two": "Bearer second"} {
		if got := authorization(t, kubeconfig.Config{Paths: []string{path}, Context: context}, seen); got != want {
			t.Errorf("context %q: the server got %q", context, got)
		}
	}
	var missing *kubeconfig.MissingEntryError
	_, err := kubeconfig.Config{Paths: []string{path}, Context: "three"}.Access()
	if !errors.As(err, &missing) || missing.Kind != "context" || !slices.Equal(missing.There, []string{"one", "two"}) {
		t.Errorf("another error: %v", err)
	}
}

func TestAccess_exec(t *testing.T) {
	server, ca, seen := cluster(t)
	command := filepath.Join(t.TempDir(), "credentials")
	script := "#!/bin/sh\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$WHO-$1'\"}}'\n"
	if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := kubeconfig.Config{Host: server.URL, ClusterCACertificate: ca, Exec: &kubeconfig.Exec{
		APIVersion: "client.authentication.k8s.io/v1", Command: command, Args: []string{"token"}, Env: map[string]string{"WHO": "my"},
	}}
	if got := authorization(t, config, seen); got != "Bearer my-token" {
		t.Errorf("the server got %q", got)
	}
}

func TestAccess_errors(t *testing.T) {
	t.Setenv("KUBECONFIG", file(t, "clusters: [{name: c, cluster: {server: http://127.0.0.1:1}}]\n")) // is not read
	var (
		nowhere *kubeconfig.NowhereError
		missing *kubeconfig.MissingFileError
	)
	if _, err := (kubeconfig.Config{}).Access(); !errors.As(err, &nowhere) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := (kubeconfig.Config{Paths: []string{"/does/not/exist"}}).Access(); !errors.As(err, &missing) || missing.Path != "/does/not/exist" {
		t.Errorf("no file: %v", err)
	}
	empty := file(t, "apiVersion: v1\nkind: Config\n")
	if _, err := (kubeconfig.Config{Paths: []string{empty}}).Access(); !errors.As(err, &nowhere) || !slices.Equal(nowhere.Paths, []string{empty}) {
		t.Errorf("no current context: %v", err)
	}
}

// What a command prints is used until it is over, or the server does not accept it
// any more.
func TestAccess_execAgain(t *testing.T) {
	folder := t.TempDir()
	command := filepath.Join(folder, "credentials")
	const script = `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" >> "$(dirname "$0")/info"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-'$(wc -l < "$(dirname "$0")/info" | tr -d ' ')'","expirationTimestamp":"2026-01-01T01:00:00Z"}}'
`
	if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var seen []string
	refused := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if refused {
			refused = false
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	path := filepath.Join(folder, "config")
	content := `
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "` + server.URL + `", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./credentials, provideClusterInfo: true}}}]
`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	access, err := kubeconfig.Config{Paths: []string{path}, Now: func() time.Time { return now }}.Access()
	if err != nil {
		t.Fatal(err)
	}
	ask := func() {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, access.Address.JoinPath("x").String(), strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := access.Transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%d %v", answer.StatusCode, err)
		}
	}
	ask()
	ask()
	refused = true
	ask()
	now = now.Add(time.Hour)
	ask()
	if want := []string{"Bearer token-1", "Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-3"}; !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
	info, err := os.ReadFile(filepath.Join(folder, "info"))
	if err != nil || !strings.Contains(string(info), `"server":"`+server.URL+`"`) || !strings.Contains(string(info), `"interactive":false`) {
		t.Errorf("the command was told %s, %v", info, err)
	}
}

// A command that fails is named, and nothing that it prints.
func TestAccess_execFails(t *testing.T) {
	folder := t.TempDir()
	for name, test := range map[string]struct{ script, want string }{
		"exit":     {"echo secret-output; exit 3", "exit status 3"},
		"text":     {"echo secret-output", "did not print an ExecCredential"},
		"version":  {`echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"secret-output"}}'`, "v1beta1"},
		"no token": {`echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{}}'`, "neither a token"},
	} {
		t.Run(name, func(t *testing.T) {
			command := filepath.Join(folder, strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(command, []byte("#!/bin/sh\n"+test.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			access, err := kubeconfig.Config{Host: "https://127.0.0.1:1", Exec: &kubeconfig.Exec{APIVersion: "client.authentication.k8s.io/v1", Command: command}}.Access()
			if err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, access.Address.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = access.Transport.RoundTrip(request)
			var failed *kubeconfig.CommandError
			if !errors.As(err, &failed) || failed.Command != command || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret-output") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// In a pod nothing has to be configured.
func TestAccess_pod(t *testing.T) {
	server, ca, seen := cluster(t)
	folder := t.TempDir()
	for name, content := range map[string]string{"token": "of-the-pod\n", "ca.crt": ca} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", address.Hostname())
	t.Setenv("KUBERNETES_SERVICE_PORT", address.Port())
	if got := authorization(t, kubeconfig.Config{ServiceAccount: folder}, seen); got != "Bearer of-the-pod" {
		t.Errorf("the server got %q", got)
	}
}

// Of several files the first counts, and paths are relative to the file that has them.
func TestAccess_files(t *testing.T) {
	server, ca, seen := cluster(t)
	folder := t.TempDir()
	for name, content := range map[string]string{
		"ca.pem": ca, "token": "of-a-file",
		"first":  "current-context: one\ncontexts: [{name: one, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {tokenFile: token}}]\n",
		"second": "current-context: two\nusers: [{name: u, user: {token: of-the-second}}]\nclusters: [{name: c, cluster: {server: " + server.URL + ", certificate-authority: ca.pem}}]\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := authorization(t, kubeconfig.Config{Paths: []string{filepath.Join(folder, "first"), filepath.Join(folder, "second")}}, seen); got != "Bearer of-a-file" {
		t.Errorf("the server got %q", got)
	}
}

// What is wrong with a file is said without what it has.
func TestAccess_brokenFiles(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"no YAML":        {"users: [\n", "line"},
		"no base64":      {"clusters: [{name: c, cluster: {certificate-authority-data: secret-content}}]\n", "line 1"},
		"no cluster":     {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n", `a cluster "c" that does not exist`},
		"no user":        {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://h'}}]\n", `a user "u" that does not exist`},
		"no certificate": {"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://h', certificate-authority-data: eA==}}]\n", "not a certificate in PEM"},
		"auth-provider":  {"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://h'}}]\nusers: [{name: u, user: {auth-provider: {name: gcp}}}]\n", "use exec"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kubeconfig.Config{Paths: []string{file(t, test.content)}}.Access()
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret-content") {
				t.Errorf("got %v", err)
			}
		})
	}
}
