package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

const oneMesh = `
resource "kongmesh_mesh" "this" {
  name = "acc"
}
`

func block(lines string) string { return "provider \"kongmesh\" {\n" + lines + "\n}\n" + oneMesh }

func step(config string, want ...string) resource.TestCase {
	s := resource.TestStep{Config: config, PlanOnly: true, ExpectNonEmptyPlan: true}
	if len(want) > 0 {
		s.ExpectError, s.ExpectNonEmptyPlan = acctest.Words(want...), false
	}
	return resource.TestCase{ProtoV6ProviderFactories: acctest.Provider(provider.Options{}), Steps: []resource.TestStep{s}}
}

func TestAccProvider_badInput(t *testing.T) {
	t.Parallel()
	key := acctest.PKI(t, "ec.key")
	cert := acctest.PKI(t, "ec.crt")
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"no scheme":             {`address = "localhost:5681"`, []string{"Invalid address", "argument address", "http://"}},
		"another scheme":        {`address = "ftp://localhost"`, []string{"Invalid address"}},
		"empty":                 {`address = ""`, []string{"Invalid address"}},
		"user in the address":   {`address = "http://me:secret@localhost"`, []string{"Invalid address", "user name"}},
		"query in the address":  {`address = "http://localhost?x=1"`, []string{"Invalid address", "query"}},
		"half a key pair":       {acctest.Fill(`client_cert_pem = $x`, "x", cert), []string{"Client key is missing", "argument client_cert_pem"}},
		"other half":            {acctest.Fill(`client_key_pem = $x`, "x", key), []string{"Client certificate is missing", "argument client_key_pem"}},
		"pair that is none":     {acctest.Fill("client_cert_pem = $x\nclient_key_pem = $y", "x", cert, "y", acctest.PKI(t, "root.key")), []string{"Invalid client certificate or key", "private key"}},
		"two forms of CA":       {acctest.Fill("ca_cert_file = \"/x\"\nca_cert_pem = $x", "x", cert), []string{"Conflicting provider arguments"}},
		"no such file":          {`ca_cert_file = "/does/not/exist"`, []string{"File not readable", "/does/not/exist"}},
		"CA without any":        {`ca_cert_pem = "garbage"`, []string{"No certificate found", "argument ca_cert_pem"}},
		"request timeout":       {`request_timeout = "soon"`, []string{"Invalid duration"}},
		"no request timeout":    {`request_timeout = "0s"`, []string{"Invalid duration", "request_timeout", "greater than 0"}},
		"token with its scheme": {`token = "Bearer abc"`, []string{"Token begins with Bearer", "argument token"}},
		"scheme in small":       {`token = " bearer abc"`, []string{"Token begins with Bearer"}},
		"retries":               {`max_retries = -1`, []string{"max_retries", "between 0 and 20"}},
		"retries without limit": {`max_retries = 1000`, []string{"between 0 and 20"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.Test(t, step(block(test.lines), test.want...))
		})
	}
}

// Values that are not known while planning: no request, no error, and one apply.
func TestAccProvider_unknown(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	config := fmt.Sprintf(`
		resource "terraform_data" "address" {
			input = %q
		}
		provider "kongmesh" {
			address = terraform_data.address.output
		}`, env.Address)
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: config + acctest.Fill(triple, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("kongmesh_mesh_ca_secret.this", plancheck.ResourceActionCreate),
			}},
			Check: env.HasMesh(mesh),
		}},
	})
}

