package acctest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// Gone checks that the control plane has no objects at these paths.
func (e *Env) Gone(paths ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, path := range paths {
			if status, body := e.Do(http.MethodGet, path, nil); status != http.StatusNotFound {
				return fmt.Errorf("%s is still there: %d %s", path, status, body)
			}
		}
		return nil
	}
}

// foreign has parts of a mesh's document that no resource manages, some of them
// unknown to every version, with numbers that a float64 cannot represent.
var foreign = map[string]string{
	"futureSection": `{ "deep": [ {"count": 123456789012345678901234567890, "ratio": 1.10000000000000000000001}, null, "\u00e9" ],  "x":1e400 }`,
	"logging":       `{"backends": [{"name": "file", "type": "file", "conf": {"path": "/var/log/a.log", "unknown": 9007199254740993}}]}`,
	"routing":       `{"localityAwareLoadBalancing":  true}`,
}

// foreignBackends has entries of mtls.backends that no resource manages, of all
// existing types and of one that does not exist.
var foreignBackends = []string{
	`{"name": "own", "type":  "builtin", "conf": {"caCert": {"RSAbits": 2048, "expiration": "10y"}}, "mode": 1}`,
	`{ "conf": {"fromCp": {"address": "https://vault:8200", "auth": {"token": {"inline": "dA=="}}, "unknown": 1.10}}, "name": "vault", "type": "vault"}`,
	`{"name": "acm", "type": "acmpca", "conf": {"arn": "arn:aws:x", "auth": {"awsCredentials": {}}, "caCert": {"inline": "dA=="}}, "dpCert": {"rotation": {"expiration": "1d"}}}`,
	`{"name": "cm", "type": "certmanager", "conf": {"issuerRef": {"name": "i", "kind": "Issuer"}, "caCert": {"secret": "s"}}, "rootChain": {}}`,
	`{"name":"later","type":"of-a-later-version","conf":{"n":123456789012345678901234567890}}`,
}

// ForeignMesh returns the document of a mesh with foreign parts, for an
// embedded control plane that stores documents without changes.
func ForeignMesh(name string) []byte {
	return fmt.Appendf(nil, `{"type": "Mesh", "futureSection": %s, "name": %q, "logging": %s, "mtls": {"enabledBackend": "own", "backends": [%s], "unknown": 1e400}, "routing": %s}`,
		foreign["futureSection"], name, foreign["logging"], strings.Join(foreignBackends, " , "), foreign["routing"])
}

// ForeignStays checks that the foreign parts of a mesh are unchanged, byte for
// byte, in the mesh and in every document that was sent.
func (e *Env) ForeignStays(name string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		documents := [][]byte{e.Must(http.MethodGet, "/meshes/"+name, nil)}
		requests := e.Twin.Requests()
		written := false
		for _, request := range requests {
			if request.Method == http.MethodPut && request.Path == "/meshes/"+name && bytes.Contains(request.Body, []byte("futureSection")) {
				documents = append(documents, request.Body)
				written = true
			}
		}
		if !written {
			return fmt.Errorf("the mesh with foreign parts was not written at all")
		}
		for _, document := range documents {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(document, &members); err != nil {
				return err
			}
			for section, want := range foreign {
				if got := string(members[section]); got != want {
					return fmt.Errorf("section %s was\n%s\nand is\n%s", section, want, got)
				}
			}
			for _, want := range append(foreignBackends, `"unknown": 1e400`) {
				if !bytes.Contains(members["mtls"], []byte(want)) {
					return fmt.Errorf("of mTLS\n%s\nis lost from\n%s", want, members["mtls"])
				}
			}
		}
		return nil
	}
}

// PlanFails checks that the plan of a configuration fails, with these texts in
// the message.
func (e *Env) PlanFails(t *testing.T, config string, want ...string) {
	t.Helper()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Provider(),
		Steps:                    []resource.TestStep{{Config: config, PlanOnly: true, ExpectError: Words(want...)}},
	})
}

// Wrote checks that exactly the objects with these paths were written or deleted since
// the last check, in this order. A path is that of the HTTP API on each kind of control
// plane. It always passes with a real control plane, which does not record requests.
func (e *Env) Wrote(paths ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if e.Twin == nil {
			return nil
		}
		wrote, wanted := e.Written(), []string(nil)
		e.Twin.ResetRequests()
		for _, path := range paths {
			wanted = append(wanted, e.ObjectPath(path))
		}
		if !slices.Equal(wrote, wanted) {
			return fmt.Errorf("written were %q, not %q", wrote, wanted)
		}
		return nil
	}
}

// Written returns the paths of the objects that were written or deleted since the last
// reset, as [Env.ObjectPath] has them.
func (e *Env) Written() (paths []string) {
	for _, request := range e.Twin.Requests() {
		if path, is := written(request); is {
			paths = append(paths, path)
		}
	}
	return paths
}

// written returns the path of the object that a request writes or deletes. A request of
// Kubernetes may only ask.
func written(request kumatest.Request) (path string, is bool) {
	if request.Method == http.MethodGet || request.Query.Get("dryRun") != "" || strings.HasSuffix(request.Path, "accessreviews") {
		return "", false
	}
	var created struct{ Metadata struct{ Name string } }
	if request.Method == http.MethodPost && json.Unmarshal(request.Body, &created) == nil {
		return request.Path + "/" + created.Metadata.Name, true
	}
	return request.Path, true
}

// ObjectPath returns the path of a mesh or a secret in requests of the provider: the path
// of the HTTP API itself, or that of the object in a cluster.
func (e *Env) ObjectPath(path string) string {
	if e.Cluster() == "" {
		return path
	}
	if _, secret, is := strings.Cut(path, "secrets/"); is {
		return "/api/v1/namespaces/kuma-system/secrets/" + secret
	}
	return "/apis/kuma.io/v1alpha1" + path
}

// HasMesh checks that the control plane has a mesh.
func (e *Env) HasMesh(name string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if status, body := e.Do(http.MethodGet, "/meshes/"+name, nil); status != http.StatusOK {
			return fmt.Errorf("there is no mesh %s: %d %s", name, status, body)
		}
		return nil
	}
}
