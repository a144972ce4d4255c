package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	defaultAddress        = "http://localhost:5681"
	defaultRequestTimeout = 30 * time.Second
	defaultMaxRetries     = 4
)

// A setting is a value and its source.
type setting struct {
	value  string
	origin string // "argument address", "environment variable KONGMESH_ADDRESS", `context "x" of /file`
	path   path.Path
}

func (s setting) set() bool { return s.value != "" }

// from returns the value of an attribute, otherwise of an environment variable,
// otherwise of a context of kumactl's configuration.
func from(attribute string, value types.String, environment string, inContext setting) setting {
	return settingAt(path.Root(attribute), value, environment, inContext)
}

func settingAt(at path.Path, value types.String, environment string, inContext setting) setting {
	if !value.IsNull() {
		return setting{value.ValueString(), "argument " + at.String(), at}
	}
	if environment != "" && os.Getenv(environment) != "" {
		return setting{os.Getenv(environment), "environment variable " + environment, at}
	}
	if inContext.set() {
		return inContext
	}
	return setting{path: at}
}

// client returns the configuration of the client. It adds an error to the
// attribute of each setting that contradicts another one.
func (m model) client(ctx context.Context, diags *diag.Diagnostics) kuma.Config {
	kumactl := m.kumactl(diags)
	if diags.HasError() {
		return kuma.Config{}
	}
	address := from("address", m.Address, "KONGMESH_ADDRESS", kumactl.setting(kumactl.URL))
	switch {
	case address.set() || !m.Address.IsNull():
	case m.Kubernetes != nil && !kumactl.isSet():
	case kumactl.isSet():
		address = kumactl.setting("") // the default must not replace it
	default:
		address.value, address.origin = defaultAddress, "the default"
	}
	config := kuma.Config{
		Origins:        kuma.Origins{Address: address.origin},
		RequestTimeout: defaultRequestTimeout,
		MaxRetries:     defaultMaxRetries,
	}
	if address.set() || m.Kubernetes == nil {
		config.Address = parseAddress(address, diags)
	}
	m.authentication(ctx, kumactl, &config, diags)
	m.tls(kumactl, &config, diags)
	if !m.RequestTimeout.IsNull() {
		timeout, err := time.ParseDuration(m.RequestTimeout.ValueString())
		if err != nil || timeout <= 0 { // a validator has reported it
			diags.AddAttributeError(path.Root("request_timeout"), "Invalid duration", "request_timeout is not a duration such as 10s, 1m30s or 500ms.")
		}
		config.RequestTimeout = timeout
	}
	if !m.MaxRetries.IsNull() {
		config.MaxRetries = int(m.MaxRetries.ValueInt64())
	}
	if config.Address == nil || config.Address.Scheme == "https" || loopback(config.Address.Hostname()) {
		return config
	}
	readable, and := "the private key of the CA", " and the private key of the CA"
	if m.Kubernetes != nil { // it goes there
		readable, and = "", ""
	}
	switch {
	case config.Token != "":
		readable = fmt.Sprintf("the token (%s)%s", config.Origins.Token, and)
	case len(config.Headers) > 0:
		readable = fmt.Sprintf("the headers (%s)%s", config.Origins.Headers, and)
	case readable == "":
		return config
	}
	diags.AddAttributeWarning(address.path, "Plain HTTP to control plane", fmt.Sprintf(
		"The address %s (%s) does not use TLS, so anyone on the network path can read %s. Use the https address of the "+
			"API, port 5682 by default.",
		config.Address.Redacted(), address.origin, readable))
	return config
}

