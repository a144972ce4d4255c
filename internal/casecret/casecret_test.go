package casecret_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const address = "kongmesh_mesh_ca_secret.this"

const config = acctest.MeshWithCA

// names are the names that the pair of a bundle must have, found without the
// provider's code.
func names(bundle string) (certificate, key string) {
	return namesOf(fingerprint(bundle))
}

func namesOf(fingerprint string) (certificate, key string) {
	return "ca-" + fingerprint[:10] + "-cert", "ca-" + fingerprint[:10] + "-key"
}

func fingerprint(bundle string) string {
	hash := sha256.New()
	rest := []byte(bundle)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		hash.Write(block.Bytes)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// namesIn is [names] for the kind of control plane: on Kubernetes, the mesh is a part of
// the names.
func namesIn(env *acctest.Env, mesh, bundle string) (certificate, key string) {
	if env.Cluster() == "" {
		return names(bundle)
	}
	sum := sha256.Sum256([]byte(fingerprint(bundle) + "/" + mesh))
	return namesOf(hex.EncodeToString(sum[:]))
}

func value(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func text(s string) knownvalue.Check { return knownvalue.StringExact(s) }

func action(want plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, want)}}
}

// content is what a secret holds on the control plane.
func content(t *testing.T, env *acctest.Env, mesh, name string) string {
	t.Helper()
	var document struct{ Data []byte }
	if err := json.Unmarshal(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets/"+name, nil), &document); err != nil {
		t.Fatal(err)
	}
	return string(document.Data)
}

func TestAccCASecret_life(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	chain, key := acctest.PKI(t, "chain1.crt"), acctest.PKI(t, "int1.key")
	other := acctest.NewCA(t, "Other CA")
	another := acctest.NewCA(t, "Another CA")
	cert, keyName := namesIn(env, mesh, chain)
	with := func(pairs ...string) string {
		values := map[string]string{"chain": chain, "key": key, "mesh": mesh}
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		return env.Config(config, "chain", values["chain"], "key", values["key"], "mesh", mesh)
	}
	trusting := func(trusted string) string {
		return strings.Replace(with(), "  lifecycle", acctest.Fill("  trusted_certificates = $trusted\n  lifecycle", "trusted", trusted), 1)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + mesh),
		Steps: []resource.TestStep{
			{
				Config: with(),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(address, tfjsonpath.New("certificate_secret"), text(cert)),
					plancheck.ExpectKnownValue(address, tfjsonpath.New("key_secret"), text(keyName)),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					value("certificate_secret", text(cert)),
					value("private_key", knownvalue.Null()),
					value("private_key_wo", knownvalue.Null()),
					value("certificates", knownvalue.ListPartial(map[int]knownvalue.Check{
						0: knownvalue.ObjectPartial(map[string]knownvalue.Check{"subject": text("CN=Intermediate CA 1,O=Test,C=GB"), "public_key_algorithm": text("RSA")}),
						1: knownvalue.ObjectPartial(map[string]knownvalue.Check{"subject": text("CN=Root CA,O=Test,C=GB")}),
					})),
				},
				Check: func(*terraform.State) error {
					if got := content(t, env, mesh, cert); got != chain {
						t.Errorf("the certificate secret holds\n%s", got)
					}
					if got := content(t, env, mesh, keyName); got != key {
						t.Error("the key secret does not hold the key as it was given")
					}
					return nil
				},
			},
			{ // the same certificates, spelled in another way
				Config:           with("chain", "Some text\r\n"+strings.ReplaceAll(chain, "\n", "\r\n")),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{ // one more trusted certificate is another pair
				Config:            trusting(other.Chain),
				ConfigPlanChecks:  action(plancheck.ResourceActionReplace),
				ConfigStateChecks: []statecheck.StateCheck{value("certificates", knownvalue.ListSizeExact(3))},
				Check:             env.Gone("/meshes/"+mesh+"/secrets/"+cert, "/meshes/"+mesh+"/secrets/"+keyName),
			},
			{
				Config:           trusting(other.Chain + another.Chain),
				ConfigPlanChecks: action(plancheck.ResourceActionReplace),
			},
			{ // their order means nothing
				Config:           trusting(another.Chain + other.Chain),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{ // another CA
				Config:           with("chain", other.Chain, "key", other.Key),
				ConfigPlanChecks: action(plancheck.ResourceActionReplace),
			},
			{ // the key in the state instead: nothing to upload
				PreConfig:         func() { env.ResetRequests() },
				Config:            strings.Replace(with("chain", other.Chain, "key", other.Key), "private_key_wo", "private_key", 1),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{value("private_key", text(other.Key))},
				Check:             env.Wrote(), // nothing
			},
			{ // and back
				Config:            with("chain", other.Chain, "key", other.Key),
				ConfigStateChecks: []statecheck.StateCheck{value("private_key", knownvalue.Null())},
				Check:             env.Wrote(),
			},
			{ // a new version uploads the key again, and the key alone
				Config:            strings.Replace(with("chain", other.Chain, "key", other.Key), "  lifecycle", "  private_key_wo_version = 2\n  lifecycle", 1),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{value("private_key_wo_version", knownvalue.Int64Exact(2))},
				Check: func(s *terraform.State) error {
					_, name := namesIn(env, mesh, other.Chain)
					return env.Wrote("/meshes/" + mesh + "/secrets/" + name)(s)
				},
			},
			{ // another name is another pair
				Config:            strings.Replace(with("chain", other.Chain, "key", other.Key), `"ca"`, `"second"`, 1),
				ConfigPlanChecks:  action(plancheck.ResourceActionReplace),
				ConfigStateChecks: []statecheck.StateCheck{value("name", text("second"))},
			},
		},
	})
}

