package mtls_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The plan says which backend the enabled one takes the place of.
func TestAccProvidedBackend_warnsBeforeReplacing(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.KongMesh())
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{
		"enabledBackend": "own", "backends": []any{map[string]any{"name": "own", "type": "builtin"}},
	}})
	config := func(enabled bool) string {
		return env.Config(fmt.Sprintf(`resource "kongmesh_mtls_provided_backend" "this" {
			mesh            = $mesh
			name            = "ca-1"
			enabled         = %t
			cert            = { file = "/dev/null" }
			key             = { file = "/dev/null" }
			skip_validation = true
		}`, enabled), "mesh", mesh)
	}
	run := acctest.NewRun(t, "")
	expect := func(enabled bool, command string, want ...string) {
		t.Helper()
		run.Config(config(enabled))
		output := run.Terraform(strings.Fields(command)...)
		for _, text := range want {
			if !acctest.Words(text).MatchString(output) {
				t.Errorf("without %q:\n%s", text, output)
			}
		}
		if len(want) == 0 && strings.Contains(output, "Another backend is enabled") {
			t.Errorf("a warning without need in\n%s", output)
		}
	}
	const warning, first = `now uses its backend "own" of type builtin. Enabling "ca-1" replaces it`, "first add this backend"
	expect(true, "plan", warning, first)
	expect(false, "apply -auto-approve")
	expect(true, "apply -auto-approve", warning)
	expect(true, "plan")
	if document := string(env.Must(http.MethodGet, "/meshes/"+mesh, nil)); !strings.Contains(document, `"builtin"`) {
		t.Errorf("the other backend is lost: %s", document)
	}
}

// STRICT warns where it cuts off proxies, and where it does not it is silent.
func TestAccProvidedBackend_strict(t *testing.T) {
	t.Parallel()
	const warning = "Warning: STRICT rejects plain text"
	for name, test := range map[string]struct {
		from    string // lines of the backend before, "" for no backend
		to      string
		prepare func(*scene)
		want    []string // nil: silent
	}{
		"no proxies":                              {"", secrets, func(*scene) {}, nil},
		"created":                                 {"", secrets, func(s *scene) { s.proxies(2, 0) }, []string{warning, "has no mTLS", `2 data plane proxies (2 connected): "dp-1", "dp-2"`, `apply with mode = "PERMISSIVE" first`}},
		"created, proxies disconnected":           {"", secrets, func(s *scene) { s.proxies(0, 1) }, []string{warning, `1 data plane proxy (0 connected): "dp-1"`}},
		"created, proxy never connected":          {"", secrets, func(s *scene) { s.dataplane("idle") }, nil},
		"created, PERMISSIVE":                     {"", secrets + `mode = "PERMISSIVE"`, func(s *scene) { s.proxies(2, 0) }, nil},
		"created, not enabled":                    {"", secrets + "enabled = false", func(s *scene) { s.proxies(2, 0) }, nil},
		"enabled":                                 {secrets + "enabled = false", secrets, func(s *scene) { s.proxies(2, 0) }, []string{warning, "has no mTLS"}},
		"from PERMISSIVE, all have a certificate": {secrets + `mode = "PERMISSIVE"`, secrets, func(s *scene) { s.proxies(2, 0) }, nil},
		"from PERMISSIVE, one has none yet": {secrets + `mode = "PERMISSIVE"`, secrets, func(s *scene) {
			s.proxies(1, 0)
			s.env.Twin.Connect(s.mesh, "late")
		}, []string{warning, "accepts plain text (PERMISSIVE)", `1 data plane proxy (1 connected): "late"`, "wait until each of them has a certificate"}},
		"to PERMISSIVE": {secrets, secrets + `mode = "PERMISSIVE"`, func(s *scene) { s.proxies(2, 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write(before)
			s.Terraform("apply", "-auto-approve")
			if test.from != "" {
				s.write(backend(test.from))
				s.Terraform("apply", "-auto-approve")
			}
			test.prepare(s)
			s.write(backend(test.to))
			output := s.Terraform("plan")
			if found := strings.Contains(output, warning); found != (test.want != nil) || !acctest.Words(test.want...).MatchString(output) {
				t.Errorf("want %q\n%s", test.want, output)
			}
		})
	}
}

// What is in the way of a backend is said at plan.
func TestAccProvidedBackend_inTheWay(t *testing.T) {
	t.Parallel()
	builtin := map[string]any{"name": "ca-1", "type": "builtin"}
	provided := map[string]any{"name": "ca-0", "type": "provided", "conf": map[string]any{"cert": map[string]any{"file": "/dev/null"}, "key": map[string]any{"file": "/dev/null"}}}
	const guide = `the section "Migrate from a builtin backend" of the guide "Rotate a CA"`
	for name, test := range map[string]struct {
		options []kumatest.Option
		there   any
		name    string
		want    []string // nil: planned
	}{
		"builtin, the same name":           {nil, builtin, "ca-1", []string{"Backend has another type", `a backend "ca-1" of type builtin`, "remove `mtls` from the mesh", guide}},
		"builtin, another name":            {nil, builtin, "ca-2", []string{"Mesh has another backend", `has the backend "ca-1" of type builtin`, "Kuma rejects a second one", guide}},
		"provided, another name":           {nil, provided, "ca-2", nil}, // a warning: this run may delete it
		"Kong Mesh, the same name":         {[]kumatest.Option{kumatest.KongMesh()}, builtin, "ca-1", []string{"Backend has another type", guide}},
		"Kong Mesh, another name":          {[]kumatest.Option{kumatest.KongMesh()}, builtin, "ca-2", nil},
		"Kong Mesh, provided another name": {[]kumatest.Option{kumatest.KongMesh()}, provided, "ca-2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, test.options...)
			env.NeedTwin()
			mesh := env.Mesh()
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{"skipValidation": true, "backends": []any{test.there}}})
			step := resource.TestStep{PlanOnly: true, ExpectNonEmptyPlan: true, Config: env.Config(`resource "kongmesh_mtls_provided_backend" "this" {
				mesh = $mesh
				name = $name
				cert = { secret = "a" }
				key  = { secret = "b" }
			}`, "mesh", mesh, "name", test.name)}
			if test.want != nil {
				step.ExpectError = acctest.Words(test.want...)
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{step}})
		})
	}
}

