package kumatest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A trustDocument is a MeshTrust as a control plane answers it.
type trustDocument struct {
	Name   string
	Labels map[string]string
	KRI    string
	Spec   struct {
		TrustDomain string
		CABundles   []any
	}
	Status struct{ Origin struct{ KRI string } }
}

// trusts returns the MeshTrusts of the mesh m by the beginning of their names.
func (it *identityTest) trusts() map[string]trustDocument {
	it.Helper()
	var page struct{ Items []trustDocument }
	if err := json.Unmarshal(do(it.T, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts", nil, http.StatusOK), &page); err != nil {
		it.Fatal(err)
	}
	all := map[string]trustDocument{}
	for _, trust := range page.Items {
		all[trust.Labels["kuma.io/zone"]+"/"+strings.Split(trust.Name, "-")[0]] = trust
	}
	return all
}

// TestZoneIdentity_trustsReachGlobal has two zones: each creates the MeshTrust of an identity that the global control
// plane sent it, for its own trust domain. The global control plane gets both, but neither a status nor secrets.
func TestZoneIdentity_trustsReachGlobal(t *testing.T) {
	it := newIdentityTest(t, kumatest.Global())
	it.Zone("east")
	it.Zone("west")
	it.putCA("ca")
	it.put("i", secrets("ca"))
	it.put("auto", object{"insecureAllowSelfSigned": true, "autogenerate": object{"enabled": true}})
	it.wait(15 * time.Second)
	it.mustBe("i", "")
	trusts := it.trusts()
	if got := slices.Sorted(maps.Keys(trusts)); !slices.Equal(got, []string{"east/auto", "east/i", "west/auto", "west/i"}) {
		t.Fatalf("the trusts are %v", got)
	}
	trust := trusts["west/i"]
	if trust.Spec.TrustDomain != "m.west.mesh.local" || trust.Status.Origin.KRI != "kri_mid_m___i_" || len(trust.Labels) != 3 {
		t.Errorf("%+v", trust)
	}
	if shown := trust.Labels["kuma.io/display-name"]; trust.KRI != "kri_mtrust_m_west__"+shown+"_" || !strings.HasPrefix(trust.Name, shown+"-") {
		t.Errorf("the name is not of the zone's: %+v", trust)
	}
	for _, method := range []string{http.MethodDelete, http.MethodPut} {
		mustContain(t, do(t, it.ControlPlane, method, "/meshes/m/meshtrusts/"+trust.Name, object{
			"type": "MeshTrust", "mesh": "m", "name": trust.Name, "labels": trust.Labels,
			"spec": object{"trustDomain": "d", "caBundles": trust.Spec.CABundles},
		}, http.StatusBadRequest), "the origin label must be set to 'global'")
	}
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/secrets/auto-root-ca", nil, http.StatusNotFound)
}

// TestZoneIdentity_followsGlobal changes, deletes and creates an identity anew at the global control plane.
func TestZoneIdentity_followsGlobal(t *testing.T) {
	it := newIdentityTest(t, kumatest.Global())
	it.Zone("east")
	it.putCA("ca")
	it.putCA("new")
	it.put("i", secrets("ca"))
	it.wait(15 * time.Second)
	it.put("i", secrets("new"))
	it.wait(15 * time.Second)
	if bundles := it.trusts()["east/i"].Spec.CABundles; len(bundles) != 2 {
		t.Errorf("%d CAs are trusted", len(bundles))
	}
	do(t, it.ControlPlane, http.MethodDelete, "/meshes/m/meshidentities/i", nil, http.StatusOK)
	it.putCA("new") // another content, which an identity that is still there would add
	it.wait(15 * time.Second)
	if bundles := it.trusts()["east/i"].Spec.CABundles; len(bundles) != 2 {
		t.Errorf("%d CAs are trusted without the identity", len(bundles))
	}
	do(t, it.ControlPlane, http.MethodDelete, "/meshes/m", nil, http.StatusOK)
	do(t, it.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", object{"meshServices": object{"mode": "Exclusive"}}), http.StatusCreated)
	it.wait(15 * time.Second)
	if trusts := it.trusts(); len(trusts) != 0 {
		t.Errorf("the new mesh has %v", trusts)
	}
}

// TestZoneIdentity_waitsForZone has a zone that hangs or is killed when the identity is written.
func TestZoneIdentity_waitsForZone(t *testing.T) {
	for name, test := range map[string]struct{ stop, start func(*kumatest.Zone) }{
		"hangs":  {func(z *kumatest.Zone) { z.Hang(true) }, func(z *kumatest.Zone) { z.Hang(false) }},
		"killed": {(*kumatest.Zone).Kill, (*kumatest.Zone).Start},
	} {
		t.Run(name, func(t *testing.T) {
			it := newIdentityTest(t, kumatest.Global())
			zone := it.Zone("east")
			it.putCA("ca")
			it.put("first", secrets("ca"))
			it.wait(time.Second)
			test.stop(zone)
			it.put("i", secrets("ca"))
			do(t, it.ControlPlane, http.MethodDelete, "/meshes/m/meshidentities/first", nil, http.StatusOK)
			it.wait(time.Minute)
			if _, ok := it.trusts()["east/i"]; ok {
				t.Fatal("the zone has created the trust")
			}
			test.start(zone)
			it.wait(20 * time.Second)
			if trusts := slices.Sorted(maps.Keys(it.trusts())); !slices.Equal(trusts, []string{"east/i"}) {
				t.Errorf("the trusts are %v", trusts)
			}
		})
	}
}