func TestAccCASecret_kindsOfKeys(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][2]string{
		"PKCS 8":  {"root.crt", "root.key"},
		"PKCS 1":  {"root.crt", "root-pkcs1.key"},
		"EC":      {"ec.crt", "ec.key"},
		"SEC 1":   {"ec.crt", "ec-sec1.key"},
		"Ed25519": {"ed.crt", "ed.key"},
		"sample":  {"sample.crt", "sample.key"},
		"chain 2": {"chain2.crt", "int2.key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			mesh := env.Mesh()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{{
					Config:            env.Config(config, "mesh", mesh, "chain", acctest.PKI(t, files[0]), "key", acctest.PKI(t, files[1])),
					ConfigStateChecks: []statecheck.StateCheck{value("public_key_sha256", knownvalue.NotNull())},
				}},
			})
		})
	}
}

func TestAccCASecret_import(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	cert, key := namesIn(env, mesh, ca.Chain)
	full := env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	otherCert, otherKey := namesIn(env, mesh, other.Chain)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: full},
			{
				ImportState: true, ResourceName: address, ImportStateId: mesh + "/" + cert + "/" + key,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "certificate_secret", ImportStateVerifyIgnore: []string{"timeouts"},
			},
			{Config: full, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ResourceName: address, ImportStateId: mesh + "/ca"},
			{ImportState: true, ResourceName: address, ImportStateId: mesh + "/nothing", ExpectError: acctest.Words("No such CA", "nothing-<fingerprint>-cert")},
			{ImportState: true, ResourceName: address, ImportStateId: "just-a-mesh", ExpectError: acctest.Words("Invalid import ID", "mesh/certificate-secret/key-secret")},
			{ImportState: true, ResourceName: address, ImportStateId: "absent-mesh/ca", ExpectError: acctest.Words("No such mesh")},
			{
				PreConfig: func() {
					env.PutSecret(mesh, otherCert, other.Chain)
					env.PutSecret(mesh, otherKey, other.Key)
				},
				ImportState: true, ResourceName: address, ImportStateId: mesh + "/ca",
				ExpectError: acctest.Words("Several CAs with that name"),
			},
		},
	})
}

