package kumatest_test

import (
	"strings"
	"testing"
	"time"

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

// TestIssuedToken: a user token that the control plane issued is a caller's credential, until it expires or is changed.
func TestIssuedToken(t *testing.T) {
	for _, version := range []string{"2.7.29", "2.14.3", "3.0"} {
		t.Run(version, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			server := kumatest.NewServer(kumatest.Version(version), kumatest.Authentication(), kumatest.Clock(func() time.Time { return now }))
			defer server.Close()
			issue := func(by, name string, groups ...string) (int, string) {
				t.Helper()
				status, token := send(t, server, "POST", "/tokens/user", by, object{"name": name, "groups": groups, "validFor": "1h"})
				return status, string(token)
			}
			_, admin := issue(kumatest.AdminToken, "jane", "mesh-system:admin")
			_, plain := issue(kumatest.AdminToken, "joe", "readers")
			head, rest, _ := strings.Cut(admin, ".")
			expect := func(what, token string, want int) {
				t.Helper()
				if status, body := send(t, server, "GET", "/global-secrets", token, nil); status != want {
					t.Errorf("%s: status %d, want %d: %s", what, status, want, body)
				}
			}
			expect("an admin's", admin, 200)
			expect("a user's", plain, 403)
			expect("another signature", head+"."+rest[:len(rest)-8]+"AAAAAAAA", 401)
			expect("claims of another", strings.Join([]string{head, strings.Split(plain, ".")[1], strings.Split(admin, ".")[2]}, "."), 401)
			for _, body := range []any{object{"name": 5}, object{"name": "eve", "groups": []string{"mesh-system:admin"}, "validFor": "1h"}} {
				status, answer := send(t, server, "POST", "/tokens/user", plain, body)
				if status != 403 {
					t.Errorf("a user issues a token with %v: status %d", body, status)
				}
				mustContain(t, answer, `"detail": "action not allowed"`)
			}
			now = now.Add(59 * time.Minute)
			expect("an admin's after 59 minutes", admin, 200)
			now = now.Add(2 * time.Minute)
			expect("an admin's after 61 minutes", admin, 401)
		})
	}
}
