package chain_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

const address = "data.kongmesh_ca_chain.this"

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

func texts(all ...string) knownvalue.Check {
	checks := []knownvalue.Check{}
	for _, s := range all {
		checks = append(checks, text(s))
	}
	return knownvalue.ListExact(checks)
}

// nobody is a provider block for a control plane that is not there: what works
// with it makes no request.
const nobody = "provider \"kongmesh\" {\n  address     = \"http://127.0.0.1:1\"\n  max_retries = 0\n}\n"

func content(pem string) string {
	return nobody + acctest.Fill("data \"kongmesh_ca_chain\" \"this\" {\n  content = $pem\n}\n", "pem", pem)
}

// at is a provider at a time.
func at(now time.Time) map[string]func() (tfprotov6.ProviderServer, error) {
	return acctest.Provider(provider.Options{Clock: acctest.NewClock(now)})
}

// fileTime is a time at which the CAs in files are good.
var fileTime = time.Date(2027, 2, 3, 4, 5, 6, 0, time.UTC)

// Every output for a good chain is what openssl says of it, without a request.
func TestAccCAChain_content(t *testing.T) {
	t.Parallel()
	intermediate, root := acctest.PKI(t, "int1.crt"), acctest.PKI(t, "root.crt")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(fileTime),
		Steps: []resource.TestStep{{
			Config: content("an intermediate\n" + intermediate + "\r\n\nand its root\n" + root),
			ConfigStateChecks: []statecheck.StateCheck{
				value("certificates", knownvalue.ListExact([]knownvalue.Check{
					knownvalue.ObjectExact(map[string]knownvalue.Check{
						"subject":              text("CN=Intermediate CA 1,O=Test,C=GB"),
						"issuer":               text("CN=Root CA,O=Test,C=GB"),
						"serial_number":        text("73f5f9037b44a223af282b236f451c57c902ba26"),
						"not_before":           text("2026-11-23T08:45:25Z"),
						"not_after":            text("2035-02-09T08:45:25Z"),
						"public_key_algorithm": text("RSA"),
						"public_key_size":      knownvalue.Int64Exact(2048),
						"signature_algorithm":  text("SHA256-RSA"),
						"is_ca":                knownvalue.Bool(true),
						"path_length":          knownvalue.Null(),
						"key_usages":           texts("keyCertSign", "cRLSign"),
						"ext_key_usages":       texts(),
						"subject_key_id":       text("1cb4df334687bde779edf220dbfaddc9327ac131"),
						"authority_key_id":     text("27904a4e3b756530d4e11cac0ce5d8a77fe6fd3f"),
						"uris":                 texts(),
						"sha256_fingerprint":   text("fb192c756539b48a4db4f01cc8dc765a7cf639e8921996b34e957ece8efd2e58"),
						"pem":                  text(intermediate),
					}),
					knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"subject":          text("CN=Root CA,O=Test,C=GB"),
						"authority_key_id": knownvalue.Null(),
						"pem":              text(root),
					}),
				})),
				value("valid", knownvalue.Bool(true)),
				value("problems", knownvalue.ListSizeExact(0)),
				value("issuing_certificate", text(intermediate)),
				value("root_certificate", text(root)),
				value("expires_at", text("2035-02-09T08:45:25Z")),
				value("trust_bundle", text(intermediate+root)),
				value("mesh", knownvalue.Null()),
			},
		}},
	})
}

