// Package acctest has the shared code of acceptance tests: a control plane for
// each test, a clock, CAs, and a search for private keys.
package acctest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"
)

// Env has the control plane of one test, and a provider for it.
type Env struct {
	Address string
	// Twin is the embedded control plane, or nil if KONGMESH_ADDRESS is set.
	Twin *kumatest.Server
	// Clock is the clock of the provider and of the embedded control plane.
	// With a real control plane, it shows the real time.
	Clock kuma.Clock

	t *testing.T
}

// New returns the control plane of a test: an embedded one with these options,
// or the one at KONGMESH_ADDRESS. There, it skips a test with options that this
// one does not have; see [Env.NeedTwin].
func New(t *testing.T, options ...kumatest.Option) *Env {
	t.Helper()
	if address := os.Getenv("KONGMESH_ADDRESS"); address != "" {
		e := &Env{Address: address, Clock: kuma.SystemClock{}, t: t}
		e.needKind(options)
		return e
	}
	if os.Getenv("KONGMESH_TEST_KUBERNETES") != "" { // tests with a kind of their own keep it
		options = append([]kumatest.Option{kumatest.Kubernetes()}, options...)
	}
	if version := os.Getenv("KONGMESH_TEST_VERSION"); version != "" { // tests with their own version keep it
		options = append([]kumatest.Option{kumatest.Version(version)}, options...)
	}
	clock := NewClock(time.Now())
	return twin(t, clock, append([]kumatest.Option{kumatest.Clock(clock.Now)}, options...))
}

// needKind skips a test with options that the control plane at KONGMESH_ADDRESS
// does not have, such as another version.
func (e *Env) needKind(options []kumatest.Option) {
	e.t.Helper()
	needed, authentication, more := kumatest.Needs(options...)
	if more {
		e.t.Skip("needs a control plane with options that only the embedded one has: unset KONGMESH_ADDRESS")
	}
	if version := e.Version(); needed != "" && minor(needed) != minor(version) {
		e.t.Skipf("needs Kuma %s, and KONGMESH_ADDRESS names a control plane of version %q: if that is wrong, set KONGMESH_TEST_VERSION", minor(needed), version)
	}
	if authentication {
		if status, _ := e.send(http.MethodGet, "/global-secrets", nil, ""); status == http.StatusOK {
			e.t.Skip("needs a control plane with KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN=false, and an administrator's KONGMESH_TOKEN")
		}
	}
}

// minor returns the first two numbers of a version.
func minor(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	return major + "." + strings.TrimSuffix(second, "-dev")
}

// Version returns the version of the control plane: what it says, or
// KONGMESH_TEST_VERSION, because one that is built from source says "unknown".
func (e *Env) Version() string {
	e.t.Helper()
	if version := os.Getenv("KONGMESH_TEST_VERSION"); version != "" {
		return version
	}
	var index struct{ Version string }
	if err := json.Unmarshal(e.Must(http.MethodGet, "/", nil), &index); err != nil {
		e.t.Fatal(err)
	}
	return index.Version
}

// NewReal is New with the real time, for a provider in a separate process.
func NewReal(t *testing.T, options ...kumatest.Option) *Env {
	t.Helper()
	if os.Getenv("KONGMESH_ADDRESS") != "" {
		return New(t, options...)
	}
	return twin(t, kuma.SystemClock{}, options)
}

func twin(t *testing.T, clock kuma.Clock, options []kumatest.Option) *Env {
	t.Helper()
	server := kumatest.NewServer(options...)
	t.Cleanup(server.Close)
	return &Env{Address: server.URL, Twin: server, Clock: clock, t: t}
}

// NeedTwin skips a test that needs the internals of the embedded control plane
// if there is a real one.
func (e *Env) NeedTwin() {
	e.t.Helper()
	if e.Twin == nil {
		e.t.Skip("looks into the embedded control plane: unset KONGMESH_ADDRESS")
	}
}

