package kumatest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// clusterRecording is of two servers: the control plane and the API server.
type clusterRecording struct {
	Scenarios []struct {
		Scenario string            `json:"scenario"`
		Steps    []clusterExchange `json:"steps"`
	} `json:"scenarios"`
}

type clusterExchange struct {
	exchange
	Server             string   `json:"server"`
	RequestContentType string   `json:"request_content_type"`
	User               string   `json:"user"`
	Authorization      string   `json:"authorization"`
	Warnings           []string `json:"warnings"`
}

// TestContract_kubernetes replays the recording of a control plane on Kubernetes and of the API server in front of its
// objects, in its order: later scenarios use what earlier ones made.
func TestContract_kubernetes(t *testing.T) {
	var recorded clusterRecording
	if err := json.Unmarshal(readRaw(t, "kuma-2.14.3-kubernetes.json"), &recorded); err != nil {
		t.Fatal(err)
	}
	r := newClusterReplayer()
	agree, compared, all := 0, 0, 0
	for _, scenario := range recorded.Scenarios {
		r.prepare(t, scenario.Scenario)
		t.Run(scenario.Scenario, func(t *testing.T) {
			for _, step := range scenario.Steps {
				all++
				difference := r.replay(t, step)
				if strings.HasPrefix(step.DependsOn, timeProperty) {
					continue
				}
				compared++
				if difference == "" {
					agree++
					continue
				}
				t.Errorf("exchange %d: %s %s %s %s\n%s", all, step.Server, step.Method, step.Path, step.Note, difference)
			}
		})
	}
	t.Logf("%d of %d agree; %d more show a moment, not a rule", agree, compared, all-compared)
}

type clusterReplayer struct {
	controlPlane *kumatest.ControlPlane
	clock        *clock
	versions     map[string]string // by path, of the last answer
	first        map[string]string // of the first one
}

func newClusterReplayer(options ...kumatest.Option) *clusterReplayer {
	c := newClock()
	options = append([]kumatest.Option{kumatest.Kubernetes(), kumatest.Clock(c.Now)}, options...)
	return &clusterReplayer{controlPlane: kumatest.New(options...), clock: c, versions: map[string]string{}, first: map[string]string{}}
}

// prepare makes what the recording says of a scenario's beginning.
func (r *clusterReplayer) prepare(t *testing.T, scenario string) {
	t.Helper()
	do := func(method, path string, body any) {
		t.Helper()
		if status, answer := r.controlPlane.Cluster().Do(method, path, body); status > 299 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
	const secrets = "/api/v1/namespaces/kuma-system/secrets"
	switch {
	case strings.HasPrefix(scenario, "changes of a mesh"): // what the scenario before left was swept away
		do(http.MethodDelete, secrets+"?labelSelector=kuma.io/mesh=bad", nil)
	case strings.HasPrefix(scenario, "server-side apply"), strings.HasPrefix(scenario, "deletion of a mesh"):
		mesh, names := "applied", []string{"ap", "ap2"}
		if strings.HasPrefix(scenario, "deletion") {
			mesh, names = "payments", []string{"ca-1"}
		}
		for _, name := range names {
			cert, key := newCA(t)
			for half, content := range map[string][]byte{"cert": cert, "key": key} {
				do(http.MethodPost, secrets, secretObject(mesh, name+"-"+half, content))
			}
		}
	case strings.HasPrefix(scenario, "access"):
		do(http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterroles", object{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "terraform-mesh"},
			"rules": []any{object{"apiGroups": []string{"kuma.io"}, "resources": []string{"meshes"}, "verbs": []string{"get", "list", "create", "update", "delete"}}},
		})
	case strings.Contains(scenario, "READ_ONLY=false"):
		*r = *newClusterReplayer(kumatest.WritableAPI())
	case strings.HasPrefix(scenario, "the same setting"):
		do(http.MethodPost, "/apis/kuma.io/v1alpha1/meshes", object{"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": object{"name": "exists"}})
		for _, name := range []string{"exists-cert", "exists-key"} {
			do(http.MethodPost, secrets, secretObject("exists", name, []byte("x")))
		}
	case strings.HasPrefix(scenario, "a zone on Kubernetes"):
		*r = *newClusterReplayer(kumatest.ZoneOf("grpcs://127.0.0.1:1"))
	case strings.HasPrefix(scenario, "a global control plane"):
		*r = *newClusterReplayer(kumatest.Global())
	}
	r.controlPlane.Cluster().StopWebhooks(strings.HasPrefix(scenario, "the control plane is down"))
}

func secretObject(mesh, name string, value []byte) object {
	return object{
		"apiVersion": "v1", "kind": "Secret", "type": "system.kuma.io/secret", "data": object{"value": value},
		"metadata": object{"name": name, "namespace": "kuma-system", "labels": object{"kuma.io/mesh": mesh}},
	}
}

