// Package kubeconfig turns a configuration of access to a Kubernetes cluster, as
// other providers have it in an argument named kubernetes, into a transport. It
// reads kubeconfig files as kubectl does, and runs commands that print credentials
// (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
package kubeconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Config is how to reach a cluster. What it does not have comes from the files, and
// without any files from the pod that the program runs in.
type Config struct {
	// Paths are files of configuration, of which the earlier count more. "~" is the
	// home directory.
	Paths []string
	// Context, Cluster and User name parts of the files. Context is the current one
	// of the files unless set.
	Context, Cluster, User string
	// Host is the URL of the API server.
	Host string
	// Token, or ClientCertificate and ClientKey (PEM), or Exec say who the user is.
	Token, ClientCertificate, ClientKey string
	Exec                                *Exec
	// ClusterCACertificate (PEM) is what the server's certificate is checked with.
	ClusterCACertificate, TLSServerName string
	Insecure                            bool
	ProxyURL                            string
	UserAgent                           string
	// Now is asked for the time. nil is the real one.
	Now func() time.Time
	// ServiceAccount is the folder in which a pod has its credentials. "" is that of
	// Kubernetes.
	ServiceAccount string
}

// Exec is a command that prints credentials.
type Exec struct {
	APIVersion, Command string
	Args                []string
	Env                 map[string]string
}

// MissingFileError is a file of configuration that does not exist.
type MissingFileError struct{ Path string }

func (e *MissingFileError) Error() string { return fmt.Sprintf("the file %q does not exist", e.Path) }

// MissingEntryError is a part that the files do not have.
type MissingEntryError struct {
	// Kind is "context", "cluster" or "user".
	Kind, Name string
	// There are the names of that kind in the files, sorted.
	There []string
	Paths []string
}

func (e *MissingEntryError) Error() string {
	return fmt.Sprintf("there is no %s %q in %s", e.Kind, e.Name, strings.Join(e.Paths, ", "))
}

// NowhereError is a configuration without a cluster.
type NowhereError struct {
	// Paths are the files, which have no current context. Without any, there is no
	// host either, and the program does not run in a pod.
	Paths []string
}

func (e *NowhereError) Error() string {
	if len(e.Paths) > 0 {
		return "there is no current context in " + strings.Join(e.Paths, ", ")
	}
	return "there is no cluster: no file, no host, and the program does not run in a pod"
}

// Access is how to reach an API server.
type Access struct {
	// Address is the URL of the API server.
	Address *url.URL
	// Transport sends requests to it with the user's credentials.
	Transport http.RoundTripper
	// Context and User are the parts of the files that are used, "" for none.
	Context, User string
	// Verified reports whether the certificate of the server is verified.
	Verified bool

	known [][]byte
	sent  atomic.Pointer[func(secret []byte)]
}

// Secrets calls sent with the credentials that the configuration has, and then with
// each that is sent: a command may print others at any time.
func (a *Access) Secrets(sent func(secret []byte)) {
	for _, secret := range a.known {
		sent(secret)
	}
	a.sent.Store(&sent)
}

// tell tells of a credential that is about to be sent.
func (a *Access) tell(secret []byte) {
	if sent := a.sent.Load(); sent != nil && len(secret) > 0 {
		(*sent)(secret)
	}
}

// serviceAccount is the folder in which a pod has its credentials.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Access finds out how to reach the API server. It makes no request and runs no
// command. The errors are those of this package, or say what cannot be used.
func (c Config) Access() (*Access, error) {
	all, err := c.load()
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	access := &Access{}
	at, as, err := c.choose(all, access)
	if err != nil {
		return nil, err
	}
	c.override(&at, &as)
	if at.Server == "" {
		if len(c.Paths) > 0 {
			return nil, &NowhereError{Paths: c.Paths}
		}
		if at, as, err = c.inPod(at, as); err != nil {
			return nil, err
		}
	}
	if access.Address, err = serverURL(at.Server); err != nil {
		return nil, err
	}
	access.Verified = !at.Insecure
	access.Transport, err = c.transport(access, at, as)
	return access, err
}

// serverURL reads the URL of an API server, which is https without a scheme.
func serverURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	server, err := url.Parse(text)
	if err != nil || server.Host == "" || server.Scheme != "https" && server.Scheme != "http" {
		return nil, errors.New("the server is not a URL that begins with https://")
	}
	return server, nil
}

// choose finds the cluster and the user in the files.
func (c Config) choose(all file, access *Access) (at cluster, as user, err error) {
	access.Context = cmp.Or(c.Context, all.current)
	if err := cmp.Or(missing(c, "context", access.Context, all.contexts), missing(c, "cluster", c.Cluster, all.clusters), missing(c, "user", c.User, all.users)); err != nil {
		return at, as, err
	}
	named := all.contexts[access.Context]
	at, there := all.clusters[cmp.Or(c.Cluster, named.Cluster)]
	if name := cmp.Or(c.Cluster, named.Cluster); name != "" && !there {
		return at, as, fmt.Errorf("context %q refers to a cluster %q that does not exist", access.Context, name)
	}
	access.User = cmp.Or(c.User, named.User)
	as, there = all.users[access.User]
	if access.User != "" && !there {
		return at, as, fmt.Errorf("context %q refers to a user %q that does not exist", access.Context, access.User)
	}
	return at, as, nil
}

// missing returns the error for a name that the files do not have.
func missing[T any](c Config, kind, name string, in map[string]T) error {
	if _, there := in[name]; there || name == "" {
		return nil
	}
	return &MissingEntryError{Kind: kind, Name: name, There: slices.Sorted(maps.Keys(in)), Paths: c.Paths}
}

// override puts in what counts more than the files. Credentials of one kind replace
// all of the file.
func (c Config) override(at *cluster, as *user) {
	at.Server = cmp.Or(c.Host, at.Server)
	at.TLSServerName = cmp.Or(c.TLSServerName, at.TLSServerName)
	at.ProxyURL = cmp.Or(c.ProxyURL, at.ProxyURL)
	if c.ClusterCACertificate != "" {
		at.CAData, at.CAFile, at.Insecure = []byte(c.ClusterCACertificate), "", false
	}
	if c.Insecure {
		at.Insecure, at.CAData, at.CAFile = true, nil, ""
	}
	switch {
	case c.Token != "":
		*as = user{Token: c.Token}
	case c.ClientCertificate != "":
		*as = user{CertData: []byte(c.ClientCertificate), KeyData: []byte(c.ClientKey)}
	case c.Exec != nil:
		command := &execCommand{APIVersion: c.Exec.APIVersion, Command: c.Exec.Command, Args: c.Exec.Args}
		for _, name := range slices.Sorted(maps.Keys(c.Exec.Env)) {
			command.Env = append(command.Env, envVariable{Name: name, Value: c.Exec.Env[name]})
		}
		*as = user{Exec: command}
	}
}

// inPod is the cluster of the pod that the program runs in, and its service account.
func (c Config) inPod(at cluster, as user) (cluster, user, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return at, as, &NowhereError{}
	}
	at.Server = "https://" + net.JoinHostPort(host, port)
	folder := cmp.Or(c.ServiceAccount, serviceAccount)
	if len(at.CAData) == 0 && !at.Insecure {
		at.CAFile = filepath.Join(folder, "ca.crt")
	}
	if as.empty() {
		as.TokenFile = filepath.Join(folder, "token")
	}
	return at, as, nil
}

func expand(path string) (string, error) {
	rest, is := strings.CutPrefix(path, "~")
	if !is || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, rest), err
}
