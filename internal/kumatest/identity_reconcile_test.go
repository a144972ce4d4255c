package kumatest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// An identityTest has a control plane with the mesh m, in which identities work.
type identityTest struct {
	*testing.T
	*kumatest.ControlPlane
	clock *clock
}

func newIdentityTest(t *testing.T, options ...kumatest.Option) *identityTest {
	t.Helper()
	c := newClock()
	it := &identityTest{T: t, clock: c, ControlPlane: kumatest.New(append(options, kumatest.Clock(c.Now))...)}
	do(t, it.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", object{"meshServices": object{"mode": "Exclusive"}}), http.StatusCreated)
	return it
}

func (it *identityTest) wait(d time.Duration) {
	it.clock.Advance(d)
	it.Advance()
}

// put writes a MeshIdentity whose provider is Bundled with these members.
func (it *identityTest) put(name string, bundled object) {
	it.Helper()
	status, answer := it.Do(http.MethodPut, "/meshes/m/meshidentities/"+name, object{
		"type": "MeshIdentity", "mesh": "m", "name": name,
		"spec": object{"provider": object{"type": "Bundled", "bundled": bundled}},
	})
	if status > http.StatusCreated {
		it.Fatalf("status %d: %s", status, answer)
	}
}

// secrets returns the members of an identity whose CA is in the secrets NAME-cert and NAME-key.
func secrets(name string) object {
	secret := func(name string) object {
		return object{"type": "Secret", "secretRef": object{"kind": "Secret", "name": name}}
	}
	return object{
		"insecureAllowSelfSigned": true,
		"ca":                      object{"certificate": secret(name + "-cert"), "privateKey": secret(name + "-key")},
	}
}

func (it *identityTest) putCA(name string) {
	cert, key := newCA(it.T)
	putSecret(it.T, it.ControlPlane, "m", name+"-cert", cert)
	putSecret(it.T, it.ControlPlane, "m", name+"-key", key)
}

// ready returns the last condition of an identity as "STATUS REASON", or "" without conditions.
func (it *identityTest) ready(name string) string {
	it.Helper()
	var identity struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := json.Unmarshal(do(it.T, it.ControlPlane, http.MethodGet, "/meshes/m/meshidentities/"+name, nil, http.StatusOK), &identity); err != nil {
		it.Fatal(err)
	}
	conditions := identity.Status.Conditions
	if len(conditions) == 0 {
		return ""
	}
	last := conditions[len(conditions)-1]
	return last.Status + " " + last.Reason
}

func (it *identityTest) mustBe(name, want string) {
	it.Helper()
	if got := it.ready(name); got != want {
		it.Errorf("%s is %q, want %q", name, got, want)
	}
}

// TestReconciler_waitsForItsTime changes an identity within an interval: its status is that of before until the end.
func TestReconciler_waitsForItsTime(t *testing.T) {
	it := newIdentityTest(t)
	it.putCA("ca")
	it.put("i", secrets("ca"))
	it.mustBe("i", "")
	it.wait(5 * time.Second)
	it.mustBe("i", "True Ready")

	it.put("i", object{"ca": secrets("ca")["ca"]}) // now self-signed is not allowed
	it.mustBe("i", "True Ready")
	it.wait(5 * time.Second)
	it.mustBe("i", "False Failure")
}

// TestReconciler_dependsOnSeed finds the status of a new identity at some time within the interval, as the seed decides.
func TestReconciler_dependsOnSeed(t *testing.T) {
	delays := map[time.Duration]bool{}
	for seed := range uint64(5) {
		it := newIdentityTest(t, kumatest.Seed(seed), kumatest.IdentityStatus(2*time.Second))
		it.putCA("ca")
		it.put("i", secrets("ca"))
		var delay time.Duration
		for ; it.ready("i") == ""; delay += 10 * time.Millisecond {
			if delay > 2*time.Second {
				t.Fatalf("seed %d: no status after %s", seed, delay)
			}
			it.wait(10 * time.Millisecond)
		}
		delays[delay] = true
	}
	if len(delays) < 3 {
		t.Errorf("the status comes after %v", delays)
	}
}

// TestReconciler_isQuietWithoutWrites counts events over a day, in which nothing is written.
func TestReconciler_isQuietWithoutWrites(t *testing.T) {
	it := newIdentityTest(t)
	it.putCA("ca")
	it.put("i", secrets("ca"))
	it.wait(time.Minute)
	events := 0
	it.Watch(func(time.Time) { events++ })
	it.wait(24 * time.Hour)
	if events > 2 {
		t.Errorf("%d events in a day", events)
	}
	do(t, it.ControlPlane, http.MethodDelete, "/meshes/m/meshtrusts/i", nil, http.StatusOK)
	it.wait(5 * time.Second)
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/i", nil, http.StatusOK)
}

// TestReconciler_rereadsFiles has a CA in files that appear without a write to the control plane.
func TestReconciler_rereadsFiles(t *testing.T) {
	it := newIdentityTest(t)
	cert, key := newCA(t)
	dir := t.TempDir()
	file := func(name string) object {
		return object{"type": "File", "file": object{"path": filepath.Join(dir, name)}}
	}
	it.put("i", object{"insecureAllowSelfSigned": true, "ca": object{"certificate": file("cert"), "privateKey": file("key")}})
	it.wait(time.Hour)
	it.mustBe("i", "False Failure")
	for name, content := range map[string][]byte{"cert": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	it.wait(5 * time.Second)
	it.mustBe("i", "True Ready")
}

// TestReconciler_pausesDuringRestart has a control plane that is down while a status is due.
func TestReconciler_pausesDuringRestart(t *testing.T) {
	it := newIdentityTest(t)
	it.putCA("ca")
	it.put("i", secrets("ca"))
	it.Restart(20 * time.Second)
	it.wait(24 * time.Second)
	it.mustBe("i", "")
	it.wait(time.Second)
	it.mustBe("i", "True Ready")
}

// TestReconciler_generatesHalf deletes one secret of a generated CA: it comes back from a new CA, without the other half.
func TestReconciler_generatesHalf(t *testing.T) {
	it := newIdentityTest(t)
	it.put("i", object{"insecureAllowSelfSigned": true, "autogenerate": object{"enabled": true}})
	it.wait(5 * time.Second)
	read := func(name string) string {
		return string(do(t, it.ControlPlane, http.MethodGet, "/meshes/m/secrets/"+name, nil, http.StatusOK))
	}
	cert, key := read("i-root-ca"), read("i-private-key")
	do(t, it.ControlPlane, http.MethodDelete, "/meshes/m/secrets/i-root-ca", nil, http.StatusOK)
	it.wait(5 * time.Second)
	if read("i-root-ca") == cert || read("i-private-key") != key {
		t.Error("the wrong half is new")
	}
	if trust := do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/i", nil, http.StatusOK); strings.Count(string(trust), "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the trust has not both CAs:\n%s", trust)
	}
}

// TestReconciler_deletesWithMesh deletes a mesh: the generated secrets go, those of the user stay.
func TestReconciler_deletesWithMesh(t *testing.T) {
	it := newIdentityTest(t)
	it.putCA("ca")
	it.put("i", object{"insecureAllowSelfSigned": true, "autogenerate": object{"enabled": true}})
	it.wait(5 * time.Second)
	do(t, it.ControlPlane, http.MethodDelete, "/meshes/m", nil, http.StatusOK)
	it.wait(5 * time.Second)
	do(t, it.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", nil), http.StatusCreated)
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/secrets/i-root-ca", nil, http.StatusNotFound)
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/i", nil, http.StatusNotFound)
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/secrets/ca-cert", nil, http.StatusOK)
}

// TestReconciler_leavesGlobalAlone has a global control plane, which gives identities no status.
func TestReconciler_leavesGlobalAlone(t *testing.T) {
	it := newIdentityTest(t, kumatest.Global())
	it.putCA("ca")
	it.put("i", secrets("ca"))
	it.wait(time.Hour)
	it.mustBe("i", "")
	do(t, it.ControlPlane, http.MethodGet, "/meshes/m/meshtrusts/i", nil, http.StatusNotFound)
}