// authentication adds the token and the headers. It sends a token as the header
// Authorization, which some gateways require as an explicit header.
func (m model) authentication(ctx context.Context, kumactl kumactlContext, config *kuma.Config, diags *diag.Diagnostics) {
	config.Headers, config.Origins.Headers = kumactl.headers(), kumactl.origin
	if !m.Headers.IsNull() {
		config.Headers, config.Origins.Headers = nil, "argument headers"
		diags.Append(m.Headers.ElementsAs(ctx, &config.Headers, false)...)
	}
	token := from("token", m.Token, "KONGMESH_TOKEN", kumactl.token())
	config.Token, config.Origins.Token = token.value, token.origin
	authorization := ""
	for name := range config.Headers {
		if strings.EqualFold(name, "Authorization") {
			authorization = name
		}
	}
	if scheme, _, found := strings.Cut(strings.TrimSpace(token.value), " "); found && strings.EqualFold(scheme, "Bearer") {
		diags.AddAttributeError(path.Root("token"), "Token begins with Bearer", fmt.Sprintf(
			`The token (%s) begins with "Bearer", which the provider adds itself. The control plane would reject the `+
				`token. Remove "Bearer" and the space after it.`, token.origin))
	}
	switch {
	case authorization != "" && token.set() && !m.Headers.IsNull():
		diags.AddAttributeError(path.Root("headers").AtMapKey(authorization), "Conflicting provider arguments", fmt.Sprintf(
			"Both a token (%s) and a header %s (argument headers) are set, and the provider sends the token in this "+
				"header. Remove one of them. `token = \"\"` ignores the environment variable.", token.origin, authorization))
	case authorization != "" && !token.set():
		config.Origins.Token = fmt.Sprintf("header %s, %s", authorization, config.Origins.Headers)
	case !token.set():
		config.Origins.Token = ""
	}
}

func parseAddress(address setting, diags *diag.Diagnostics) *url.URL {
	parsed, err := url.Parse(address.value)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https", pki.MayHoldKey(address.value):
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"%s (%s) is not the URL of an HTTP API. Use http:// or https:// and a host, such as "+
				"https://control-plane.example.com:5682.", tfkit.Quote(withoutUser(address.value)), address.origin))
	case parsed.User != nil:
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"The URL (%s) contains a user name, which a control plane does not support. Use token, or use headers for a "+
				"gateway.", address.origin))
	case parsed.RawQuery != "" || parsed.Fragment != "":
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"%q (%s) contains a query or a fragment. Remove everything after the path.", address.value, address.origin))
	default:
		return parsed
	}
	return nil
}

