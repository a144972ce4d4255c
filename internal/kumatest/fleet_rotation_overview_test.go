package kumatest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestRotationContract replays what was recorded with three proxies: before they ever connected, 2 s and 25 s after
// they did, with all parameters of the lists.
func TestRotationContract(t *testing.T) {
	recorded := readProxies(t)
	replayer := newReplayer(nil)
	compared, connected := 0, time.Time{}
	for _, scenario := range recorded.Scenarios[:2] {
		for i, step := range scenario.Steps {
			switch {
			case step.Note == "2 s after the proxies connected":
				for _, name := range []string{"dp-1", "dp-2", "dp-3"} {
					replayer.controlPlane.Connect("rot", name)
				}
				connected = replayer.clock.Now()
				replayer.clock.Advance(2 * time.Second)
			case strings.HasPrefix(step.Note, "25 s after") && replayer.clock.Now().Sub(connected) < 25*time.Second:
				replayer.clock.Advance(23 * time.Second)
			case strings.HasPrefix(step.Note, "no proxy has ever connected"):
				replayer.clock.Advance(2 * time.Second)
			}
			step.DependsOn = "" // all is as it was
			if difference, _ := replayer.replay(step); difference != "" {
				t.Errorf("%s, step %d: %s %s %s\n%s", scenario.Scenario, i, step.Method, step.Path, step.Note, difference)
			}
			compared++
		}
	}
	if compared < 50 {
		t.Errorf("only %d exchanges compared", compared)
	}
}

// TestRotationOverviewFields holds the fields of what is told of proxies and zones against the recording, where
// numbers depend on what went before.
func TestRotationOverviewFields(t *testing.T) {
	recorded := readProxies(t)
	offline := newRotation(t, 3)
	offline.Proxies("m")[2].Reconnect()
	offline.pass(15 * time.Second)
	offline.Proxies("m")[2].Disconnect()
	offline.pass(3 * time.Second)
	for offline.see(offline.Proxies("m")[2]).MTLS != nil { // whether it is left over is chance
		offline.Proxies("m")[2].Reconnect()
		offline.pass(15 * time.Second)
		offline.Proxies("m")[2].Disconnect()
		offline.pass(3 * time.Second)
	}
	rejecting := newRotation(t, 2)
	rejecting.Proxies("m")[1].Reconnect()
	rejecting.pass(15 * time.Second)
	rejecting.Proxies("m")[1].Reject(true)
	rejecting.touch()
	rejecting.pass(25 * time.Second)
	global := newRotation(t, 2, kumatest.Global())
	killed := newRotation(t, 2, kumatest.Global())
	killed.pass(3 * time.Minute)
	killed.Zone("zone-1").Kill()
	killed.pass(15 * time.Second)

	for _, test := range []struct {
		scenario, note, recorded string
		r                        *rotation
		here                     string
	}{
		{"a proxy that is offline", "3 s after it disconnected", "/meshes/rot/dataplanes/dp-3/_overview", offline, "/meshes/m/dataplanes/dp-3/_overview"},
		{"a proxy that is offline", "3 s after it disconnected", "/mesh-insights/rot", offline, "/mesh-insights/m"},
		{"a proxy that refuses", "25 s later", "/meshes/rot/dataplanes/dp-2/_overview", rejecting, "/meshes/m/dataplanes/dp-2/_overview"},
		{"global control plane with one zone", "two proxies", "/meshes/rot/dataplanes/_overview", global, "/meshes/m/dataplanes/_overview"},
		{"global control plane with one zone", "", "/mesh-insights/rot", global, "/mesh-insights/m"},
		{"global control plane with one zone", "", "/meshes/rot/dataplane-insights/dp-1-v4254cwdwfbwb4fx", global, "/meshes/m/dataplane-insights/" + global.Proxies("m")[0].Resource()},
		{"global control plane with one zone", "", "/zones/_overview", global, "/zones/_overview"},
		{"global control plane whose zone", "15 s after the zone control plane was killed", "/zones/_overview", killed, "/zones/_overview"},
	} {
		t.Run(test.recorded+" "+test.note, func(t *testing.T) {
			want := fields(t, recorded.find(t, test.scenario, test.recorded, test.note))
			got := fields(t, do(t, test.r.ControlPlane, "GET", test.here, nil, http.StatusOK))
			for _, field := range slices.Sorted(maps.Keys(want)) {
				if !got[field] {
					t.Errorf("%s is missing", field)
				}
			}
			for _, field := range slices.Sorted(maps.Keys(got)) {
				if !want[field] {
					t.Errorf("%s is not in the recording", field)
				}
			}
		})
	}
}

