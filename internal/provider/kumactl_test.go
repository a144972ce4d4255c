package provider_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	tfprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// As kumactl writes it, and as its documentation has it.
const (
	camelCase = `contexts:
- controlPlane: first
  name: east
- controlPlane: second
  name: west
- controlPlane: gone
  name: broken
- controlPlane: third
  name: sso
- controlPlane: fourth
  name: empty
- controlPlane: second
  name: east
controlPlanes:
- coordinates:
    apiServer:
      authConf:
        token: token-of-the-context
      authType: tokens
      url: https://east.example.com:5682
  name: first
- coordinates:
    apiServer:
      headers:
      - key: authorization
        value: Bearer token-in-a-header
      authConf:
        token: token-without-a-type
      skipVerify: true
      caCertFile: /does/not/exist
      url: https://west.example.com/base/path
  name: second
- coordinates:
    apiServer:
      authType: sso
      url: https://sso.example.com
  name: third
- name: fourth
currentContext: east
`
	snakeCase = `
control_planes:
  - name: only
    coordinates:
      api_server:
        url: https://only.example.com
        auth_type: tokens
        auth_conf: { token: token-of-the-context }
        future: [1, 2]
contexts: [{ name: only, control_plane: only, defaults: { mesh: default } }]
current_context: only
`
)

// configure configures the provider as Terraform does, and returns what came of
// it for the client.
func configure(t *testing.T, attributes map[string]any) (kuma.Config, diag.Diagnostics) {
	t.Helper()
	var config kuma.Config
	made := provider.New("1.2.3", provider.Options{Tune: func(c *kuma.Config) { config = *c }})()
	var schema tfprovider.SchemaResponse
	made.Schema(t.Context(), tfprovider.SchemaRequest{}, &schema)
	object, _ := schema.Schema.Type().TerraformType(t.Context()).(tftypes.Object)
	values := make(map[string]tftypes.Value)
	for name, kind := range object.AttributeTypes {
		values[name] = tftypes.NewValue(kind, nil)
	}
	for name, value := range attributes {
		if headers, isMap := value.(map[string]string); isMap {
			elements := make(map[string]tftypes.Value)
			for key, value := range headers {
				elements[key] = tftypes.NewValue(tftypes.String, value)
			}
			value = elements
		}
		values[name] = tftypes.NewValue(object.AttributeTypes[name], value)
	}
	var resp tfprovider.ConfigureResponse
	made.Configure(t.Context(), tfprovider.ConfigureRequest{
		TerraformVersion: "1.11.4",
		Config:           tfsdk.Config{Schema: schema.Schema, Raw: tftypes.NewValue(object, values)},
	}, &resp)
	return config, resp.Diagnostics
}

// folder is a home folder with kumactl's configuration in it.
func folder(t *testing.T, kumactl string) (home, file string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"ADDRESS", "TOKEN", "CONFIG_PATH", "CONFIG_CONTEXT", "CA_CERT_FILE", "CLIENT_CERT_FILE", "CLIENT_KEY_FILE"} {
		t.Setenv("KONGMESH_"+name, "")
	}
	file = filepath.Join(home, ".kumactl", "config")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, file, kumactl)
	return home, file
}

