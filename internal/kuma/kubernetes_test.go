package kuma

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// cluster is an API server with objects by path, which versions them and refuses
// writes of another version.
type cluster struct {
	mutex   sync.Mutex
	version int
	objects map[string]*Document
	// before is called for each request; true: it has answered.
	before func(w http.ResponseWriter, r *http.Request) bool
	asked  []string
}

func newCluster(t *testing.T, objects ...string) *cluster {
	t.Helper()
	c := &cluster{objects: map[string]*Document{}}
	for _, text := range objects {
		object := mustParse(t, text)
		c.keep(object, "")
	}
	return c
}

const testSecrets = "/api/v1/namespaces/kuma-system/secrets"

// testPaths are where the objects of a kind are.
func testPaths() map[string]string {
	return map[string]string{
		"Secret": testSecrets, "Mesh": "/apis/kuma.io/v1alpha1/meshes",
		"MeshTimeout":       "/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtimeouts",
		"MeshIdentity":      "/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshidentities",
		"HostnameGenerator": "/apis/kuma.io/v1alpha1/namespaces/kuma-system/hostnamegenerators",
		"Dataplane":         "/apis/kuma.io/v1alpha1/namespaces/kuma-system/dataplanes",
		"TrafficPermission": "/apis/kuma.io/v1alpha1/trafficpermissions",
		"Zone":              "/apis/kuma.io/v1alpha1/zones",
	}
}

// testDiscovery is what the cluster says of its kinds.
const testDiscovery = `{"kind":"APIResourceList","resources":[
	{"name":"meshes","kind":"Mesh","namespaced":false},{"name":"meshtimeouts","kind":"MeshTimeout","namespaced":true},
	{"name":"meshidentities","kind":"MeshIdentity","namespaced":true},{"name":"hostnamegenerators","kind":"HostnameGenerator","namespaced":true},
	{"name":"dataplanes","kind":"Dataplane","namespaced":true},{"name":"dataplaneinsights","kind":"DataplaneInsight","namespaced":true},
	{"name":"trafficpermissions","kind":"TrafficPermission","namespaced":false},{"name":"zones","kind":"Zone","namespaced":false},
	{"name":"containerpatches","kind":"ContainerPatch","namespaced":true},
	{"name":"meshgatewayinstances/status","kind":"MeshGatewayInstance","namespaced":true}]}`

// keep stores an object with a new version, and tells its path.
func (c *cluster) keep(object *Document, path string) string {
	c.version++
	metadata, _ := object.Object("metadata")
	metadata.Set("resourceVersion", text(strconv.Itoa(c.version)))
	object.Set("metadata", metadata.Bytes())
	if path == "" {
		var kind, name string
		_, _ = object.Decode("kind", &kind), metadata.Decode("name", &name)
		path = testPaths()[cmp.Or(kind, "Secret")] + "/" + name
	}
	c.objects[path] = object
	return path
}

func versionOf(object *Document) string {
	metadata, _ := object.Object("metadata")
	var version string
	_ = metadata.Decode("resourceVersion", &version)
	return version
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.asked = append(c.asked, r.Method+" "+r.URL.Path)
	if c.before != nil && c.before(w, r) {
		return
	}
	var body json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&body)
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	object := c.objects[r.URL.Path]
	switch {
	case r.URL.Path == "/"+kumaObjects:
		reply(w, http.StatusOK, testDiscovery)
	case r.Method == http.MethodPost:
		created, _ := ParseDocument(body)
		metadata, _ := created.Object("metadata")
		_ = metadata.Decode("name", &name)
		if c.objects[r.URL.Path+"/"+name] != nil {
			refuse(w, http.StatusConflict, "AlreadyExists", name)
			return
		}
		c.keep(created, r.URL.Path+"/"+name)
		reply(w, http.StatusCreated, string(created.Bytes()))
	case slices.Contains(slices.Collect(maps.Values(testPaths())), r.URL.Path):
		items := []string{}
		for path, object := range c.objects {
			if strings.HasPrefix(path, r.URL.Path+"/") {
				item := object.Clone()
				item.Delete("kind")
				item.Delete("apiVersion")
				items = append(items, string(item.Bytes()))
			}
		}
		reply(w, http.StatusOK, `{"kind":"List","items":[`+strings.Join(items, ",")+`]}`)
	case object == nil:
		refuse(w, http.StatusNotFound, "NotFound", name)
	case r.Method == http.MethodDelete && !met(body, object):
		refuse(w, http.StatusConflict, "Conflict", name)
	case r.Method == http.MethodDelete:
		delete(c.objects, r.URL.Path)
		reply(w, http.StatusOK, `{"kind":"Status","apiVersion":"v1","status":"Success"}`)
	case r.Method == http.MethodPut:
		changed, _ := ParseDocument(body)
		if versionOf(changed) != versionOf(object) {
			refuse(w, http.StatusConflict, "Conflict", name)
			return
		}
		c.keep(changed, r.URL.Path)
		reply(w, http.StatusOK, string(changed.Bytes()))
	default:
		reply(w, http.StatusOK, string(object.Bytes()))
	}
}

