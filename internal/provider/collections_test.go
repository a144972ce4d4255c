package provider_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// A form is how much is in a collection.
type form int

const (
	isNull form = iota
	isEmpty
	isOne
	isMany // two
	hasNull
)

func forms() []form { return []form{isNull, isEmpty, isOne, isMany} }

func (f form) String() string { return []string{"null", "empty", "one", "many", "null element"}[f] }

// A collection is a list, set or map of a schema, in all its forms.
type collection struct {
	// path begins with "resource", "data", "ephemeral", "list" or "provider".
	path string
	// config has $value for the collection, $name for a name as a string, and
	// $plain for the same as a part of an address.
	config string
	// values are the forms in HCL. A null element must be refused. Without a value
	// a null is written as such.
	values map[form]string
	// refused are forms that are an error, with a text of it.
	refused map[form]string
	// absent are forms that there are not, and why.
	absent map[form]string
	// shown are where the collection is: addresses without names, and paths, in
	// which a number is an index.
	shown []place
	// sizes are those of forms where it is not the form's own.
	sizes map[form]int
	// id is the import ID, by default the name.
	id string
}

type place struct {
	address string
	path    []any
	null    nullness
}

// nullness is what an empty collection may be.
type nullness int

const (
	asWritten nullness = iota
	never              // null
	either             // empty, or null with the section that it is the content of
)

// written are the collections that resources write.
func written() []collection {
	of := func(attribute, body string, values map[form]string, path ...any) collection {
		source := never
		if strings.HasSuffix(attribute, ".backends") {
			source = either
		}
		return collection{
			path:   "resource.kongmesh_mesh." + attribute,
			config: "resource \"kongmesh_mesh\" $name {\n  name = $name\n  " + body + "\n}\ndata \"kongmesh_mesh\" $name {\n  name = kongmesh_mesh.$plain.name\n}\n",
			values: values,
			shown:  []place{{"kongmesh_mesh", path, asWritten}, {"data.kongmesh_mesh", path, source}},
		}
	}
	tags := func(attribute, body string, path ...any) collection {
		c := of(attribute, body, map[form]string{isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "*" }`, hasNull: `{ a = null }`}, path...)
		c.refused = map[form]string{isNull: "tags", isEmpty: "at least 1"}
		return c
	}
	items := func(one, two string) map[form]string {
		return map[form]string{isEmpty: `[]`, isOne: `[` + one + `]`, isMany: `[` + one + `, ` + two + `]`, hasNull: `[` + one + `, null]`}
	}
	endpointTags := tags("metrics.backends.prometheus.tags", `metrics = { backends = [{ name = "p", prometheus = { tags = $value } }] }`, "metrics", "backends", 0, "prometheus", "tags")
	endpointTags.sizes, endpointTags.refused = map[form]int{isNull: 1}, map[form]string{isEmpty: "at least 1"} // null is the default
	return []collection{
		of("labels", `labels = $value`, map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "" }`, hasNull: `{ a = null }`}, "labels"),
		of("skip_creating_initial_policies", `skip_creating_initial_policies = $value`, items(`"MeshTimeout"`, `"MeshRetry"`), "skip_creating_initial_policies"),
		of("constraints.dataplane_proxy.requirements", `constraints = { dataplane_proxy = { requirements = $value, restrictions = [{ tags = { x = "*" } }] } }`,
			items(`{ tags = { a = "1" } }`, `{ tags = { b = "2" } }`), "constraints", "dataplane_proxy", "requirements"),
		of("constraints.dataplane_proxy.restrictions", `constraints = { dataplane_proxy = { restrictions = $value, requirements = [{ tags = { x = "*" } }] } }`,
			items(`{ tags = { a = "1" } }`, `{ tags = { b = "2" } }`), "constraints", "dataplane_proxy", "restrictions"),
		tags("constraints.dataplane_proxy.requirements.tags", `constraints = { dataplane_proxy = { requirements = [{ tags = $value }] } }`,
			"constraints", "dataplane_proxy", "requirements", 0, "tags"),
		tags("constraints.dataplane_proxy.restrictions.tags", `constraints = { dataplane_proxy = { restrictions = [{ tags = $value }] } }`,
			"constraints", "dataplane_proxy", "restrictions", 0, "tags"),
		of("logging.backends", `logging = { backends = $value }`,
			items(`{ name = "a", file = { path = "/a" } }`, `{ name = "b", tcp = { address = "b:1" } }`), "logging", "backends"),
		of("tracing.backends", `tracing = { backends = $value }`,
			items(`{ name = "a", zipkin = { url = "http://a:1/" } }`, `{ name = "b", datadog = { address = "b", port = 1 } }`), "tracing", "backends"),
		of("metrics.backends", `metrics = { backends = $value }`,
			items(`{ name = "a", prometheus = {} }`, `{ name = "b", prometheus = { port = 1 } }`), "metrics", "backends"),
		of("metrics.backends.prometheus.aggregate", `metrics = { backends = [{ name = "p", prometheus = { aggregate = $value } }] }`,
			items(`{ name = "a", port = 1 }`, `{ name = "b", port = 2 }`), "metrics", "backends", 0, "prometheus", "aggregate"),
		endpointTags,
		{
			path: "resource.kongmesh_resource.labels",
			config: "resource \"kongmesh_resource\" $name {\n  type = \"MeshTimeout\"\n  mesh = \"default\"\n  name = $name\n  labels = $value\n" +
				"  spec = { to = [{ targetRef = { kind = \"Mesh\" }, default = { connectionTimeout = \"5s\" } }] }\n}\n",
			values: map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "" }`, hasNull: `{ a = null }`},
			shown:  []place{{"kongmesh_resource", []any{"labels"}, asWritten}},
			id:     "MeshTimeout/default/x-labels",
		},
		identity("labels", `labels = $value`, map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "" }`, hasNull: `{ a = null }`}, never, "labels"),
		identity("selector.dataplane.match_labels", `selector = { dataplane = { match_labels = $value } }`,
			map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "2" }`, hasNull: `{ a = null }`}, asWritten, "selector", "dataplane", "match_labels"),
		trust("labels", "ca_bundles = [CHAIN]\n  labels = $value", map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "" }`, hasNull: `{ a = null }`}, nil),
		trust("ca_bundles", "ca_bundles = $value", map[form]string{isOne: `[CHAIN]`, isMany: `[CHAIN, CHAIN]`, hasNull: `[CHAIN, null]`},
			map[form]string{isNull: "ca_bundles", isEmpty: "at least 1"}),
	}
}