func readProxies(t *testing.T) recording {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "rotation.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// find returns a recorded answer by the beginnings of its scenario and note.
func (r recording) find(t *testing.T, scenario, path, note string) []byte {
	t.Helper()
	for _, s := range r.Scenarios {
		for _, step := range s.Steps {
			if strings.HasPrefix(s.Scenario, scenario) && step.Path == path && strings.HasPrefix(step.Note, note) {
				return step.Response
			}
		}
	}
	t.Fatalf("%s, %s, %s was not recorded", scenario, path, note)
	return nil
}

// fields returns the paths of all values of a JSON document. What is named after something that differs from one
// mesh to another, and what a proxy's Dataplane says, is left out.
func fields(t *testing.T, document []byte) map[string]bool {
	t.Helper()
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	collect(all, "", value)
	return all
}

func collect(all map[string]bool, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			here := path + "." + name
			if here == ".dataplane" || here == ".items[].dataplane" || strings.HasSuffix(here, ".generation") || strings.HasSuffix(path, ".resources") {
				continue
			}
			collect(all, here, member)
		}
	case []any:
		for _, member := range value {
			collect(all, path+"[]", member)
		}
	}
	all[path] = true
}

// TestRotationRequests reads overviews over HTTP from several clients while the clock runs and proxies are watched.
func TestRotationRequests(t *testing.T) {
	r := newRotation(t, 5)
	tried, refused := r.refused()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 50 {
				response := httptest.NewRecorder()
				r.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/meshes/m/dataplanes/_overview?size=1000", nil))
				if response.Code != http.StatusOK {
					t.Errorf("status %d", response.Code)
				}
				r.clock.Advance(100 * time.Millisecond)
			}
		})
	}
	clients.Go(func() {
		for i := range 20 {
			body := mustJSON(t, object{"type": "Secret", "mesh": "m", "name": fmt.Sprint("s-", i), "data": "eA=="})
			request := httptest.NewRequest(http.MethodPut, fmt.Sprint("/meshes/m/secrets/s-", i), strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			r.ServeHTTP(httptest.NewRecorder(), request)
			r.Proxies("m")[i%5].Reconnect()
		}
	})
	clients.Wait()
	r.pass(15 * time.Second)
	if *tried == 0 || *refused != 0 {
		t.Errorf("%d of %d handshakes refused", *refused, *tried)
	}
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestRotationDeleted takes proxies away by their Dataplane, and with it their insight.
func TestRotationDeleted(t *testing.T) {
	r := newRotation(t, 2)
	do(t, r.ControlPlane, "DELETE", "/meshes/m/dataplanes/dp-1", nil, http.StatusOK)
	r.pass(time.Minute)
	if left := r.Proxies("m"); len(left) != 1 {
		t.Errorf("%d proxies left", len(left))
	}
	do(t, r.ControlPlane, "GET", "/meshes/m/dataplane-insights/dp-1", nil, http.StatusNotFound)
	do(t, r.ControlPlane, "DELETE", "/meshes/m/dataplanes/dp-2", nil, http.StatusOK)
	do(t, r.ControlPlane, "DELETE", "/meshes/m", nil, http.StatusOK)
	r.pass(time.Minute)
	do(t, r.ControlPlane, "GET", "/mesh-insights/m", nil, http.StatusNotFound)
}
