package kumatest_test

import (
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// TestIntegerEnum: a member that takes some integers takes these, and no text.
func TestIntegerEnum(t *testing.T) {
	server := kumatest.NewServer()
	defer server.Close()
	for _, test := range []struct {
		code    any
		status  int
		reasons []string
	}{
		{301, 201, nil},
		{305, 400, []string{"should be one of [301 302 303 307 308]"}},
		{"301", 400, []string{"must be of type integer", "should be one of [301 302 303 307 308]"}}, // as a real 2.14.3 answers
	} {
		redirect := object{"type": "RequestRedirect", "requestRedirect": object{"statusCode": test.code}}
		status, body := send(t, server, "PUT", "/meshes/default/meshhttproutes/r", "", object{"type": "MeshHTTPRoute", "mesh": "default", "name": "r", "spec": object{
			"targetRef": object{"kind": "Mesh"},
			"to": []any{object{"targetRef": object{"kind": "MeshService", "name": "b"}, "rules": []any{object{
				"matches": []any{object{"path": object{"type": "PathPrefix", "value": "/"}}}, "default": object{"filters": []any{redirect}},
			}}}},
		}})
		if status != test.status {
			t.Errorf("%v: status %d, want %d: %s", test.code, status, test.status, body)
		}
		for _, reason := range test.reasons {
			if !strings.Contains(string(body), reason) {
				t.Errorf("%v: no reason %q: %s", test.code, reason, body)
			}
		}
	}
}