// NeedMTLS skips a test that needs meshes with mTLS if the control plane has
// none: version 3 drops that part of a mesh.
func (e *Env) NeedMTLS() {
	e.t.Helper()
	if e.Twin != nil {
		return
	}
	path := "/meshes/" + e.Mesh()
	e.Must(http.MethodPut, path, map[string]any{"type": "Mesh", "name": strings.TrimPrefix(path, "/meshes/"), "mtls": map[string]any{}})
	if !bytes.Contains(e.Must(http.MethodGet, path, nil), []byte(`"mtls"`)) {
		e.t.Skip("needs meshes with mTLS, which this control plane does not have")
	}
}

// NeedIdentities skips a test that needs MeshIdentity if the control plane has
// none: versions before 2.12 do not know the type.
func (e *Env) NeedIdentities() {
	e.t.Helper()
	if e.Twin == nil && !bytes.Contains(e.Must(http.MethodGet, "/_resources", nil), []byte(`"MeshIdentity"`)) {
		e.t.Skip("needs MeshIdentity, which this control plane does not have")
	}
}

// Mesh returns the name of a mesh that only this test uses. The mesh is deleted
// at the end of the test.
func (e *Env) Mesh() string {
	e.t.Helper()
	if e.Twin != nil {
		return "acc"
	}
	name := fmt.Sprintf("acc-%d", time.Now().UnixNano())
	e.deleteAtEnd(name)
	return name
}

// alone is held by a test on a real control plane whose objects have fixed names.
var alone sync.Mutex //nolint:gochecknoglobals // all tests of a process share a real control plane

// Alone lets a test whose meshes have these names run alone on a real control
// plane. No other such test runs meanwhile, and the meshes are deleted at its end.
// It skips the test if one of them exists already: it belongs to someone else.
// Subtests of such a test may not be parallel.
func (e *Env) Alone(meshes ...string) {
	e.t.Helper()
	if e.Twin != nil {
		return
	}
	alone.Lock()
	e.t.Cleanup(alone.Unlock)
	for _, mesh := range meshes {
		if status, _ := e.Do(http.MethodGet, "/meshes/"+mesh, nil); status != http.StatusNotFound {
			e.t.Skipf("needs a control plane without mesh %q, which it creates and deletes", mesh)
		}
		e.deleteAtEnd(mesh)
	}
}

func (e *Env) deleteAtEnd(name string) {
	e.t.Helper()
	e.t.Cleanup(func() {
		e.Do(http.MethodPut, "/meshes/"+name, map[string]any{"type": "Mesh", "name": name})
		_, body := e.Do(http.MethodGet, "/meshes/"+name+"/secrets", nil)
		var list struct {
			Items []struct{ Name string }
		}
		_ = json.Unmarshal(body, &list)
		for _, item := range list.Items {
			e.Do(http.MethodDelete, "/meshes/"+name+"/secrets/"+item.Name, nil)
		}
		e.Do(http.MethodDelete, "/meshes/"+name, nil)
	})
}

// AdminToken returns a token of an administrator.
func (e *Env) AdminToken() string {
	e.t.Helper()
	if e.Twin != nil {
		return kumatest.AdminToken
	}
	return e.userToken("mesh-system:admin")
}

// ReaderToken returns the token of a known user who may not read secrets.
func (e *Env) ReaderToken() string {
	e.t.Helper()
	if e.Twin != nil {
		return kumatest.ReaderToken
	}
	return e.userToken("readers")
}

func (e *Env) userToken(group string) string {
	e.t.Helper()
	return string(e.Must(http.MethodPost, "/tokens/user", map[string]any{"name": "acc", "groups": []string{group}, "validFor": "1h"}))
}

// Do sends a request of another client. body is nil, bytes, a string or a value
// to marshal.
func (e *Env) Do(method, path string, body any) (status int, answer []byte) {
	e.t.Helper()
	if e.Twin != nil {
		return e.Twin.Do(method, path, body)
	}
	return e.send(method, path, body, os.Getenv("KONGMESH_TOKEN"))
}