func TestAccCASecret_drift(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	cert, key := namesIn(env, mesh, ca.Chain)
	full := env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	right := func(*terraform.State) error {
		if content(t, env, mesh, cert) != ca.Chain || content(t, env, mesh, key) != ca.Key {
			t.Error("the pair was not put right")
		}
		return nil
	}
	remove := func(name string) { env.Must(http.MethodDelete, "/meshes/"+mesh+"/secrets/"+name, nil) }
	steps := []resource.TestStep{{Config: full}}
	for _, change := range []struct {
		do   func()
		want plancheck.ResourceActionType
	}{
		{func() { env.PutSecret(mesh, cert, other.Chain) }, plancheck.ResourceActionUpdate},
		{func() { env.PutSecret(mesh, key, other.Key) }, plancheck.ResourceActionUpdate},
		{func() { env.PutSecret(mesh, cert, "garbage") }, plancheck.ResourceActionUpdate},
		{func() { env.PutSecret(mesh, key, "garbage") }, plancheck.ResourceActionUpdate},
		{func() { env.PutSecret(mesh, cert, ca.Chain+other.Chain) }, plancheck.ResourceActionUpdate},
		{func() { env.PutSecret(mesh, cert, ca.Chain+ca.Key) }, plancheck.ResourceActionUpdate},   // handed out to each proxy
		{func() { env.PutSecret(mesh, cert, "\ufeff"+ca.Chain) }, plancheck.ResourceActionUpdate}, // hidden from the control plane
		{func() { env.PutSecret(mesh, key, "\ufeff"+ca.Key) }, plancheck.ResourceActionUpdate},
		{func() { remove(cert) }, plancheck.ResourceActionUpdate},
		{func() { remove(key) }, plancheck.ResourceActionUpdate},
		{func() { remove(key); remove(cert) }, plancheck.ResourceActionCreate},
	} {
		steps = append(steps, resource.TestStep{PreConfig: change.do, Config: full, ConfigPlanChecks: action(change.want), Check: right})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
}

const fixed = `
resource "kongmesh_mesh" "this" {
  name = $mesh
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh                    = kongmesh_mesh.this.name
  certificate_secret_name = "ca.cert"
  key_secret_name         = "ca.key"
  certificate_chain       = $chain
  private_key_wo          = $key
}
`

const backend = `
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = kongmesh_mesh.this.name
  name = "ca-1"
  cert = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this.key_secret }
}
`

func TestAccCASecret_fixedNames(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	with := func(text string, ca *acctest.CA) string {
		return env.Config(text, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: with(fixed, ca), ConfigStateChecks: []statecheck.StateCheck{value("certificate_secret", text("ca.cert")), value("key_secret", text("ca.key"))}},
			{ // not in use: an update
				Config:           with(fixed, other),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{ImportState: true, ResourceName: address, ImportStateId: mesh + "/ca.cert/ca.key", ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "certificate_secret", ImportStateVerifyIgnore: []string{"timeouts"}},
			{ // a name says nothing then
				Config:           strings.Replace(with(fixed, other), "certificate_chain", "name = \"x\"\n  certificate_chain", 1),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{Config: with(fixed+backend, other)},
			{ // in use: an error while planning
				Config:      with(fixed+backend, ca),
				PlanOnly:    true,
				ExpectError: acctest.Words("CA secret is in use", `backend "ca-1"`, "create_before_destroy = true"),
			},
			{ // drift is put right all the same
				PreConfig:        func() { env.PutSecret(mesh, "ca.cert", ca.Chain) },
				Config:           with(fixed+backend, other),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{Config: with(fixed, other)}, // without the backend
		},
	})
}

// Half of a pair is in the state, goes on where it stopped, and can be destroyed.
// A gateway that puts the provider off, for ever or for longer than an operation
// may take, ends it, and the next apply goes on.
func TestAccCASecret_putOff(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	patient := env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	full := strings.Replace(patient, "  lifecycle", "  timeouts = { create = \"10s\", delete = \"10s\" }\n  lifecycle", 1)
	alone := env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh)
	putOff := func() {
		env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.TooManyRequests}, RetryAfter: 30 * time.Second, Match: func(r *http.Request) bool {
			return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/secrets/")
		}})
	}
	timeIsUp := func(config string) resource.TestStep {
		return resource.TestStep{PreConfig: putOff, Config: config, ExpectError: acctest.Words("Operation timed out", "within the time in `timeouts`")}
	}
	goesOn := func(config string) resource.TestStep {
		return resource.TestStep{PreConfig: env.Twin.ClearFaults, Config: config}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + mesh),
		Steps: []resource.TestStep{
			{PreConfig: putOff, Config: patient, ExpectError: acctest.Words("Too many requests", "429", "max_retries")},
			timeIsUp(full), goesOn(full),
			timeIsUp(alone), goesOn(alone),
		},
	})
}

