package casecret_test

import (
	"context"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// An import names the certificates, and then the key, of one CA. Anything else is
// refused with the right form: its plan would be to import, and to replace.
func TestCASecret_importOfWrongSecrets(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	cert, key := names(ca.Chain)
	otherCert, otherKey := names(other.Chain)
	env.Must(http.MethodPut, "/meshes/acc", map[string]any{"type": "Mesh", "name": "acc"})
	for name, data := range map[string]string{cert: ca.Chain, key: ca.Key, otherCert: other.Chain, otherKey: other.Key, "plain": "x"} {
		env.PutSecret("acc", name, data)
	}
	const form = "mesh/certificate-secret/key-secret"
	p := env.Protocol()
	for name, test := range map[string]struct {
		by   any
		want []string
	}{
		"the names in the wrong order":         {"acc/" + key + "/" + cert, []string{"wrong order", "acc/" + cert + "/" + key}},
		"the mesh last":                        {cert + "/" + key + "/acc", []string{form, "import acc/" + cert + "/" + key}},
		"the mesh last, the names reversed":    {key + "/" + cert + "/acc", []string{form, "import acc/" + cert + "/" + key}},
		"the mesh between":                     {cert + "/acc/" + key, []string{form, "import acc/" + cert + "/" + key}},
		"no such mesh":                         {"absent/" + cert + "/" + key, []string{`no mesh "absent"`, form}},
		"commas":                               {"acc," + cert + "," + key, []string{form, "slashes", `"acc/` + cert + "/" + key + `"`}},
		"a comma and a slash":                  {"acc," + cert + "/" + key, []string{form, "slashes", `"acc/` + cert + "/" + key + `"`}},
		"spaces":                               {"acc " + cert + " " + key, []string{form, "slashes", `"acc/` + cert + "/" + key + `"`}},
		"a colon":                              {"acc:ca", []string{form, "slashes", `"acc/ca"`}},
		"a mesh with capital letters":          {"Acc/" + cert + "/" + key, []string{form}},
		"the key of another CA":                {"acc/" + cert + "/" + otherKey, []string{"does not belong to the first certificate", form}},
		"twice the certificates":               {"acc/" + cert + "/" + cert, []string{"contains certificates instead of a private key", form}},
		"twice the key":                        {"acc/" + key + "/" + key, []string{"contains a private key instead of certificates", form}},
		"a secret that does not exist":         {"acc/" + cert + "/absent", []string{`Secret "absent" of mesh "acc" does not exist`, form}},
		"another secret":                       {"acc/plain/" + key, []string{`"plain" of mesh "acc" contains neither certificates nor a private key`, form}},
		"an identity in the wrong order":       {map[string]any{"mesh": "acc", "certificate_secret": key, "key_secret": cert}, []string{"wrong order"}},
		"an identity with another mesh's name": {map[string]any{"mesh": cert, "certificate_secret": "acc", "key_secret": key}, []string{form, "import acc/" + cert + "/" + key}},
	} {
		t.Run(name, func(t *testing.T) {
			state, _, problems := p.Import("kongmesh_mesh_ca_secret", test.by)
			if state != nil || len(problems) != 1 || problems[0].Summary != "Invalid import ID" {
				t.Fatalf("imported: %v, %v", state, problems)
			}
			for _, want := range test.want {
				if !strings.Contains(problems[0].Detail, want) {
					t.Errorf("%q does not say %q", problems[0].Detail, want)
				}
			}
		})
	}
	if _, _, problems := p.Import("kongmesh_mesh_ca_secret", "acc/"+cert+"/"+key); len(problems) > 0 {
		t.Errorf("the right one is refused: %v", problems)
	}
}

// One half of a CA is not for a resource of its own: neither to import it, nor to
// create it where it exists.
func TestAccMeshSecret_halfOfACA(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	cert, key := namesIn(env, mesh, ca.Chain)
	const half = `
		resource "kongmesh_mesh_secret" "half" {
			mesh     = kongmesh_mesh.this.name
			name     = $name
			value_wo = "x"
		}
	`
	with := func(text, name string) string {
		return env.Config(text+backend+half, "mesh", mesh, "chain", ca.Chain, "key", ca.Key, "name", name)
	}
	none := func(text string) string {
		return env.Config(text+backend, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	refused := func(id, what string) []string {
		return []string{"Secret belongs to a CA", what + " of a CA", "to = kongmesh_mesh_ca_secret.NAME", `id = "` + id + `"`}
	}
	derived, both := mesh+"/"+cert+"/"+key, mesh+"/ca.cert/ca.key"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: none(config)},
			{Config: with(config, key), ExpectError: acctest.Words(refused(derived, "private key")...)},
			{Config: with(config, cert), ExpectError: acctest.Words(refused(derived, "certificate chain")...)},
			{Config: with(config, key), ImportState: true, ResourceName: "kongmesh_mesh_secret.half", ImportStateId: mesh + "/" + key, ExpectError: acctest.Words(refused(derived, "private key")...)},
			{Config: env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh)},
			{Config: none(fixed)},
			{Config: with(fixed, "ca.key"), ExpectError: acctest.Words(refused(both, "private key")...)},
		},
	})
}

