package kumatest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// An oddAnswer is what a real control plane answers: the status and a part of the body.
type oddAnswer struct {
	status int
	part   string
}

// TestOdd_answers sends requests that are in no recording, and that few clients send. The answers are those of real
// control planes.
func TestOdd_answers(t *testing.T) {
	const (
		timeouts = "/meshes/default/meshtimeouts/x"
		to       = `"to":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"1s"}}]`
		policy   = `{"type":"MeshTimeout","mesh":"default","name":"x",`
		breakers = "/meshes/default/meshcircuitbreakers/x"
		traces   = "/meshes/default/meshtraces/x"
		trusts   = "/meshes/default/meshtrusts/x"
		trust    = `{"type":"MeshTrust","mesh":"default","name":"x","spec":{"trustDomain":"a","caBundles":[]},`
		identity = `{"type":"MeshIdentity","mesh":"default","name":"x","spec":{"selector":{}},`
	)
	breaker := func(retries string) string {
		return `{"type":"MeshCircuitBreaker","mesh":"default","name":"x","spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},` +
			`"default":{"connectionLimits":{"maxConnections":1,"maxRetries":` + retries + `}}}]}}`
	}
	sampling := func(percentage string) string {
		return `{"type":"MeshTrace","mesh":"default","name":"x","spec":{"targetRef":{"kind":"Mesh"},` +
			`"default":{"backends":[{"type":"Zipkin","zipkin":{"url":"http://z:9411/api"}}],"sampling":{"overall":` + percentage + `}}}}`
	}
	created, notThere := oddAnswer{status: http.StatusCreated}, oddAnswer{status: http.StatusNotFound}
	invalid := func(part string) oddAnswer { return oddAnswer{http.StatusBadRequest, part} }
	issued, wrong := oddAnswer{http.StatusOK, "ey"}, oddAnswer{status: http.StatusBadRequest}
	for name, test := range map[string]struct {
		method, path, body string
		in27, in214, in30  oddAnswer
	}{
		"member in another case": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},` + strings.Replace(to, "to", "To", 1) + `}}`,
			created, created, created,
		},
		"member in another case of another type": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},"To":{}}}`,
			invalid("cannot unmarshal object into Go struct field MeshTimeout.spec.to of type []v1alpha1.To"),
			invalid("cannot unmarshal object into Go struct field MeshTimeout.spec.to of type []v1alpha1.To"),
			invalid("cannot unmarshal object into Go struct field MeshTimeout.spec.to of type []v1alpha1.To"),
		},
		"element in another case of another type": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},"To":[true]}}`,
			invalid("cannot unmarshal bool into Go struct field MeshTimeout.spec.to of type v1alpha1.To"),
			invalid("cannot unmarshal bool into Go struct field MeshTimeout.spec.to of type v1alpha1.To"),
			invalid("cannot unmarshal bool into Go struct field MeshTimeout.spec.to of type v1alpha1.To"),
		},
		"member in both cases": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},"targetref":{"kind":"x"},` + to + `}}`,
			invalid("value is not supported"), invalid("value 'x' is not supported"), invalid("value 'x' is not supported"),
		},
		"spec in another case": {
			http.MethodPut, timeouts, policy + `"Spec":{"targetRef":{"kind":"Mesh"},` + to + `}}`,
			created, invalid(".spec in body is required"), invalid(".spec in body is required"),
		},
		"name in another case": {
			http.MethodPut, timeouts, policy + `"Name":5,"spec":{"targetRef":{"kind":"Mesh"},` + to + `}}`,
			invalid("number into Go struct field Resource.ResourceMeta.name of type string"),
			invalid("number into Go struct field Resource.ResourceMeta.name of type string"),
			invalid("number into Go struct field Resource.ResourceMeta.name of type string"),
		},
		"name twice": {
			http.MethodPut, timeouts, `{"name":5,` + policy[1:] + `"spec":{"targetRef":{"kind":"Mesh"},` + to + `}}`,
			invalid("Resource.ResourceMeta.name of type string"), created, created,
		},
		"no label": {
			http.MethodPut, timeouts, policy + `"labels":{"a":null},"spec":{"targetRef":{"kind":"Mesh"},` + to + `}}`,
			created, invalid(`labels.a in body must be of type string: \"null\"`), invalid(`labels.a in body must be of type string: \"null\"`),
		},
		"number as label": {
			http.MethodPut, timeouts, policy + `"labels":{"a":1},"spec":{"targetRef":{"kind":"Mesh"},` + to + `}}`,
			invalid("number into Go struct field Resource.ResourceMeta.labels of type string"),
			invalid(`labels.a in body must be of type string: \"number\"`), invalid(`labels.a in body must be of type string: \"number\"`),
		},
		"two wrong durations": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},"default":{"http":{"streamIdleTimeout":"x","maxStreamDuration":"y"}}}]}}`,
			invalid("invalid duration"), invalid(`invalid duration \\\"y\\\"`), invalid(`invalid duration \\\"y\\\"`),
		},
		"service without a name": {
			http.MethodPut, "/meshes/default/meshtrafficpermissions/x",
			`{"type":"MeshTrafficPermission","mesh":"default","name":"x","spec":{"targetRef":{"kind":"MeshService"},"from":[{"targetRef":{"kind":"Mesh"},"default":{"action":"Allow"}}]}}`,
			invalid("must be set with kind MeshService"), invalid("name or labels must be set when kind is MeshService"), invalid("in body should be one of"),
		},
		"both directions": {
			http.MethodPut, timeouts, policy + `"spec":{"targetRef":{"kind":"Mesh"},` + to + `,"rules":[{"default":{"connectionTimeout":"1s"}}]}}`,
			created, invalid("fields 'to' and 'from' must be empty when 'rules' is defined"), invalid("fields 'to' must be empty when 'rules' is defined"),
		},
		"both directions of logs": {
			http.MethodPut, "/meshes/default/meshaccesslogs/x",
			`{"type":"MeshAccessLog","mesh":"default","name":"x","spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},"default":{}}],"rules":[{"default":{}}]}}`,
			invalid("must be defined"), invalid("fields 'to' and 'from' must be empty when 'rules' is defined"), invalid("\"'to' must be empty when 'rules' is defined"),
		},
		"origin of a trust": {
			http.MethodPut, trusts, trust + `"status":{"origin":{"kri":5}}}`,
			notThere, invalid(`status.origin.kri in body must be of type string: \"number\"`), invalid(`status.origin.kri in body must be of type string: \"number\"`),
		},
		"source that the schema has not seen": {
			http.MethodPut, "/meshes/default/meshidentities/x",
			`{"type":"MeshIdentity","mesh":"default","name":"x","spec":{"selector":{},"provider":{"type":"Bundled",` +
				`"Bundled":{"ca":{"certificate":{"type":"a"},"privateKey":{"type":"Secret","secretRef":{"kind":"Secret","name":"k"}}}}}}}`,
			notThere, invalid("a must be one of: EnvVar, InsecureInline, File, Secret"), invalid("a must be one of: EnvVar, InsecureInline, File, Secret"),
		},
		"condition of an identity": {
			http.MethodPut, "/meshes/default/meshidentities/x", identity + `"status":{"conditions":[{"type":"a","status":"x","message":""}]}}`,
			notThere, invalid("status.conditions[0].reason in body is required"), invalid("status.conditions[0].status in body should be one of [True False Unknown]"),
		},
		"too large an integer": {
			http.MethodPut, breakers, breaker("5000000000"),
			invalid("number 5000000000 into Go struct field ConnectionLimits.spec.to.default.connectionLimits.maxRetries of type uint32"),
			invalid("Checked value must be of type integer with format int32 in spec.to[0].default.connectionLimits.maxRetries"),
			invalid("Checked value must be of type integer with format int32 in spec.to[0].default.connectionLimits.maxRetries"),
		},
		"integer with a fraction": {
			http.MethodPut, breakers, breaker("1.5"),
			invalid(`in body must be of type int32: \"float64\"`), invalid(`in body must be of type int32: \"float64\"`), invalid(`in body must be of type int32: \"float64\"`),
		},
		"boolean as integer": {
			http.MethodPut, breakers, breaker("true"),
			invalid(`in body must be of type int32: \"\"`), invalid(`in body must be of type int32: \"\"`), invalid(`in body must be of type int32: \"\"`),
		},
		"string as integer": {
			http.MethodPut, breakers, breaker(`"5"`),
			invalid(`in body must be of type integer: \"string\"`), invalid(`in body must be of type integer: \"string\"`), invalid(`in body must be of type integer: \"string\"`),
		},
		"percentage with a fraction": {
			http.MethodPut, traces, sampling("1.5"),
			invalid("must validate at least one schema (anyOf)"),
			invalid("Checked value must be of type integer (default format) in spec.default.sampling.overall"),
			invalid("Checked value must be of type integer (default format) in spec.default.sampling.overall"),
		},
		"no percentage": {http.MethodPut, traces, sampling("null"), created, created, created},
		"unknown format": {
			http.MethodGet, "/meshes/default?format=x", "",
			invalid(`"title": "invalid format"`), invalid(`"title": "Could not retrieve a resource"`), invalid(`"title": "Could not retrieve a resource"`),
		},
		"zone token with members of others":      {http.MethodPost, "/tokens/zone", `{"zone":"z","scope":["egress"],"name":5,"mesh":5,"tags":5,"groups":5}`, issued, issued, issued},
		"user token with members of others":      {http.MethodPost, "/tokens/user", `{"name":"u","validFor":"1h","mesh":5,"tags":5,"scope":5}`, issued, issued, issued},
		"dataplane token with members of others": {http.MethodPost, "/tokens/dataplane", `{"mesh":"default","groups":5,"zone":5,"scope":5}`, issued, issued, issued},
		"zone token with a wrong scope":          {http.MethodPost, "/tokens/zone", `{"zone":"z","scope":"egress"}`, wrong, wrong, wrong},
		"dataplane token with a wrong name":      {http.MethodPost, "/tokens/dataplane", `{"mesh":"default","name":5}`, wrong, wrong, wrong},
	} {
		for i, want := range []oddAnswer{test.in27, test.in214, test.in30} {
			version := kumatest.Versions()[i]
			t.Run(name+" "+version, func(t *testing.T) {
				request := httptest.NewRequest(test.method, "http://localhost"+test.path, strings.NewReader(test.body))
				request.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				kumatest.New(kumatest.Version(version)).ServeHTTP(answer, request)
				if answer.Code != want.status || !strings.Contains(answer.Body.String(), want.part) {
					t.Errorf("%d %s\nwant %d %s", answer.Code, answer.Body, want.status, want.part)
				}
			})
		}
	}
}

