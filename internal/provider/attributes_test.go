package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// An event is what can happen to an attribute.
type event int

const (
	created event = iota // set by an apply that creates
	updated              // changed by an apply that updates in place
	drifted              // changed by somebody else, seen, and put right
)

func events() []event { return []event{created, updated, drifted} }

func (e event) String() string { return []string{"create", "update", "drift"}[e] }

const replaces = "another one is another object, which replaces this one"

// exemptions are the attributes that something does not happen to, and why, besides the names that identify an object.
func exemptions() []exemption {
	return []exemption{
		{replaces, []event{updated, drifted}, []string{
			"kongmesh_mesh_ca_secret.name", "kongmesh_mesh_ca_secret.certificate_secret_name", "kongmesh_mesh_ca_secret.key_secret_name",
		}},
		{"write-only: in no plan and in no state; what happens to it shows in public_key_sha256", events(), []string{
			"kongmesh_mesh_ca_secret.private_key_wo",
		}},
		{"write-only: in no plan and in no state; what happens to it shows in in_sync", events(), []string{
			"kongmesh_mesh_secret.value_wo", "kongmesh_mesh_secret.value_base64_wo",
			"kongmesh_global_secret.value_wo", "kongmesh_global_secret.value_base64_wo",
		}},
		{"no document has it", []event{drifted}, []string{
			"kongmesh_mesh_ca_secret.private_key_wo_version", "kongmesh_mesh_ca_secret.accept_warnings",
			"kongmesh_mesh_secret.value_wo_version", "kongmesh_mesh_secret.value_base64_wo_version",
			"kongmesh_global_secret.value_wo_version", "kongmesh_global_secret.value_base64_wo_version",
			"kongmesh_mesh_ca_secret.timeouts.create", "kongmesh_mesh_ca_secret.timeouts.update", "kongmesh_mesh_ca_secret.timeouts.delete",
			"kongmesh_mtls_provided_backend.timeouts.create", "kongmesh_mtls_provided_backend.timeouts.update", "kongmesh_mtls_provided_backend.timeouts.delete",
			"kongmesh_mesh_identity.timeouts.create", "kongmesh_mesh_identity.timeouts.update", "kongmesh_mesh_identity.timeouts.delete",
			"kongmesh_mesh_identity.rollout.strategy", "kongmesh_mesh_identity.rollout.offline_proxies", "kongmesh_mesh_identity.force_destroy",
			"kongmesh_mtls_provided_backend.rollout.strategy", "kongmesh_mtls_provided_backend.rollout.offline_proxies", "kongmesh_mtls_provided_backend.force_destroy",
		}},
		{"no control plane has an extension, so that the identity never gets ready", events(), []string{
			"kongmesh_mesh_identity.extension.name", "kongmesh_mesh_identity.extension.config",
		}},
		{"a key is not read back; another one shows in public_key_sha256", []event{drifted}, []string{
			"kongmesh_mesh_ca_secret.private_key",
		}},
	}
}

type exemption struct {
	reason     string
	from       []event
	attributes []string
}