func (r *clusterReplayer) replay(t *testing.T, step clusterExchange) string {
	t.Helper()
	r.clock.Advance(3 * time.Second)
	sent := r.fill(step)
	request := httptest.NewRequest(step.Method, "http://localhost"+step.Path, bytes.NewReader(sent))
	if len(sent) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if step.RequestContentType != "" {
		request.Header.Set("Content-Type", step.RequestContentType)
	}
	var handler http.Handler = r.controlPlane
	if step.Server == "kubernetes" {
		handler = r.controlPlane.Cluster()
		request.Header.Set("User-Agent", "terraform-provider-kongmesh/test")
		request.Header.Set("Authorization", "Bearer "+map[string]string{"": kumatest.ClusterAdminToken, "writer": kumatest.ClusterUserToken}[step.User])
	}
	if step.Authorization != "" {
		request.Header.Set("Authorization", strings.ReplaceAll(step.Authorization, "<admin token>", kumatest.AdminToken))
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	got := recorder.Result()
	if !slices.Equal(got.Header.Values("Warning"), step.Warnings) {
		return "warnings: " + strings.Join(got.Header.Values("Warning"), ", ")
	}
	body := recorder.Body.Bytes()
	r.remember(step, body)
	if string(step.Response) == `"<as sent>"` {
		step.Response = json.RawMessage(`"<volatile>"`)
	}
	var answered any
	if json.Unmarshal(body, &answered) == nil {
		if step.Path == "/config" {
			answered = shortened(answered, step)
		}
		body, _ = json.Marshal(stable(answered, step))
	}
	var wanted any
	if err := json.Unmarshal(step.Response, &wanted); err != nil {
		t.Fatal(err)
	}
	step.Response, _ = json.Marshal(stable(wanted, step))
	if step.ContentType != nil && *step.ContentType == "text/plain" {
		kind := got.Header.Get("Content-Type")
		step.ContentType = &kind
	}
	got.Body = io.NopCloser(bytes.NewReader(body))
	return compare(step.exchange, got)
}

// fill puts in what the recording leaves out of a request.
func (r *clusterReplayer) fill(step clusterExchange) []byte {
	if len(step.Request) == 0 {
		return nil
	}
	version := r.versions[step.Path]
	if strings.Contains(step.Note, "older") {
		version = r.first[step.Path]
	}
	sent := string(step.Request)
	if step.Note == "conditional delete" {
		version = "1"
	}
	sent = strings.ReplaceAll(sent, `"resourceVersion": "<volatile>"`, `"resourceVersion": "`+version+`"`)
	for size, placeholder := range map[int]string{1 << 20: "<1048576 bytes>", 1<<20 + 1: "<1048577 bytes>"} {
		if strings.Contains(sent, placeholder) {
			sent = strings.ReplaceAll(sent, placeholder, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), size)))
		}
	}
	return []byte(sent)
}

// remember keeps the version of an object.
func (r *clusterReplayer) remember(step clusterExchange, body []byte) {
	var is struct {
		Metadata struct{ ResourceVersion string }
	}
	if step.Server != "kubernetes" || json.Unmarshal(body, &is) != nil || is.Metadata.ResourceVersion == "" {
		return
	}
	r.versions[step.Path] = is.Metadata.ResourceVersion
	if r.first[step.Path] == "" {
		r.first[step.Path] = is.Metadata.ResourceVersion
	}
}

// stable is a value without what shows a moment: the order of managers, a UID within a string.
func stable(value any, step clusterExchange) any {
	switch value := value.(type) {
	case map[string]any:
		if step.Path == "/" { // of the build that was recorded
			value["version"] = "<volatile>"
		}
		if step.Path == "/apis/kuma.io/v1alpha1" {
			var names []any
			for _, entry := range value["resources"].([]any) {
				if full, ok := entry.(map[string]any); ok {
					entry = full["name"]
				}
				names = append(names, entry)
			}
			return map[string]any{"resources": names}
		}
		for name, member := range value {
			if cut, is := strings.CutPrefix(name, `k:{"uid":`); is && cut != "" {
				delete(value, name)
				value["k:uid"] = member
				continue
			}
			value[name] = stable(member, step)
		}
		return value
	case []any:
		for i := range value {
			value[i] = stable(value[i], step)
		}
		slices.SortStableFunc(value, func(a, b any) int { return strings.Compare(manager(a), manager(b)) })
		return value
	case string:
		if before, _, found := strings.Cut(value, "in record ("); found {
			return before
		}
	}
	return value
}

func manager(value any) string {
	entry, _ := value.(map[string]any)
	name, _ := entry["manager"].(string)
	operation, _ := entry["operation"].(string)
	return operation + name
}

// shortened leaves of a configuration what tells the kind of control plane, as the recording does.
func shortened(answered any, step clusterExchange) any {
	var wanted map[string]any
	_ = json.Unmarshal(step.Response, &wanted)
	value, _ := answered.(map[string]any)
	return common(value, wanted)
}

func common(value, wanted map[string]any) map[string]any {
	left := map[string]any{}
	for name, member := range value {
		want, there := wanted[name]
		inner, isObject := want.(map[string]any)
		if object, ok := member.(map[string]any); ok && isObject {
			left[name] = common(object, inner)
		} else if there {
			left[name] = member
		}
	}
	return left
}