// Kuma has one backend in a mesh. A plan cannot tell that create_before_destroy
// creates a second one: the error of the apply does, and its advice works.
func TestAccProvidedBackend_createBeforeDestroy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	renamed := strings.Replace(backend(secrets), `"ca-1"`, `"ca-9"`, 1)
	s.write(strings.Replace(renamed, secrets, secrets+"lifecycle {\n create_before_destroy = true\n }", 1))
	s.says("apply -auto-approve", false, "Control plane rejected the change", "cannot have more than 1 backends", "Remove create_before_destroy from this resource, and from every resource that depends on it")
	s.write(renamed)
	s.says("apply -auto-approve", true, "1 added, 0 changed, 1 destroyed")
	s.NoChanges()
}

// A CA that expires before a certificate that it issues now is said as soon as
// the lifetime or the CA changes: at plan where the secret is there, once.
func TestAccProvidedBackend_lifetime(t *testing.T) {
	t.Parallel()
	const warning = "before a proxy certificate that is issued now"
	lifetime := func(text string) string {
		return secrets + "dp_cert = { rotation = { expiration = \"" + text + "\" } }"
	}
	env := acctest.New(t)
	env.NeedTwin()
	s := &scene{acctest.NewRun(t, ""), t, env, env.Mesh(), acctest.NewCA(t, "CA")} // for a year
	s.Serve(env.Provider())
	for _, step := range []struct {
		config, command string
		times           int
	}{
		{backend(lifetime("2y")), "init", 0},
		{backend(lifetime("2y")), "plan", 1},
		{backend(lifetime("2y")), "apply -auto-approve", 1},
		{backend(lifetime("2y")), "plan", 0},                  // nothing changes
		{backend(lifetime("300d")), "apply -auto-approve", 0}, // it lasts
		{backend(lifetime("3y")), "plan", 1},
		{backend(lifetime("3y") + "\nskip_validation = true"), "plan", 0},
		{strings.NewReplacer("kongmesh_mesh_ca_secret.this.certificate_secret", `"by-hand"`, "kongmesh_mesh_ca_secret.this.key_secret", `"by-hand-key"`).Replace(backend(lifetime("2y"))), "plan", 1},
		{before, "apply -auto-approve", 0},
		{strings.Replace(before, "chain = $chain", "chain = trimspace(terraform_data.chain.output)", 1) + strings.TrimPrefix(backend(lifetime("2y")), before) +
			"resource \"terraform_data\" \"chain\" {\n input = $chain\n}", "plan", 0}, // the CA is not known yet
	} {
		s.write(step.config)
		output := s.Terraform(strings.Fields(step.command)...)
		if n := len(acctest.Words(warning).FindAllString(output, -1)); n != step.times {
			t.Errorf("%s says it %d times, want %d\n%s", step.command, n, step.times, output)
		}
		if step.command == "apply -auto-approve" {
			env.PutSecret(s.mesh, "by-hand", s.ca.Chain)
		}
	}
	// What its own resource says of a CA, the backend does not repeat.
	env.Pass(t, 345*24*time.Hour)
	s.write(backend(lifetime("2d")))
	if output := s.Terraform("plan"); !strings.Contains(output, "expires soon") || strings.Contains(output, "similar") {
		t.Errorf("it is not said once:\n%s", output)
	}
}