func TestAccCASecret_partialCreate(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	cert, key := namesIn(env, mesh, ca.Chain)
	full := env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	failKey := func() {
		env.Twin.Inject(kumatest.Fault{Kinds: []kumatest.FaultKind{kumatest.InternalError}, Match: func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, key)
		}})
	}
	both := func(*terraform.State) error {
		if content(t, env, mesh, cert) != ca.Chain || content(t, env, mesh, key) != ca.Key {
			t.Error("the pair is not whole")
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		CheckDestroy:             env.Gone("/meshes/" + mesh),
		Steps: []resource.TestStep{
			{PreConfig: failKey, Config: full, ExpectError: acctest.Words("Control plane failed", "write secret", key)},
			{PreConfig: func() { env.Twin.ClearFaults() }, Config: full, Check: both},
			{Config: env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh), Check: env.Gone("/meshes/"+mesh+"/secrets/"+cert, "/meshes/"+mesh+"/secrets/"+key)},
			{PreConfig: failKey, Config: full, ExpectError: acctest.Words("Control plane failed")},
			{PreConfig: func() { env.Twin.ClearFaults() }, Config: env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh), Check: env.Gone("/meshes/" + mesh + "/secrets/" + cert)},
		},
	})
}

func TestAccCASecret_existsAlready(t *testing.T) {
	t.Parallel()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	cert, key := names(ca.Chain)
	for name, test := range map[string]struct {
		config string
		left   map[string]string
		want   []string
	}{
		"half of the pair":           {config, map[string]string{cert: ca.Chain}, nil},
		"the whole pair":             {config, map[string]string{cert: ca.Chain, key: ca.Key}, nil},
		"another chain":              {config, map[string]string{cert: other.Chain}, []string{"Exists already", "import {", cert + "/" + key}},
		"another key":                {config, map[string]string{cert: ca.Chain, key: other.Key}, []string{"Exists already", cert + "/" + key}},
		"fixed names, right content": {fixed, map[string]string{"ca.cert": ca.Chain}, []string{"Exists already", "/ca.cert/ca.key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			mesh := env.Mesh()
			step := resource.TestStep{
				PreConfig: func() {
					for secret, data := range test.left {
						env.PutSecret(mesh, secret, data)
					}
				},
				Config: env.Config(test.config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key),
			}
			if test.want != nil {
				step.ExpectError = acctest.Words(test.want...)
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps:                    []resource.TestStep{{Config: env.Config(`resource "kongmesh_mesh" "this" { name = $mesh }`, "mesh", mesh)}, step},
			})
		})
	}
}

// A chain that is known only after another resource was applied.
func TestAccCASecret_unknownWhenPlanned(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	with := func(chain, key, trigger string) string {
		return env.Config(`
			resource "terraform_data" "ca" {
				input            = { chain = $chain, key = $key }
				triggers_replace = $trigger
			}
		`+strings.NewReplacer("$chain", "terraform_data.ca.output.chain", "$key", "terraform_data.ca.output.key").Replace(config)+backend,
			"mesh", mesh, "chain", chain, "key", key, "trigger", trigger)
	}
	cert, key := namesIn(env, mesh, ca.Chain)
	there := func(*terraform.State) error {
		if content(t, env, mesh, cert) != ca.Chain || content(t, env, mesh, key) != ca.Key {
			t.Error("the pair is not there")
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: with(ca.Chain, ca.Key, "1"), Check: there},
			// The same CA, which is known only when the replacement is created.
			{Config: with(ca.Chain, ca.Key, "2"), ConfigPlanChecks: action(plancheck.ResourceActionReplace), Check: there},
			{Config: with(other.Chain, other.Key, "3"), Check: env.Gone("/meshes/" + mesh + "/secrets/" + cert)},
			{Config: with(other.Chain, ca.Key, "4"), ExpectError: acctest.Words("key mismatch")},
			{Config: with(other.Chain, other.Key, "4")},
		},
	})
}