// What not every certificate has: a path length, uses, names.
func TestAccCAChain_fields(t *testing.T) {
	t.Parallel()
	leaf := acctest.NewCA(t, "CA")
	config := acctest.Fill(`
		data "kongmesh_proxy_certificate" "this" {
			mesh     = "default"
			services = ["web"]
			ca       = { certificate_chain = $chain, private_key = $key }
		}
		data "kongmesh_ca_chain" "this" {
			content = data.kongmesh_proxy_certificate.this.certificate
		}`, "chain", leaf.Chain, "key", leaf.Key)
	certificate := func(attribute string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New("certificates").AtSliceIndex(0).AtMapKey(attribute), want)
	}
	limited := acctest.PKI(t, "documented-intermediate-chain.crt")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(time.Now()),
		Steps: []resource.TestStep{
			{Config: nobody + config, ConfigStateChecks: []statecheck.StateCheck{
				certificate("subject", text("")),
				certificate("is_ca", knownvalue.Bool(false)),
				certificate("public_key_algorithm", text("ECDSA")),
				certificate("public_key_size", knownvalue.Int64Exact(256)),
				certificate("signature_algorithm", text("ECDSA-SHA256")),
				certificate("key_usages", texts("digitalSignature", "keyEncipherment", "keyAgreement")),
				certificate("ext_key_usages", texts("serverAuth", "clientAuth")),
				certificate("uris", texts("spiffe://default/web", "kuma://kuma.io/service/web")),
				certificate("subject_key_id", knownvalue.Null()),
				value("valid", knownvalue.Bool(false)),
			}},
			{Config: content(limited), ConfigStateChecks: []statecheck.StateCheck{
				certificate("path_length", knownvalue.Int64Exact(0)),
			}},
		},
	})
}

// A bad chain is an answer. No private key comes out of it.
func TestAccCAChain_problems(t *testing.T) {
	t.Parallel()
	file := func(name string) string { return acctest.PKI(t, name) }
	first := strings.SplitAfterN(file("root.crt"), "\n", 3)
	for name, test := range map[string]struct {
		content  string
		valid    bool
		rule     string
		severity string
		index    any // nil: the whole or a PEM block
		subject  string
		message  string
	}{
		"nothing":             {"", false, "pem", "error", nil, "", "the content is empty"},
		"text":                {"hello", false, "pem", "error", nil, "", "no line starts with"},
		"a key instead":       {file("root.key"), false, "private-key-in-chain", "error", nil, "", "PEM block 0: The block that begins on line 1"},
		"a key among them":    {file("root.crt") + file("root.key"), false, "private-key-in-chain", "error", nil, "", "PEM block 1: "},
		"a damaged block":     {file("int1.crt") + first[0] + "*" + first[1] + first[2], false, "pem-block", "error", nil, "", "PEM block 1: "},
		"wrong order":         {file("chain-wrong-order.crt"), false, "chain-order", "error", 0, "CN=Root CA,O=Test,C=GB", "This order works"},
		"another CA behind":   {file("root.crt") + file("ec.crt"), false, "chain-order", "error", 0, "CN=Root CA,O=Test,C=GB", "the chain ends here"},
		"expired, the second": {file("int1.crt") + file("expired.crt"), false, "expired", "error", 1, "CN=Expired CA", "expired on"},
		"not a CA":            {file("notca.crt"), false, "basic-constraints-ca", "error", 0, "CN=Not CA", "openssl x509"},
		"no root":             {file("int1.crt"), true, "last-not-self-signed", "warning", 0, "CN=Intermediate CA 1,O=Test,C=GB", "CN=Root CA"},
		"should not":          {file("should.crt"), true, "key-usage-should-not", "warning", 0, "CN=SHOULD NOT", "digitalSignature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string]knownvalue.Check{
				"rule": text(test.rule), "severity": text(test.severity), "certificate": knownvalue.Null(), "subject": knownvalue.Null(),
				"message": knownvalue.StringRegexp(acctest.Words(test.message)),
			}
			if index, ok := test.index.(int); ok {
				want["certificate"], want["subject"] = knownvalue.Int64Exact(int64(index)), text(test.subject)
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: at(fileTime),
				Steps: []resource.TestStep{{
					Config: content(test.content),
					Check: func(state *terraform.State) error {
						attributes := state.RootModule().Resources[address].Primary.Attributes
						delete(attributes, "content") // as it was given
						if found := acctest.Leaks(t, file("root.key"), file("root.crt"), fmt.Sprint(attributes)); len(found) > 0 {
							return fmt.Errorf("the key is in the outputs: %v", found)
						}
						return nil
					},
					ConfigStateChecks: []statecheck.StateCheck{
						value("valid", knownvalue.Bool(test.valid)),
						value("problems", contains{knownvalue.ObjectExact(want)}),
					},
				}},
			})
		})
	}
}

// contains is a list with such an element in it.
type contains struct{ want knownvalue.Check }

func (c contains) CheckValue(other any) error {
	list, _ := other.([]any)
	for _, element := range list {
		if c.want.CheckValue(element) == nil {
			return nil
		}
	}
	return fmt.Errorf("none of the %d elements is %s: %v", len(list), c.want, other)
}