// Every attribute of every resource is created, updated and drifts, as plans
// tell it, or there is a reason why not.
func TestAccAttributes(t *testing.T) {
	t.Parallel()
	seen := observe(t)
	type part struct {
		attribute string
		event     event
	}
	reasons := map[part]string{}
	for _, e := range exemptions() {
		for _, attribute := range e.attributes {
			for _, event := range e.from {
				reasons[part{attribute, event}] = e.reason
			}
		}
	}
	provider := acctest.New(t).Protocol()
	schemas := provider.Schemas.ResourceSchemas
	for name, identity := range provider.Identities {
		for _, attribute := range identity.IdentityAttributes {
			reasons[part{name + "." + attribute.Name, updated}], reasons[part{name + "." + attribute.Name, drifted}] = replaces, replaces
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		var text strings.Builder
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintf(table, "%s\tcreate\tupdate\tdrift\n", name)
		for _, attribute := range acctest.Attributes(schemas[name]) {
			full, row, because := name+"."+attribute.Path, attribute.Path, ""
			for _, event := range events() {
				there := seen[event][full]
				reason, exempt := reasons[part{full, event}]
				delete(reasons, part{full, event})
				switch {
				case there:
					row += "\tyes"
				case exempt:
					row, because = row+"\t-", reason
				default:
					row += "\tNO"
					t.Errorf("%s: nothing shows its %s", full, event)
				}
				if there && exempt {
					t.Errorf("%s: its %s is shown, and needs no exemption", full, event)
				}
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\n", row, because)
		}
		_ = table.Flush()
		t.Log("\n" + text.String())
	}
	for left := range reasons {
		t.Errorf("%s: there is no such attribute to exempt", left.attribute)
	}
}

// sightings are the paths of the attributes that something happened to.
type sightings map[event]map[string]bool

// A watcher is a plan check that notes what a plan does to attributes. Of a plan
// that is to create only what creates counts, else what updates in place.
type watcher struct {
	seen  sightings
	event event
}

func (w watcher) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, _ *plancheck.CheckPlanResponse) {
	for _, resource := range req.Plan.ResourceChanges {
		change := resource.Change
		if change.Actions.Create() && w.event == created || change.Actions.Update() && w.event != created {
			differences(w.seen[w.event], resource.Type, change.Before, change.After) // what is not known yet is null
		}
	}
}

// differences adds the paths at which two values differ, without indexes. What
// is empty is nothing.
func differences(paths map[string]bool, at string, before, after any) {
	inner := func(child string, before, after any) {
		differences(paths, child, before, after)
		if paths[child] {
			paths[at] = true
		}
	}
	a, isObject := before.(map[string]any)
	b, isObjectToo := after.(map[string]any)
	x, isList := before.([]any)
	y, isListToo := after.([]any)
	switch {
	case isObject || isObjectToo:
		for _, name := range slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
			inner(at+"."+name, a[name], b[name])
		}
	case isList || isListToo:
		for i := range max(len(x), len(y)) {
			var was, is any
			if i < len(x) {
				was = x[i]
			}
			if i < len(y) {
				is = y[i]
			}
			differences(paths, at, was, is)
		}
	case !reflect.DeepEqual(before, after):
		paths[at] = true
	}
}

// observe lets everything happen to everything: it is created with all there
// is, all is changed, and then all is put back to what it was by somebody else.
func observe(t *testing.T) sightings {
	t.Helper()
	env := acctest.New(t, kumatest.Version("2.14.3")) // which has every part of a mesh
	env.NeedTwin()                                    // an identity waits for an extension until its timeout
	seen := sightings{created: {}, updated: {}, drifted: {}}
	config := everythingOf(t, env)
	var was, is []document
	step := func(config string, event event) resource.TestStep {
		return resource.TestStep{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{watcher{seen, event}}}}
	}
	create, update, drift := step(config(true), created), step(config(false), updated), step(config(false), drifted)
	create.Check = func(*terraform.State) error { was = documents(t, env); return nil }
	update.Check = func(*terraform.State) error { is = documents(t, env); return nil }
	drift.PreConfig = func() {
		for _, d := range was {
			if slices.ContainsFunc(is, func(now document) bool { return reflect.DeepEqual(now, d) }) {
				continue
			}
			env.Wait(t, 1) // so that the control plane sees the secrets before the mesh
			env.Must(http.MethodPut, d.path, d.content)
		}
	}
	drift.Check = func(*terraform.State) error {
		for _, d := range is {
			if now := read(t, env, d.path); !reflect.DeepEqual(now, d.content) {
				return fmt.Errorf("%s was not put right: it is\n%v\nand not\n%v", d.path, now, d.content)
			}
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps:                    []resource.TestStep{create, update, drift},
	})
	return seen
}