// identity is a collection of an identity in the mesh "identities".
func identity(attribute, body string, values map[form]string, null nullness, path ...any) collection {
	name := "x-" + strings.NewReplacer(".", "-", "_", "-").Replace(attribute)
	return collection{
		path: "resource.kongmesh_mesh_identity." + attribute,
		config: "resource \"kongmesh_mesh_identity\" $name {\n  mesh = \"identities\"\n  name = $name\n  " + body + "\n}\n" +
			"data \"kongmesh_mesh_identity\" $name {\n  mesh = \"identities\"\n  name = kongmesh_mesh_identity.$plain.name\n}\n",
		values: values,
		shown:  []place{{"kongmesh_mesh_identity", path, asWritten}, {"data.kongmesh_mesh_identity", path, null}},
		id:     "identities/" + name,
	}
}

// trust is a collection of a trust in the mesh "identities", with CHAIN for a CA.
func trust(attribute, body string, values, refused map[form]string) collection {
	path, _ := filepath.Abs(filepath.Join("..", "pki", "testdata", "pki", "root.crt"))
	ca := fmt.Sprintf("file(%q)", path)
	for form, value := range values {
		values[form] = strings.ReplaceAll(value, "CHAIN", ca)
	}
	return collection{
		path: "resource.kongmesh_mesh_trust." + attribute,
		config: "resource \"kongmesh_mesh_trust\" $name {\n  mesh = \"identities\"\n  name = $name\n  trust_domain = \"d\"\n  " + strings.ReplaceAll(body, "CHAIN", ca) + "\n}\n" +
			"data \"kongmesh_mesh_trust\" $name {\n  mesh = \"identities\"\n  name = kongmesh_mesh_trust.$plain.name\n}\n",
		values: values, refused: refused,
		shown: []place{{"kongmesh_mesh_trust", []any{attribute}, asWritten}, {"data.kongmesh_mesh_trust", []any{attribute}, never}},
		id:    "identities/x-" + strings.ReplaceAll(attribute, "_", "-"),
	}
}

