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
)

const (
	defaultAddress        = "http://localhost:5681"
	defaultRequestTimeout = 30 * time.Second
	defaultMaxRetries     = 4
)

// setting is a value and where it came from.
type setting struct {
	value  string
	origin string // "attribute address", "environment variable KONGMESH_ADDRESS"
	path   path.Path
}

func (s setting) set() bool { return s.value != "" }

// from takes an attribute, or else an environment variable. The context of
// kumactl's configuration, once there is one, is asked after both.
func from(attribute string, value types.String, environment string) setting {
	at := path.Root(attribute)
	if !value.IsNull() {
		return setting{value.ValueString(), "attribute " + attribute, at}
	}
	if environment != "" && os.Getenv(environment) != "" {
		return setting{os.Getenv(environment), "environment variable " + environment, at}
	}
	return setting{path: at}
}

// client is the configuration of the client. What contradicts itself is an
// error on its attribute.
func (m model) client(ctx context.Context, diags *diag.Diagnostics) kuma.Config {
	address := from("address", m.Address, "KONGMESH_ADDRESS")
	if !address.set() && m.Address.IsNull() {
		address.value, address.origin = defaultAddress, "the default"
	}
	token := from("token", m.Token, "KONGMESH_TOKEN")
	if !token.set() {
		token.origin = "none was given: set token or KONGMESH_TOKEN"
	}
	config := kuma.Config{
		AddressOrigin:  address.origin,
		Token:          token.value,
		TokenOrigin:    token.origin,
		RequestTimeout: defaultRequestTimeout,
		MaxRetries:     defaultMaxRetries,
	}
	config.Address = parseAddress(address, diags)
	config.TLS = m.tls(diags)
	if !m.Headers.IsNull() {
		diags.Append(m.Headers.ElementsAs(ctx, &config.Headers, false)...)
	}
	if !m.RequestTimeout.IsNull() {
		timeout, err := time.ParseDuration(m.RequestTimeout.ValueString())
		if err != nil { // a validator has said so
			diags.AddAttributeError(path.Root("request_timeout"), "Invalid duration", err.Error())
		}
		config.RequestTimeout = timeout
	}
	if !m.MaxRetries.IsNull() {
		config.MaxRetries = int(m.MaxRetries.ValueInt64())
	}
	if config.Address != nil && config.Address.Scheme == "http" && (token.set() || len(config.Headers) > 0) && !loopback(config.Address.Hostname()) {
		diags.AddAttributeWarning(path.Root("address"), "Token over plain http", fmt.Sprintf(
			"The address %s (%s) is not https, so that everybody on the way can read the token and the private key of the CA. Use the https address of the API, port 5682 by default.",
			config.Address.Redacted(), address.origin))
	}
	return config
}

func parseAddress(address setting, diags *diag.Diagnostics) *url.URL {
	parsed, err := url.Parse(address.value)
	switch {
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"%q (%s) is not the URL of an HTTP API. Write it with http:// or https:// and a host, such as https://control-plane.example.com:5682.", withoutUser(address.value), address.origin))
	case parsed.User != nil:
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"The URL (%s) has a user name in it, which a control plane does not know. Use token, or headers for a gateway before it.", address.origin))
	case parsed.RawQuery != "" || parsed.Fragment != "":
		diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
			"%q (%s) has a query or a fragment. Leave out what follows the path.", address.value, address.origin))
	default:
		return parsed
	}
	return nil
}

// withoutUser is a text that may be a URL, without what may be a password in it.
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

// tls reads certificates and keys. nil is Go's default.
func (m model) tls(diags *diag.Diagnostics) *tls.Config {
	ca := m.pem("ca_cert", m.CACertPEM, m.CACertFile, "KONGMESH_CA_CERT_FILE", diags)
	cert := m.pem("client_cert", m.ClientCertPEM, m.ClientCertFile, "KONGMESH_CLIENT_CERT_FILE", diags)
	key := m.pem("client_key", m.ClientKeyPEM, m.ClientKeyFile, "KONGMESH_CLIENT_KEY_FILE", diags)
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca.set() {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(ca.value)) {
			diags.AddAttributeError(ca.path, "No certificate", fmt.Sprintf("There is no certificate in PEM in what %s gives.", ca.origin))
		}
	}
	switch {
	case cert.set() && key.set():
		pair, err := tls.X509KeyPair([]byte(cert.value), []byte(key.value))
		if err != nil { // of crypto/tls, it never quotes the key
			diags.AddAttributeError(key.path, "Client certificate and key do not work", fmt.Sprintf("Certificate (%s) and key (%s): %s.", cert.origin, key.origin, err))
		}
		config.Certificates = []tls.Certificate{pair}
	case cert.set():
		diags.AddAttributeError(cert.path, "Client key is missing", fmt.Sprintf("There is a client certificate (%s) without its key. Set client_key_file or client_key_pem.", cert.origin))
	case key.set():
		diags.AddAttributeError(key.path, "Client certificate is missing", fmt.Sprintf("There is a client key (%s) without its certificate. Set client_cert_file or client_cert_pem.", key.origin))
	}
	if m.InsecureSkipVerify.ValueBool() {
		config.InsecureSkipVerify = true
		diags.AddAttributeWarning(path.Root("insecure_skip_verify"), "Certificate of the control plane is not checked",
			"Anybody between here and the control plane can read the token and the private key of the CA. Set ca_cert_file or ca_cert_pem instead.")
	}
	return config
}

// pem is a certificate or key given as text or as a file.
func (m model) pem(name string, text, file types.String, environment string, diags *diag.Diagnostics) setting {
	inline := from(name+"_pem", text, "")
	stored := from(name+"_file", file, environment)
	if !text.IsNull() && !file.IsNull() {
		diags.AddAttributeError(inline.path, "Two forms of one thing", fmt.Sprintf("%s_pem and %s_file are both set. Keep one of them.", name, name))
		return setting{path: inline.path}
	}
	if !text.IsNull() || !stored.set() {
		return inline
	}
	content, err := os.ReadFile(stored.value)
	if err != nil {
		diags.AddAttributeError(stored.path, "File cannot be read", fmt.Sprintf("The file of %s: %s.", stored.origin, err))
		return setting{path: stored.path}
	}
	stored.value = string(content)
	return stored
}

// log is where the client's lines go. They hold no header, body or token.
func log(ctx context.Context, message string, fields map[string]any) {
	tflog.Debug(ctx, message, fields)
}