// An update that fails is not taken for done: the same CA is still refused once
// the mesh uses the secrets.
func TestAccCASecret_failedUpdateIsNotApplied(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kumatest.Fault{
		"the certificate": {Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: put("ca.cert")},
		"its answer":      {Kinds: []kumatest.FaultKind{kumatest.InternalError}, Side: kumatest.After, Match: put("ca.cert")},
		"the key":         {Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: put("ca.key")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			env.NeedTwin()
			ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
			with := func(text string, ca *acctest.CA) string {
				return env.Config(text, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: with(fixed, ca)},
					{PreConfig: func() { env.Twin.Inject(fault) }, Config: with(fixed, other), ExpectError: acctest.Words("Control plane failed")},
					{PreConfig: env.Twin.ClearFaults, Config: with(fixed+backend, ca)},
					{Config: with(fixed+backend, other), PlanOnly: true, ExpectError: acctest.Words("CA secret is in use")},
				},
			})
		})
	}
}

func put(name string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/"+name)
	}
}

// What a mesh left that was deleted by hand is adopted with the new mesh of that
// name, if it has the right content. What is younger than the mesh is not.
func TestAccSecrets_meshDeletedByHand(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	path := "/meshes/" + mesh
	ca := acctest.NewCA(t, "CA")
	all := env.Config(fixed+`
		resource "kongmesh_mesh_secret" "plain" {
			mesh  = kongmesh_mesh.this.name
			name  = "plain"
			value = "x"
		}
	`, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	deleted := func() {
		env.Must(http.MethodDelete, path, nil)
		env.Pass(t, 2*time.Second)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy: func(state *terraform.State) error {
			env.Must(http.MethodPut, path, map[string]any{"type": "Mesh", "name": mesh})
			return env.Gone(path+"/secrets/plain", path+"/secrets/ca.cert", path+"/secrets/ca.key")(state)
		},
		Steps: []resource.TestStep{
			{Config: all},
			{PreConfig: deleted, Config: all, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("kongmesh_mesh_secret.plain", plancheck.ResourceActionCreate),
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate),
			}}},
			{PreConfig: func() {
				env.PutSecret(mesh, "plain", "another value")
				deleted()
			}, Config: all, ExpectError: acctest.Words("Exists already", "kongmesh_mesh_secret.NAME")},
			{PreConfig: func() {
				env.Must(http.MethodDelete, path+"/secrets/plain", nil)
				env.Pass(t, 2*time.Second)
				env.PutSecret(mesh, "plain", "x") // somebody else's, of this mesh
			}, Config: all, ExpectError: acctest.Words("Exists already", "kongmesh_mesh_secret.NAME")},
			{PreConfig: func() { env.Must(http.MethodDelete, path+"/secrets/plain", nil) }, Config: all},
		},
	})
}