// What the control plane has in a secret that the run writes counts for nothing.
func TestAccProvidedBackend_secretOfTheSameRun(t *testing.T) {
	t.Parallel()
	const warning = "before a proxy certificate that is issued now"
	env := acctest.New(t)
	env.NeedTwin()
	s := &scene{acctest.NewRun(t, ""), t, env, env.Mesh(), acctest.NewCA(t, "CA")} // for a year
	s.Serve(env.Provider())
	env.Must(http.MethodPut, "/meshes/"+s.mesh, map[string]any{"type": "Mesh", "name": s.mesh})
	env.PutSecret(s.mesh, "by-hand", s.ca.Chain)
	using := func(certificate string) string {
		return `resource "kongmesh_mtls_provided_backend" "this" {
			mesh    = $mesh
			name    = "ca-1"
			cert    = { secret = ` + certificate + ` }
			key     = { secret = "by-hand-key" }
			dp_cert = { rotation = { expiration = "2y" } }
		}
		`
	}
	s.write(using(`"by-hand"`))
	s.Terraform("init")
	s.says("plan", true, warning)
	s.write(using("kongmesh_mesh_secret.chain.name") + `resource "kongmesh_mesh_secret" "chain" {
		mesh  = $mesh
		name  = "by-hand"
		value = "another CA"
	}`)
	if output := s.Terraform("plan"); acctest.Words(warning).MatchString(output) {
		t.Errorf("of the CA that the secret has now, it says:\n%s", output)
	}
}

// Secrets of the same run that cannot be a CA together fail the plan, before any of
// them is uploaded.
func TestAccProvidedBackend_wrongSecretsOfTheSameRun(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	one, two := acctest.NewCA(t, "CA 1"), acctest.NewCA(t, "CA 2")
	const certificate, key, other = "kongmesh_mesh_ca_secret.this.certificate_secret", "kongmesh_mesh_ca_secret.this.key_secret", "kongmesh_mesh_ca_secret.two.key_secret"
	for name, test := range map[string]struct {
		cert, key string
		want      []string
	}{
		"key as certificate": {key, key, []string{"private key in chain", "cert.secret", "contains the private key of a CA", "you swapped"}},
		"certificate as key": {certificate, certificate, []string{"key not private", "key.secret", "contains the certificates of a CA", "you swapped"}},
		"of two CAs":         {certificate, other, []string{"key mismatch", "key.secret", "private key of another CA", "of one kongmesh_mesh_ca_secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := backend("cert = { secret = "+test.cert+" }\nkey = { secret = "+test.key+" }") + `
				resource "kongmesh_mesh_ca_secret" "two" {
					mesh              = kongmesh_mesh.this.name
					name              = "two"
					certificate_chain = $second
					private_key_wo    = $its
				}`
			env.PlanFails(t, env.Config(config, "mesh", env.Mesh(), "chain", one.Chain, "key", one.Key, "second", two.Chain, "its", two.Key), test.want...)
		})
	}
}

// A CA whose name constraints exclude the mesh fails the plan, before its secrets
// are there; one that merely has constraints does not.
func TestAccProvidedBackend_constrainedCA(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh, ca := env.Mesh(), acctest.NewCA(t, "CA")
	with := func(ca *acctest.CA) string {
		return env.Config(backend(secrets), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	env.PlanFails(t, with(ca.Constrained(t, "other", "kuma.io")), "CA material: name constraints", `proxy certificate of mesh "`+mesh+`"`, "URIs outside of the limits: "+mesh)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps:                    []resource.TestStep{{Config: with(ca.Constrained(t, mesh, "kuma.io"))}},
	})
}

// Another provided backend is a warning: this run may delete it.
func TestAccProvidedBackend_second(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.write(strings.NewReplacer(`kongmesh_mtls_provided_backend" "this"`, `kongmesh_mtls_provided_backend" "that"`, `"ca-1"`, `"ca-9"`).Replace(backend(secrets)))
	s.says("plan", true, "1 to add, 0 to change, 1 to destroy", "Warning: Mesh has another backend", `has the backend "ca-1", and Kuma rejects a second one`)
}

// What cannot be imported is said to be what it is.
func TestAccProvidedBackend_importRefused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{"backends": []any{map[string]any{"name": "own", "type": "builtin"}}}})
	env.Must(http.MethodPut, "/meshes/bare", map[string]any{"type": "Mesh", "name": "bare"})
	for id, want := range map[string][]string{
		mesh + "/own":  {"Not a provided backend", `Backend "own" of mesh "acc" has type "builtin"`, "Continue to manage this backend with the tool that created it", "Migrate from a builtin backend"},
		mesh + "/ca-1": {"Unknown backend", `has no mTLS backend "ca-1". It has "own" of type builtin`},
		"bare/ca-1":    {"Unknown backend", "It has no backends"},
		"absent/ca-1":  {"No such mesh", `There is no mesh "absent"`, "Check the import ID"},
	} {
		t.Run(id, func(t *testing.T) {
			env.PlanFails(t, env.Config(`
				import {
					to = kongmesh_mtls_provided_backend.this
					id = $id
				}
				resource "kongmesh_mtls_provided_backend" "this" {
					mesh = $mesh
					name = $name
					cert = { secret = "a" }
					key  = { secret = "b" }
				}`, "id", id, "mesh", strings.Split(id, "/")[0], "name", strings.Split(id, "/")[1]), want...)
		})
	}
}
