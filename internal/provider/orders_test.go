package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A setup is a configuration of a mesh, its CA and its backend.
type setup struct {
	ca      *acctest.CA
	name    string // of the CA's resource; "this" by default
	mode    string // of the backend; another one is a write of the mesh
	bare    bool   // without the backend
	copy    bool   // with a second resource of the same CA
	failing bool   // something that depends on the CA fails
}

func (s setup) config(env *acctest.Env) string {
	if s.name == "" {
		s.name = "this"
	}
	const ca = `
		resource "kongmesh_mesh_ca_secret" "NAME" {
			mesh              = kongmesh_mesh.this.name
			name              = "ca"
			certificate_chain = $chain
			private_key_wo    = $key

			lifecycle {
				create_before_destroy = true
			}
		}
	`
	text := `
		terraform {
			required_providers {
				kongmesh = { source = "kongmesh/kongmesh" }
			}
		}
		resource "kongmesh_mesh" "this" { name = "acc" }
	` + strings.ReplaceAll(ca, "NAME", s.name)
	if s.copy {
		text += strings.ReplaceAll(ca, "NAME", "copy")
	}
	if !s.bare {
		text += strings.ReplaceAll(`
			resource "kongmesh_mtls_provided_backend" "this" {
				mesh = kongmesh_mesh.this.name
				name = "ca-1"
				mode = $mode
				cert = { secret = kongmesh_mesh_ca_secret.NAME.certificate_secret }
				key  = { secret = kongmesh_mesh_ca_secret.NAME.key_secret }
			}
		`, "NAME", s.name)
	}
	if s.failing {
		text += strings.ReplaceAll(`
			resource "terraform_data" "fails" {
				input = kongmesh_mesh_ca_secret.NAME
				provisioner "local-exec" { command = "false" }
			}
		`, "NAME", s.name)
	}
	mode := s.mode
	if mode == "" {
		mode = "STRICT"
	}
	return env.Config(text, "chain", s.ca.Chain, "key", s.ca.Key, "mode", mode)
}

// orders are what happened to one mesh, and how it ends.
type orders struct {
	*testing.T
	env *acctest.Env
	run *acctest.Run

	output string // of all that succeeded
	// warn tells whether that may warn of secrets that are kept. forgotten: a
	// holder is in no state, and what it leaves a warning says how to delete.
	warn      func(warned bool) bool
	forgotten bool
}

// apply applies a setup.
func (o *orders) apply(s setup, args ...string) {
	o.Helper()
	o.run.Config(s.config(o.env))
	o.output += o.run.Terraform(append([]string{"apply", "-auto-approve"}, args...)...)
}

// fails applies a setup, and what was to go wrong does.
func (o *orders) fails(s setup, args ...string) {
	o.Helper()
	o.run.Config(s.config(o.env))
	if output, err := o.run.Try(append([]string{"apply", "-auto-approve"}, args...)...); err == nil || !strings.Contains(output, "Control plane failed") && !strings.Contains(output, "local-exec provisioner error") {
		o.Fatalf("it did not go wrong as it should:\n%s", output)
	}
	o.env.Twin.ClearFaults()
}

// lose lets requests of a method on a kind of path fail, for as long as fails
// applies: their effect is there, or not.
func (o *orders) lose(method, suffix string, side kumatest.Side) {
	o.env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Side: side, Match: func(r *http.Request) bool {
		return r.Method == method && strings.HasSuffix(r.URL.Path, suffix)
	}})
}

const (
	theMesh = "/meshes/acc"
	theCert = "-cert"
	theKey  = "-key"

	replaceCA = "-replace=kongmesh_mesh_ca_secret.this"
)

// depose copies the current object of the CA in the state to a deposed one, as
// Terraform does when a replacement was interrupted.
func (o *orders) depose() {
	o.Helper()
	var state map[string]any
	if err := json.Unmarshal(o.run.Read("terraform.tfstate"), &state); err != nil {
		o.Fatal(err)
	}
	for _, each := range state["resources"].([]any) {
		one := each.(map[string]any)
		if one["type"] != "kongmesh_mesh_ca_secret" {
			continue
		}
		instances := one["instances"].([]any)
		deposed := map[string]any{"deposed": "deadbeef"}
		maps.Copy(deposed, instances[0].(map[string]any))
		one["instances"] = append(instances, deposed)
	}
	text, err := json.Marshal(state)
	if err != nil {
		o.Fatal(err)
	}
	o.run.Write("terraform.tfstate", string(text))
}