// met reports whether an object meets the preconditions of its deletion.
func met(options json.RawMessage, object *Document) bool {
	var asked struct {
		Preconditions struct{ UID, ResourceVersion string }
	}
	if json.Unmarshal(options, &asked) != nil {
		return true
	}
	metadata, _ := object.Object("metadata")
	var uid string
	_ = metadata.Decode("uid", &uid)
	return (asked.Preconditions.UID == "" || asked.Preconditions.UID == uid) &&
		(asked.Preconditions.ResourceVersion == "" || asked.Preconditions.ResourceVersion == versionOf(object))
}

func refuse(w http.ResponseWriter, code int, reason, name string) {
	reply(w, code, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","reason":%q,"details":{"name":%q},"code":%d}`, reason, name, code))
}

// clients of one cluster: each is as a process of its own.
func (c *cluster) client(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	noError(t, err)
	return newClient(t, "http://127.0.0.1:1", append(change, func(config *Config) {
		config.Kubernetes = &Kubernetes{Address: address, Transport: http.DefaultTransport, Namespace: "kuma-system", Origins: Origins{Address: "kubernetes.host"}}
	})...)
}

const (
	meshObject = `{"apiVersion":"kuma.io/v1alpha1","kind":"Mesh","metadata":{"name":"m","uid":"u1","annotations":{"kuma.io/display-name":"m","k8s.kuma.io/mesh-defaults-generated":"true"},"creationTimestamp":"2026-03-01T12:00:00Z"},"spec":{"later":{"n":12345678901234567890.10}}}`
	usedObject = `{"apiVersion":"kuma.io/v1alpha1","kind":"Mesh","metadata":{"name":"m","uid":"u1"},"spec":{"mtls":{"enabledBackend":"ca-1","backends":[{"name":"ca-1","type":"provided","conf":{"cert":{"secret":"s"},"key":{"secret":"k"}}}]}}}`
)

func secretObject(name, mesh, value string) string {
	label := ""
	if mesh != "" {
		label = fmt.Sprintf(`,"labels":{"kuma.io/mesh":%q}`, mesh)
	}
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","type":"system.kuma.io/secret","metadata":{"name":%q,"namespace":"kuma-system","uid":"u-%s"%s},"data":{"value":%q}}`,
		name, name, label, base64.StdEncoding.EncodeToString([]byte(value)))
}

func TestKubernetes_aMeshKeepsAllThatItsObjectHas(t *testing.T) {
	c := newCluster(t, meshObject)
	mesh, err := c.client(t).UpdateMesh(t.Context(), "m", label("team", "a"))
	noError(t, err)
	equal(t, "document", string(mesh.Bytes()), `{"type":"Mesh","name":"m","creationTime":"2026-03-01T12:00:00Z","labels":{"team":"a"},"later":{"n":12345678901234567890.10}}`)
	equal(t, "object", string(c.objects["/"+kumaObjects+"/meshes/m"].Bytes()), `{"apiVersion":"kuma.io/v1alpha1","kind":"Mesh","metadata":{"name":"m","uid":"u1",`+
		`"annotations":{"kuma.io/display-name":"m","k8s.kuma.io/mesh-defaults-generated":"true"},"creationTimestamp":"2026-03-01T12:00:00Z","resourceVersion":"2","labels":{"team":"a"}},`+
		`"spec":{"later":{"n":12345678901234567890.10}}}`)
}