// send sends a request to a real control plane.
func (e *Env) send(method, path string, body any, token string) (status int, answer []byte) {
	e.t.Helper()
	var content []byte
	switch body := body.(type) {
	case nil:
	case []byte:
		content = body
	case string:
		content = []byte(body)
	default:
		content, _ = json.Marshal(body)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, e.Address+path, bytes.NewReader(content))
	if err != nil {
		e.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// Must is Do for a request that must succeed.
func (e *Env) Must(method, path string, body any) []byte {
	e.t.Helper()
	status, answer := e.Do(method, path, body)
	if status > 299 {
		e.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// PutSecret writes a secret of a mesh, or a global one if mesh is "", as
// another client.
func (e *Env) PutSecret(mesh, name, data string) {
	e.t.Helper()
	path, document := "/global-secrets/"+name, map[string]any{"type": "GlobalSecret", "name": name, "data": []byte(data)} // bytes become base64 in JSON
	if mesh != "" {
		path, document["type"], document["mesh"] = "/meshes/"+mesh+"/secrets/"+name, "Secret", mesh
	}
	e.Must(http.MethodPut, path, document)
}

// Change changes a document as another client: edit gets it as a map.
func (e *Env) Change(path string, edit func(document map[string]any)) {
	e.t.Helper()
	var document map[string]any
	if err := json.Unmarshal(e.Must(http.MethodGet, path, nil), &document); err != nil {
		e.t.Fatal(err)
	}
	edit(document)
	e.waitForSecretCache()
	e.Must(http.MethodPut, path, document)
}

// waitForSecretCache waits until entries in the control plane's cache of secrets have
// expired.
func (e *Env) waitForSecretCache() {
	_ = e.Clock.Sleep(context.Background(), 1200*time.Millisecond)
}

// Provider returns the provider under test, by its name in configurations. A
// configuration without an address uses this control plane.
func (e *Env) Provider() Providers {
	return Provider(provider.Options{
		Clock: e.Clock,
		Tune: func(config *kuma.Config) {
			config.RetryWait = time.Millisecond
			if config.Address != nil && config.Address.Host == "localhost:5681" {
				config.Address, _ = url.Parse(e.Address)
			}
		},
	})
}

// Provider returns a provider with other options: a new one for each command,
// as in a separate process.
func Provider(options provider.Options) Providers {
	return Providers{
		"kongmesh": func() (tfprotov6.ProviderServer, error) {
			return serve.Server(provider.New("test", options)()), nil
		},
	}
}

// Config returns a configuration with a provider block for this control plane.
// Each value replaces the name before it, written as $name.
func (e *Env) Config(text string, pairs ...string) string {
	return fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n%s}\n", e.Address, e.Cluster()) + Fill(text, pairs...)
}

// Cluster is the argument kubernetes of the provider for the cluster of an embedded
// control plane, "" for one that does not run on Kubernetes.
func (e *Env) Cluster() string {
	if e.Twin == nil || e.Twin.Kubernetes == nil {
		return ""
	}
	return e.ClusterWith(fmt.Sprintf("token = %q", kumatest.ClusterAdminToken))
}

// ClusterWith is [Env.Cluster] with other lines in place of the administrator's token.
func (e *Env) ClusterWith(lines string) string {
	return fmt.Sprintf("  kubernetes = {\n    host                   = %q\n    cluster_ca_certificate = %q\n    %s\n  }\n",
		e.Twin.Kubernetes.URL, e.Twin.Kubernetes.CACertificate, lines)
}

// Fill replaces $name by values, quoted as Terraform strings.
func Fill(text string, pairs ...string) string {
	var quoted []string
	for i := 0; i+1 < len(pairs); i += 2 {
		value, _ := json.Marshal(pairs[i+1]) // a string always marshals
		quoted = append(quoted, "$"+pairs[i], string(value))
	}
	return strings.NewReplacer(quoted...).Replace(text)
}

// Wait moves the time by hours.
func (e *Env) Wait(t *testing.T, hours int) {
	t.Helper()
	if err := e.Clock.Sleep(context.Background(), time.Duration(hours)*time.Hour); err != nil {
		t.Fatal(err)
	}
}

// ResetRequests deletes the recorded requests. A real control plane records
// none.
func (e *Env) ResetRequests() {
	if e.Twin != nil {
		e.Twin.ResetRequests()
	}
}