// everythingOf are the two forms of everything.
func everythingOf(t *testing.T, env *acctest.Env) func(first bool) string {
	t.Helper()
	ca, second := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Second CA")
	sub, next := ca.Intermediate(t, "Sub CA"), ca.Intermediate(t, "Next Sub CA")
	config := env.Config(everything, "sub_chain", sub.Chain, "sub_key", sub.Key, "next_chain", next.Chain, "next_key", next.Key, "chain", ca.Chain, "key", ca.Key, "second_chain", second.Chain, "second_key", second.Key,
		"ed_chain", acctest.PKI(t, "ed.crt"), "ed_key", acctest.PKI(t, "ed.key"))
	return func(first bool) string { return config + fmt.Sprintf("locals {\n  first = %t\n}\n", first) }
}

// A document is what the control plane has at a path.
type document struct {
	path    string
	content map[string]any
}

// documents are all secrets, meshes, and documents of kongmesh_resource, in the order in which they can be put.
func documents(t *testing.T, env *acctest.Env) []document {
	t.Helper()
	var all []document
	list := func(path string) (names []string) {
		var list struct{ Items []struct{ Name string } }
		if err := json.Unmarshal(env.Must(http.MethodGet, path, nil), &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			names = append(names, path+"/"+item.Name)
		}
		return names
	}
	meshes := list("/meshes")
	paths := list("/global-secrets")
	for _, mesh := range meshes {
		paths = append(paths, list(mesh+"/secrets")...)
		paths = append(paths, list(mesh+"/meshtimeouts")...)
		paths = append(paths, list(mesh+"/external-services")...)
		paths = append(paths, list(mesh+"/meshidentities")...)
		paths = append(paths, slices.DeleteFunc(list(mesh+"/meshtrusts"), func(path string) bool { return !strings.HasSuffix(path, "/own") })...) // not what is generated
	}
	for _, path := range append(paths, meshes...) {
		all = append(all, document{path, read(t, env, path)})
	}
	return all
}

// read is a document without its times and its status.
func read(t *testing.T, env *acctest.Env, path string) map[string]any {
	t.Helper()
	var content map[string]any
	if err := json.Unmarshal(env.Must(http.MethodGet, path, nil), &content); err != nil {
		t.Fatal(err)
	}
	delete(content, "creationTime")
	delete(content, "modificationTime")
	delete(content, "status")
	return content
}