func (c contains) String() string { return "a list with " + c.want.String() }

// All problems are reported, those without certificates as well.
func TestAccCAChain_empty(t *testing.T) {
	t.Parallel()
	nothing := []statecheck.StateCheck{value("certificates", knownvalue.ListSizeExact(0)), value("problems", knownvalue.ListSizeExact(1))}
	for _, attribute := range []string{"issuing_certificate", "root_certificate", "expires_at", "trust_bundle"} {
		nothing = append(nothing, value(attribute, knownvalue.Null()))
	}
	bad := acctest.PKI(t, "notca.crt")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(fileTime),
		Steps: []resource.TestStep{
			{Config: content("garbage"), ConfigStateChecks: nothing},
			{Config: content(acctest.PKI(t, "int1.crt")), ConfigStateChecks: []statecheck.StateCheck{
				value("issuing_certificate", text(acctest.PKI(t, "int1.crt"))), value("root_certificate", knownvalue.Null()),
			}},
			{Config: content(bad + "-----BEGIN X-----\n" + bad + acctest.PKI(t, "expired.crt")), ConfigStateChecks: []statecheck.StateCheck{
				value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("pem-block")})}),
				value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("basic-constraints-ca"), "certificate": knownvalue.Int64Exact(1)})}),
				value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("duplicate")})}),
				value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("expired"), "certificate": knownvalue.Int64Exact(2)})}),
			}},
		},
	})
}

func putMesh(t *testing.T, env *acctest.Env, mesh, mtls string) {
	t.Helper()
	document := map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}}
	if mtls != "" {
		document["mtls"] = json.RawMessage(mtls)
	}
	env.Must(http.MethodPut, "/meshes/"+mesh, document)
}

// A chain of the control plane may have trusted CAs behind it, which are judged
// each by itself, under their own positions.
func TestAccCAChain_controlPlane(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA"), acctest.NewCA(t, "Other CA")
	expired, bundle := acctest.PKI(t, "expired.crt"), ca.Chain+other.Chain
	putMesh(t, env, mesh, "")
	env.PutSecret(mesh, "bundle", bundle)
	env.PutSecret(mesh, "aged", ca.Chain+expired+other.Chain+other.Chain)
	env.PutSecret(mesh, "key", ca.Key)
	env.PutSecret(mesh, "empty", "")
	config := func(lines string) string {
		return env.Config("data \"kongmesh_ca_chain\" \"this\" {\n  mesh = $mesh\n  "+lines+"\n}\n", "mesh", mesh)
	}
	good := []statecheck.StateCheck{
		value("certificates", knownvalue.ListSizeExact(3)),
		value("valid", knownvalue.Bool(true)),
		value("problems", knownvalue.ListSizeExact(0)),
		value("issuing_certificate", text(strings.TrimSuffix(ca.Chain, root(ca.Chain)))),
		value("root_certificate", text(root(ca.Chain))),
		value("trust_bundle", text(bundle)),
	}
	steps := []resource.TestStep{{Config: config(`secret = "bundle"`), ConfigStateChecks: good}}
	backend := func(kind, cert string, pairs ...string) func() {
		return func() {
			putMesh(t, env, mesh, acctest.Fill(`{"skipValidation": true, "backends": [
				{"name": "ca-1", "type": "`+kind+`", "conf": {"cert": `+cert+`, "key": {"secret": "key"}}}
			]}`, pairs...))
		}
	}
	for _, before := range []func(){
		backend("provided", `{"secret": "bundle"}`),
		backend("provided", `{"inline": $text}`, "text", base64.StdEncoding.EncodeToString([]byte(bundle))),
		backend("provided", `{"inlineString": $text}`, "text", bundle),
	} {
		steps = append(steps, resource.TestStep{PreConfig: before, Config: config(`backend = "ca-1"`), ConfigStateChecks: good})
	}
	problemAt := func(rule string, index int64) statecheck.StateCheck {
		return value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text(rule), "certificate": knownvalue.Int64Exact(index)})})
	}
	steps = append(steps,
		resource.TestStep{Config: config(`secret = "aged"`), ConfigStateChecks: []statecheck.StateCheck{
			value("valid", knownvalue.Bool(false)), value("problems", knownvalue.ListSizeExact(2)), problemAt("expired", 2), problemAt("duplicate", 4),
		}},
		resource.TestStep{Config: config(`secret = "key"`), ConfigStateChecks: []statecheck.StateCheck{
			value("valid", knownvalue.Bool(false)),
			value("problems", contains{knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("private-key-in-chain")})}),
		}},
		resource.TestStep{Config: config(`secret = "empty"`), ConfigStateChecks: []statecheck.StateCheck{value("valid", knownvalue.Bool(false))}},
	)
	for _, bad := range []struct {
		before func()
		lines  string
		want   []string
	}{
		{nil, `secret = "absent"`, []string{"No such secret", `secret = "absent"`, "has no secret \"absent\"", "depends_on"}},
		{nil, `backend = "missing"`, []string{"Unknown backend", `backend = "missing"`, "has no mTLS backend \"missing\"", "depends_on"}},
		{backend("provided", `{"file": "/etc/ca.pem"}`), `backend = "ca-1"`, []string{"CA file not readable", `backend = "ca-1"`, "/etc/ca.pem"}},
		{backend("provided", `{"secret": "absent"}`), `backend = "ca-1"`, []string{"No such secret", `backend = "ca-1"`, "has no secret \"absent\""}},
		{func() { putMesh(t, env, mesh, `{"backends": [{"name": "ca-1", "type": "builtin"}]}`) }, `backend = "ca-1"`,
			[]string{"Not a provided backend", `backend = "ca-1"`, `type "builtin"`}},
	} {
		steps = append(steps, resource.TestStep{PreConfig: bad.before, Config: config(bad.lines), ExpectError: acctest.Words(bad.want...)})
	}
	for _, lines := range []string{`secret = "bundle"`, `backend = "ca-1"`} {
		steps = append(steps, resource.TestStep{
			Config:      env.Config("data \"kongmesh_ca_chain\" \"this\" {\n  mesh = \"no-such-mesh\"\n  " + lines + "\n}\n"),
			ExpectError: acctest.Words("No such mesh", `mesh = "no-such-mesh"`, "depends_on"),
		})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
}