// Attribute beats environment beats context, value by value, and each value
// remembers where it came from.
func TestConfigure_sources(t *testing.T) {
	home, file := folder(t, camelCase)
	write(t, filepath.Join(home, "other"), snakeCase)
	east, west, only := fmt.Sprintf("context %q of %s", "east", file), fmt.Sprintf("context %q of %s", "west", file), fmt.Sprintf("context %q of %s/other", "only", home)
	type want struct {
		address, token string
		headers        map[string]string
		origins        kuma.Origins
		insecure       bool
	}
	for name, test := range map[string]struct {
		environment string
		attributes  map[string]any
		want        want
	}{
		"nothing": {"", nil, want{"http://localhost:5681", "", nil, kuma.Origins{Address: "the default"}, false}},
		"context": {"", map[string]any{"config_context": "east"},
			want{"https://east.example.com:5682", "token-of-the-context", nil, kuma.Origins{Address: east, Token: east, Headers: east}, false}},
		"context from the environment": {"CONFIG_CONTEXT=east", nil,
			want{"https://east.example.com:5682", "token-of-the-context", nil, kuma.Origins{Address: east, Token: east, Headers: east}, false}},
		"another context": {"CONFIG_CONTEXT=east", map[string]any{"config_context": "west"},
			want{"https://west.example.com/base/path", "", map[string]string{"authorization": "Bearer token-in-a-header"},
				kuma.Origins{Address: west, Token: "header authorization, " + west, Headers: west}, true}},
		"current context": {"", map[string]any{"config_path": file},
			want{"https://east.example.com:5682", "token-of-the-context", nil, kuma.Origins{Address: east, Token: east, Headers: east}, false}},
		"another file": {"CONFIG_PATH=" + home + "/other", nil,
			want{"https://only.example.com", "token-of-the-context", nil, kuma.Origins{Address: only, Token: only, Headers: only}, false}},
		"file at home": {"CONFIG_PATH=/does/not/exist", map[string]any{"config_path": "~/other"},
			want{"https://only.example.com", "token-of-the-context", nil, kuma.Origins{Address: only, Token: only, Headers: only}, false}},
		"no file, whatever the environment has": {"CONFIG_PATH=/does/not/exist", map[string]any{"config_path": ""},
			want{"http://localhost:5681", "", nil, kuma.Origins{Address: "the default"}, false}},
		"environment before context": {"TOKEN=token-of-the-environment", map[string]any{"config_context": "east"},
			want{"https://east.example.com:5682", "token-of-the-environment", nil,
				kuma.Origins{Address: east, Token: "environment variable KONGMESH_TOKEN", Headers: east}, false}},
		"attributes before both": {"TOKEN=token-of-the-environment",
			map[string]any{"config_context": "west", "address": "https://x.example.com", "token": "mine", "headers": map[string]string{"X": "Y"}, "insecure_skip_verify": false, "ca_cert_pem": acctest.PKI(t, "ec.crt")},
			want{"https://x.example.com", "mine", map[string]string{"X": "Y"},
				kuma.Origins{Address: "argument address", Token: "argument token", Headers: "argument headers", CA: "argument ca_cert_pem"}, false}},
		"no token, whatever else there is": {"TOKEN=token-of-the-environment", map[string]any{"config_context": "east", "token": ""},
			want{"https://east.example.com:5682", "", nil, kuma.Origins{Address: east, Headers: east}, false}},
		"header instead of a token": {"", map[string]any{"headers": map[string]string{"Authorization": "Bearer x"}},
			want{"http://localhost:5681", "", map[string]string{"Authorization": "Bearer x"},
				kuma.Origins{Address: "the default", Token: "header Authorization, argument headers", Headers: "argument headers"}, false}},
	} {
		t.Run(name, func(t *testing.T) {
			if variable, value, found := strings.Cut(test.environment, "="); found {
				t.Setenv("KONGMESH_"+variable, value)
			}
			config, diags := configure(t, test.attributes)
			if diags.HasError() {
				t.Fatal(diags)
			}
			if got := config.Address.String(); got != test.want.address || config.Token != test.want.token || !maps.Equal(config.Headers, test.want.headers) {
				t.Errorf("address %s, token %q, headers %q", got, config.Token, config.Headers)
			}
			if config.Origins != test.want.origins {
				t.Errorf("origins are\n%+v\nnot\n%+v", config.Origins, test.want.origins)
			}
			if config.TLS.InsecureSkipVerify != test.want.insecure || (diags.WarningsCount() > 0) != test.want.insecure {
				t.Errorf("insecure: %t, and it says %v", config.TLS.InsecureSkipVerify, diags)
			}
			if want := "terraform-provider-kongmesh/1.2.3 terraform/1.11.4"; config.UserAgent != want {
				t.Errorf("the user agent is %q, not %q", config.UserAgent, want)
			}
		})
	}
}

