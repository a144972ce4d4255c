package mtls_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mtls"
)

// A scene is a mesh whose mTLS was enabled by an apply.
type scene struct {
	*acctest.Run
	t    *testing.T
	env  *acctest.Env
	mesh string
	ca   *acctest.CA
}

// unapplied is a scene in which nothing was applied.
func unapplied(t *testing.T, options ...kumatest.Option) *scene {
	t.Helper()
	env := acctest.New(t, options...)
	env.NeedTwin()
	s := &scene{acctest.NewRun(t, ""), t, env, env.Mesh(), acctest.NewCA(t, "CA")}
	s.Serve(env.Provider())
	s.set("")
	s.Terraform("init")
	return s
}

func newScene(t *testing.T, options ...kumatest.Option) *scene {
	t.Helper()
	s := unapplied(t, options...)
	s.Terraform("apply", "-auto-approve")
	s.env.Must(http.MethodPut, "/meshes/"+s.mesh+"/meshtrafficpermissions/allow", map[string]any{
		"type": "MeshTrafficPermission", "mesh": s.mesh, "name": "allow", "spec": map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "from": []any{
			map[string]any{"targetRef": map[string]any{"kind": "Mesh"}, "default": map[string]any{"action": "Allow"}},
		}},
	})
	return s
}

// set writes the configuration: the mesh, its CA, and a backend with some lines.
func (s *scene) set(lines string) { s.write(backend(secrets + lines)) }

func (s *scene) write(config string) {
	s.Config("terraform {\n  required_providers {\n    kongmesh = { source = \"kongmesh/kongmesh\" }\n  }\n}\n" +
		s.env.Config(config, "mesh", s.mesh, "chain", s.ca.Chain, "key", s.ca.Key))
}

// proxies lets some connect, and some of them disconnect again.
func (s *scene) proxies(connected, disconnected int) {
	s.env.ConnectProxies(s.t, s.mesh, connected+disconnected)
	for _, proxy := range s.env.Twin.Proxies(s.mesh)[connected:] {
		proxy.Disconnect()
	}
	s.env.Pass(s.t, 15*time.Second)
}

// dataplane adds a proxy that never connected.
func (s *scene) dataplane(name string) {
	s.env.Must(http.MethodPut, "/meshes/"+s.mesh+"/dataplanes/"+name, map[string]any{"type": "Dataplane", "mesh": s.mesh, "name": name, "networking": map[string]any{
		"address": "127.0.0.1", "inbound": []any{map[string]any{"port": 8080, "tags": map[string]any{"kuma.io/service": name}}},
	}})
}

// on tells whether the mesh has mTLS.
func (s *scene) on() bool {
	return bytes.Contains(s.env.Must(http.MethodGet, "/meshes/"+s.mesh, nil), []byte(`"enabledBackend"`))
}

// says checks that a command fails, or works, and prints some texts.
func (s *scene) says(command string, works bool, want ...string) {
	s.t.Helper()
	output, err := s.Try(strings.Fields(command)...)
	if (err == nil) != works || !acctest.Words(want...).MatchString(output) {
		s.t.Errorf("terraform %s: %v, want %q\n%s", command, err, want, output)
	}
}

// turningOff are changes that take the enabled backend out of use.
var turningOff = map[string]struct {
	what, config, command string
}{
	"destroyed": {"Deleting", backend(secrets), "plan -destroy -target=" + address},
	"removed":   {"Deleting", before, "plan"},
	"renamed":   {"Replacing", strings.Replace(backend(secrets), `"ca-1"`, `"ca-9"`, 1), "plan"},
	"disabled":  {"Disabling", backend(secrets + "enabled = false"), "plan"},
	"replaced":  {"Replacing", backend(secrets), "plan -replace=" + address},
	"replaced because of another change": {"Replacing", strings.Replace(backend(secrets+"lifecycle {\n replace_triggered_by = [kongmesh_mesh.this]\n }"),
		"name = $mesh", "name = $mesh\n labels = { a = \"b\" }", 1), "plan"},
	"disabled, with force_destroy not applied yet": {"Disabling", backend(secrets + "enabled = false\nforce_destroy = true"), "plan"},
	"renamed, with an unknown CA": {"Replacing", strings.Replace(backend("cert = terraform_data.this.output\nkey = terraform_data.this.output"), `"ca-1"`, `"ca-9"`, 1) +
		"resource \"terraform_data\" \"this\" {\n input = { secret = \"x\" }\n}", "plan"},
}

