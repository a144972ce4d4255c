package kubeconfig

import (
	"crypto/tls"
	"crypto/x509"
	stdbase64 "encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// UnmarshalYAML decodes base64. The error does not quote it.
func (b *base64) UnmarshalYAML(node *yaml.Node) error {
	decoded, err := stdbase64.StdEncoding.DecodeString(strings.TrimSpace(node.Value))
	if err != nil {
		return fmt.Errorf("line %d: not base64", node.Line)
	}
	*b = decoded
	return nil
}

// maxConnections is how many connections wait for the next request: Terraform has
// ten operations at once.
const maxConnections = 16

// transport sends requests to a cluster as a user.
func (c Config) transport(access *Access, at cluster, as user) (http.RoundTripper, error) {
	if as.AuthProvider != nil && as.empty() {
		return nil, errors.New("the user has an auth-provider, which kubectl does not support any more: use exec")
	}
	users := &source{as: as, now: c.Now}
	if as.Exec != nil && as.Token == "" {
		users.exec = &execRun{as.Exec, at}
	}
	security, err := c.tls(access, at, as, users)
	if err != nil {
		return nil, err
	}
	for _, secret := range []string{as.Token, as.Password} {
		if secret != "" {
			access.known = append(access.known, []byte(secret))
		}
	}
	proxy := http.ProxyFromEnvironment
	if at.ProxyURL != "" {
		address, err := url.Parse(at.ProxyURL)
		if err != nil || address.Host == "" {
			return nil, errors.New("the proxy-url is not a URL")
		}
		proxy = http.ProxyURL(address)
	}
	return &authenticated{access: access, as: as, users: users, agent: c.UserAgent, next: &http.Transport{
		Proxy:               proxy,
		TLSClientConfig:     security,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        maxConnections,
		MaxIdleConnsPerHost: maxConnections,
		IdleConnTimeout:     90 * time.Second,
	}}, nil
}

func (c Config) tls(access *Access, at cluster, as user, users *source) (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: at.TLSServerName, InsecureSkipVerify: at.Insecure} //nolint:gosec // which the provider warns of
	authority, err := contentOf(at.CAData, at.CAFile)
	if err != nil {
		return nil, err
	}
	if len(authority) > 0 {
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(authority) {
			return nil, errors.New("the certificate authority of the cluster is not a certificate in PEM")
		}
	}
	cert, errCert := contentOf(as.CertData, as.CertFile)
	key, errKey := contentOf(as.KeyData, as.KeyFile)
	if err := errors.Join(errCert, errKey); err != nil {
		return nil, err
	}
	if len(key) > 0 {
		access.known = append(access.known, key)
	}
	if len(cert) > 0 {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil { // of crypto/tls, it never quotes the key
			return nil, fmt.Errorf("client certificate and key: %w", err)
		}
		security.Certificates = []tls.Certificate{pair}
	} else if users.exec != nil {
		security.GetClientCertificate = users.clientCertificate
	}
	return security, nil
}

// authenticated sends requests with the user's credentials.
type authenticated struct {
	access *Access
	as     user
	users  *source
	agent  string
	next   http.RoundTripper
}

// RoundTrip sends a request. Where the server does not accept what a command printed
// before, it runs the command again, once.
func (t *authenticated) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, used, err := t.send(request)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil || !t.users.drop(used) {
		return answer, err
	}
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return answer, nil //nolint:nilerr // the answer counts
		}
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	answer, _, err = t.send(again)
	return answer, err
}

func (t *authenticated) send(request *http.Request) (*http.Response, credentials, error) {
	found, err := t.users.get(request.Context())
	if err != nil {
		return nil, found, err
	}
	sent := request.Clone(request.Context())
	t.as.identify(sent.Header, found)
	if t.agent != "" && sent.Header.Get("User-Agent") == "" {
		sent.Header.Set("User-Agent", t.agent)
	}
	for part := range strings.FieldsSeq(sent.Header.Get("Authorization")) {
		t.access.tell([]byte(part))
	}
	answer, err := t.next.RoundTrip(sent)
	return answer, found, err
}