// root is the last certificate of a chain.
func root(chain string) string { return chain[strings.LastIndex(chain, "-----BEGIN"):] }

// A control plane that does not give the chain is an error on the attribute.
func TestAccCAChain_notAllowed(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Authentication())
	config := func(token, lines string) string {
		return fmt.Sprintf("provider \"kongmesh\" {\n  address = %q\n  token = %q\n}\ndata \"kongmesh_ca_chain\" \"this\" {\n  mesh = \"default\"\n  %s\n}\n", env.Address, token, lines)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config(env.ReaderToken(), `secret = "ca"`), ExpectError: acctest.Words("Permission denied", `secret = "ca"`, "argument token")},
			{Config: config("wrong", `backend = "ca"`), ExpectError: acctest.Words("Invalid or expired token", `backend = "ca"`)},
			{Config: nobody + "data \"kongmesh_ca_chain\" \"this\" {\n  mesh = \"default\"\n  secret = \"ca\"\n}\n", ExpectError: acctest.Words("does not answer", `secret = "ca"`)},
		},
	})
}

func TestAccCAChain_invalid(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"nothing":              {``, []string{"Set exactly one of content, secret, backend, identity, trust. Currently, none of them is set."}},
		"two sources":          {"content = \"x\"\nmesh = \"m\"\nsecret = \"s\"", []string{`content = "x"`}},
		"two of the mesh":      {"mesh = \"m\"\nsecret = \"s\"\nbackend = \"b\"", []string{"secret"}},
		"mesh alone":           {`mesh = "m"`, []string{"content"}},
		"content of a mesh":    {"content = \"x\"\nmesh = \"m\"", []string{`mesh = "m"`}},
		"secret of no mesh":    {`secret = "s"`, []string{"Invalid Attribute Combination", `secret = "s"`, "mesh"}},
		"backend of no mesh":   {`backend = "b"`, []string{"Invalid Attribute Combination", `backend = "b"`, "mesh"}},
		"no name of a mesh":    {"mesh = \"M\"\nsecret = \"s\"", []string{"Invalid name", `mesh = "M"`}},
		"no name of a secret":  {"mesh = \"m\"\nsecret = \"a/b\"", []string{"Invalid name", `secret = "a/b"`}},
		"identity of no mesh":  {`identity = "i"`, []string{"Invalid Attribute Combination", `identity = "i"`, "mesh"}},
		"trust of no mesh":     {`trust = "t"`, []string{"Invalid Attribute Combination", `trust = "t"`, "mesh"}},
		"identity and trust":   {"mesh = \"m\"\nidentity = \"i\"\ntrust = \"t\"", []string{"identity and trust are set"}},
		"no name of a backend": {"mesh = \"m\"\nbackend = \"\"", []string{`backend = ""`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env.PlanFails(t, env.Config("data \"kongmesh_ca_chain\" \"this\" {\n"+test.lines+"\n}\n"), test.want...)
		})
	}
}