// withoutUser returns a string that may be a URL, without user and password.
func withoutUser(text string) string {
	if _, after, found := strings.Cut(text, "@"); found {
		return "…@" + after
	}
	return text
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tls reads certificates and keys.
func (m model) tls(kumactl kumactlContext, config *kuma.Config, diags *diag.Diagnostics) {
	insecure, origin, at := m.InsecureSkipVerify.ValueBool(), "argument insecure_skip_verify", path.Root("insecure_skip_verify")
	if m.InsecureSkipVerify.IsNull() && kumactl.SkipVerify {
		insecure, origin, at = true, kumactl.origin, kumactl.path
		kumactl.CACertFile = "" // kumactl does not read it in this case
	}
	ca := readPEM("ca_cert", m.CACertPEM, m.CACertFile, "KONGMESH_CA_CERT_FILE", kumactl.setting(kumactl.CACertFile), diags)
	cert := readPEM("client_cert", m.ClientCertPEM, m.ClientCertFile, "KONGMESH_CLIENT_CERT_FILE", kumactl.setting(kumactl.ClientCertFile), diags)
	key := readPEM("client_key", m.ClientKeyPEM, m.ClientKeyFile, "KONGMESH_CLIENT_KEY_FILE", kumactl.setting(kumactl.ClientKeyFile), diags)
	config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	config.Origins.CA, config.Origins.ClientCert = ca.origin, cert.origin
	if ca.set() {
		config.TLS.RootCAs = x509.NewCertPool()
		if !config.TLS.RootCAs.AppendCertsFromPEM([]byte(ca.value)) {
			diags.AddAttributeError(ca.path, "No certificate found", fmt.Sprintf("The value of %s does not contain a certificate in PEM. It must contain a line -----BEGIN CERTIFICATE-----.", ca.origin))
		}
	}
	switch {
	case key.set() && encrypted(key.value):
		diags.AddAttributeError(key.path, "Client key is encrypted", fmt.Sprintf(
			"The key (%s) needs a passphrase, and Terraform cannot ask for it during a run. Decrypt the key, and keep it "+
				"in a secret store:\n"+
				"  openssl pkey -in client-key.pem -out client-key-plain.pem", key.origin))
	case cert.set() && key.set():
		pair, err := tls.X509KeyPair([]byte(cert.value), []byte(key.value))
		if err != nil { // an error of crypto/tls, which never quotes the key
			diags.AddAttributeError(key.path, "Invalid client certificate or key", fmt.Sprintf(
				"Certificate (%s) and key (%s): %s. Use a certificate and the private key that belongs to it, both in PEM.", cert.origin, key.origin, err))
		}
		config.TLS.Certificates = []tls.Certificate{pair}
	case cert.set():
		diags.AddAttributeError(cert.path, "Client key is missing", fmt.Sprintf("The client certificate (%s) has no key. Set client_key_file or client_key_pem.", cert.origin))
	case key.set():
		diags.AddAttributeError(key.path, "Client certificate is missing", fmt.Sprintf("The client key (%s) has no certificate. Set client_cert_file or client_cert_pem.", key.origin))
	}
	if insecure {
		config.TLS.InsecureSkipVerify = true
		diags.AddAttributeWarning(at, "Control plane certificate not verified", fmt.Sprintf(
			"Anyone on the network path can read the token and the private key of the CA (%s). Set ca_cert_file or "+
				"ca_cert_pem instead.", origin))
	}
}

// encrypted reports whether a PEM key needs a passphrase, in PKCS #8 or in
// OpenSSL's older format.
func encrypted(key string) bool {
	return strings.Contains(key, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strings.Contains(key, "Proc-Type: 4,ENCRYPTED")
}

// readPEM returns a certificate or key from a string or from a file.
func readPEM(name string, text, file types.String, environment string, inContext setting, diags *diag.Diagnostics) setting {
	inline := from(name+"_pem", text, "", setting{})
	stored := from(name+"_file", file, environment, inContext)
	if !text.IsNull() && !file.IsNull() {
		diags.AddAttributeError(inline.path, "Conflicting provider arguments", fmt.Sprintf("%s_pem conflicts with %s_file. Remove one of them.", name, name))
		return setting{path: inline.path}
	}
	if !text.IsNull() || !stored.set() {
		return inline
	}
	if pki.MayHoldKey(stored.value) {
		addNoPath(stored, "Use "+name+"_pem for the PEM itself.", diags)
		return setting{path: stored.path}
	}
	content, err := os.ReadFile(expand(stored.value))
	if err != nil {
		diags.AddAttributeError(stored.path, "File not readable", fmt.Sprintf(
			"The provider cannot read the file of %s: %s. A relative path starts at the folder in which Terraform runs. "+
				"Use ${path.module}/ for the folder of the configuration.", stored.origin, err))
		return setting{path: stored.path}
	}
	stored.value = string(content)
	return stored
}

// addNoPath adds the error for a possible private key in place of the path of a
// file. It does not quote the value, and does not look for a file with that
// name.
func addNoPath(s setting, advice string, diags *diag.Diagnostics) {
	diags.AddAttributeError(s.path, "Not a file path", fmt.Sprintf(
		"The value of %s is not shown, because it may be a private key. This argument expects the path of a file. %s", s.origin, advice))
}

// log writes the client's log entries. They contain no header, body or token.
func log(ctx context.Context, message string, fields map[string]any) {
	tflog.Debug(ctx, message, fields)
}