// What is wrong is said at its attribute, with where it came from, and without
// a secret.
func TestConfigure_refused(t *testing.T) {
	home, file := folder(t, camelCase)
	files := map[string]string{
		"nothing":    "",
		"no-current": "contexts: [{name: one, control_plane: one}]",
		"token-list": "control_planes:\n- coordinates:\n    api_server:\n      auth_conf: token-of-the-context\n",
		"not-yaml":   "token: \"token-of-the-context",
		"binary":     "token-of-the-context\x00\x01",
		"half":       strings.Replace(snakeCase, "auth_type: tokens", "client_cert_file: "+home+"/cert.pem", 1),
		"cert.pem":   acctest.PKI(t, "ec.crt"),
	}
	for name, content := range files {
		write(t, filepath.Join(home, name), content)
	}
	cert, key := files["cert.pem"], acctest.PKI(t, "ec.key")
	locked := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFc=\n-----END ENCRYPTED PRIVATE KEY-----\n"
	lockedEarlier := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIGbMFc=\n-----END RSA PRIVATE KEY-----\n"
	for name, test := range map[string]struct {
		attributes map[string]any
		at         string
		want       []string
	}{
		"no such context": {map[string]any{"config_context": "south"}, "config_context",
			[]string{"No such context", file + " (the default path of kumactl)", `has no context "south" (argument config_context). It has "broken", "east", "empty", "sso", "west".`}},
		"no contexts":     {map[string]any{"config_path": home + "/nothing", "config_context": "x"}, "config_context", []string{"It has no contexts", "kumactl config control-planes add"}},
		"none is current": {map[string]any{"config_path": home + "/no-current"}, "config_path", []string{"has no current context", `It has "one"`}},
		"context without control plane": {map[string]any{"config_context": "broken"}, "config_context",
			[]string{"No such context", `not its control plane "gone"`}},
		"control plane without address": {map[string]any{"config_context": "empty"}, "config_context", []string{"Invalid address", `context "empty" of ` + file}},
		"authentication of another kind": {map[string]any{"config_context": "sso"}, "config_context",
			[]string{"Unknown authentication type", `auth_type "sso"`, "address, and token or headers"}},
		"no such file":       {map[string]any{"config_path": home + "/none"}, "config_path", []string{"File not readable", "argument config_path", home + "/none"}},
		"of another form":    {map[string]any{"config_path": home + "/token-list"}, "config_path", []string{"Invalid kumactl configuration", "see line 4"}},
		"no YAML":            {map[string]any{"config_path": home + "/not-yaml"}, "config_path", []string{"Invalid kumactl configuration"}},
		"no text":            {map[string]any{"config_path": home + "/binary"}, "config_path", []string{"Invalid kumactl configuration"}},
		"half a pair":        {map[string]any{"config_path": home + "/half"}, "config_path", []string{"Client key is missing", `context "only" of ` + home + "/half"}},
		"a locked key":       {map[string]any{"client_cert_pem": cert, "client_key_pem": locked}, "client_key_pem", []string{"Client key is encrypted", "argument client_key_pem", "passphrase", "openssl pkey"}},
		"an old locked key":  {map[string]any{"client_cert_pem": cert, "client_key_pem": lockedEarlier}, "client_key_pem", []string{"Client key is encrypted"}},
		"keys of two":        {map[string]any{"config_path": home + "/half", "client_key_pem": acctest.PKI(t, "root.key")}, "client_key_pem", []string{"Invalid client certificate or key", `Certificate (context "only" of ` + home + "/half) and key (argument client_key_pem)"}},
		"token and header":   {map[string]any{"token": "token-of-the-context", "headers": map[string]string{"authorization": "Bearer y"}}, `headers["authorization"]`, []string{"Conflicting provider arguments", "argument token", "argument headers"}},
		"no header":          {map[string]any{"headers": map[string]string{"X": "token-of-the-context\n"}}, "", []string{`header "X" (argument headers)`}},
		"no token of a kind": {map[string]any{"token": "token-of-\x01the-context"}, "", []string{"the token (argument token)"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := configure(t, test.attributes)
			if diags.ErrorsCount() != 1 {
				t.Fatalf("%d errors: %v", diags.ErrorsCount(), diags)
			}
			said := diags.Errors()[0]
			at := ""
			if withPath, has := said.(diag.DiagnosticWithPath); has {
				at = withPath.Path().String()
			}
			text := said.Summary() + ": " + said.Detail()
			if at != test.at || !acctest.Words(test.want...).MatchString(text) {
				t.Errorf("at %q it says:\n%s", at, text)
			}
			for _, secret := range []string{"token-of-", "MIGbMFc=", strings.Split(key, "\n")[1]} {
				if strings.Contains(text, secret) {
					t.Errorf("it tells %q:\n%s", secret, text)
				}
			}
		})
	}
}