// everything is a mesh with its CA, whose chain is read in the same run.
const everything = `
resource "kongmesh_mesh" "this" {
  name = $mesh
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = kongmesh_mesh.this.name
  name              = "ca"
  certificate_chain = $chain
  private_key_wo    = $key
}

resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
}

data "kongmesh_ca_chain" "this" {
  mesh       = kongmesh_mesh.this.name
  backend    = "ca-1"
  depends_on = [kongmesh_mtls_provided_backend.this]
}
`

// With depends_on it is read once all that it reads is there.
func TestAccCAChain_sameRun(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config:            env.Config(everything, "mesh", env.Mesh(), "chain", ca.Chain, "key", ca.Key),
			ConfigStateChecks: []statecheck.StateCheck{value("trust_bundle", text(ca.Chain))},
		}},
	})
}

// While the provider's address is not known, content is judged all the same,
// what is on the control plane is an error, and with depends_on it waits.
func TestAccCAChain_unknownProvider(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	putMesh(t, env, mesh, "")
	env.PutSecret(mesh, "ca", ca.Chain)
	config := func(lines string) string {
		return acctest.Fill(`
			resource "terraform_data" "address" {
				input = $address
			}
			provider "kongmesh" {
				address = terraform_data.address.output
			}
			data "kongmesh_ca_chain" "this" {
				`+lines+`
			}`, "address", env.Address, "chain", ca.Chain, "mesh", mesh)
	}
	check := []statecheck.StateCheck{value("trust_bundle", text(ca.Chain))}
	for lines, want := range map[string]string{
		"content = $chain":              "",
		"mesh = $mesh\nsecret = \"ca\"": "Provider configuration is unknown",
		"mesh = $mesh\nsecret = \"ca\"\ndepends_on = [terraform_data.address]": "",
	} {
		step := resource.TestStep{Config: config(lines), ConfigStateChecks: check}
		if want != "" {
			step = resource.TestStep{Config: config(lines), ExpectError: acctest.Words(want, `secret = "ca"`, "depends_on")}
		}
		resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{step}})
	}
}