// ends applies a setup, which must be the end of it: its CA is there, whole, the
// mesh uses it, and nothing is there besides. Then it destroys all, and nothing
// is left.
func (o *orders) ends(s setup) {
	o.Helper()
	o.apply(s)
	o.run.NoChanges()
	mesh := string(o.env.Must(http.MethodGet, theMesh, nil))
	var live []string
	for _, object := range known(o.T, o.run) {
		path, is := strings.CutPrefix(object, "acc/ca-")
		if !is || path == "1" { // the mesh or the backend
			continue
		}
		name := "ca-" + path
		var secret struct{ Data []byte }
		if err := json.Unmarshal(o.env.Must(http.MethodGet, theMesh+"/secrets/"+name, nil), &secret); err != nil {
			o.Fatal(err)
		}
		if content := string(secret.Data); content != s.ca.Chain && content != s.ca.Key {
			o.Errorf("secret %s holds something else", name)
		}
		if !s.bare && !strings.Contains(mesh, name) {
			o.Errorf("the mesh does not use secret %s: %s", name, mesh)
		}
		live = append(live, name)
	}
	if slices.Sort(live); len(slices.Compact(live)) != 2 {
		o.Errorf("the state has %v", live)
	}
	left := o.besides(live...)
	o.output += o.run.Terraform("destroy", "-auto-approve")
	o.env.Must(http.MethodPut, theMesh, map[string]any{"type": "Mesh", "name": "acc"}) // one that is gone hides its secrets
	left = append(left, o.besides()...)
	if o.forgotten {
		left = slices.DeleteFunc(left, func(name string) bool { return strings.Contains(o.output, "kumactl delete secret "+name+" --mesh acc") })
	}
	if warned := strings.Contains(o.output, "CA secrets are kept"); !o.warn(warned) {
		o.Errorf("a warning of secrets that are kept: %t\n%s", warned, o.output)
	}
	if len(left) > 0 {
		o.Errorf("secrets are left: %v\n%s", left, o.output)
	}
}

// besides are the secrets of the CA that the control plane has besides these.
func (o *orders) besides(live ...string) []string {
	o.Helper()
	var left []string
	for _, object := range secretsOf(o.T, o.env, "acc") {
		if _, name, _ := strings.Cut(object, "/"); !slices.Contains(live, name) {
			left = append(left, name)
		}
	}
	return left
}

// Whether an end warns. An object that is deleted knows nothing of the others
// that hold the same secrets. Where these are deleted in the same run, at the
// same time, it may notice, or not.
func silent(warned bool) bool { return !warned }
func warns(warned bool) bool  { return warned }
func perhaps(bool) bool       { return true }

