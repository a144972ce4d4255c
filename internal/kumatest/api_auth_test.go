package kumatest_test

import (
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func TestAuthentication(t *testing.T) {
	server := kumatest.NewServer(kumatest.Authentication())
	defer server.Close()
	secret := object{"type": "Secret", "mesh": "default", "name": "s", "data": "eA=="}
	for _, test := range []struct {
		caller                            string
		token                             string
		index, mesh, read, write, nothing int
	}{
		{"nobody", "", 200, 200, 403, 403, 404},
		{"reader", kumatest.ReaderToken, 200, 200, 403, 403, 404},
		{"stranger", "expired", 200, 401, 401, 401, 401},
		{"admin", kumatest.AdminToken, 200, 200, 200, 201, 404},
	} {
		t.Run(test.caller, func(t *testing.T) {
			expect := func(method, path string, body any, want int) {
				t.Helper()
				if got, response := send(t, server, method, path, test.token, body); got != want {
					t.Errorf("%s %s: status %d, want %d\n%s", method, path, got, want, response)
				}
			}
			expect("GET", "/", nil, test.index)
			expect("GET", "/meshes/default", nil, test.mesh)
			expect("GET", "/meshes/default/secrets", nil, test.read)
			expect("PUT", "/meshes/default/secrets/s", secret, test.write)
			expect("GET", "/nothing", nil, test.nothing)
		})
	}
}

// TestProxiedCallerIsNoAdmin: without Authentication everybody on this machine is an administrator, unless a
// proxy or a browser is in between.
func TestProxiedCallerIsNoAdmin(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	for _, test := range []struct {
		header, value string
		status        int
	}{
		{"Accept", "*/*", 200},
		{"X-Forwarded-For", "10.0.0.1", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Origin", "http://example.com", 403},
		{"Origin", server.URL, 200},
	} {
		request := newRequest(t, server, "GET", "/meshes/default/secrets", nil)
		request.Header.Set(test.header, test.value)
		if status, _ := roundTrip(t, request); status != test.status {
			t.Errorf("%s: %s: status %d, want %d", test.header, test.value, status, test.status)
		}
	}
}
