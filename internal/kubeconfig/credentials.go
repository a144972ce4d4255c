package kubeconfig

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// tokenFileAge is how long the content of a token file is used: a pod's changes.
	tokenFileAge = time.Minute
	// expiresEarly is how long before their end credentials of a command are replaced.
	expiresEarly = 10 * time.Second
)

// credentials are what identifies the user in a request.
type credentials struct {
	token       string
	certificate *tls.Certificate
	until       time.Time // zero: for good
}

// A source gives the credentials of a user, and asks again once they are over.
// It is safe for concurrent use.
type source struct {
	as   user
	exec *execRun
	now  func() time.Time

	mu      sync.Mutex
	current *credentials
}

// get returns the credentials as of now.
func (s *source) get(ctx context.Context) (credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.current != nil && (s.current.until.IsZero() || now.Before(s.current.until)) {
		return *s.current, nil
	}
	var (
		fresh credentials
		err   error
	)
	switch {
	case s.exec != nil:
		fresh, err = s.exec.run(ctx)
	case s.as.TokenFile != "":
		var content []byte
		content, err = os.ReadFile(s.as.TokenFile)
		fresh = credentials{token: strings.TrimSpace(string(content)), until: now.Add(tokenFileAge)}
	default:
		fresh.token = s.as.Token
	}
	if err != nil {
		return credentials{}, err
	}
	s.current = &fresh
	return fresh, nil
}

// clientCertificate is the certificate that a command printed, an empty one for none.
func (s *source) clientCertificate(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	found, err := s.get(request.Context())
	if err != nil || found.certificate == nil {
		return &tls.Certificate{}, err
	}
	return found.certificate, nil
}

// drop makes the next request ask again, unless another one has done so.
func (s *source) drop(used credentials) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exec == nil {
		return false
	}
	if s.current != nil && s.current.token == used.token {
		s.current = nil
	}
	return true
}

// An execRun runs a command that prints credentials.
type execRun struct {
	*execCommand
	at cluster
}

// A CommandError is a command that printed no credentials.
type CommandError struct {
	Command string
	// Hint is what the kubeconfig file says about a command that does not exist.
	Hint string
	Err  error
}

func (e *CommandError) Error() string {
	text := fmt.Sprintf("the command %q for the credentials failed: %s", e.Command, e.Err)
	if e.Hint != "" {
		text += ". " + e.Hint
	}
	return text
}

func (e *CommandError) Unwrap() error { return e.Err }

// Permanent reports that to run the command again would not help.
func (e *CommandError) Permanent() bool { return true }

// run runs the command. Nothing that it prints is in an error.
func (r *execRun) run(ctx context.Context) (credentials, error) {
	if r.InteractiveMode == "Always" {
		return credentials{}, &CommandError{Command: r.Command, Err: errors.New("it needs a terminal, which Terraform does not have")}
	}
	info, err := r.info()
	if err != nil {
		return credentials{}, err
	}
	command := exec.CommandContext(ctx, r.Command, r.Args...) //nolint:gosec // the command that the user configured
	command.Env = append(os.Environ(), "KUBERNETES_EXEC_INFO="+string(info))
	for _, variable := range r.Env {
		command.Env = append(command.Env, variable.Name+"="+variable.Value)
	}
	var output bytes.Buffer
	command.Stdout = &output
	if err := command.Run(); err != nil {
		failed := &CommandError{Command: r.Command, Err: err}
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			failed.Hint = r.InstallHint
		}
		return credentials{}, failed
	}
	found, err := r.parse(output.Bytes())
	if err != nil {
		return credentials{}, &CommandError{Command: r.Command, Err: err}
	}
	return found, nil
}

// info returns the information about the cluster for the command.
func (r *execRun) info() ([]byte, error) {
	type clusterInfo struct {
		Server        string `json:"server"`
		TLSServerName string `json:"tls-server-name,omitempty"`
		Insecure      bool   `json:"insecure-skip-tls-verify,omitempty"`
		CAData        []byte `json:"certificate-authority-data,omitempty"`
		ProxyURL      string `json:"proxy-url,omitempty"`
	}
	type spec struct {
		Cluster     *clusterInfo `json:"cluster,omitempty"`
		Interactive bool         `json:"interactive"`
	}
	told := struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Spec       spec   `json:"spec"`
	}{Kind: "ExecCredential", APIVersion: r.APIVersion}
	if r.ProvideClusterInfo {
		authority, err := contentOf(r.at.CAData, r.at.CAFile)
		if err != nil {
			return nil, err
		}
		told.Spec.Cluster = &clusterInfo{r.at.Server, r.at.TLSServerName, r.at.Insecure, authority, r.at.ProxyURL}
	}
	return json.Marshal(told)
}

// parse reads what the command printed.
func (r *execRun) parse(output []byte) (found credentials, err error) {
	var printed struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Status     *struct {
			Token   string     `json:"token"`
			Cert    string     `json:"clientCertificateData"`
			Key     string     `json:"clientKeyData"`
			Expires *time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	switch err := json.Unmarshal(output, &printed); {
	case err != nil:
		return found, errors.New("it did not print an ExecCredential")
	case printed.APIVersion != r.APIVersion:
		return found, fmt.Errorf("it printed an ExecCredential of version %q, not %q", printed.APIVersion, r.APIVersion)
	case printed.Status == nil || printed.Status.Token == "" && printed.Status.Cert == "":
		return found, errors.New("it printed neither a token nor a client certificate")
	}
	found.token = printed.Status.Token
	if printed.Status.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(printed.Status.Cert), []byte(printed.Status.Key))
		if err != nil {
			return found, errors.New("it printed a client certificate and a key that do not belong together")
		}
		found.certificate = &pair
	}
	if printed.Status.Expires != nil {
		found.until = printed.Status.Expires.Add(-expiresEarly)
	}
	return found, nil
}

// contentOf is data, or else the content of a file, or nothing.
func contentOf(data []byte, path string) ([]byte, error) {
	if len(data) > 0 || path == "" {
		return data, nil
	}
	return os.ReadFile(path)
}

// identify adds the user to a request.
func (u user) identify(header http.Header, found credentials) {
	switch {
	case found.token != "":
		header.Set("Authorization", "Bearer "+found.token)
	case u.Username != "":
		request := http.Request{Header: header}
		request.SetBasicAuth(u.Username, u.Password)
	}
	if u.As != "" {
		header.Set("Impersonate-User", u.As)
		for _, group := range u.AsGroups {
			header.Add("Impersonate-Group", group)
		}
	}
}