// A plan that turns off mTLS of a mesh with connected proxies is refused.
func TestAccOutage_refusedAtPlan(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.proxies(2, 1)
	for name, test := range turningOff {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.write(test.config)
			s.env.ResetRequests()
			s.says(test.command, false, "Error: mTLS backend is in use",
				test.what+` the enabled backend "ca-1" turns off mTLS of mesh "`+s.mesh+`", which has 3 data plane proxies (2 connected): "dp-1", "dp-2", "dp-3".`,
				"Nothing was changed", "set force_destroy = true")
			if err := s.env.Wrote()(nil); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("no outage", func(t *testing.T) {
		s.t = t
		s.set("force_destroy = false")
		s.says("plan -detailed-exitcode", true, "No changes")
		s.set(`mode = "PERMISSIVE"`)
		s.says("plan", true, "1 to change")
	})
}

// Where no proxy is connected, or force_destroy is applied, it is a warning, and
// the apply goes through.
func TestAccOutage_warned(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		connected, disconnected int
		force                   bool
		want                    []string
	}{
		"no proxies":           {0, 0, false, []string{"communicate in plain text. Zone egress, which needs mTLS, is turned off too. If another"}},
		"disconnected proxies": {0, 2, false, []string{`The mesh has 2 data plane proxies (0 connected): "dp-1", "dp-2". Disconnected proxies can still serve traffic`}},
		"force_destroy":        {1, 1, true, []string{`The mesh has 2 data plane proxies (1 connected): "dp-1", "dp-2", and force_destroy is true`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.set(fmt.Sprintf("force_destroy = %t", test.force))
			s.Terraform("apply", "-auto-approve")
			if test.connected+test.disconnected > 0 {
				s.proxies(test.connected, test.disconnected)
			}
			for name, change := range turningOff {
				switch { // Terraform shows no warnings of a replacement that it was asked for
				case strings.Contains(name, "force_destroy"), strings.Contains(name, "unknown"), strings.HasPrefix(name, "replaced"):
					continue
				}
				s.write(change.config)
				s.says(change.command, true, append([]string{"Warning: mTLS of the mesh goes off", change.what + ` the enabled backend "ca-1"`}, test.want...)...)
			}
			// What the plan cannot say, the apply does, and nothing twice.
			for change, command := range map[string]string{`"ca-1"`: "apply -auto-approve -replace=" + address, `"ca-9"`: "apply -auto-approve"} {
				s.write(strings.Replace(backend(secrets+fmt.Sprintf("force_destroy = %t", test.force)), `"ca-1"`, change, 1))
				output := s.Terraform(strings.Fields(command)...)
				if strings.Count(output, "Warning: ") != 1 || !acctest.Words(append([]string{"Warning: mTLS of the mesh goes off", "Replacing", "until the new one exists"}, test.want...)...).MatchString(output) {
					t.Errorf("%s says of %s:\n%s", command, change, output)
				}
			}
			s.write(strings.Replace(backend(secrets+"enabled = false\n"+fmt.Sprintf("force_destroy = %t", test.force)), `"ca-1"`, `"ca-9"`, 1))
			s.Terraform("apply", "-auto-approve")
			s.write(before)
			s.Terraform("apply", "-auto-approve")
			if s.on() {
				t.Error("mTLS is still on")
			}
		})
	}
}