func TestKubernetes_noUpdateIsLost(t *testing.T) {
	c := newCluster(t, meshObject)
	var wait sync.WaitGroup
	failed := make([]error, 4)
	for i := range failed {
		client := c.client(t, func(config *Config) { config.MaxRetries = 20 })
		wait.Go(func() {
			for n := range 5 {
				if _, err := client.UpdateMesh(t.Context(), "m", label(fmt.Sprintf("l-%d-%d", i, n), "x")); err != nil {
					failed[i] = err
				}
			}
		})
	}
	wait.Wait()
	noError(t, errors.Join(failed...))
	mesh, err := c.client(t).Mesh(t.Context(), "m")
	noError(t, err)
	labels, err := mesh.Labels()
	noError(t, err)
	equal(t, "labels", len(labels), 20)
}

func TestKubernetes_creates(t *testing.T) {
	c := newCluster(t)
	client := c.client(t)
	_, err := client.CreateMesh(t.Context(), "m", label("team", "a"))
	noError(t, err)
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte("value"), nil))
	noError(t, client.PutGlobalSecret(t.Context(), "g", []byte("value"), nil))
	equal(t, "mesh", string(c.objects["/"+kumaObjects+"/meshes/m"].Bytes()), `{"apiVersion":"kuma.io/v1alpha1","kind":"Mesh","metadata":{"name":"m","labels":{"team":"a"},"resourceVersion":"1"},"spec":{}}`)
	equal(t, "secret", string(c.objects[testSecrets+"/s"].Bytes()), `{"apiVersion":"v1","kind":"Secret","type":"system.kuma.io/secret","metadata":{"name":"s","namespace":"kuma-system","labels":{"kuma.io/mesh":"m"},"resourceVersion":"2"},"data":{"value":"dmFsdWU="}}`)
	equal(t, "global", string(c.objects[testSecrets+"/g"].Bytes()), `{"apiVersion":"v1","kind":"Secret","type":"system.kuma.io/global-secret","metadata":{"name":"g","namespace":"kuma-system","resourceVersion":"3"},"data":{"value":"dmFsdWU="}}`)
	secret, err := client.Secret(t.Context(), "m", "s")
	noError(t, err)
	noError(t, client.PutSecret(t.Context(), "m", "s", []byte("other"), secret))
	data, err := secret.Data()
	noError(t, err)
	equal(t, "read before", string(data), "value")
}

func TestKubernetes_aNameIsTakenInTheNamespace(t *testing.T) {
	client := newCluster(t, meshObject, secretObject("s", "other", "x")).client(t)
	if _, err := client.Secret(t.Context(), "m", "s"); !Absent(err) {
		t.Errorf("a secret of another mesh is not absent: %v", err)
	}
	var taken *TakenError
	if err := client.PutSecret(t.Context(), "m", "s", []byte("value"), nil); !errors.As(err, &taken) {
		t.Fatalf("no TakenError: %v", err)
	}
	equal(t, "error", *taken, TakenError{Kind: "Secret", Namespace: "kuma-system", Name: "s", Mesh: "other"})
}

func TestKubernetes_listsOneMesh(t *testing.T) {
	client := newCluster(t, secretObject("a", "m", "x"), secretObject("b", "other", "x"), secretObject("c", "", "x")).client(t)
	for mesh, want := range map[string]string{"m": "a", "other": "b", "default": "c"} {
		secrets, err := client.Secrets(t.Context(), mesh)
		noError(t, err)
		equal(t, "secrets of "+mesh, len(secrets), 1)
		name, err := secrets[want].Name()
		noError(t, err)
		equal(t, "name", name, want)
		// What a list gave can be written.
		noError(t, client.PutSecret(t.Context(), mesh, name, []byte("new"), secrets[want]))
	}
}