// The CA of a MeshIdentity is a chain with further trusted CAs. The bundles of a
// MeshTrust are a set of CAs, in any order, none of which issues.
func TestAccCAChain_identity(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "meshServices": map[string]any{"mode": "Exclusive"}})
	ca, other := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA"), acctest.NewCA(t, "Other CA")
	env.PutSecret(mesh, "cert", ca.Chain+other.Chain)
	env.PutSecret(mesh, "key", ca.Key)
	identity := func(certificate string) func() {
		return func() {
			env.Must(http.MethodPut, "/meshes/"+mesh+"/meshidentities/payments", acctest.Fill(`{"type": "MeshIdentity", "mesh": $mesh, "name": "payments", "spec": {"provider": {"type": "Bundled", "bundled": {
				"meshTrustCreation": "Disabled", "ca": {"certificate": `+certificate+`, "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "key"}}}}}}}`, "mesh", mesh, "chain", ca.Chain+other.Chain))
		}
	}
	trust := func(bundles ...string) func() {
		return func() {
			entries := []map[string]any{}
			for _, bundle := range bundles {
				entries = append(entries, map[string]any{"type": "Pem", "pem": map[string]any{"value": bundle}})
			}
			env.Must(http.MethodPut, "/meshes/"+mesh+"/meshtrusts/payments", map[string]any{
				"type": "MeshTrust", "mesh": mesh, "name": "payments", "spec": map[string]any{"trustDomain": "payments", "caBundles": entries},
			})
		}
	}
	config := func(lines string) string {
		return env.Config("data \"kongmesh_ca_chain\" \"this\" {\n  mesh = $mesh\n  "+lines+"\n}\n", "mesh", mesh)
	}
	good := []statecheck.StateCheck{
		value("valid", knownvalue.Bool(true)), value("issuing_certificate", text(strings.TrimSuffix(ca.Chain, root(ca.Chain)))), value("root_certificate", text(root(ca.Chain))),
		value("trust_bundle", text(ca.Chain+other.Chain)), value("problems", knownvalue.ListExact(nil)),
	}
	anchors := func(valid bool, checks ...statecheck.StateCheck) []statecheck.StateCheck {
		return append(checks, value("valid", knownvalue.Bool(valid)), value("issuing_certificate", knownvalue.Null()), value("root_certificate", knownvalue.Null()))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{PreConfig: identity(`{"type": "Secret", "secretRef": {"kind": "Secret", "name": "cert"}}`), Config: config(`identity = "payments"`), ConfigStateChecks: good},
			{PreConfig: identity(`{"type": "InsecureInline", "insecureInline": {"value": $chain}}`), Config: config(`identity = "payments"`), ConfigStateChecks: good},
			{PreConfig: trust(other.Chain, ca.Chain), Config: config(`trust = "payments"`), ConfigStateChecks: anchors(true,
				value("certificates", knownvalue.ListSizeExact(3)), value("problems", knownvalue.ListExact(nil)), value("expires_at", knownvalue.NotNull()))},
			{PreConfig: trust(strings.TrimSpace(other.Chain), other.Chain), Config: config(`trust = "payments"`), ConfigStateChecks: anchors(true,
				value("trust_bundle", text(other.Chain)), value("problems", knownvalue.ListPartial(map[int]knownvalue.Check{
					0: knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("duplicate"), "severity": text("warning"), "certificate": knownvalue.Int64Exact(1)}),
				})))},
			{PreConfig: trust(other.Chain, acctest.PKI(t, "notca.crt")), Config: config(`trust = "payments"`), ConfigStateChecks: anchors(false,
				value("problems", knownvalue.ListPartial(map[int]knownvalue.Check{
					0: knownvalue.ObjectPartial(map[string]knownvalue.Check{"rule": text("basic-constraints-ca"), "certificate": knownvalue.Int64Exact(1)}),
				})))},
			{PreConfig: identity(`{"type": "File", "file": {"path": "/etc/ca.pem"}}`), Config: config(`identity = "payments"`), ExpectError: acctest.Words("CA file not readable", `identity = "payments"`, "/etc/ca.pem")},
			{PreConfig: identity(`{"type": "EnvVar", "envVar": {"name": "MESH_CA"}}`), Config: config(`identity = "payments"`), ExpectError: acctest.Words("CA variable not readable", `identity = "payments"`, "MESH_CA")},
			{PreConfig: identity(`{"type": "Secret", "secretRef": {"kind": "Secret", "name": "absent"}}`), Config: config(`identity = "payments"`), ExpectError: acctest.Words("No such secret", `identity = "payments"`, "absent")},
			{Config: config(`identity = "missing"`), ExpectError: acctest.Words("No such resource", `identity = "missing"`, `no MeshIdentity "missing"`)},
			{Config: config(`trust = "missing"`), ExpectError: acctest.Words("No such resource", `trust = "missing"`, `no MeshTrust "missing"`)},
		},
	})
}

// Before Kuma 2.12, there are no identities.
func TestAccCAChain_noIdentities(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.7.29"))
	putMesh(t, env, "acc", "{}")
	for _, lines := range []string{`identity = "payments"`, `trust = "payments"`} {
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Provider(),
			Steps: []resource.TestStep{{
				Config:      env.Config("data \"kongmesh_ca_chain\" \"this\" {\n  mesh = \"acc\"\n  " + lines + "\n}\n"),
				ExpectError: acctest.Words("Control plane has no identities", lines, "2.12"),
			}},
		})
	}
}