// TestOdd_namespaces asks for objects in the form of Kubernetes, in which what belongs to a zone is in a namespace.
func TestOdd_namespaces(t *testing.T) {
	for _, version := range kumatest.Versions() {
		cp := kumatest.New(kumatest.Version(version))
		do(t, cp, http.MethodPut, "/meshes/default/dataplanes/d", object{
			"type": "Dataplane", "mesh": "default", "name": "d",
			"networking": object{"address": "10.0.0.1", "inbound": []any{object{"port": 80, "tags": object{"kuma.io/service": "x"}}}},
		}, http.StatusCreated)
		for path, want := range map[string]string{
			"/meshes/default/dataplanes/d?format=k8s":             "kuma-system",
			"/meshes/default/dataplanes/d?format=k8s&namespace=x": "x",
			"/meshes/default?format=k8s&namespace=x":              "",
			"/zones/default?format=k8s&namespace=x":               "",
		} {
			var got struct{ Metadata struct{ Namespace string } }
			if status, answer := cp.Do(http.MethodGet, path, nil); status == http.StatusOK {
				decode(t, answer, &got)
			}
			if got.Metadata.Namespace != want {
				t.Errorf("%s %s: namespace %q, want %q", version, path, got.Metadata.Namespace, want)
			}
		}
	}
}
