package kumatest

import (
	"encoding/json"
	"testing"
	"time"
)

// parsedIdentity returns a MeshIdentity of the mesh m with a spec in JSON.
func parsedIdentity(t *testing.T, spec string, labels map[string]string) *resource {
	t.Helper()
	r := &resource{kind: identityType(), mesh: "m", name: "i", labels: labels}
	var parsed map[string]any
	if err := json.Unmarshal([]byte(spec), &parsed); err != nil {
		t.Fatal(err)
	}
	r.setSpec(parsed, nil)
	return r
}

func TestIdentity_trustDomain(t *testing.T) {
	for name, test := range map[string]struct{ spec, want, wantErr string }{
		"default":        {spec: `{}`, want: "m.east.mesh.local"},
		"constant":       {spec: `{"spiffeID":{"trustDomain":"corp.example"}}`, want: "corp.example"},
		"template":       {spec: `{"spiffeID":{"trustDomain":"{{ .Zone }}.{{ .Mesh }}"}}`, want: "east.m"},
		"label":          {spec: `{"spiffeID":{"trustDomain":"{{ label \"team\" }}.example"}}`, want: "pay.example"},
		"empty":          {spec: `{"spiffeID":{"trustDomain":""}}`, want: ""},
		"path only":      {spec: `{"spiffeID":{"path":"/x"}}`, want: "m.east.mesh.local"},
		"unknown label":  {spec: `{"spiffeID":{"trustDomain":"{{ label \"nope\" }}"}}`, wantErr: `executing template failed: template: :1:3: executing "" at <label "nope">: error calling label: label nope not found`},
		"unknown member": {spec: `{"spiffeID":{"trustDomain":"{{ .Workload }}"}}`, wantErr: `executing template failed: template: :1:3: executing "" at <.Workload>: can't evaluate field Workload in type struct { Mesh string; Zone string }`},
	} {
		t.Run(name, func(t *testing.T) {
			identity := parsedIdentity(t, test.spec, map[string]string{"team": "pay"})
			got, err := identitySpecOf(identity).trustDomain(identity, "east")
			if got != test.want || errorText(err) != test.wantErr {
				t.Errorf("got %q, %v; want %q, %s", got, err, test.want, test.wantErr)
			}
		})
	}
}

func TestIdentity_trustDomainOfItsOwnZone(t *testing.T) {
	identity := parsedIdentity(t, `{}`, map[string]string{zoneLabel: "west"})
	if got, err := identitySpecOf(identity).trustDomain(identity, "east"); got != "m.west.mesh.local" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestIdentity_spiffeID(t *testing.T) {
	labels := map[string]string{
		"kuma.io/workload": "web", "k8s.kuma.io/namespace": "shop", "k8s.kuma.io/service-account": "sa", "app": "a",
	}
	for name, test := range map[string]struct {
		spec, want string
		kubernetes bool
	}{
		"default":    {spec: `{}`, want: "spiffe://td.example/workload/web"},
		"Kubernetes": {spec: `{}`, kubernetes: true, want: "spiffe://td.example/ns/shop/sa/sa"},
		"template":   {spec: `{"spiffeID":{"path":"/{{ label \"app\" }}/{{ .Workload }}"}}`, want: "spiffe://td.example/a/web"},
		"domain":     {spec: `{"spiffeID":{"path":"/{{ .TrustDomain }}"}}`, want: "spiffe://td.example/td.example"},
		"no path":    {spec: `{"spiffeID":{"path":""}}`, want: "spiffe://td.example"},
		"no slash":   {spec: `{"spiffeID":{"path":"x"}}`, want: "spiffe://td.examplex"},
		"bad path":   {spec: `{"spiffeID":{"path":"/a b"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := identitySpecOf(parsedIdentity(t, test.spec, nil)).spiffeID("td.example", labels, test.kubernetes)
			if id.String() != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q, %v; want %q", id, err, test.want)
			}
		})
	}
}

// TestIdentity_spiffeIDWithoutWorkload has a proxy without the label that the default path uses.
func TestIdentity_spiffeIDWithoutWorkload(t *testing.T) {
	if id, err := identitySpecOf(parsedIdentity(t, `{}`, nil)).spiffeID("td.example", nil, false); err == nil {
		t.Errorf("got %q", id)
	}
}

func TestIdentity_selects(t *testing.T) {
	labels := map[string]string{"app": "a", "version": "v1"}
	for spec, want := range map[string]int{ // -1: does not select
		`{}`:                            -1,
		`{"selector":{}}`:               -1,
		`{"selector":{"dataplane":{}}}`: 0,
		`{"selector":{"dataplane":{"matchLabels":{}}}}`:                               0,
		`{"selector":{"dataplane":{"matchLabels":{"app":"a"}}}}`:                      1,
		`{"selector":{"dataplane":{"matchLabels":{"app":"a","version":"v1"}}}}`:       2,
		`{"selector":{"dataplane":{"matchLabels":{"app":"a","version":"v2"}}}}`:       -1,
		`{"selector":{"dataplane":{"matchLabels":{"app":"a","environment":"none"}}}}`: -1,
	} {
		got, yes := identitySpecOf(parsedIdentity(t, spec, nil)).selects(labels)
		if !yes {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", spec, got, want)
		}
	}
}

func TestIdentity_lifetime(t *testing.T) {
	const withExpiry = `{"provider":{"type":"Bundled","bundled":{"certificateParameters":{"expiry":"1h30m0s"}}}}`
	for _, test := range []struct {
		version, spec string
		want          time.Duration
	}{
		{"2.14.3", `{}`, 24 * time.Hour},
		{"3.0-dev", `{}`, 120 * time.Hour},
		{"2.14.3", withExpiry, 90 * time.Minute},
	} {
		if got := identitySpecOf(parsedIdentity(t, test.spec, nil)).lifetime(releaseOf(test.version)); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.version, test.spec, got, test.want)
		}
	}
}

// TestIdentity_state has the state that proxies see: of the spec now, and of the status at the last reconciliation.
func TestIdentity_state(t *testing.T) {
	cp := New()
	spec := `{"selector":{"dataplane":{"matchLabels":{}}}}`
	for status, want := range map[string]identityState{
		``: {},
		`{"conditions":[{"type":"Ready","status":"True","reason":"Ready"}]}`:           {ready: true},
		`{"conditions":[{"type":"Ready","status":"False","reason":"PartiallyReady"}]}`: {announced: true},
		`{"conditions":[{"type":"Ready","status":"False","reason":"Failure"}]}`:        {},
	} {
		identity := parsedIdentity(t, spec, nil)
		if status != "" {
			identity.setSpec(identity.spec, json.RawMessage(status))
		}
		cp.store.put(identity, key{})
		states := cp.fleet.zones[zoneName].identities("m")
		if len(states) != 1 || states[0].ready != want.ready || states[0].announced != want.announced || states[0].resource != identity {
			t.Errorf("%s: %+v", status, states)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
