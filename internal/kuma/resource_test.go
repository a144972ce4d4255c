package kuma

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// mtp is a type of policies.
var mtp = Type{Name: "MeshTimeout", Path: "meshtimeouts", Scope: "Mesh"}

// The warnings about an object belong to its write, and those of all other writes
// are kept for later, each once.
func TestWarnings(t *testing.T) {
	const timeout = `{"type":"MeshTimeout","mesh":"m","name":"a","spec":{}}`
	var client *Client
	var during []Warning
	client, _ = serve(t, func(_ int, w http.ResponseWriter, r call) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.method == http.MethodPut:
			_, _ = w.Write([]byte(`{"warnings":["it is deprecated"]}`))
		case strings.HasPrefix(r.path, "/meshes/m/meshtimeouts"):
			during = append(during, client.Warnings()...) // of another resource, in the meantime
			_, _ = w.Write([]byte(timeout))
		default:
			_, _ = w.Write([]byte(`{"type":"Mesh","name":"m"}`))
		}
	})
	_, warnings, err := client.WriteObject(t.Context(), ObjectKey{Type: mtp, Mesh: "m", Name: "a"}, nil, func(*Document) error { return nil })
	noError(t, err)
	if !slices.Equal(warnings, []string{"it is deprecated"}) || len(during) > 0 {
		t.Errorf("warned of %q, and elsewhere of %q", warnings, during)
	}
	for range 2 {
		_, err := client.CreateMesh(t.Context(), "m", func(*Mesh) error { return nil })
		noError(t, err)
	}
	if got := client.Warnings(); len(got) != 1 || got[0] != (Warning{"meshes/m", "it is deprecated"}) {
		t.Errorf("later it warns of %v", got)
	}
	if got := client.Warnings(); len(got) > 0 {
		t.Errorf("it warns again of %v", got)
	}
}

// What an object has inline is a secret in each message, under each name of it.
func TestSecretMember(t *testing.T) {
	for name, want := range map[string]bool{
		"data": true, "inline": true, "inlineString": true, "insecureInline": true, "password": true,
		"metadata": false, "secret": false, "name": false, "online": false,
	} {
		if got := secretMember(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