// everything has a value for every attribute, and another one for each where
// the local value first is false.
const everything = `
locals {
  x           = local.first ? "a" : "b"
  n           = local.first ? 1 : 2
  minutes     = local.first ? "1m" : "2m"
  seconds     = local.first ? "1s" : "2s"
  chain       = local.first ? $chain : $second_chain
  key         = local.first ? $key : $second_key
  fixed_chain = local.first ? $chain : $ed_chain
  fixed_key   = local.first ? $key : $ed_key
}

resource "kongmesh_mesh" "this" {
  name                           = "all"
  labels                         = { team = local.x }
  skip_creating_initial_policies = [local.x]

  networking = { outbound = { passthrough = local.first } }
  routing = {
    locality_aware_load_balancing               = local.first
    zone_egress                                 = local.first
    default_forbid_mesh_external_service_access = local.first
  }
  mesh_services = { mode = local.first ? "Exclusive" : "Everywhere" }
  constraints = {
    dataplane_proxy = {
      requirements = [{ tags = { zone = local.x } }]
      restrictions = [{ tags = { legacy = local.x } }]
    }
  }
  logging = {
    default_backend = "file-${local.x}"
    backends = [
      { name = "file-${local.x}", format = local.x, file = { path = "/${local.x}" } },
      { name = "tcp", tcp = { address = "${local.x}:1" } },
    ]
  }
  tracing = {
    default_backend = "zipkin-${local.x}"
    backends = [
      {
        name     = "zipkin-${local.x}"
        sampling = local.n
        zipkin = {
          url                 = "http://${local.x}:1/"
          trace_id_128bit     = local.first
          api_version         = local.first ? "httpProto" : "httpJsonV1"
          shared_span_context = local.first
        }
      },
      { name = "datadog", datadog = { address = local.x, port = local.n, split_service = local.first } },
    ]
  }
  metrics = {
    enabled_backend = "prometheus-${local.x}"
    backends = [{
      name = "prometheus-${local.x}"
      prometheus = {
        port      = local.n
        path      = "/${local.x}"
        tags      = { "kuma.io/service" = local.x }
        skip_mtls = local.first
        tls       = { mode = local.first ? "disabled" : "providedTLS" }
        aggregate = [{ name = local.x, port = local.n, path = "/${local.x}", address = local.x, enabled = local.first }]
        envoy     = { filter_regex = local.x, used_only = local.first }
      }
    }]
  }
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = local.chain
  private_key_wo    = local.key

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mesh_ca_secret" "again" {
  mesh                   = kongmesh_mesh.this.name
  name                   = "again"
  certificate_chain      = $chain
  private_key_wo         = $key
  private_key_wo_version = local.n
}

resource "kongmesh_mesh_ca_secret" "fixed" {
  mesh                    = kongmesh_mesh.this.name
  certificate_secret_name = "fixed.cert"
  key_secret_name         = "fixed.key"
  certificate_chain       = local.fixed_chain
  trusted_certificates    = local.first ? $second_chain : $chain
  accept_warnings         = local.first ? ["duplicate"] : ["duplicate", "weak-key"]
  private_key             = local.fixed_key
  timeouts                = { create = local.minutes, update = local.minutes, delete = local.minutes }
}

resource "kongmesh_mtls_provided_backend" "this" {
  mesh       = kongmesh_mesh.this.name
  name       = "secret"
  mode       = local.first ? "PERMISSIVE" : "STRICT"
  cert       = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key        = { secret = kongmesh_mesh_ca_secret.this.key_secret }
  dp_cert    = { rotation = { expiration = local.minutes }, request_timeout = local.seconds }
  root_chain = { request_timeout = local.seconds }
  rollout    = { strategy = local.first ? "overlap" : "switch", offline_proxies = local.first ? "report" : "wait" }
  force_destroy = local.first ? false : true
  timeouts   = { create = local.minutes, update = local.minutes, delete = local.minutes }
}

resource "kongmesh_mesh" "more" {
  count = 3 # Kuma has one backend in each
  name  = "more-${count.index}"
}

resource "kongmesh_mtls_provided_backend" "inline" {
  mesh    = kongmesh_mesh.more[0].name
  name    = "inline"
  enabled = local.first
  cert    = { inline = base64encode(local.chain) }
  key     = { inline = base64encode(local.key) }
}

resource "kongmesh_mtls_provided_backend" "inline_string" {
  mesh = kongmesh_mesh.more[1].name
  name = "inline-string"
  cert = { inline_string = local.chain }
  key  = { inline_string = local.key }

  skip_validation = local.first
}

resource "kongmesh_mtls_provided_backend" "file" {
  mesh            = kongmesh_mesh.more[2].name
  name            = "file"
  enabled         = false
  skip_validation = true
  cert            = { file = "/${local.x}" }
  key             = { file = "/${local.x}" }
}

resource "kongmesh_mesh" "identities" {
  name          = "identities"
  mesh_services = { mode = "Exclusive" }
}

resource "kongmesh_mesh_ca_secret" "identities" {
  mesh              = kongmesh_mesh.identities.name
  name              = "ca"
  certificate_chain = local.first ? $sub_chain : $next_chain
  private_key_wo    = local.first ? $sub_key : $next_key

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mesh_trust" "own" {
  mesh         = kongmesh_mesh.identities.name
  name         = "own"
  labels       = { team = local.x }
  trust_domain = "${local.x}.example"
  ca_bundles   = [local.chain]
}

resource "kongmesh_mesh_identity" "secret" {
  mesh      = kongmesh_mesh.identities.name
  name      = "secret"
  labels    = { team = local.x }
  selector  = { dataplane = { match_labels = { app = local.x } } }
  spiffe_id = { trust_domain = "${local.x}.example", path = "/${local.x}" }
  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.identities.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.identities.key_secret }
    }
    expiration                 = local.minutes
    mesh_trust_creation        = local.first ? "Disabled" : "Enabled"
    insecure_allow_self_signed = local.first
  }
  rollout       = { strategy = local.first ? "overlap" : "switch", offline_proxies = local.first ? "report" : "wait" }
  force_destroy = local.first ? false : true
  timeouts      = { create = local.minutes, update = local.minutes, delete = local.minutes }
}

resource "kongmesh_mesh_identity" "generated" {
  mesh     = kongmesh_mesh.identities.name
  name     = "generated"
  selector = {}
  bundled = {
    autogenerate = local.first
    ca = local.first ? null : {
      certificate = { secret = kongmesh_mesh_ca_secret.identities.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.identities.key_secret }
    }
    insecure_allow_self_signed = true
  }
}

resource "kongmesh_mesh_identity" "file" {
  mesh     = kongmesh_mesh.identities.name
  name     = "file"
  selector = {}
  bundled = {
    ca = {
      certificate = { file = "/${local.x}" }
      private_key = { file = "/${local.x}" }
    }
    mesh_trust_creation        = "Disabled"
    insecure_allow_self_signed = true
  }
}

resource "kongmesh_mesh_identity" "env_var" {
  mesh     = kongmesh_mesh.identities.name
  name     = "env-var"
  selector = {}
  bundled = {
    ca = {
      certificate = { env_var = local.x }
      private_key = { env_var = local.x }
    }
    mesh_trust_creation        = "Disabled"
    insecure_allow_self_signed = true
  }
}

resource "kongmesh_mesh_identity" "inline" {
  mesh     = kongmesh_mesh.identities.name
  name     = "inline"
  selector = {}
  bundled = {
    ca = {
      certificate = { inline = local.chain }
      private_key = { inline = local.key }
    }
    mesh_trust_creation        = "Disabled"
    insecure_allow_self_signed = true
  }
}

resource "kongmesh_mesh_identity" "spire" {
  mesh     = kongmesh_mesh.identities.name
  name     = "spire"
  selector = {}
  spire    = { agent_timeout = local.seconds }
}

resource "kongmesh_resource" "spec" {
  type   = "MeshTimeout"
  mesh   = kongmesh_mesh.this.name
  name   = "all"
  labels = { team = local.x }
  spec   = { to = [{ targetRef = { kind = "Mesh" }, default = { idleTimeout = local.minutes } }] }
}

resource "kongmesh_resource" "fields" {
  type   = "ExternalService"
  mesh   = kongmesh_mesh.this.name
  name   = "all"
  fields = { networking = { address = "${local.x}.example.com:80" }, tags = { "kuma.io/service" = "x", "kuma.io/protocol" = "http" } }
}

resource "kongmesh_mesh_secret" "value" {
  mesh  = kongmesh_mesh.this.name
  name  = "value"
  value = local.x
}

resource "kongmesh_mesh_secret" "value_wo" {
  mesh             = kongmesh_mesh.this.name
  name             = "value-wo"
  value_wo         = local.x
  value_wo_version = local.n
}

resource "kongmesh_mesh_secret" "value_base64" {
  mesh         = kongmesh_mesh.this.name
  name         = "value-base64"
  value_base64 = base64encode(local.x)
}

resource "kongmesh_mesh_secret" "value_base64_wo" {
  mesh                    = kongmesh_mesh.this.name
  name                    = "value-base64-wo"
  value_base64_wo         = base64encode(local.x)
  value_base64_wo_version = local.n
}

resource "kongmesh_global_secret" "value" {
  name  = "value"
  value = local.x
}

resource "kongmesh_global_secret" "value_wo" {
  name             = "value-wo"
  value_wo         = local.x
  value_wo_version = local.n
}

resource "kongmesh_global_secret" "value_base64" {
  name         = "value-base64"
  value_base64 = base64encode(local.x)
}

resource "kongmesh_global_secret" "value_base64_wo" {
  name                    = "value-base64-wo"
  value_base64_wo         = base64encode(local.x)
  value_base64_wo_version = local.n
}
`