func TestKubernetes_aSecretInUseStays(t *testing.T) {
	c := newCluster(t, usedObject, secretObject("s", "m", "x"), secretObject("free", "m", "x"))
	client := c.client(t)
	if err := client.DeleteSecret(t.Context(), "m", "s"); !Refused(err) {
		t.Errorf("not refused: %v", err)
	}
	noError(t, client.DeleteSecret(t.Context(), "m", "free"))
	equal(t, "objects", len(c.objects), 2)
}

func TestKubernetes_anInUseOfTheCacheIsAskedAgain(t *testing.T) {
	c := newCluster(t, meshObject, secretObject("s", "m", "x"))
	refusals := 0
	c.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete || refusals == 3 {
			return false
		}
		refusals++
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "s")
		return true
	}
	noError(t, c.client(t).DeleteSecret(t.Context(), "m", "s"))
	equal(t, "refusals", refusals, 3)
}

// The answers are those of the recording.
func TestKubernetes_refusals(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		code         int
		want         string
		is           func(error) bool
		attempts     int
	}{
		{
			"the webhook refuses a CA",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"admission webhook \"validator.kuma-admission.kuma.io\" denied the request: spec.mtls.backends[0].conf.cert[0]: bad","reason":"Invalid","details":{"name":"m","kind":"Mesh","causes":[{"reason":"FieldValueInvalid","message":"bad","field":"spec.mtls.backends[0].conf.cert[0]"}]},"code":422}`,
			422, "mtls.backends[0].conf.cert[0]: bad", Refused, 1,
		},
		{
			"the webhook refuses a value that it cannot parse",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"admission webhook \"mesh.defaulter.kuma-admission.kuma.io\" denied the request: unknown value","code":500}`,
			500, "unknown value", func(err error) bool { return Refused(err) && !Uncertain(err) && !Transient(err) }, 1,
		},
		{
			"a mesh has proxies",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"admission webhook \"validator.kuma-admission.kuma.io\" denied the request: mesh: unable to delete mesh, there are still some dataplanes attached","code":400}`,
			400, "there are still some dataplanes attached", Refused, 1,
		},
		{
			"the control plane is down",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Internal error occurred: failed calling webhook","reason":"InternalError","code":500}`,
			500, "failed calling webhook", Transient, 5,
		},
		{
			"the user may not",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"meshes.kuma.io \"m\" is forbidden: User \"terraform\" cannot delete resource","reason":"Forbidden","details":{"name":"m","group":"kuma.io","kind":"meshes"},"code":403}`,
			403, `User "terraform" cannot delete resource`, Forbidden, 1,
		},
		{
			"the namespace does not exist",
			`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"namespaces \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"namespaces"},"code":404}`,
			404, `namespaces "x" not found`, func(err error) bool { return !Absent(err) }, 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			c := newCluster(t, meshObject)
			c.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodDelete {
					return false
				}
				attempts++
				reply(w, test.code, test.answer)
				return true
			}
			err := c.client(t).DeleteMesh(t.Context(), "m")
			if err == nil || !strings.Contains(err.Error(), test.want) || !test.is(err) {
				t.Errorf("another error: %v", err)
			}
			equal(t, "attempts", attempts, test.attempts)
		})
	}
}

// The rejection of a write that was only tried does not repeat a secret, either.
func TestKubernetes_aTriedSecretIsHidden(t *testing.T) {
	const secret = "correct-Horse/battery+staple=9"
	c := newCluster(t, meshObject)
	c.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("dryRun") == "" {
			return false
		}
		reply(w, http.StatusBadRequest, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"webhook denied the request: `+secret+`","code":400}`)
		return true
	}
	mtls := `{"backends":[{"conf":{"key":{"inlineString":"` + secret + `"}}}]}`
	err := c.client(t).TryMesh(t.Context(), "m", func(mesh *Mesh) error { mesh.Set("mtls", json.RawMessage(mtls)); return nil })
	if !Refused(err) || !strings.HasSuffix(err.Error(), "denied the request: "+hidden) {
		t.Errorf("%v", err)
	}
}
