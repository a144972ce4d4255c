package kumatest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// withBackend returns a control plane whose mesh m has a provided backend, checked just now.
func withBackend(t *testing.T) (*kumatest.ControlPlane, *clock) {
	t.Helper()
	clock := newClock()
	cp := kumatest.New(kumatest.Clock(clock.Now))
	do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), 201)
	cert, key := newCA(t)
	putSecret(t, cp, "m", "cert", cert)
	putSecret(t, cp, "m", "key", key)
	do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key", "ca")), 200)
	return cp, clock
}

func TestSecretCache(t *testing.T) {
	cp, clock := withBackend(t)
	mesh := newMesh("m", provided("cert", "key", "ca"))
	_, otherKey := newCA(t)
	putSecret(t, cp, "m", "key", otherKey) // it is not looked at
	do(t, cp, "PUT", "/meshes/m", mesh, 200)
	clock.Advance(900 * time.Millisecond)
	do(t, cp, "PUT", "/meshes/m", mesh, 200)
	clock.Advance(200 * time.Millisecond) // what was read then does not live longer for having been used
	mustContain(t, do(t, cp, "PUT", "/meshes/m", mesh, 400), "private key does not match public key")
}

func TestSecretCacheForgetsHalvesApart(t *testing.T) {
	cp, clock := withBackend(t)
	otherCert, otherKey := newCA(t)
	putSecret(t, cp, "m", "cert2", otherCert)
	putSecret(t, cp, "m", "key2", otherKey)
	clock.Advance(600 * time.Millisecond)
	do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert2", "key2", "ca")), 200)
	cert, key := newCA(t)
	for name, data := range map[string][]byte{"cert": cert, "key": key, "cert2": cert, "key2": key} {
		putSecret(t, cp, "m", name, data)
	}
	clock.Advance(600 * time.Millisecond) // the first pair is forgotten, the second is not
	do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key2", "ca")), 400)
	do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("cert", "key", "ca")), 200)
}

func TestSecretCacheDoesNotRememberAbsence(t *testing.T) {
	cp, _ := withBackend(t)
	mesh := newMesh("m", provided("later", "key", "ca"))
	mustContain(t, do(t, cp, "PUT", "/meshes/m", mesh, 400), `resource not found: type=\"Secret\" name=\"later\"`)
	cert, key := newCA(t)
	putSecret(t, cp, "m", "later", cert)
	putSecret(t, cp, "m", "later-key", key)
	do(t, cp, "PUT", "/meshes/m", newMesh("m", provided("later", "later-key", "ca")), 200)
}

func TestSecretInUse(t *testing.T) {
	cp, _ := withBackend(t)
	mustContain(t, do(t, cp, "DELETE", "/meshes/m/secrets/key", nil, 400), `currently in use in Mesh \"m\" in mTLS backend \"ca\"`)
	do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), 200)
	do(t, cp, "DELETE", "/meshes/m/secrets/key", nil, 200)
}

// TestSecretsSurviveTheirMesh: what somebody put stays, what the control plane made goes.
func TestSecretsSurviveTheirMesh(t *testing.T) {
	cp, _ := withBackend(t)
	builtin := object{"mtls": object{"backends": []object{{"name": "own", "type": "builtin"}}}}
	do(t, cp, "PUT", "/meshes/m", newMesh("m", builtin), 200)
	before := names(t, do(t, cp, "GET", "/meshes/m/secrets", nil, 200))
	want := []string{"cert", "dataplane-token-signing-key-m-1", "key", "m.ca-builtin-cert-own", "m.ca-builtin-key-own"}
	if !slices.Equal(before, want) {
		t.Fatalf("secrets %v, want %v", before, want)
	}
	do(t, cp, "DELETE", "/meshes/m", nil, 200)
	do(t, cp, "GET", "/meshes/m/secrets/cert", nil, 404)
	left := names(t, do(t, cp, "GET", "/secrets", nil, 200))
	if want := []string{"dataplane-token-signing-key-default-1", "cert", "key"}; !slices.Equal(left, want) {
		t.Errorf("secrets that are left %v, want %v", left, want)
	}
	do(t, cp, "PUT", "/meshes/m", newMesh("m", nil), 201)
	after := names(t, do(t, cp, "GET", "/meshes/m/secrets", nil, 200))
	if want := []string{"cert", "dataplane-token-signing-key-m-1", "key"}; !slices.Equal(after, want) {
		t.Errorf("secrets of the new mesh %v, want %v", after, want)
	}
}