// writing is a clock during whose waits somebody writes something, every two seconds.
type writing struct {
	kuma.Clock
	write func()
}

func (c writing) Sleep(ctx context.Context, d time.Duration) error {
	const every = 2 * time.Second
	for ; d > every; d -= every {
		if err := c.Clock.Sleep(ctx, every); err != nil {
			return err
		}
		c.write()
	}
	return c.Clock.Sleep(ctx, d)
}

// The secrets of the previous CA are deleted although somebody else writes the
// mesh all the time.
func TestAccCASecret_deletedWhileTheMeshIsWritten(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	with := func(ca *acctest.CA) string {
		return env.Config(strings.Replace(config, "  lifecycle", "  timeouts = { delete = \"10s\" }\n  lifecycle", 1)+backend, "mesh", "acc", "chain", ca.Chain, "key", ca.Key)
	}
	writes := 0
	clock := writing{env.Clock, func() {
		writes++
		env.Must(http.MethodPut, "/meshes/acc", env.Must(http.MethodGet, "/meshes/acc", nil))
	}}
	cert, key := names(ca.Chain)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: acctest.Provider(provider.Options{Clock: clock}),
		Steps: []resource.TestStep{
			{Config: with(ca)},
			{Config: with(other), Check: env.Gone("/meshes/acc/secrets/"+cert, "/meshes/acc/secrets/"+key)},
		},
	})
	if writes == 0 {
		t.Error("nobody wrote the mesh")
	}
}

// A deletion does not rely on what an earlier one of the same run has read of the
// identities.
func TestAccCASecret_identityComesWhileAnotherIsDeleted(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedTwin()
	ca := acctest.NewCA(t, "CA")
	run := acctest.NewRun(t, env.Config(`
resource "kongmesh_mesh" "this" { name = "acc" }
resource "kongmesh_mesh_ca_secret" "this" {
  for_each                = toset(["one", "two"])
  mesh                    = kongmesh_mesh.this.name
  certificate_secret_name = "${each.key}-cert"
  key_secret_name         = "${each.key}-key"
  certificate_chain       = $chain
  private_key             = $key
}`, "chain", ca.Chain, "key", ca.Key))
	run.Terraform("apply", "-auto-approve")
	identity := func(name, ca string) {
		secret := func(name string) map[string]any {
			return map[string]any{"type": "Secret", "secretRef": map[string]any{"kind": "Secret", "name": ca + name}}
		}
		env.Must(http.MethodPut, "/meshes/acc/meshidentities/"+name, map[string]any{"type": "MeshIdentity", "mesh": "acc", "name": name, "spec": map[string]any{
			"provider": map[string]any{"type": "Bundled", "bundled": map[string]any{"ca": map[string]any{"certificate": secret("-cert"), "privateKey": secret("-key")}}},
		}})
	}
	identity("another", "other")
	used := ""
	env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.Unavailable}, Times: 1, Match: func(r *http.Request) bool {
		if name, is := strings.CutSuffix(path.Base(r.URL.Path), "-cert"); is && r.Method == http.MethodDelete && used == "" {
			used = map[string]string{"one": "two", "two": "one"}[name]
			identity("i", used)
		}
		return false
	}})
	if output, err := run.Try("destroy", "-auto-approve", "-parallelism=1"); err == nil || !acctest.Words("CA secret is in use", `MeshIdentity "i" uses them`).MatchString(output) {
		t.Errorf("the destroy prints\n%s\n%v", output, err)
	}
	env.Must(http.MethodGet, "/meshes/acc/secrets/"+used+"-key", nil)
	for _, name := range []string{"another", "i"} {
		env.Must(http.MethodDelete, "/meshes/acc/meshidentities/"+name, nil)
	}
	run.Terraform("destroy", "-auto-approve")
}
