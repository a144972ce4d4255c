package kumatest

import (
	"net/http"
	"testing"
	"time"
)

// TestZoneStore_keepsOutOtherZones kills and starts a zone, which then gets everything anew: not what another zone has
// sent to the global control plane.
func TestZoneStore_keepsOutOtherZones(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	cp := New(Global(), Clock(func() time.Time { return now }))
	east := cp.Zone("east")
	cp.Zone("west")
	put := func(path string, document any) {
		t.Helper()
		if status, answer := cp.Do(http.MethodPut, path, document); status > http.StatusCreated {
			t.Fatalf("%d %s", status, answer)
		}
	}
	wait := func() {
		now = now.Add(15 * time.Second)
		cp.Advance()
	}
	put("/meshes/m", map[string]any{"type": "Mesh", "name": "m", "meshServices": map[string]any{"mode": "Exclusive"}})
	put("/meshes/m/meshidentities/i", map[string]any{"type": "MeshIdentity", "mesh": "m", "name": "i", "spec": map[string]any{
		"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{"insecureAllowSelfSigned": true, "autogenerate": map[string]any{"enabled": true}}},
	}})
	wait()
	east.Kill()
	wait()
	east.Start()
	wait()
	if atGlobal := cp.store.list("MeshTrust", "m", nil); len(atGlobal) != 2 {
		t.Errorf("the global control plane has %d trusts", len(atGlobal))
	}
	if trusts := east.listed("MeshTrust", "m"); len(trusts) != 1 || trusts[0].spec["trustDomain"] != "m.east.mesh.local" {
		t.Errorf("the zone has %d trusts", len(trusts))
	}
	if states := east.identities("m"); len(states) != 1 || !states[0].ready || states[0].resource.kri() != "kri_mid_m___i_" {
		t.Errorf("the zone has %d identities", len(states))
	}
}