// Whatever goes wrong, and in whichever order, the next apply ends it: nothing
// live is gone, and nothing of ours is left without a word.
func TestAccOrders(t *testing.T) {
	t.Parallel()
	a, b := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	plain, permissive := setup{ca: a}, setup{ca: a, mode: "PERMISSIVE"}
	for name, order := range map[string]func(*orders){
		"nothing goes wrong": func(o *orders) {
			o.apply(plain)
			o.ends(plain)
		},
		"the key is not written": func(o *orders) {
			o.lose(http.MethodPut, theKey, kumatest.Before)
			o.fails(plain)
			o.ends(plain)
		},
		"the answer to the key is lost": func(o *orders) {
			o.lose(http.MethodPut, theKey, kumatest.After)
			o.fails(plain)
			o.ends(plain)
		},
		"the answer to the certificate is lost": func(o *orders) {
			o.lose(http.MethodPut, theCert, kumatest.After)
			o.fails(plain)
			o.ends(plain)
		},
		"tainted, then the backend fails": func(o *orders) {
			o.apply(plain)
			o.run.Terraform("taint", "kongmesh_mesh_ca_secret.this")
			o.lose(http.MethodPut, theMesh, kumatest.Before)
			o.fails(permissive)
			o.ends(permissive)
		},
		"tainted, deposed, tainted again": func(o *orders) {
			o.apply(plain)
			for range 2 {
				o.run.Terraform("taint", "kongmesh_mesh_ca_secret.this")
				o.lose(http.MethodPut, theMesh, kumatest.Before)
				o.fails(permissive)
			}
			o.ends(permissive)
		},
		"replaced, and the backend fails": func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodPut, theMesh, kumatest.Before)
			o.fails(permissive, replaceCA)
			o.ends(permissive)
		},
		"replaced, and the backend fails three times": func(o *orders) {
			o.apply(plain)
			for range 3 {
				o.lose(http.MethodPut, theMesh, kumatest.Before)
				o.fails(permissive, replaceCA)
			}
			o.ends(permissive)
		},
		"replaced, and the predecessor is not taken out": func(o *orders) {
			o.apply(plain)
			o.env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: second(http.MethodPut, theCert)})
			o.fails(plain, replaceCA)
			o.ends(plain)
		},
		"replaced without a backend": func(o *orders) {
			o.apply(setup{ca: a, bare: true})
			o.apply(setup{ca: a, bare: true}, replaceCA)
			o.ends(plain)
		},
		"replaced without a backend, and a dependent fails": func(o *orders) {
			o.warn = warns
			bare := setup{ca: a, bare: true}
			o.apply(bare)
			o.fails(setup{ca: a, bare: true, failing: true}, replaceCA)
			o.ends(bare)
		},
		"replaced without a backend, twice, and a backend comes": func(o *orders) {
			o.warn = perhaps
			o.apply(setup{ca: a, bare: true})
			o.fails(setup{ca: a, bare: true, failing: true}, replaceCA)
			o.fails(setup{ca: a, bare: true, failing: true}, replaceCA)
			o.ends(plain)
		},
		"another CA, and the backend fails": func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodPut, theMesh, kumatest.Before)
			o.fails(setup{ca: b})
			o.ends(setup{ca: b})
		},
		"another CA, back, forth, and the backend fails each time": func(o *orders) {
			o.warn = perhaps
			o.apply(plain)
			for _, s := range []setup{{ca: b}, permissive, {ca: b}, permissive} {
				o.lose(http.MethodPut, theMesh, kumatest.Before)
				o.fails(s)
			}
			o.ends(setup{ca: b})
		},
		"another CA and back, and the backend fails both times": func(o *orders) {
			o.apply(plain)
			for _, s := range []setup{{ca: b}, permissive} {
				o.lose(http.MethodPut, theMesh, kumatest.Before)
				o.fails(s)
			}
			o.ends(plain)
		},
		"another CA, and the answer of the switch is lost": func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodPut, theMesh, kumatest.After)
			o.lose(http.MethodGet, theMesh, kumatest.Before)
			o.fails(setup{ca: b}, "-refresh=false")
			o.ends(plain)
		},
		"another CA, and the previous one is not deleted": func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodDelete, theKey, kumatest.Before)
			o.fails(setup{ca: b})
			o.ends(plain)
		},
		"another CA, and half of the previous one is deleted": func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodDelete, theCert, kumatest.Before)
			o.fails(setup{ca: b})
			o.ends(plain)
		},
		"renamed": func(o *orders) {
			o.warn = perhaps
			o.apply(plain)
			o.try(setup{ca: a, name: "other"})
			o.ends(setup{ca: a, name: "other"})
		},
		"renamed, one after the other": func(o *orders) {
			o.warn = perhaps
			o.apply(plain)
			o.try(setup{ca: a, name: "other"}, "-parallelism=1")
			o.ends(setup{ca: a, name: "other"})
		},
		"renamed, and the backend fails": func(o *orders) {
			o.warn = warns
			o.apply(plain)
			o.lose(http.MethodPut, theMesh, kumatest.Before)
			o.fails(setup{ca: a, name: "other", mode: "PERMISSIVE"})
			o.ends(setup{ca: a, name: "other", mode: "PERMISSIVE"})
		},
		"renamed and back, without a backend": func(o *orders) {
			o.warn = perhaps
			o.apply(setup{ca: a, bare: true})
			o.try(setup{ca: a, bare: true, name: "other"})
			o.try(setup{ca: a, bare: true})
			o.ends(plain)
		},
		"a copy comes and goes": func(o *orders) {
			o.warn = warns
			o.apply(plain)
			o.apply(setup{ca: a, copy: true})
			o.ends(plain)
		},
		"a copy comes and goes, without a backend": func(o *orders) {
			o.warn = warns
			bare := setup{ca: a, bare: true}
			o.apply(bare)
			o.apply(setup{ca: a, bare: true, copy: true})
			o.ends(bare)
		},
		"a copy comes, is refreshed, and goes, without a backend": func(o *orders) {
			o.warn = warns
			bare := setup{ca: a, bare: true}
			o.apply(bare)
			for range 3 {
				o.apply(setup{ca: a, bare: true, copy: true})
			}
			o.ends(bare)
		},
		"a copy comes and stays": func(o *orders) {
			o.warn = perhaps
			o.apply(plain)
			o.ends(setup{ca: a, copy: true})
		},
		"imported, then a copy comes and goes": func(o *orders) {
			o.warn = warns
			o.apply(plain)
			o.imported()
			o.apply(setup{ca: a, copy: true})
			o.ends(plain)
		},
		"imported, then renamed": func(o *orders) {
			o.warn = perhaps
			o.apply(plain)
			o.imported()
			o.try(setup{ca: a, name: "other"})
			o.ends(setup{ca: a, name: "other"})
		},
		"imported without an ID, then a copy comes and goes": func(o *orders) {
			o.warn = warns
			o.apply(plain)
			o.forgetHolders()
			o.imported()
			o.apply(setup{ca: a, copy: true})
			o.ends(plain)
		},
		"a deposed object with the current names": func(o *orders) {
			o.warn = warns
			o.apply(plain)
			o.depose()
			o.ends(plain)
		},
		"the mesh was deleted by hand": func(o *orders) {
			o.apply(plain)
			o.env.Must(http.MethodPut, theMesh, map[string]any{"type": "Mesh", "name": "acc"})
			o.env.Must(http.MethodDelete, theMesh, nil)
			o.env.Wait(o.T, 1)
			o.ends(plain)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			if strings.Contains(name, "a copy") { // whose refresh waits for that of the other
				env = acctest.NewReal(t)
			}
			env.NeedTwin()
			run := acctest.NewRun(t, "")
			run.Serve(env.Provider())
			run.Config(plain.config(env))
			run.Terraform("init")
			order(&orders{T: t, env: env, run: run, warn: silent})
		})
	}
}

