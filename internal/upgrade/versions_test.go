package upgrade

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A document is one that version 2.14 accepts.
type document struct {
	kind, mesh, name string
	content          map[string]any
}

func documentOf(t *testing.T, text string) document {
	t.Helper()
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	word := func(member string) string { word, _ := content[member].(string); return word }
	return document{word("type"), word("mesh"), word("name"), content}
}

// A server is a control plane of one version.
type server struct {
	t     *testing.T
	do    func(method, path string, body any) (int, []byte)
	types map[string]kuma.Type
}

func newServer(t *testing.T, version string) server {
	t.Helper()
	s := server{t: t, do: kumatest.New(kumatest.Version(version)).Do, types: map[string]kuma.Type{}}
	_, answer := s.do(http.MethodGet, "/_resources", nil)
	var all struct{ Resources []kuma.Type }
	if err := json.Unmarshal(answer, &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all.Resources {
		s.types[one.Name] = one
	}
	s.do(http.MethodPut, "/meshes/m", `{"type":"Mesh","name":"m","skipCreatingInitialPolicies":["*"],"meshServices":{"mode":"Exclusive"}}`)
	return s
}

// put writes a document, and returns how the control plane then has it.
func (s server) put(d document) (status int, back map[string]any) {
	s.t.Helper()
	kind, known := s.types[d.kind]
	if !known {
		return http.StatusNotFound, nil
	}
	path := "/" + kind.Path + "/" + d.name
	if kind.InMesh() {
		path = "/meshes/" + d.mesh + path
	}
	status, answer := s.do(http.MethodPut, path, d.content)
	if status >= http.StatusBadRequest {
		return status, map[string]any{"answer": string(answer)}
	}
	_, text := s.do(http.MethodGet, path, nil)
	if err := json.Unmarshal(text, &back); err != nil {
		s.t.Fatal(err)
	}
	return status, back
}

// content returns what a client writes of a document, without empty values.
func content(back map[string]any) map[string]any {
	kept := maps.Clone(back)
	for _, own := range []string{"creationTime", "modificationTime", "kri", "status", "snis", "labels"} {
		delete(kept, own)
	}
	return compact(kept).(map[string]any)
}

func compact(value any) any {
	switch value := value.(type) {
	case []any:
		kept := []any{}
		for _, element := range value {
			kept = append(kept, compact(element))
		}
		return kept
	case map[string]any:
		kept := map[string]any{}
		for name, member := range value {
			if isSet(member) {
				kept[name] = compact(member)
			}
		}
		return kept
	default:
		return value
	}
}

// remove removes the member at a path of a [problem].
func remove(value any, path string) {
	name, rest, deeper := strings.Cut(path, ".")
	name, index, isElement := strings.Cut(name, "[")
	object, _ := value.(map[string]any)
	if !deeper && !isElement {
		delete(object, name)
		return
	}
	child := object[name]
	if isElement {
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil {
			panic(err) // the package has formatted it
		}
		child = child.([]any)[i]
	}
	remove(child, rest)
}

// compare compares what the rules say about a document with what version 3.0 does
// to it: with a refused problem it is rejected, otherwise exactly the dropped
// parts are gone.
func compare(t *testing.T, before, after server, d document) []problem {
	t.Helper()
	status, stored := before.put(d)
	if status >= http.StatusBadRequest {
		t.Fatalf("version 2.14 rejects %s: %v", d.content, stored)
	}
	problems := check(before.types[d.kind], node{"", stored})
	refuses := slices.ContainsFunc(problems, func(p problem) bool { return p.effect == refused })
	status, got := after.put(document{d.kind, d.mesh, d.name, stored})
	if rejected := status >= http.StatusBadRequest; rejected != refuses {
		t.Errorf("status %d, %v\nproblems %v\nof %v", status, got, problems, d.content)
		return problems
	}
	if refuses {
		return problems
	}
	want := content(stored)
	for _, p := range problems {
		if p.effect == dropped {
			if len((node{"", got}).at(asPattern(p.path))) > 0 && reflect.DeepEqual(valueAt(got, p.path), valueAt(stored, p.path)) {
				t.Errorf("%s is not dropped: %v", p.path, got)
			}
			remove(want, p.path)
		}
	}
	delete(want, "meshServices") // version 3.0 always has the mode Exclusive
	if want, got := encode(t, compact(want)), encode(t, content(got)); !bytes.Equal(want, got) {
		t.Errorf("version 3.0 has\n%s, want\n%s", got, want)
	}
	return problems
}

// asPattern returns a path with [] for each index.
func asPattern(path string) string {
	var pattern strings.Builder
	for part := range strings.SplitSeq(path, "[") {
		if _, rest, is := strings.Cut(part, "]"); is {
			pattern.WriteString("[]" + rest)
			continue
		}
		pattern.WriteString(part)
	}
	return pattern.String()
}

func valueAt(value map[string]any, path string) any {
	for _, p := range (node{"", value}).at(asPattern(path)) {
		if p.path == path {
			return p.value
		}
	}
	return nil
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Each difference, with what version 3.0 does to a document that has it.
func TestCheck_differences(t *testing.T) {
	t.Parallel()
	policy := func(kind, spec string) string {
		return `{"type": "` + kind + `", "mesh": "m", "name": "x", "spec": ` + spec + `}`
	}
	const conf = `"default": {"connectionTimeout": "5s"}`
	const limits = `"default": {"connectionLimits": {"maxConnections": 5}}`
	const file = `"default": {"backends": [{"type": "File", "file": {"path": "/tmp/x"}}]}`
	const otel = `{"backends": [{"type": "OpenTelemetry", "openTelemetry": {"endpoint": "otel:4317"}}]}`
	const rate = `"default": {"local": {"http": {"requestRate": {"num": 5, "interval": "10s"}}}}`
	const fault = `"default": {"http": [{"abort": {"httpStatus": 500, "percentage": 50}}]}`
	const mesh, all = `"targetRef": {"kind": "Mesh"}`, `{"targetRef": {"kind": "Mesh"}, `
	const route = `"rules": [{"matches": [{"path": {"type": "Exact", "value": "/"}}], "default": `
	before, after := newServer(t, "2.14.3"), newServer(t, "3.0")
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"ready policy":             {policy("MeshTimeout", all+`"to": [`+all+conf+`}]}`), nil},
		"from alone":               {policy("MeshTimeout", all+`"from": [`+all+conf+`}]}`), []string{"spec.from refused"}},
		"from and to":              {policy("MeshTimeout", all+`"from": [`+all+conf+`}], "to": [`+all+conf+`}]}`), []string{"spec.from dropped"}},
		"circuit breaker from":     {policy("MeshCircuitBreaker", all+`"from": [`+all+limits+`}]}`), []string{"spec.from refused"}},
		"circuit breaker both":     {policy("MeshCircuitBreaker", all+`"from": [`+all+limits+`}], "to": [`+all+limits+`}]}`), []string{"spec.from dropped"}},
		"access log from":          {policy("MeshAccessLog", all+`"from": [`+all+file+`}]}`), []string{"spec.from refused"}},
		"access log both":          {policy("MeshAccessLog", all+`"from": [`+all+file+`}], "to": [`+all+file+`}]}`), []string{"spec.from dropped"}},
		"rate limit from":          {policy("MeshRateLimit", `{"targetRef": {"kind": "Mesh", "proxyTypes": ["Sidecar"]}, "from": [`+all+rate+`}]}`), []string{"spec.from refused", "spec.targetRef.proxyTypes dropped"}},
		"fault injection from":     {policy("MeshFaultInjection", `{"targetRef": {"kind": "Mesh", "proxyTypes": ["Sidecar"]}, "from": [`+all+fault+`}]}`), []string{"spec.from dropped", "spec.targetRef.proxyTypes dropped"}},
		"MeshTLS from":             {policy("MeshTLS", all+`"from": [`+all+`"default": {"mode": "Strict"}}]}`), []string{"spec.from dropped"}},
		"permission from":          {policy("MeshTrafficPermission", all+`"from": [`+all+`"default": {"action": "Allow"}}]}`), []string{"spec.from refused"}},
		"subset":                   {policy("MeshTimeout", `{"targetRef": {"kind": "MeshSubset", "tags": {"a": "b"}}, "to": [`+all+conf+`}]}`), []string{"spec.targetRef.kind refused"}},
		"service at the top":       {policy("MeshTimeout", `{"targetRef": {"kind": "MeshService", "name": "web"}, "to": [`+all+conf+`}]}`), []string{"spec.targetRef.kind refused"}},
		"service subset":           {policy("MeshTimeout", `{"targetRef": {"kind": "MeshServiceSubset", "name": "web", "tags": {"a": "b"}}, "to": [`+all+conf+`}]}`), []string{"spec.targetRef.kind refused"}},
		"gateway at the top":       {policy("MeshRetry", `{"targetRef": {"kind": "MeshGateway", "name": "g"}, "to": [`+all+`"default": {"tcp": {"maxConnectAttempt": 5}}}]}`), []string{"spec.targetRef.kind refused"}},
		"route at the top":         {policy("MeshRetry", `{"targetRef": {"kind": "MeshHTTPRoute", "name": "r"}, "to": [`+all+`"default": {"tcp": {"maxConnectAttempt": 5}}}]}`), []string{"spec.targetRef.kind refused"}},
		"Dataplane by name":        {policy("MeshTLS", `{"targetRef": {"kind": "Dataplane", "name": "x"}, "rules": [{"default": {"mode": "Strict"}}]}`), []string{"spec.targetRef.name dropped"}},
		"Dataplane by namespace":   {policy("MeshTLS", `{"targetRef": {"kind": "Dataplane", "name": "x", "namespace": "n"}, "rules": [{"default": {"mode": "Strict"}}]}`), []string{"spec.targetRef.name dropped", "spec.targetRef.namespace dropped"}},
		"Dataplane by labels":      {policy("MeshTLS", `{"targetRef": {"kind": "Dataplane", "labels": {"a": "b"}}, "rules": [{"default": {"mode": "Strict"}}]}`), nil},
		"gateways alone":           {policy("MeshTimeout", `{"targetRef": {"kind": "Mesh", "proxyTypes": ["Gateway"]}, "to": [`+all+conf+`}]}`), []string{"spec.targetRef.proxyTypes dropped"}},
		"service by name":          {policy("MeshTimeout", all+`"to": [{"targetRef": {"kind": "MeshService", "name": "web"}, `+conf+`}]}`), []string{"spec.to[0].targetRef.name refused"}},
		"service by namespace":     {policy("MeshTimeout", all+`"to": [`+all+conf+`}, {"targetRef": {"kind": "MeshService", "name": "web", "namespace": "n"}, `+conf+`}]}`), []string{"spec.to[1].targetRef.name refused"}},
		"service by labels":        {policy("MeshTimeout", all+`"to": [{"targetRef": {"kind": "MeshService", "labels": {"kuma.io/display-name": "web"}}, `+conf+`}]}`), nil},
		"external service by name": {policy("MeshTimeout", all+`"to": [{"targetRef": {"kind": "MeshExternalService", "name": "web"}, `+conf+`}]}`), []string{"spec.to[0].targetRef.name refused"}},
		"route's backend by name":  {policy("MeshHTTPRoute", all+`"to": [{"targetRef": {"kind": "MeshService", "labels": {"a": "b"}}, `+route+`{"backendRefs": [{"kind": "MeshService", "name": "v1"}]}}]}]}`), []string{"spec.to[0].rules[0].default.backendRefs[0].name refused"}},
		"route's subset":           {policy("MeshHTTPRoute", all+`"to": [{"targetRef": {"kind": "MeshService", "labels": {"a": "b"}}, `+route+`{"backendRefs": [{"kind": "MeshServiceSubset", "name": "v1", "tags": {"a": "b"}}]}}]}]}`), []string{"spec.to[0].rules[0].default.backendRefs[0].kind refused"}},
		"mirror by name":           {policy("MeshHTTPRoute", all+`"to": [{"targetRef": {"kind": "MeshService", "labels": {"a": "b"}}, `+route+`{"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"kind": "MeshService", "name": "v1"}}}]}}]}]}`), []string{"spec.to[0].rules[0].default.filters[0].requestMirror.backendRef.name refused"}},
		"TCP route's backend":      {policy("MeshTCPRoute", all+`"to": [{"targetRef": {"kind": "MeshService", "labels": {"a": "b"}}, "rules": [{"default": {"backendRefs": [{"kind": "MeshService", "name": "v1"}]}}]}]}`), []string{"spec.to[0].rules[0].default.backendRefs[0].name refused"}},
		"panic threshold":          {policy("MeshHealthCheck", all+`"to": [`+all+`"default": {"tcp": {}, "healthyPanicThreshold": 50}}]}`), []string{"spec.to[0].default.healthyPanicThreshold dropped"}},
		"ring hash":                {policy("MeshLoadBalancingStrategy", all+`"to": [`+all+`"default": {"loadBalancer": {"type": "RingHash", "ringHash": {"hashPolicies": [{"type": "Header", "header": {"name": "x"}}]}}}}]}`), []string{"spec.to[0].default.loadBalancer.ringHash.hashPolicies dropped"}},
		"maglev":                   {policy("MeshLoadBalancingStrategy", all+`"to": [`+all+`"default": {"loadBalancer": {"type": "Maglev", "maglev": {"hashPolicies": [{"type": "Header", "header": {"name": "x"}}]}}}}]}`), []string{"spec.to[0].default.loadBalancer.maglev.hashPolicies dropped"}},
		"source IP":                {policy("MeshLoadBalancingStrategy", all+`"to": [`+all+`"default": {"hashPolicies": [{"type": "SourceIP", "connection": {"sourceIP": true}}]}}]}`), []string{"spec.to[0].default.hashPolicies[0].type refused"}},
		"log endpoint":             {policy("MeshAccessLog", all+`"to": [`+all+`"default": `+otel+`}]}`), []string{"spec.to[0].default.backends[0].openTelemetry.endpoint refused"}},
		"log endpoint in rules":    {policy("MeshAccessLog", all+`"rules": [{"default": `+otel+`}]}`), []string{"spec.rules[0].default.backends[0].openTelemetry.endpoint refused"}},
		"metric endpoint":          {policy("MeshMetric", all+`"default": `+otel+`}`), []string{"spec.default.backends[0].openTelemetry.endpoint refused"}},
		"trace endpoint":           {policy("MeshTrace", all+`"default": `+otel+`}`), []string{"spec.default.backends[0].openTelemetry.endpoint refused"}},
		"trace by reference":       {policy("MeshTrace", all+`"default": {"backends": [{"type": "OpenTelemetry", "openTelemetry": {"backendRef": {"kind": "MeshOpenTelemetryBackend", "labels": {"a": "b"}}}}]}}`), nil},
		"service of tags":          {policy("MeshService", `{"selector": {"dataplaneTags": {"a": "b"}}, "ports": [{"port": 80}]}`), []string{"spec.selector.dataplaneTags dropped"}},
		"service of labels":        {policy("MeshService", `{"selector": {"dataplaneLabels": {"matchLabels": {"a": "b"}}}, "ports": [{"port": 80}]}`), nil},
		"service tag identity":     {policy("MeshService", `{"selector": {"dataplaneLabels": {"matchLabels": {"a": "b"}}}, "identities": [{"type": "ServiceTag", "value": "web"}], "ports": [{"port": 80}]}`), []string{"spec.identities[0].type refused"}},
		"external service's CA":    {policy("MeshExternalService", `{"match": {"type": "HostnameGenerator", "port": 443, "protocol": "tcp"}, "endpoints": [{"address": "example.com", "port": 443}], "tls": {"enabled": true, "verification": {"caCert": {"secret": "ca"}}}}`), []string{"spec.tls.verification.caCert refused"}},
		"external service's pair":  {policy("MeshExternalService", `{"match": {"type": "HostnameGenerator", "port": 443, "protocol": "tcp"}, "endpoints": [{"address": "example.com", "port": 443}], "tls": {"enabled": true, "verification": {"clientCert": {"inlineString": "c"}, "clientKey": {"inline": "a2V5"}}}}`), []string{"spec.tls.verification.clientCert refused", "spec.tls.verification.clientKey refused"}},
		"trust of an identity":     {policy("MeshTrust", `{"trustDomain": "d", "origin": {"kri": "kri_mid_m_default__i_"}, "caBundles": [{"type": "Pem", "pem": {"value": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}}]}`), []string{"spec.origin dropped"}},
		"legacy policy":            {`{"type": "TrafficPermission", "mesh": "m", "name": "x", "sources": [{"match": {"kuma.io/service": "*"}}], "destinations": [{"match": {"kuma.io/service": "*"}}]}`, []string{" refused"}},
		"legacy external service":  {`{"type": "ExternalService", "mesh": "m", "name": "x", "tags": {"kuma.io/service": "x"}, "networking": {"address": "example.com:80"}}`, []string{" refused"}},
		"proxy with tags":          {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "inbound": [{"port": 80, "tags": {"kuma.io/service": "y"}}]}}`, []string{"networking.inbound[0].tags dropped"}},
		"proxy with labels":        {`{"type": "Dataplane", "mesh": "m", "name": "x", "labels": {"a": "b"}, "networking": {"address": "127.0.0.1", "inbound": [{"port": 80, "protocol": "http"}]}}`, nil},
		"outbound by tags":         {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "inbound": [{"port": 80}], "outbound": [{"port": 90, "tags": {"kuma.io/service": "y"}}]}}`, []string{"networking.outbound[0].tags refused"}},
		"builtin gateway":          {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "gateway": {"type": "BUILTIN", "tags": {"kuma.io/service": "g"}}}}`, []string{"networking.gateway.type refused"}},
		"delegated gateway":        {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "gateway": {"tags": {"kuma.io/service": "g"}}}}`, nil},
		"reachable services":       {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "inbound": [{"port": 80}], "transparentProxying": {"redirectPortInbound": 15006, "redirectPortOutbound": 15001, "reachableServices": ["a"]}}}`, []string{"networking.transparentProxying.reachableServices dropped"}},
		"advertised address":       {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "advertisedAddress": "10.0.0.1", "inbound": [{"port": 80}]}}`, []string{"networking.advertisedAddress dropped"}},
		"probes":                   {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "inbound": [{"port": 80}]}, "probes": {"port": 9000, "endpoints": [{"inboundPort": 80, "inboundPath": "/x", "path": "/y"}]}}`, []string{"probes dropped"}},
		"proxy's metrics":          {`{"type": "Dataplane", "mesh": "m", "name": "x", "networking": {"address": "127.0.0.1", "inbound": [{"port": 80}]}, "metrics": {"name": "p", "type": "prometheus", "conf": {"port": 5670}}}`, []string{"metrics dropped"}},
		"ready mesh":               {`{"type": "Mesh", "name": "x", "meshServices": {"mode": "Exclusive"}, "skipCreatingInitialPolicies": ["*"]}`, nil},
		"mTLS":                     {`{"type": "Mesh", "name": "x", "mtls": {"backends": [{"name": "b", "type": "builtin"}]}}`, []string{"mtls dropped"}},
		"everything in a mesh": {`{"type": "Mesh", "name": "x", "tracing": {"backends": [{"name": "z", "type": "zipkin", "conf": {"url": "http://z:9411/x"}}]}, "logging": {"backends": [{"name": "f", "type": "file", "conf": {"path": "/x"}}]},
			"metrics": {"backends": [{"name": "p", "type": "prometheus"}]}, "constraints": {"dataplaneProxy": {"requirements": [{"tags": {"a": "b"}}]}}, "networking": {"outbound": {"passthrough": false}},
			"routing": {"localityAwareLoadBalancing": true, "defaultForbidMeshExternalServiceAccess": true}}`,
			[]string{"constraints dropped", "logging dropped", "metrics dropped", "networking.outbound.passthrough dropped", "routing.defaultForbidMeshExternalServiceAccess dropped", "routing.localityAwareLoadBalancing dropped", "tracing dropped"}},
		"zone egress":       {`{"type": "Mesh", "name": "x", "mtls": {"enabledBackend": "b", "backends": [{"name": "b", "type": "builtin"}]}, "routing": {"zoneEgress": true}}`, []string{"mtls dropped", "routing.zoneEgress dropped"}},
		"name of a mesh":    {`{"type": "Mesh", "name": "1.x"}`, []string{"name refused"}},
		"name of a zone":    {`{"type": "Zone", "name": "x.1", "enabled": true}`, []string{"name refused"}},
		"name of a service": {`{"type": "MeshMultiZoneService", "mesh": "m", "name": "1x", "spec": {"selector": {"meshService": {"matchLabels": {"a": "b"}}}, "ports": [{"port": 80}]}}`, []string{"name refused"}},
		"display name":      {`{"type": "MeshService", "mesh": "m", "name": "own", "labels": {"kuma.io/display-name": "1x"}, "spec": {"selector": {"dataplaneLabels": {"matchLabels": {"a": "b"}}}, "ports": [{"port": 80}]}}`, []string{"name refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := documentOf(t, test.text)
			var got []string
			for _, p := range compare(t, before, after, d) {
				got = append(got, p.path+" "+p.effect)
				if p.message == "" || strings.Contains(p.message, "%!") {
					t.Errorf("message %q", p.message)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Every document that a recorded control plane of 2.14.3 accepted.
func TestCheck_recordings(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, name := range []string{"kuma-2.14.3.json", "kuma-2.14.3-policies.json", "kuma-2.14.3-identity.json"} {
		text, err := os.ReadFile(filepath.Join("..", "kumatest", "testdata", "contract", name))
		if err != nil {
			t.Fatal(err)
		}
		var recording struct {
			Scenarios []struct {
				Steps []struct {
					Method  string
					Status  int
					Request json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(text, &recording); err != nil {
			t.Fatal(err)
		}
		for _, scenario := range recording.Scenarios {
			for _, exchange := range scenario.Steps {
				if exchange.Method == http.MethodPut && exchange.Status < http.StatusBadRequest && len(exchange.Request) > 0 {
					seen[string(exchange.Request)] = true
				}
			}
		}
	}
	if len(seen) < 100 {
		t.Fatalf("%d documents", len(seen))
	}
	before, after := newServer(t, "2.14.3"), newServer(t, "3.0")
	ready, checked := 0, 0
	for _, text := range slices.Sorted(maps.Keys(seen)) {
		d := documentOf(t, text)
		kind, known := before.types[d.kind]
		if !known || !isChecked(kind) || d.kind == kuma.MeshType && strings.Contains(text, "secret") {
			continue
		}
		if d.mesh != "" {
			d.mesh, d.content["mesh"] = "m", "m"
		}
		if labels, _ := d.content["labels"].(map[string]any); labels != nil {
			delete(d.content, "labels") // the mesh of the recording
		}
		if status, _ := before.put(d); status >= http.StatusBadRequest {
			continue // it depends on what the recording did before
		}
		checked++
		if len(compare(t, before, after, d)) == 0 {
			ready++
		}
	}
	t.Logf("%d documents, %d of them ready", checked, ready)
	if checked < 80 || ready < 20 {
		t.Errorf("%d documents, %d of them ready", checked, ready)
	}
}