// Without create_before_destroy a CA in use cannot be replaced: nothing happens.
func TestAccCASecret_inUse(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	with := func(ca *acctest.CA) string {
		return env.Config(strings.Replace(config, "create_before_destroy = true", "", 1)+backend, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: with(ca)},
			{
				PreConfig:   func() { env.ResetRequests() },
				Config:      with(other),
				ExpectError: acctest.Words("CA secret is in use", `backend "ca-1"`, "create_before_destroy = true"),
			},
			{Config: with(ca), ConfigPlanChecks: action(plancheck.ResourceActionNoop), Check: env.Wrote()},
		},
	})
}

func TestAccCASecret_noMesh(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	ca := acctest.NewCA(t, "CA")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{{
			Config: env.Config(`resource "kongmesh_mesh_ca_secret" "this" {
				mesh              = "absent"
				name              = "ca"
				certificate_chain = $chain
				private_key_wo    = $key
			}`, "chain", ca.Chain, "key", ca.Key),
			ExpectError: acctest.Words("No such mesh", `mesh "absent"`, "kongmesh_mesh"),
		}},
	})
}

func TestAccCASecret_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	pki := func(name string) string { return acctest.PKI(t, name) }
	root, rootKey := pki("root.crt"), pki("root.key")
	der, _ := pem.Decode([]byte(root))
	leaf := pki("notca.crt")
	for name, test := range map[string]struct {
		chain, key string
		more       string
		want       []string
	}{
		"wrong order":             {pki("chain-wrong-order.crt"), pki("root.key"), "", []string{"certificate_chain", "CN=Root CA", "Intermediate CA 1"}},
		"key of another":          {pki("chain1.crt"), pki("root.key"), "", []string{"private_key_wo", "Root CA"}},
		"key of nobody":           {root, pki("ec.key"), "", []string{"private_key_wo"}},
		"leaf":                    {leaf, pki("notca.key"), "", []string{"basic constraints", "certificate 0"}},
		"no keyCertSign":          {pki("nosign.crt"), pki("nosign.key"), "", []string{"keyCertSign"}},
		"no key usage":            {pki("noku.crt"), pki("noku.key"), "", []string{"keyCertSign"}},
		"keyAgreement":            {pki("agree.crt"), pki("agree.key"), "", []string{"keyAgreement"}},
		"expired":                 {pki("expired.crt"), pki("expired.key"), "", []string{"expired"}},
		"encrypted key":           {root, encryptedKey, "", []string{"private_key_wo", "encrypted"}},
		"key in the chain":        {root + rootKey, rootKey, "", []string{"certificate_chain", "private key"}},
		"key among the trusted":   {root, rootKey, acctest.Fill("trusted_certificates = $x", "x", pki("ec.crt")+pki("ec.key")), []string{"trusted_certificates", "private key"}},
		"trusted leaf":            {root, rootKey, acctest.Fill("trusted_certificates = $x", "x", leaf), []string{"trusted_certificates", "onstraint CA is not true"}},
		"DER":                     {base64.StdEncoding.EncodeToString(der.Bytes), rootKey, "", []string{"certificate_chain", "base64", "openssl x509 -inform der"}},
		"empty file":              {"", rootKey, "", []string{"certificate_chain", "empty"}},
		"bad mesh name":           {root, rootKey, `mesh = "Bad Mesh"`, []string{"mesh", "lowercase letters"}},
		"bad name":                {root, rootKey, `name = "Bad"`, []string{"name", "lowercase letters"}},
		"both keys":               {root, rootKey, acctest.Fill("private_key = $x", "x", rootKey), []string{"private_key", "private_key_wo"}},
		"no key":                  {root, "", "-private_key_wo", []string{"private_key", "private_key_wo"}},
		"error accepted":          {root, rootKey, `accept_warnings = ["expired"]`, []string{"accept_warnings", `"expired"`, "must be one of", `"key-usage-should-not"`}},
		"unknown rule accepted":   {root, rootKey, `accept_warnings = ["duplicate", "digital-signature"]`, []string{"accept_warnings", `"digital-signature"`, "must be one of"}},
		"error despite accepting": {pki("chain1.crt") + rootKey, rootKey, `accept_warnings = ["pem-label", "duplicate"]`, []string{"private key in chain"}},
		"half of the fixed names": {root, rootKey, `certificate_secret_name = "x"`, []string{"certificate_secret_name", "key_secret_name"}},
		"the other half":          {root, rootKey, `key_secret_name = "x"`, []string{"key_secret_name", "certificate_secret_name"}},
		"neither name":            {root, rootKey, "-name", []string{"name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := map[string]string{
				"mesh": `mesh = "m"`, "name": `name = "ca"`,
				"certificate_chain": acctest.Fill("certificate_chain = $x", "x", test.chain),
				"private_key_wo":    acctest.Fill("private_key_wo = $x", "x", test.key),
			}
			if without, found := strings.CutPrefix(test.more, "-"); found {
				delete(lines, without)
			} else if attribute, _, found := strings.Cut(test.more, " ="); found {
				lines[attribute] = test.more
			}
			var body strings.Builder
			for _, line := range lines {
				body.WriteString(line + "\n")
			}
			env.PlanFails(t, env.Config("resource \"kongmesh_mesh_ca_secret\" \"this\" {\n"+body.String()+"}"), test.want...)
		})
	}
}