// second matches the second request of a method on a kind of path.
func second(method, suffix string) func(*http.Request) bool {
	n := 0
	return func(r *http.Request) bool {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) {
			n++
		}
		return n == 2 && r.Method == method && strings.HasSuffix(r.URL.Path, suffix)
	}
}

// try applies a setup, which may go wrong or not.
func (o *orders) try(s setup, args ...string) {
	o.Helper()
	o.run.Config(s.config(o.env))
	output, err := o.run.Try(append([]string{"apply", "-auto-approve"}, args...)...)
	o.Logf("%v\n%s", err, output)
}

// imported takes the CA out of the state, and imports it.
func (o *orders) imported() {
	o.Helper()
	o.run.Terraform("state", "rm", "kongmesh_mesh_ca_secret.this")
	o.run.Terraform("import", "kongmesh_mesh_ca_secret.this", "acc/ca")
}

// forgetHolders takes all labels off the secrets of the CA.
func (o *orders) forgetHolders() {
	o.Helper()
	for _, object := range secretsOf(o.T, o.env, "acc") {
		_, name, _ := strings.Cut(object, "/")
		o.env.Change(theMesh+"/secrets/"+name, func(document map[string]any) { delete(document, "labels") })
	}
}

// The provider's process dies after any number of answers of the control plane.
// What it could not tell Terraform of may leave a holder that is in no state. The
// next apply ends it all the same.
func TestAccOrders_killed(t *testing.T) {
	t.Parallel()
	a, b := acctest.NewCA(t, "First CA"), acctest.NewCA(t, "Second CA")
	plain, other := setup{ca: a}, setup{ca: b}
	for name, scene := range map[string]struct {
		before    func(*orders)
		killed    setup
		args      []string
		forgotten bool // by an apply that does not replace the CA again
	}{
		"replaced":   {func(o *orders) { o.apply(plain) }, plain, []string{replaceCA}, true},
		"another CA": {func(o *orders) { o.apply(other) }, plain, nil, false},
		"back to the previous CA": {func(o *orders) {
			o.apply(plain)
			o.lose(http.MethodPut, theMesh, kumatest.Before)
			o.fails(other)
		}, setup{ca: a, mode: "PERMISSIVE"}, nil, false},
	} {
		for answers := 1; answers <= 8; answers++ {
			t.Run(fmt.Sprintf("%s, after %d answers", name, answers), func(t *testing.T) {
				t.Parallel()
				env := acctest.NewReal(t)
				env.NeedTwin()
				run := acctest.NewRun(t, "")
				o := &orders{T: t, env: env, run: run, warn: silent, forgotten: scene.forgotten}
				if scene.forgotten {
					o.warn = perhaps
				}
				scene.before(o)
				o.run.Config(scene.killed.config(env))
				o.run.Terraform(append([]string{"plan", "-out=saved"}, scene.args...)...)
				run.DieAfter(answers)
				if output, err := run.Try("apply", "saved"); err == nil {
					t.Skipf("an apply has fewer than %d answers:\n%s", answers, output)
				}
				run.DieAfter(0)
				o.ends(scene.killed)
			})
		}
	}
}
