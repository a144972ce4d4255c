package kumatest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A clock goes on only when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// do sends a request behind the control plane's back and fails the test when the status is another.
func do(t *testing.T, cp *kumatest.ControlPlane, method, path string, body any, status int) []byte {
	t.Helper()
	got, response := cp.Do(method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d\n%s", method, path, got, status, response)
	}
	return response
}

type object = map[string]any

// newMesh returns the document of a mesh without policies, completed by the members given.
func newMesh(name string, members object) object {
	mesh := object{"type": "Mesh", "name": name, "skipCreatingInitialPolicies": []string{"*"}}
	maps.Copy(mesh, members)
	return mesh
}

// provided returns an mTLS section with one enabled backend for each name, all with the same two secrets.
func provided(certSecret, keySecret string, names ...string) object {
	var backends []object
	for _, name := range names {
		backends = append(backends, object{"name": name, "type": "provided", "conf": object{
			"cert": object{"secret": certSecret}, "key": object{"secret": keySecret},
		}})
	}
	return object{"mtls": object{"enabledBackend": names[0], "backends": backends}}
}

func putSecret(t *testing.T, cp *kumatest.ControlPlane, mesh, name string, data []byte) {
	t.Helper()
	status, response := cp.Do(http.MethodPut, "/meshes/"+mesh+"/secrets/"+name,
		object{"type": "Secret", "mesh": mesh, "name": name, "data": data})
	if status != http.StatusOK && status != http.StatusCreated {
		t.Fatalf("secret %s: status %d\n%s", name, status, response)
	}
}

// newCA returns a CA that a control plane accepts.
func newCA(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// names returns the names of the resources in a list.
func names(t *testing.T, list []byte) []string {
	t.Helper()
	var page struct {
		Items []struct{ Name string }
	}
	if err := json.Unmarshal(list, &page); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range page.Items {
		all = append(all, item.Name)
	}
	return all
}

func mustContain(t *testing.T, text []byte, part string) {
	t.Helper()
	if !strings.Contains(string(text), part) {
		t.Errorf("%q is not in\n%s", part, text)
	}
}

// decode parses an answer.
func decode(t *testing.T, answer []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
}