func TestAccProvider_noControlPlane(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<html><body>Please sign in</body></html>")
	}))
	t.Cleanup(page.Close)
	elsewhere := httptest.NewServer(http.RedirectHandler("http://example.invalid/", http.StatusFound))
	t.Cleanup(elsewhere.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	expired := httptest.NewUnstartedServer(http.NotFoundHandler())
	expired.TLS = &tls.Config{Certificates: []tls.Certificate{expiredCertificate(t)}, MinVersion: tls.VersionTLS12}
	demanding := httptest.NewUnstartedServer(http.NotFoundHandler())
	demanding.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	for _, server := range []*httptest.Server{old, expired, demanding} {
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that are to fail
		server.StartTLS()
		t.Cleanup(server.Close)
	}
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"product": "Kuma", "versi`) }))
	t.Cleanup(cut.Close)
	for name, test := range map[string]struct {
		address string
		want    []string
	}{
		"http to the port for https": {strings.Replace(secure.URL, "https://", "http://", 1), []string{"Not a control plane's answer", "Use https://"}},
		"http to a server for TLS":   {"http://" + alertServer(t), []string{"Control plane does not answer", "use https://"}},
		"an expired certificate":     {expired.URL, []string{"Control plane does not answer", "has expired or is not valid yet"}},
		"an old version of TLS":      {old.URL, []string{"Control plane does not answer", "TLS 1.2 or later"}},
		"a client certificate":       {demanding.URL, []string{"Control plane does not answer", "client_cert_file"}},
		"half an answer":             {cut.URL, []string{"Incomplete answer", "incomplete JSON of 26 bytes", "proxy or gateway"}},
		"nobody there":               {closed.URL, []string{"Control plane does not answer", closed.URL, "argument address"}},
		"a page":                     {page.URL, []string{"Not a control plane's answer", "Please sign in", "argument address"}},
		"a redirect":                 {elsewhere.URL, []string{"Control plane does not answer", "redirect"}},
		"self-signed":                {secure.URL, []string{"Control plane does not answer", "ca_cert_file"}},
		"TLS, not http":              {strings.Replace(page.URL, "http://", "https://", 1), []string{"Control plane does not answer", "does not use TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: acctest.Provider(provider.Options{}),
				Steps: []resource.TestStep{{
					Config:      block(fmt.Sprintf("address = %q\ntoken = \"\"\nmax_retries = 0\ninsecure_skip_verify = %t", test.address, test.address == demanding.URL)),
					ExpectError: acctest.Words(test.want...),
				}},
			})
		})
	}
}

// expiredCertificate is a server's, of a year ago.
func expiredCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(-1, 0, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// alertServer answers each connection with an alert of TLS, as servers do that
// know nothing of HTTP before the handshake.
func alertServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 1))
			_, _ = connection.Write([]byte{0x15, 3, 1, 0, 2, 2, 70}) // protocol_version
			connection.Close()
		}
	}()
	return listener.Addr().String()
}

// What the environment gives is used, the attribute goes first, and messages
// say which it was.
func TestAccProvider_environment(t *testing.T) {
	env := acctest.New(t, kumatest.Authentication())
	reader := env.ReaderToken()
	t.Setenv("KONGMESH_TOKEN", env.AdminToken())
	t.Setenv("KONGMESH_ADDRESS", env.Address)
	ca := acctest.NewCA(t, "CA")
	secret := acctest.Fill(`
		resource "kongmesh_mesh_ca_secret" "this" {
			mesh              = "default"
			name              = "ca"
			certificate_chain = $chain
			private_key_wo    = $key
		}`, "chain", ca.Chain, "key", ca.Key)
	factories := env.Provider()
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{Config: secret},
		{Config: `provider "kongmesh" { token = "wrong" }` + secret, PlanOnly: true, ExpectError: acctest.Words("Invalid or expired token", "argument token")},
		{Config: fmt.Sprintf(`provider "kongmesh" { token = %q }`, reader) + secret, PlanOnly: true, ExpectError: acctest.Words("Permission denied", "argument token")},
		{Config: secret},
	}})
	t.Setenv("KONGMESH_TOKEN", "expired")
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{Config: oneMesh, ExpectError: acctest.Words("Invalid or expired token", "environment variable KONGMESH_TOKEN")},
	}})
	t.Setenv("KONGMESH_ADDRESS", "nonsense")
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
		{Config: oneMesh, ExpectError: acctest.Words("Invalid address", "environment variable KONGMESH_ADDRESS")},
	}})
}