// What the plan did not know is refused when it is done.
func TestAccOutage_refusedAtApply(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config  string
		prepare string // a command, before the proxies connect
		command string
		what    string
	}{
		"deleted by an old plan":  {before, "plan -out=saved", "apply saved", "Deleting"},
		"replaced by an old plan": {backend(secrets), "plan -out=saved -replace=" + address, "apply saved", "Deleting"},
		"disabled by an old plan": {backend(secrets + "enabled = false"), "plan -out=saved", "apply saved", "Disabling"},
		"tainted":                 {backend(secrets), "taint " + address, "apply -auto-approve", "Deleting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write(test.config)
			s.Terraform(strings.Fields(test.prepare)...)
			s.proxies(1, 0)
			s.env.ResetRequests()
			s.says(test.command, false, "Error: mTLS backend is in use", test.what, `1 data plane proxy (1 connected): "dp-1"`)
			if err := s.env.Wrote()(nil); err != nil || !s.on() {
				t.Errorf("mTLS is off, or something was written: %v", err)
			}
			s.env.Twin.Proxies(s.mesh)[0].Disconnect()
			s.env.Pass(t, 15*time.Second)
			s.write(before)
			s.Terraform("apply", "-auto-approve")
		})
	}
}

// The plan of one backend can be misled by another one that does not come, so an
// update looks again.
func TestRefuseDisabling(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	address, err := url.Parse(s.env.Address)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kuma.New(kuma.Config{Address: address, Clock: s.env.Clock})
	if err != nil {
		t.Fatal(err)
	}
	s.proxies(1, 0)
	for _, force := range []bool{false, true} {
		if err := mtls.RefuseDisabling(t.Context(), client, s.mesh, "ca-1", force); (err == nil) != force {
			t.Errorf("force_destroy %t: %v", force, err)
		}
	}
	if err := mtls.RefuseDisabling(t.Context(), client, s.mesh, "another", false); err != nil {
		t.Errorf("one that is not enabled: %v", err)
	}
}

// Another backend that is enabled before ours goes keeps mTLS on: no outage.
func TestAccOutage_handOver(t *testing.T) {
	t.Parallel()
	both := func(first, second bool, more string) string {
		return fmt.Sprintf(backend(secrets+"enabled = %t\n"+more)+`
			resource "kongmesh_mtls_provided_backend" "other" {
				mesh    = kongmesh_mesh.this.name
				name    = "ca-2"
				enabled = %t
				cert    = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
				key     = { secret = kongmesh_mesh_ca_secret.this.key_secret }
			}`, first, second)
	}
	const after = "depends_on = [kongmesh_mtls_provided_backend.other]"
	s := newScene(t, kumatest.KongMesh())
	s.proxies(1, 0)
	s.write(both(true, false, after))
	s.Terraform("apply", "-auto-approve")
	s.write(both(false, false, after))
	s.says("plan", false, "mTLS backend is in use", "enable another backend first")
	s.write(both(false, true, after))
	output := s.Terraform("apply", "-auto-approve")
	for _, wrong := range []string{"turned off", "Another backend is enabled"} { // the CA is the same
		if strings.Contains(output, wrong) {
			t.Errorf("it says %q:\n%s", wrong, output)
		}
	}
	if !s.on() {
		t.Error("mTLS is off")
	}
	s.write(strings.Replace(both(false, true, ""), "ca-1", "ca-9", 1)) // not enabled any more: it may go
	s.Terraform("apply", "-auto-approve")
}

// Proxies with a MeshIdentity keep their mTLS, so the backend may go.
func TestAccOutage_meshIdentity(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.proxies(1, 0)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		s.env.Twin.ServeHTTP(answer, r)
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(`"issuedBackend": "ca-1"`), []byte(`"issuedBackend": "kri_mid_acc_default__identity_"`)))
	}))
	t.Cleanup(front.Close)
	s.env.Address = front.URL
	s.write(before)
	s.says("apply -auto-approve", true, "mTLS of the mesh goes off", "connected proxies are from a MeshIdentity")
}

// Where the proxies cannot be listed, force_destroy must be set.
func TestAccOutage_proxiesNotListed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	list := kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/dataplanes/_overview")
	}}
	s.env.Twin.Inject(list)
	s.write(before)
	s.says("plan", false, "Control plane failed", "list the data plane proxies", "force_destroy")
	s.env.Twin.ClearFaults()
	s.Terraform("plan", "-out=saved")
	s.env.Twin.Inject(list)
	s.says("apply saved", false, "Control plane failed")
	if !s.on() {
		t.Error("mTLS is off")
	}
	s.set("force_destroy = true")
	s.Terraform("apply", "-auto-approve")
	s.write(before)
	s.says("apply -auto-approve", true, "mTLS of the mesh goes off")
}
