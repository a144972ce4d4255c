package kuma

import (
	"net/http"
	"testing"
	"time"
)

// A pair may be deleted some time after the mesh was first read without it, by
// the provider's own clock. Other writes of the mesh, and whatever the control
// plane says of the time, make it neither shorter nor longer.
func TestTimeUntilDeletable(t *testing.T) {
	using := func(secret, more string) string {
		return `{"type":"Mesh","name":"m","mtls":{"enabledBackend":"b","backends":[{"name":"b","type":"provided","conf":{` +
			`"cert":{"secret":"` + secret + `-cert"},"key":{"secret":"` + secret + `-key"}}}]}` + more + `}`
	}
	type read struct {
		mesh  string
		after time.Duration // since the read before
		want  time.Duration // that the pair old must still stay
	}
	const s = time.Second
	for name, test := range map[string]struct {
		global bool
		reads  []read
	}{
		"from the first read without it": {false, []read{
			{using("old", ""), 0, 5 * s}, {using("new", ""), 60 * s, 5 * s}, {using("new", ""), 2 * s, 3 * s}, {using("new", ""), 3 * s, 0},
		}},
		"never seen in use": {false, []read{{using("new", ""), 60 * s, 5 * s}, {using("new", ""), 5 * s, 0}}},
		"in use again": {false, []read{
			{using("new", ""), 0, 5 * s}, {using("old", ""), 10 * s, 5 * s}, {using("new", ""), 10 * s, 5 * s}, {using("new", ""), 4 * s, s},
		}},
		"another pair goes as well": {false, []read{{using("old", ""), 0, 5 * s}, {using("new", ""), s, 5 * s}, {using("newer", ""), 4 * s, s}}},
		"somebody writes the mesh again and again": {false, []read{
			{using("new", `,"modificationTime":"2026-03-01T12:00:00Z"`), 0, 5 * s},
			{using("new", `,"modificationTime":"2026-03-01T12:00:02Z"`), 2 * s, 3 * s},
			{using("new", `,"modificationTime":"2026-03-01T12:00:04Z"`), 2 * s, s},
			{using("new", `,"modificationTime":"2026-03-01T12:00:06Z"`), 2 * s, 0},
		}},
		"changed in the future": {false, []read{{using("new", `,"modificationTime":"2099-01-01T00:00:00Z"`), 0, 5 * s}, {using("new", `,"modificationTime":"2099-01-01T00:00:00Z"`), 5 * s, 0}}},
		"changed long ago":      {false, []read{{using("new", `,"modificationTime":"1999-01-01T00:00:00Z"`), 0, 5 * s}}},
		"changed at no time":    {false, []read{{using("new", `,"modificationTime":null`), 0, 5 * s}}},
		"mTLS is off":           {false, []read{{`{"type":"Mesh","name":"m"}`, 0, 0}}},
		"global":                {true, []read{{using("new", ""), 0, 15 * s}, {using("new", ""), 10 * s, 5 * s}}},
	} {
		for _, date := range []string{"Sun, 01 Mar 2026 12:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT", "Fri, 01 Jan 1999 00:00:00 GMT", "now"} {
			t.Run(name+"/"+date, func(t *testing.T) {
				answer, clock := "", newTestClock()
				client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) {
					w.Header().Set("Date", date)
					switch {
					case c.path != "/config":
						reply(w, http.StatusOK, answer)
					case test.global:
						reply(w, http.StatusOK, `{"mode":"global"}`)
					default:
						reply(w, http.StatusOK, `{"mode":"zone"}`)
					}
				}, func(c *Config) { c.Clock = clock })
				for i, read := range test.reads {
					answer = read.mesh
					noError(t, clock.Sleep(t.Context(), read.after))
					mesh, err := client.Mesh(t.Context(), "m")
					noError(t, err)
					left, err := client.TimeUntilDeletable(t.Context(), "m", mesh, "old-cert", "old-key")
					noError(t, err)
					if left != read.want {
						t.Errorf("read %d: %s left, want %s", i, left, read.want)
					}
				}
			})
		}
	}
}

// The intervals of the control plane make it longer.
func TestTimeUntilDeletable_slowControlPlane(t *testing.T) {
	client, _ := serve(t, func(_ int, w http.ResponseWriter, c call) {
		if c.path == "/config" {
			reply(w, http.StatusOK, `{"mode":"zone","store":{"cache":{"enabled":true,"expirationTime":"30s"}}}`)
			return
		}
		reply(w, http.StatusOK, `{"type":"Mesh","name":"m","mtls":{"enabledBackend":"b"}}`)
	})
	mesh, err := client.Mesh(t.Context(), "m")
	noError(t, err)
	left, err := client.TimeUntilDeletable(t.Context(), "m", mesh, "old-cert")
	noError(t, err)
	equal(t, "left", left, 34*time.Second)
}

// Holders are labels beside all others, which stay.
func TestSecretHolders(t *testing.T) {
	document, err := ParseDocument([]byte(`{"type":"Secret","labels":{"kuma.io/mesh":"m","team":"x","terraform-provider-kongmesh/holder-b":"true"},"data":"eA=="}`))
	noError(t, err)
	secret := &Secret{Document: document}
	for name, test := range map[string]struct {
		secret *Secret
		ids    []string
		want   string
	}{
		"the same":       {secret, []string{"b"}, string(document.Bytes())},
		"one more":       {secret, []string{"b", "a"}, `{"type":"Secret","labels":{"kuma.io/mesh":"m","team":"x","terraform-provider-kongmesh/holder-b":"true","terraform-provider-kongmesh/holder-a":"true"},"data":"eA=="}`},
		"another":        {secret, []string{"a"}, `{"type":"Secret","labels":{"kuma.io/mesh":"m","team":"x","terraform-provider-kongmesh/holder-a":"true"},"data":"eA=="}`},
		"none":           {secret, nil, `{"type":"Secret","labels":{"kuma.io/mesh":"m","team":"x"},"data":"eA=="}`},
		"of no secret":   {nil, []string{"a"}, `{"labels":{"terraform-provider-kongmesh/holder-a":"true"}}`},
		"none of none":   {nil, nil, `{}`},
		"twice the same": {nil, []string{"a", "a"}, `{"labels":{"terraform-provider-kongmesh/holder-a":"true"}}`},
	} {
		changed, err := test.secret.WithHolders(test.ids...)
		noError(t, err)
		equal(t, name, string(changed.Bytes()), test.want)
	}
	holders, err := secret.Holders()
	noError(t, err)
	equal(t, "holders", len(holders), 1)
	equal(t, "holder", holders[0], "b")
}