// A warning is shown with the line that accepts it, and not any more with that
// line, here or when it is applied; others are.
func TestAccCASecret_acceptWarnings(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	chain := acctest.PKI(t, "should.crt")
	with := func(accepted string) string {
		return env.Config(strings.Replace(config, "  private_key_wo", accepted+"  private_key_wo", 1), "mesh", mesh, "chain", chain+chain, "key", acctest.PKI(t, "should.key"))
	}
	run := acctest.NewRun(t, with(""))
	says := func(output string, usage, duplicate bool) {
		t.Helper()
		for rule, want := range map[string]bool{"key-usage-should-not": usage, "duplicate": duplicate} {
			got := acctest.Words("Warning: CA material: "+strings.ReplaceAll(rule, "-", " ")).MatchString(output) &&
				acctest.Words(`accept_warnings = ["`+rule+`"]`).MatchString(output)
			if got != want {
				t.Errorf("%s is warned of: %v\n%s", rule, got, output)
			}
		}
	}
	says(run.Terraform("plan"), true, true)
	run.Config(with("  accept_warnings = [\"key-usage-should-not\"]\n"))
	says(run.Terraform("plan"), false, true)
	run.Config(with("  accept_warnings = [\"duplicate\", \"key-usage-should-not\"]\n"))
	says(run.Terraform("apply", "-auto-approve"), false, false)
	says(run.NoChanges(), false, false)
	env.ResetRequests()
	run.Config(with("  accept_warnings = []\n"))
	says(run.Terraform("apply", "-auto-approve"), false, false) // of a CA that is uploaded, only what comes with time is told
	if err := env.Wrote()(nil); err != nil {
		t.Errorf("another list of warnings: %v", err)
	}
	run.NoChanges()
	run.Terraform("destroy", "-auto-approve")
}

// A CA that expired while it was in use stops no plan: it warns.
func TestAccCASecret_expiredMeanwhile(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	full := env.Config(config, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: full},
			{PreConfig: func() { env.Wait(t, 400*24) }, Config: full, ConfigPlanChecks: action(plancheck.ResourceActionNoop)},
		},
	})
}

// A key of no value, encrypted by openssl with the passphrase "secret".
const encryptedKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBCB9yPm1n0yU4UyWwBo
-----END ENCRYPTED PRIVATE KEY-----
`