// shownOnly are the collections that only show something, or choose what is shown.
func shownOnly(t *testing.T) []collection {
	t.Helper()
	computed := map[form]string{isNull: "computed"}
	labeled := map[form]string{isNull: "computed", isEmpty: "the control plane adds several", isOne: "the control plane adds several"}
	chain := func(attribute string, values map[form]string, path ...any) collection {
		return collection{
			path: "data.kongmesh_ca_chain." + attribute, config: "data \"kongmesh_ca_chain\" $name {\n  content = $value\n}\n",
			values: values, absent: computed, shown: []place{{"data.kongmesh_ca_chain", path, never}},
		}
	}
	source := func(attribute, body string, values, absent map[form]string, path ...any) collection {
		kind, _, _ := strings.Cut(attribute, ".")
		null := asWritten
		if absent != nil {
			null = never
		}
		return collection{
			path: "data." + attribute, config: "data \"" + kind + "\" $name {\n" + body + "\n}\n",
			values: values, absent: absent, shown: []place{{"data." + kind, path, null}},
		}
	}
	trusted := func(attribute string, values, absent map[form]string, path ...any) collection {
		return collection{
			path: "data.kongmesh_mesh_trust." + attribute,
			config: "resource \"kongmesh_mesh_trust\" $name {\n  mesh = \"none\"\n  name = $name\n  trust_domain = \"d\"\n  ca_bundles = [$value]\n}\n" +
				"data \"kongmesh_mesh_trust\" $name {\n  mesh = \"none\"\n  name = kongmesh_mesh_trust.$plain.name\n}\n",
			values: values, absent: absent, shown: []place{{"data.kongmesh_mesh_trust", path, never}},
		}
	}
	all := []collection{
		trusted("certificates", map[form]string{isOne: `$root`, isMany: `$chain`}, map[form]string{isNull: "computed", isEmpty: "a trust has certificates"}, "certificates"),
		trusted("certificates.key_usages", certificates(t, func(c *x509.Certificate, n int) {
			c.KeyUsage = []x509.KeyUsage{0, x509.KeyUsageCertSign, x509.KeyUsageCertSign | x509.KeyUsageCRLSign}[n]
		}), computed, "certificates", 0, "key_usages"),
		trusted("certificates.ext_key_usages", certificates(t, func(c *x509.Certificate, n int) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}[:n]
		}), computed, "certificates", 0, "ext_key_usages"),
		trusted("certificates.uris", certificates(t, func(c *x509.Certificate, n int) {
			c.URIs = []*url.URL{{Scheme: "spiffe", Host: "a"}, {Scheme: "spiffe", Host: "b"}}[:n]
		}), computed, "certificates", 0, "uris"),
		source("kongmesh_mesh_identity.conditions", "mesh = \"identities\"\nname = $value", map[form]string{isMany: `"announced"`},
			map[form]string{isNull: "computed", isEmpty: "after an interval there are some", isOne: "there are two and more"}, "conditions"),
		source("kongmesh_mesh_identity.dataplane_labels", "mesh = \"identities\"\nname = \"announced\"\ndataplane_labels = $value",
			map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "2" }`, hasNull: `{ a = null }`}, nil, "dataplane_labels"),
		chain("certificates", map[form]string{isEmpty: `"nothing"`, isOne: `$root`, isMany: `$chain`}, "certificates"),
		chain("problems", map[form]string{isEmpty: `$chain`, isOne: `"nothing"`, isMany: certificate(t, func(*x509.Certificate) {})}, "problems"),
		chain("certificates.key_usages", certificates(t, func(c *x509.Certificate, n int) {
			c.KeyUsage = []x509.KeyUsage{0, x509.KeyUsageCertSign, x509.KeyUsageCertSign | x509.KeyUsageCRLSign}[n]
		}), "certificates", 0, "key_usages"),
		chain("certificates.ext_key_usages", certificates(t, func(c *x509.Certificate, n int) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}[:n]
		}), "certificates", 0, "ext_key_usages"),
		chain("certificates.uris", certificates(t, func(c *x509.Certificate, n int) {
			c.URIs = []*url.URL{{Scheme: "spiffe", Host: "a"}, {Scheme: "spiffe", Host: "b"}}[:n]
		}), "certificates", 0, "uris"),
		source("kongmesh_dataplanes.dataplanes", `mesh = $value`, map[form]string{isEmpty: `"none"`, isOne: `"one"`, isMany: `"many"`}, computed, "dataplanes"),
		source("kongmesh_dataplanes.dataplanes.tags", "mesh = \"many\"\nname = $value",
			map[form]string{isOne: `"without"`, isMany: `"two"`}, map[form]string{isNull: "computed", isEmpty: "the control plane adds kuma.io/zone"}, "dataplanes", 0, "tags"),
		source("kongmesh_dataplanes.tags", "mesh = \"many\"\ntags = $value",
			map[form]string{isEmpty: `{}`, isOne: `{ "kuma.io/service" = "a" }`, isMany: `{ "kuma.io/service" = "a", version = "1" }`, hasNull: `{ a = null }`}, nil, "tags"),
		source("kongmesh_upgrade_check.problems", "target_version = \"3.0\"\nmesh = $value",
			map[form]string{isEmpty: `"ready"`, isOne: `"almost"`, isMany: `"many"`}, computed, "problems"),
		source("kongmesh_mesh.backends", `name = $value`, map[form]string{isEmpty: `"none"`, isOne: `"one"`, isMany: `"many"`}, computed, "backends"),
		source("kongmesh_meshes.meshes", `labels = { meshes = $value }`, map[form]string{isEmpty: `"0"`, isOne: `"1"`, isMany: `"2"`}, computed, "meshes"),
		source("kongmesh_meshes.names", `labels = { meshes = $value }`, map[form]string{isEmpty: `"0"`, isOne: `"1"`, isMany: `"2"`}, computed, "names"),
		source("kongmesh_meshes.meshes.labels", `labels = $value`, map[form]string{isEmpty: `{}`, isOne: `{ meshes = "1" }`, isMany: `{ more = "x" }`}, computed, "meshes", 0, "labels"),
		source("kongmesh_meshes.labels", `labels = $value`,
			map[form]string{isEmpty: `{}`, isOne: `{ meshes = "1" }`, isMany: `{ meshes = "2", more = "x" }`, hasNull: `{ a = null }`}, nil, "labels"),
		source("kongmesh_resources.names", "type = \"MeshRetry\"\nmesh = \"many\"\nlabels = { few = $value }",
			map[form]string{isEmpty: `"0"`, isOne: `"1"`, isMany: `"2"`}, computed, "names"),
		source("kongmesh_resources.resources", "type = \"MeshRetry\"\nmesh = \"many\"\nlabels = { few = $value }",
			map[form]string{isEmpty: `"0"`, isOne: `"1"`, isMany: `"2"`}, computed, "resources"),
		source("kongmesh_resources.labels", "type = \"MeshRetry\"\nlabels = $value",
			map[form]string{isEmpty: `{}`, isOne: `{ few = "1" }`, isMany: `{ few = "2", more = "x" }`, hasNull: `{ a = null }`}, nil, "labels"),
		source("kongmesh_resources.resources.labels", "type = \"MeshRetry\"\nlabels = { few = $value }",
			map[form]string{isMany: `"1"`}, labeled, "resources", 0, "labels"),
		source("kongmesh_resource.labels", "type = \"MeshRetry\"\nmesh = \"many\"\nname = $value", map[form]string{isMany: `"one"`}, labeled, "labels"),
		source("kongmesh_control_plane.resource_types", "# $value", map[form]string{isMany: `many`},
			map[form]string{isNull: "computed", isEmpty: "each control plane has many", isOne: "each control plane has many"}, "resource_types"),
		{
			path:   "resource.kongmesh_mesh_ca_secret.certificates",
			config: "resource \"kongmesh_mesh_ca_secret\" $name {\n  mesh = \"none\"\n  name = $name\n  certificate_chain = $value\n  private_key = $key\n}\n",
			values: map[form]string{isOne: `$first`, isMany: `$chain`}, absent: map[form]string{isNull: "computed", isEmpty: "a chain has certificates"},
			shown: []place{{"kongmesh_mesh_ca_secret", []any{"certificates"}, never}},
		},
		{
			path:   "resource.kongmesh_mesh_ca_secret.accept_warnings",
			config: "resource \"kongmesh_mesh_ca_secret\" $name {\n  mesh = \"none\"\n  name = $name\n  certificate_chain = $first\n  private_key = $key\n  accept_warnings = $value\n}\n",
			values: map[form]string{isEmpty: `[]`, isOne: `["path-length"]`, isMany: `["path-length", "duplicate"]`, hasNull: `["path-length", null]`},
			shown:  []place{{"kongmesh_mesh_ca_secret", []any{"accept_warnings"}, asWritten}},
		},
		{
			path:   "provider.headers",
			config: "provider \"kongmesh\" {\n  alias = $name\n  headers = $value\n}\ndata \"kongmesh_meshes\" $name {\n  provider = kongmesh.$plain\n}\n",
			values: map[form]string{isEmpty: `{}`, isOne: `{ a = "1" }`, isMany: `{ a = "1", b = "2" }`, hasNull: `{ a = null }`},
		},
	}
	token := func(attribute, body string, values, refused map[form]string, path string) collection {
		kind, _, _ := strings.Cut(attribute, ".")
		return collection{
			path: "ephemeral." + attribute, config: "ephemeral \"" + kind + "\" $name {\n" + body + "\nvalid_for = \"1h\"\n}\n",
			values: values, refused: refused, shown: []place{{"ephemeral", []any{path}, asWritten}},
		}
	}
	all = append(all,
		token("kongmesh_dataplane_token.tags", "mesh = \"many\"\ntags = $value", map[form]string{
			isEmpty: `{}`, isOne: `{ a = ["1"] }`, isMany: `{ a = ["1"], b = ["1", "2"] }`, hasNull: `{ a = [null] }`,
		}, nil, "tags"),
		token("kongmesh_user_token.groups", "name = \"john\"\ngroups = $value", map[form]string{
			isEmpty: `[]`, isOne: `["a"]`, isMany: `["a", "b"]`, hasNull: `["a", null]`,
		}, nil, "groups"),
		token("kongmesh_zone_token.scope", "zone = \"east\"\nscope = $value", map[form]string{
			isOne: `["cp"]`, isMany: `["ingress", "egress"]`, hasNull: `["cp", null]`,
		}, map[form]string{isNull: "scope", isEmpty: "at least 1"}, "scope"))
	for kind, block := range map[string]string{
		"data":      "data \"kongmesh_proxy_certificate\" $name {\nBODY\n}\n",
		"ephemeral": "ephemeral \"kongmesh_proxy_certificate\" $name {\nBODY\n}\n",
	} {
		const common = "\nmesh = \"m\"\nca = { certificate_chain = $chain, private_key = $key }"
		shown := func(attribute string, null nullness) []place {
			if kind == "data" {
				return []place{{"data.kongmesh_proxy_certificate", []any{attribute}, null}}
			}
			return []place{{"ephemeral", []any{attribute}, null}}
		}
		all = append(all,
			collection{
				path: kind + ".kongmesh_proxy_certificate.services", config: strings.Replace(block, "BODY", "services = $value"+common, 1), shown: shown("services", asWritten),
				values:  map[form]string{isOne: `["a"]`, isMany: `["a", "b"]`, hasNull: `["a", null]`},
				refused: map[form]string{isNull: "Set exactly one of", isEmpty: "at least 1"},
			},
			collection{
				path: kind + ".kongmesh_proxy_certificate.tags", config: strings.Replace(block, "BODY", "tags = $value"+common, 1), shown: shown("tags", asWritten),
				values:  map[form]string{isOne: `{ "kuma.io/service" = ["a"] }`, isMany: `{ "kuma.io/service" = ["a"], version = ["1"] }`, hasNull: `{ "kuma.io/service" = [null] }`},
				refused: map[form]string{isNull: "Set exactly one of", isEmpty: "kuma.io/service"},
			},
			collection{
				path: kind + ".kongmesh_proxy_certificate.uris", config: strings.Replace(block, "BODY", "services = $value"+common, 1), shown: shown("uris", never),
				values: map[form]string{isMany: `["a"]`},
				absent: map[form]string{isNull: "computed", isEmpty: "each service has two", isOne: "each service has two"},
			})
	}
	return all
}

// certificates are certificates with none, one and two of something.
func certificates(t *testing.T, change func(c *x509.Certificate, number int)) map[form]string {
	t.Helper()
	all := map[form]string{}
	for number, form := range []form{isEmpty, isOne, isMany} {
		all[form] = certificate(t, func(c *x509.Certificate) { change(c, number) })
	}
	return all
}

// certificate is a certificate in PEM, as HCL has it.
func certificate(t *testing.T, change func(*x509.Certificate)) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return acctest.Fill("$pem", "pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// name is that of the resource that shows the collection.
func (c collection) name() string {
	attribute := strings.SplitN(c.path, ".", 3)[2:]
	return "x-" + strings.NewReplacer(".", "-", "_", "-").Replace(strings.Join(attribute, ""))
}

// kind is the type of the object that has the collection.
func (c collection) kind() string { return strings.Split(c.path, ".")[1] }

// kept is under which name the provider echo keeps an ephemeral resource.
func (c collection) kept() string { return c.kind() + "-" + c.name() }

// value is a form in HCL, also of one that is refused.
func (c collection) value(f form) (value string, there bool) {
	value, there = c.values[f]
	switch {
	case there:
	case f == isNull:
		return "null", c.absent[f] == ""
	case f == isEmpty && c.refused[f] != "":
		return map[bool]string{true: "[]", false: "{}"}[strings.HasPrefix(c.values[isOne], "[")], true
	}
	return value, there
}

// in is the configuration with the collection in a form, or in one that it has.
func (c collection) in(f form, fill func(string) string) (config string, is form) {
	for _, is = range []form{f, isOne, isMany, isEmpty} {
		if _, there := c.value(is); there && c.refused[is] == "" {
			break
		}
	}
	return c.as(is, fill), is
}

func (c collection) as(f form, fill func(string) string) string {
	value, _ := c.value(f)
	name := c.name()
	return fill(strings.NewReplacer("$value", value, "$plain", name, "$name", fmt.Sprintf("%q", name)).Replace(c.config))
}

// checks are what the state must have of a form.
func (c collection) checks(f form) (checks []statecheck.StateCheck) {
	size, other := c.sizes[f]
	if !other {
		size = int(f) - 1
	}
	for _, p := range c.shown {
		if p.address == "ephemeral" { // which the provider echo keeps
			p.address, p.path = "echo.this", append([]any{"data", c.kept()}, p.path...)
		} else {
			p.address += "." + c.name()
		}
		checks = append(checks, hasSize{p, size})
	}
	return checks
}

// hasSize is how much must be at a place: -1 is null, 2 is two or more.
type hasSize struct {
	place
	size int
}

func (h hasSize) CheckState(_ context.Context, req statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	for _, r := range req.State.Values.RootModule.Resources {
		if r.Address == h.address {
			is, want := sizeOf(walk(r.AttributeValues, h.path)), h.size
			switch h.null {
			case either:
				is, want = max(is, 0), max(want, 0)
			case never:
				want = max(want, 0)
			}
			if min(is, 2) != want {
				resp.Error = fmt.Errorf("%s%v has the size %d, not %d", h.address, h.path, is, want)
			}
			return
		}
	}
	resp.Error = fmt.Errorf("there is no %s", h.address)
}

// walk follows a path; of what is not there it is nil.
func walk(value any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// sizeOf is how much is in a collection, -1 for null.
func sizeOf(value any) int {
	switch value := value.(type) {
	case []any:
		return len(value)
	case map[string]any:
		return len(value)
	default:
		return -1
	}
}

// Every collection that a resource writes is created in each form, updated from
// each to each, shown as it is by the resource and the data source, and imported.
// After each apply the plan is empty.
func TestAccCollections_written(t *testing.T) {
	t.Parallel()
	for _, order := range [][]form{ // in which each follows each
		{isNull, isEmpty, isMany, isOne}, {isEmpty, isOne, isNull, isMany}, {isOne, isMany, isEmpty, isNull}, {isMany, isNull, isOne, isEmpty},
	} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.Version("2.14.3"))
			env.Alone("identities")
			putIdentities(env)
			var steps []resource.TestStep
			for _, form := range order {
				step := resource.TestStep{Check: imported(t, env, form), Config: env.Config("")}
				for _, c := range written() {
					config, is := c.in(form, plain)
					step.Config += config
					step.ConfigStateChecks = append(step.ConfigStateChecks, c.checks(is)...)
				}
				steps = append(steps, step)
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
		})
	}
}

// plain is a configuration that needs nothing to be filled in.
func plain(config string) string { return config }

// imported checks what an import makes of each collection. What is empty at the
// control plane is null there.
func imported(t *testing.T, env *acctest.Env, form form) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		provider := env.Protocol()
		for _, c := range written() {
			_, is := c.in(form, plain)
			state, _, problems := provider.Import(c.shown[0].address, cmp.Or(c.id, c.name()))
			provider.NoProblems(problems)
			want, other := c.sizes[is]
			if !other {
				want = int(is) - 1
			}
			if size := sizeOf(walk(state, c.shown[0].path)); max(size, 0) != max(want, 0) {
				return fmt.Errorf("imported, %s has the size %d, not %d", c.path, size, want)
			}
		}
		return nil
	}
}

// Every collection that is only read is shown in each form, and never null where
// the provider computes it.
func TestAccCollections_read(t *testing.T) {
	t.Parallel()
	for _, form := range forms() {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, kumatest.KongMesh())
			fill := materialOf(t)
			putIdentities(env)
			env.Wait(t, 1)
			for name, backends := range map[string]string{"none": ``, "one": `{"name": "a", "type": "builtin"}`, "many": `{"name": "a", "type": "builtin"}, {"name": "b", "type": "builtin"}`} {
				env.Must(http.MethodPut, "/meshes/"+name, `{"type": "Mesh", "name": "`+name+`", "mtls": {"backends": [`+backends+`]}}`)
			}
			for name, more := range map[string]string{"ready": `, "meshServices": {"mode": "Exclusive"}`, "almost": ``} {
				env.Must(http.MethodPut, "/meshes/"+name, `{"type": "Mesh", "name": "`+name+`", "skipCreatingInitialPolicies": ["*"]`+more+`}`)
			}
			for name, labels := range map[string]string{"a-1": `"meshes": "1"`, "b-2": `"meshes": "2", "more": "x"`, "c-2": `"meshes": "2", "more": "x"`, "a-0": ``} {
				env.Must(http.MethodPut, "/meshes/"+name, `{"type": "Mesh", "name": "`+name+`", "labels": {`+labels+`}}`)
			}
			for name, tags := range map[string]string{"without": ``, "one": `"kuma.io/service": "a"`, "two": `"kuma.io/service": "a", "version": "1"`} {
				for _, mesh := range map[string][]string{"one": {"one", "many"}}[name] {
					putDataplane(env, mesh, name, tags)
				}
				if name != "one" {
					putDataplane(env, "many", name, tags)
				}
			}
			for name, labels := range map[string]string{"one": `"few": "1"`, "two": `"few": "2", "more": "x"`, "three": `"few": "2"`} {
				env.Must(http.MethodPut, "/meshes/many/meshretries/"+name, fmt.Sprintf(
					`{"type": "MeshRetry", "mesh": "many", "name": %q, "labels": {%s}, "spec": {"to": [{"targetRef": {"kind": "Mesh"}, "default": {"tcp": {"maxConnectAttempt": 5}}}]}}`, name, labels))
			}
			step := resource.TestStep{Config: env.Config("")}
			var ephemerals []string
			for _, c := range shownOnly(t) {
				config, is := c.in(form, fill)
				step.Config += config
				step.ConfigStateChecks = append(step.ConfigStateChecks, c.checks(is)...)
				if c.shown != nil && c.shown[0].address == "ephemeral" {
					ephemerals = append(ephemerals, fmt.Sprintf("%s = ephemeral.%s.%s", c.kept(), c.kind(), c.name()))
				}
			}
			step.Config += "provider \"echo\" {\n  data = {\n" + strings.Join(ephemerals, "\n") + "\n  }\n}\nresource \"echo\" \"this\" {}\n"
			providers := env.Provider()
			providers["echo"] = echoprovider.NewProviderServer()
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: providers, Steps: []resource.TestStep{step}})
		})
	}
}

// materialOf fills in a chain of two certificates, its first one, its root, and
// the key of the first.
func materialOf(t *testing.T) func(string) string {
	t.Helper()
	root := acctest.NewCA(t, "Root")
	ca := root.Intermediate(t, "CA")
	return func(config string) string {
		return acctest.Fill(config, "chain", ca.Chain, "first", strings.TrimSuffix(ca.Chain, root.Chain), "root", root.Chain, "key", ca.Key)
	}
}

func putDataplane(env *acctest.Env, mesh, name, tags string) {
	env.Must(http.MethodPut, "/meshes/"+mesh+"/dataplanes/"+name, fmt.Sprintf(
		`{"type": "Dataplane", "mesh": %q, "name": %q, "networking": {"address": "127.0.0.1", "inbound": [{"port": 8080, "tags": {%s}}]}}`, mesh, name, tags))
}

// putIdentities makes the mesh "identities", with one.
func putIdentities(env *acctest.Env) {
	env.Must(http.MethodPut, "/meshes/identities", `{"type": "Mesh", "name": "identities", "meshServices": {"mode": "Exclusive"}}`)
	env.Must(http.MethodPut, "/meshes/identities/meshidentities/announced", `{"type": "MeshIdentity", "mesh": "identities", "name": "announced", "spec": {}}`)
}

// What is no form of a collection is an error of the plan, a null in it as well.
func TestAccCollections_refused(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedIdentities()
	fill := materialOf(t)
	for _, c := range slices.Concat(written(), shownOnly(t)) {
		for _, form := range append(forms(), hasNull) {
			want := c.refused[form]
			if _, there := c.values[hasNull]; form == hasNull && there {
				want = "One element is null"
				if item := c.values[isOne]; strings.HasPrefix(item, "[{") {
					want = "Missing Configuration for Required Attribute" // of a null object
				}
			}
			if want == "" {
				continue
			}
			t.Run(c.path+" "+form.String(), func(t *testing.T) {
				t.Parallel()
				env.PlanFails(t, env.Config(c.as(form, fill)), want)
			})
		}
	}
}

// The labels that a query wants can be in each form.
func TestCollections_query(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	env.Must(http.MethodPut, "/meshes/a", `{"type": "Mesh", "name": "a", "labels": {"a": "1", "b": "2"}}`)
	env.Must(http.MethodPut, "/meshes/a/external-services/a", `{"type": "ExternalService", "mesh": "a", "name": "a", "labels": {"a": "1", "b": "2"},
		"networking": {"address": "a:80"}, "tags": {"kuma.io/service": "a"}}`)
	env.Must(http.MethodPut, "/meshes/a/external-services/b", `{"type": "ExternalService", "mesh": "a", "name": "b",
		"networking": {"address": "a:80"}, "tags": {"kuma.io/service": "b"}}`)
	provider := env.Protocol()
	for kind, needed := range map[string]map[string]any{"kongmesh_mesh": nil, "kongmesh_resource": {"type": "ExternalService"}} {
		query := func(labels any) ([]acctest.Listed, []*tfprotov6.Diagnostic) {
			config := map[string]any{"labels": labels}
			maps.Copy(config, needed)
			return provider.Query(kind, config, 0, true)
		}
		for form, test := range map[form]struct {
			labels any
			found  int
		}{
			isNull: {nil, 2}, isEmpty: {map[string]any{}, 2}, isOne: {map[string]any{"a": "1"}, 1}, isMany: {map[string]any{"a": "1", "b": "2"}, 1},
		} {
			found, problems := query(test.labels)
			provider.NoProblems(problems)
			if len(found) != test.found {
				t.Errorf("%s: %d %s are found, not %d", form, len(found), kind, test.found)
			}
		}
		if _, problems := query(map[string]any{"a": nil}); len(problems) != 1 {
			t.Errorf("with a null there are %d problems", len(problems))
		}
	}
}

// Collections of the argument kubernetes, of a cluster that is not asked.
func TestCollections_kubernetes(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	for attribute, body := range kubernetesCollections() {
		for _, value := range []string{"null", "none", "one", "many", "with null"} {
			t.Run(attribute+"/"+value, func(t *testing.T) {
				t.Parallel()
				collection := map[string]string{"null": "null", "none": "[]", "one": `["/dev/null"]`, "many": `["/dev/null", "/dev/null"]`, "with null": `["/dev/null", null]`}[value]
				if attribute == "provider.kubernetes.exec.env" {
					collection = map[string]string{"null": "null", "none": "{}", "one": `{ A = "1" }`, "many": `{ A = "1", B = "2" }`, "with null": "{ A = null }"}[value]
				}
				step := resource.TestStep{Config: acctest.Fill("provider \"kongmesh\" {\n  kubernetes = {\n    host = \"https://127.0.0.1:1\"\n"+
					strings.ReplaceAll(body, "COLLECTION", collection)+"\n  }\n}\ndata \"kongmesh_ca_chain\" \"this\" {\n  content = $chain\n}\n", "chain", ca.Chain)}
				if value == "with null" {
					step.ExpectError = acctest.Words("Null element")
				}
				resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: acctest.Provider(provider.Options{}), Steps: []resource.TestStep{step}})
			})
		}
	}
}

// kubernetesCollections are the collections of the argument kubernetes, with where they are.
func kubernetesCollections() map[string]string {
	const exec = `exec = { api_version = "client.authentication.k8s.io/v1", command = "true", `
	return map[string]string{
		"provider.kubernetes.config_paths": "config_paths = COLLECTION",
		"provider.kubernetes.exec.args":    exec + "args = COLLECTION }",
		"provider.kubernetes.exec.env":     exec + "env = COLLECTION }",
	}
}

// No collection of any schema is without a test, and each is tested in each form
// or says why not.
func TestCollections_all(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{"list.kongmesh_mesh.labels": true, "list.kongmesh_resource.labels": true} // TestCollections_query
	for path := range kubernetesCollections() {                                                         // TestCollections_kubernetes
		tested[path] = true
	}
	for _, c := range slices.Concat(written(), shownOnly(t)) {
		tested[c.path] = true
		for _, p := range c.shown {
			if attribute, found := strings.CutPrefix(c.path, "resource."+c.kind()+"."); found && p.address == "data."+c.kind() {
				tested["data."+c.kind()+"."+attribute] = true
			}
		}
		for _, form := range forms() {
			if _, there := c.value(form); !there && c.absent[form] == "" {
				t.Errorf("%s is not tested as %s", c.path, form)
			}
		}
	}
	schemas := acctest.New(t).Protocol().Schemas
	there := map[string]bool{}
	add := func(kind string, all map[string]*tfprotov6.Schema) {
		for name, schema := range all {
			addCollections(there, strings.TrimSuffix(kind+"."+name, "."), schema.Block.Attributes)
		}
	}
	add("provider", map[string]*tfprotov6.Schema{"": schemas.Provider})
	add("resource", schemas.ResourceSchemas)
	add("data", schemas.DataSourceSchemas)
	add("ephemeral", schemas.EphemeralResourceSchemas)
	add("list", schemas.ListResourceSchemas)
	for path := range there {
		if !tested[path] {
			t.Errorf("%s is not tested: add it to this file's tables", path)
		}
	}
	for path := range tested {
		if !there[path] {
			t.Errorf("there is no %s", path)
		}
	}
}

// addCollections adds the paths of all lists, sets and maps among attributes.
func addCollections(paths map[string]bool, above string, attributes []*tfprotov6.SchemaAttribute) {
	for _, attribute := range attributes {
		path := above + "." + attribute.Name
		if nested := attribute.NestedType; nested != nil {
			if nested.Nesting != tfprotov6.SchemaObjectNestingModeSingle {
				paths[path] = true
			}
			addCollections(paths, path, nested.Attributes)
			continue
		}
		if kind := attribute.Type; kind.Is(tftypes.List{}) || kind.Is(tftypes.Set{}) || kind.Is(tftypes.Map{}) {
			paths[path] = true
		}
	}
}