// What happens on the connection is explained by where token and certificates
// came from.
func TestConfigure_connection(t *testing.T) {
	home, _ := folder(t, "")
	authenticated := kumatest.NewServer(kumatest.Authentication())
	t.Cleanup(authenticated.Close)
	secure := httptest.NewUnstartedServer(kumatest.New())
	secure.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail, as they should
	secure.StartTLS()
	t.Cleanup(secure.Close)
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"type": "/std-errors", "status": 401, "title": "Unauthorized"}`)
	}))
	t.Cleanup(closed.Close)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"message": "No API key found in request"}`)
	}))
	t.Cleanup(gateway.Close)
	for name, content := range map[string]string{
		"server.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})),
		"cert.pem":   acctest.PKI(t, "ec.crt"),
		"key.pem":    acctest.PKI(t, "ec.key"),
	} {
		write(t, filepath.Join(home, name), content)
	}
	for name, test := range map[string]struct {
		server string // what the context says of it
		want   []string
	}{
		"token":      {fmt.Sprintf("{url: %q, auth_type: tokens, auth_conf: {token: wrong-token}}", authenticated.URL), []string{"Invalid or expired token", "The token (context"}},
		"no token":   {fmt.Sprintf("{url: %q}", closed.URL), []string{"Authentication required", "Set token or KONGMESH_TOKEN"}},
		"a gateway":  {fmt.Sprintf("{url: %q}", gateway.URL), []string{"Gateway refused the request", "No API key found", "headers"}},
		"header":     {fmt.Sprintf("{url: %q, headers: [{key: authorization, value: Bearer wrong-token}]}", authenticated.URL), []string{"Invalid or expired token", "The token (header authorization, context"}},
		"address":    {`{url: "http://127.0.0.1:1"}`, []string{"does not answer", "http://127.0.0.1:1 (context"}},
		"its CA":     {fmt.Sprintf("{url: %q, ca_cert_file: %q}", secure.URL, home+"/cert.pem"), []string{"does not answer", "does not trust the authority", "trusted certificates (context"}},
		"the system": {fmt.Sprintf("{url: %q}", secure.URL), []string{"does not answer", "authority that this machine does not trust", "ca_cert_file"}},
		"no client certificate": {fmt.Sprintf("{url: %q, ca_cert_file: %q}", secure.URL, home+"/server.pem"),
			[]string{"rejected the TLS connection", "none is set", "client_cert_file"}},
		"another client certificate": {fmt.Sprintf("{url: %q, ca_cert_file: %q, client_cert_file: %q, client_key_file: %q}", secure.URL, home+"/server.pem", home+"/cert.pem", home+"/key.pem"),
			[]string{"rejected the TLS connection", "The client certificate: context"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(home, strings.ReplaceAll(name, " ", "-"))
			write(t, file, "contexts: [{name: x, control_plane: y}]\ncurrent_context: x\ncontrol_planes: [{name: y, coordinates: {api_server: "+test.server+"}}]\n")
			config, diags := configure(t, map[string]any{"config_path": file, "max_retries": 0})
			if diags.HasError() {
				t.Fatal(diags)
			}
			client, err := kuma.New(config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Mesh(t.Context(), "default")
			tfkit.AddError(&diags, "read mesh", err)
			if diags.ErrorsCount() != 1 {
				t.Fatal(diags)
			}
			text := diags.Errors()[0].Summary() + ": " + diags.Errors()[0].Detail()
			if !acctest.Words(test.want...).MatchString(text) || (name != "no token" && !strings.Contains(text, `context "x" of `+file)) || strings.Contains(text, "wrong-token") {
				t.Errorf("it says:\n%s", text)
			}
		})
	}
}

// The token is given without its scheme, wherever it comes from.
func TestConfigure_tokenWithItsScheme(t *testing.T) {
	_, file := folder(t, "contexts: [{name: x, control_plane: y}]\ncurrent_context: x\ncontrol_planes: [{name: y, coordinates: {api_server: {url: http://localhost:1, auth_type: tokens, auth_conf: {token: Bearer very-secret}}}}]\n")
	for name, test := range map[string]struct {
		attributes  map[string]any
		environment string
		origin      string
	}{
		"attribute":   {map[string]any{"token": "Bearer very-secret"}, "", "argument token"},
		"environment": {nil, "bearer  very-secret\n", "environment variable KONGMESH_TOKEN"},
		"context":     {map[string]any{"config_path": file}, "", `context "x" of ` + file},
	} {
		t.Setenv("KONGMESH_TOKEN", test.environment)
		_, diags := configure(t, test.attributes)
		if diags.ErrorsCount() != 1 {
			t.Fatalf("%s: %v", name, diags)
		}
		found, _ := diags.Errors()[0].(diag.DiagnosticWithPath)
		if found == nil || !found.Path().Equal(path.Root("token")) || found.Summary() != "Token begins with Bearer" ||
			!strings.Contains(found.Detail(), test.origin) || strings.Contains(found.Detail(), "very-secret") {
			t.Errorf("%s: %v", name, diags)
		}
	}
}