// https with a certificate of one's own, a client certificate, headers, a base path.
func TestAccProvider_mutualTLS(t *testing.T) {
	t.Parallel()
	twin := kumatest.New()
	var headers []string
	server := httptest.NewUnstartedServer(http.StripPrefix("/base/path", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		headers = append(headers, r.Header.Get("X-Gateway")+" "+r.Header.Get("User-Agent"))
		twin.ServeHTTP(w, r)
	})))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	folder := t.TempDir()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	files := map[string]string{"ca.pem": ca, "cert.pem": acctest.PKI(t, "ec.crt"), "key.pem": acctest.PKI(t, "ec.key")}
	for name, content := range files {
		write(t, filepath.Join(folder, name), content)
	}
	inFiles := acctest.Fill("ca_cert_file = $ca\nclient_cert_file = $cert\nclient_key_file = $key",
		"ca", filepath.Join(folder, "ca.pem"), "cert", filepath.Join(folder, "cert.pem"), "key", filepath.Join(folder, "key.pem"))
	inline := acctest.Fill("ca_cert_pem = $ca\nclient_cert_pem = $cert\nclient_key_pem = $key", "ca", ca, "cert", files["cert.pem"], "key", files["key.pem"])
	for name, lines := range map[string]string{"files": inFiles, "inline": inline} {
		for _, slash := range []string{"", "/"} {
			t.Run(name+slash, func(t *testing.T) {
				resource.Test(t, resource.TestCase{
					ProtoV6ProviderFactories: acctest.Provider(provider.Options{}),
					Steps: []resource.TestStep{{
						Config: block(fmt.Sprintf("address = %q\nheaders = { \"X-Gateway\" = \"yes\" }\n%s", server.URL+"/base/path"+slash, lines)),
						Check: func(*terraform.State) error {
							if len(headers) == 0 || !strings.HasPrefix(headers[0], "yes terraform-provider-kongmesh/test terraform/") {
								return fmt.Errorf("headers were %q", headers)
							}
							return nil
						},
					}},
				})
			})
		}
	}
}

// The control plane is reached through the proxy that the environment names,
// unless that says that it is not.
func TestAccProvider_proxy(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	target, err := url.Parse(env.Address)
	if err != nil {
		t.Fatal(err)
	}
	var passed atomic.Int64
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed.Add(1)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	run := acctest.NewRun(t, block("max_retries = 0")+`data "kongmesh_control_plane" "this" {}`)
	// No proxy is ever asked for localhost. This address means the same, and is not known for it.
	run.Setenv("KONGMESH_ADDRESS=http://0.0.0.0:"+target.Port(), "HTTP_PROXY="+proxy.URL, "http_proxy=")
	run.Terraform("plan")
	if passed.Load() == 0 {
		t.Error("the proxy was passed by")
	}
	passed.Store(0)
	run.Setenv("NO_PROXY=0.0.0.0", "no_proxy=")
	run.Terraform("plan")
	if passed.Load() > 0 {
		t.Error("the proxy was asked all the same")
	}
	run.Setenv("NO_PROXY=", "HTTP_PROXY="+closed.URL)
	output, err := run.Try("plan")
	if err == nil || !acctest.Words("Control plane does not answer", "environment variable KONGMESH_ADDRESS", "The proxy in HTTP_PROXY or HTTPS_PROXY").MatchString(output) {
		t.Errorf("%v\n%s", err, output)
	}
}

// What a person should know before it is too late.
func TestAccProvider_warnings(t *testing.T) {
	t.Parallel()
	run := acctest.NewRun(t, "")
	run.Setenv("KONGMESH_TOKEN=")
	for name, test := range map[string]struct {
		lines string
		want  []string
		clean bool
	}{
		"token over plain http":  {`address = "http://control-plane.invalid"` + "\n" + `token = "x"` + "\nmax_retries = 0", []string{"Warning: Plain HTTP to control plane", "the token (argument token) and the private key of the CA"}, false},
		"headers over http":      {`address = "http://control-plane.invalid"` + "\n" + `headers = { a = "b" }` + "\nmax_retries = 0", []string{"Warning: Plain HTTP to control plane", "the headers (argument headers)"}, false},
		"insecure":               {`insecure_skip_verify = true`, []string{"Warning: Control plane certificate not verified"}, false},
		"token to loopback":      {`address = "http://127.0.0.1:1"` + "\n" + `token = "x"`, nil, true},
		"no token over http":     {`address = "http://control-plane.invalid"`, []string{"Warning: Plain HTTP to control plane", "can read the private key of the CA"}, false},
		"no token to loopback":   {`address = "http://localhost:1"`, nil, true},
		"no token over https":    {`address = "https://control-plane.invalid"`, nil, true},
		"token to IPv6 loopback": {`address = "http://[::1]:1"` + "\n" + `token = "x"`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			run.Config(block(test.lines))
			output, err := run.Try("plan")
			if err != nil {
				t.Fatalf("%s\n%s", err, output)
			}
			if test.clean && strings.Contains(output, "Warning: Control") {
				t.Errorf("a warning without need:\n%s", output)
			}
			if len(test.want) > 0 && !acctest.Words(test.want...).MatchString(output) {
				t.Errorf("no warning:\n%s", output)
			}
		})
	}
	if _, err := os.Stat(run.Path("terraform.tfstate")); err == nil {
		t.Error("a plan has written a state")
	}
}
