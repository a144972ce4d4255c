package issuer_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

const address = "data.kongmesh_proxy_certificate.this"

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

// certificate is a data source with lines of its own.
func certificate(lines string, ca *acctest.CA) string {
	return acctest.Fill("data \"kongmesh_proxy_certificate\" \"this\" {\n  mesh = \"default\"\n  "+lines+"\n}\n", "chain", ca.Chain, "key", ca.Key)
}

const inline = "\n  ca = {\n    certificate_chain = $chain\n    private_key = $key\n  }\n"

// at is a provider with a clock.
func at(clock *acctest.Clock) map[string]func() (tfprotov6.ProviderServer, error) {
	return acctest.Provider(provider.Options{Clock: clock})
}

// parse reads certificates.
func parse(t *testing.T, text string) []*x509.Certificate {
	t.Helper()
	var certificates []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return certificates
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		certificates = append(certificates, certificate)
	}
}

// outputs are the attributes of a data source in a state.
func outputs(state *terraform.State, name string) map[string]string {
	return state.RootModule().Resources["data.kongmesh_proxy_certificate."+name].Primary.Attributes
}

// Every output, from a CA that is given, without a request.
func TestAccProxyCertificate_outputs(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA")
	clock := acctest.NewClock(time.Now())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(clock),
		Steps: []resource.TestStep{{
			Config: nobody + certificate(`tags = { "kuma.io/service" = ["web", "admin"], "kuma.io/protocol" = ["http"], version = ["v2", "v1", "v2"] }`+inline, ca),
			Check: func(state *terraform.State) error {
				got := outputs(state, "this")
				presented := parse(t, got["certificate"])
				if len(presented) != 2 || presented[1].Subject.CommonName != "Mesh CA" {
					return fmt.Errorf("%d certificates are presented", len(presented))
				}
				leaf := presented[0]
				for what, pair := range map[string][2]string{
					"serial number": {got["serial_number"], fmt.Sprintf("%032x", leaf.SerialNumber)},
					"start":         {got["not_before"], leaf.NotBefore.Format(time.RFC3339)},
					"end":           {got["not_after"], leaf.NotAfter.Format(time.RFC3339)},
					"life":          {leaf.NotAfter.Sub(leaf.NotBefore).String(), (24*time.Hour + 10*time.Second).String()},
				} {
					if !strings.HasSuffix(pair[1], pair[0]) || pair[0] == "" {
						return fmt.Errorf("%s: %s, not %s", what, pair[0], pair[1])
					}
				}
				block, _ := pem.Decode([]byte(got["private_key"]))
				key, err := x509.ParseECPrivateKey(block.Bytes)
				if err != nil {
					return err
				}
				if !key.PublicKey.Equal(leaf.PublicKey) {
					return fmt.Errorf("the key is not the certificate's")
				}
				return nil
			},
			ConfigStateChecks: []statecheck.StateCheck{
				value("trust_bundle", text(ca.Chain)),
				value("spiffe_id", text("spiffe://default/admin")),
				value("uris", texts("spiffe://default/admin", "spiffe://default/web", "kuma://kuma.io/protocol/http",
					"kuma://kuma.io/service/admin", "kuma://kuma.io/service/web", "kuma://version/v1", "kuma://version/v2")),
				value("issuer", text("CN=Mesh CA")),
				value("expiration", text("24h")),
				statecheck.ExpectSensitiveValue(address, tfjsonpath.New("private_key")),
				statecheck.ExpectSensitiveValue(address, tfjsonpath.New("ca").AtMapKey("private_key")),
			},
		}},
	})
}

// services is tags with services alone.
func TestAccProxyCertificate_services(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	same := statecheck.CompareValue(identical{})
	collect := func() statecheck.StateCheck { return same.AddStateValue(address, tfjsonpath.New("certificate")) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
		Steps: []resource.TestStep{
			{Config: nobody + certificate(`services = ["web", "admin"]`+inline, ca), ConfigStateChecks: []statecheck.StateCheck{collect()}},
			{Config: nobody + certificate(`tags = { "kuma.io/service" = ["admin", "web"] }`+inline, ca), ConfigStateChecks: []statecheck.StateCheck{collect()}},
			{Config: nobody + certificate("services = [\"web\", \"admin\"]\nexpiration = \"1d\""+inline, ca), ConfigStateChecks: []statecheck.StateCheck{collect()}},
		},
	})
}

// identical compares texts over steps.
type identical struct{}

func (identical) CompareValues(values ...any) error {
	for _, value := range values {
		if value != values[0] {
			return fmt.Errorf("%v and %v differ", values[0], value)
		}
	}
	return nil
}

// A service needs the name of its mesh, and a SPIFFE ID does not.
func TestAccProxyCertificate_withoutMesh(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	without := func(lines string) string {
		return nobody + strings.Replace(certificate(lines+inline, ca), `mesh = "default"`, "", 1)
	}
	for _, lines := range []string{`services = ["web"]`, `tags = { "kuma.io/service" = ["web"] }`} {
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
			Steps:                    []resource.TestStep{{Config: without(lines), ExpectError: acctest.Words(`"mesh" must be specified`)}},
		})
	}
	const id = "spiffe://payments.default.mesh.local/workload/web"
	same := statecheck.CompareValue(identical{})
	var steps []resource.TestStep
	for _, lines := range []string{
		`spiffe_id = "` + id + `"`,
		"trust_domain = \"payments.default.mesh.local\"\npath = \"/workload/web\"",
		`spiffe_id = "` + id + `"` + "\nmesh = \"payments\"\nexpiration = \"1d\"",
	} {
		steps = append(steps, resource.TestStep{Config: without(lines), ConfigStateChecks: []statecheck.StateCheck{
			same.AddStateValue(address, tfjsonpath.New("certificate")),
			value("spiffe_id", text(id)), value("uris", texts(id)), value("trust_bundle", text(ca.Chain)), value("issuer", text("CN=CA")),
			statecheck.ExpectSensitiveValue(address, tfjsonpath.New("private_key")),
		}})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())), Steps: steps})
}

// Within a window nothing changes, and the next one brings another certificate.
// At least a fifth of its life is always left.
func TestAccProxyCertificate_windows(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	clock := acctest.NewClock(time.Now())
	// What a certificate is used for: it changes with the certificate.
	config := nobody + certificate(`services = ["web"]`+"\nexpiration = \"10h\""+inline, ca) + `
		resource "terraform_data" "user" {
			input = data.kongmesh_proxy_certificate.this.certificate
		}`
	// The window is eight hours long: the clock is moved to just behind its start.
	window := 8 * time.Hour
	start := clock.Now().Truncate(time.Second)
	start = time.Unix(start.Unix()/int64(window.Seconds())*int64(window.Seconds()), 0).Add(window)
	to := func(moment time.Time) func() {
		return func() { _ = clock.Sleep(context.Background(), moment.Sub(clock.Now())) }
	}
	left := func(least time.Duration) resource.TestCheckFunc {
		return func(state *terraform.State) error {
			leaf := parse(t, outputs(state, "this")["certificate"])[0]
			if got := leaf.NotAfter.Sub(clock.Now()); got < least || clock.Now().Before(leaf.NotBefore) {
				return fmt.Errorf("at %s the certificate is valid from %s to %s", clock.Now(), leaf.NotBefore, leaf.NotAfter)
			}
			return nil
		}
	}
	plan := func(check plancheck.PlanCheck) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{check}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(clock),
		Steps: []resource.TestStep{
			{PreConfig: to(start), Config: config, Check: left(10 * time.Hour)},
			{PreConfig: to(start.Add(window / 2)), Config: config, ConfigPlanChecks: plan(plancheck.ExpectEmptyPlan()), Check: left(6 * time.Hour)},
			{PreConfig: to(start.Add(window - time.Second)), Config: config, ConfigPlanChecks: plan(plancheck.ExpectEmptyPlan()), Check: left(2 * time.Hour)},
			{PreConfig: to(start.Add(window)), Config: config, Check: left(10 * time.Hour),
				ConfigPlanChecks: plan(plancheck.ExpectResourceAction("terraform_data.user", plancheck.ResourceActionUpdate))},
		},
	})
}

// Another process on another machine derives the same bytes.
func TestAccProxyCertificate_elsewhere(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	here := acctest.NewRun(t, nobody+certificate(`services = ["web"]`+"\nexpiration = \"300d\""+inline, ca)+`
		output "all" {
			value     = data.kongmesh_proxy_certificate.this
			sensitive = true
		}`)
	there := here.Elsewhere()
	var results []string
	for _, run := range []*acctest.Run{here, there} {
		run.Terraform("apply", "-auto-approve")
		results = append(results, run.Terraform("output", "-json", "all"))
	}
	if results[0] != results[1] || !strings.Contains(results[0], "BEGIN EC PRIVATE KEY") {
		t.Errorf("%s\nand\n%s", results[0], results[1])
	}
}

// putBackend makes a mesh with one backend, which is not checked.
func putBackend(env *acctest.Env, mesh, kind, conf string, pairs ...string) {
	document := acctest.Fill(`{"type": "Mesh", "name": $mesh, "skipCreatingInitialPolicies": ["*"], "mtls": {"skipValidation": true, "backends": [
		{"name": "ca-1", "type": "`+kind+`", "conf": `+conf+`}
	]}}`, append(pairs, "mesh", mesh)...)
	env.Must(http.MethodPut, "/meshes/"+mesh, json.RawMessage(document))
}

// The CA of a backend gives the same certificate as the CA itself, and its
// bundle has what else is trusted. What cannot be read is an error.
func TestAccProxyCertificate_backend(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca, other := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA"), acctest.NewCA(t, "Other CA")
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "skipCreatingInitialPolicies": []string{"*"}})
	env.PutSecret(mesh, "bundle", ca.Chain+other.Chain)
	env.PutSecret(mesh, "key", ca.Key)
	config := func(lines string) string {
		return env.Config("data \"kongmesh_proxy_certificate\" \"this\" {\n  mesh = $mesh\n  services = [\"web\"]\n  expiration = \"300d\"\n  "+lines+"\n}\n", "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	same := statecheck.CompareValue(identical{})
	collect := func() statecheck.StateCheck { return same.AddStateValue(address, tfjsonpath.New("certificate")) }
	steps := []resource.TestStep{{Config: config(inline), ConfigStateChecks: []statecheck.StateCheck{collect(), value("trust_bundle", text(ca.Chain))}}}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, conf := range []string{
		`{"cert": {"secret": "bundle"}, "key": {"secret": "key"}}`,
		`{"cert": {"inline": $bundle64}, "key": {"inline": $key64}}`,
		`{"cert": {"inlineString": $bundle}, "key": {"inlineString": $key}}`,
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				putBackend(env, mesh, "provided", conf, "bundle64", encoded(ca.Chain+other.Chain), "key64", encoded(ca.Key), "bundle", ca.Chain+other.Chain, "key", ca.Key)
			},
			Config:            config(`backend = "ca-1"`),
			ConfigStateChecks: []statecheck.StateCheck{collect(), value("trust_bundle", text(ca.Chain+other.Chain))},
		})
	}
	for conf, want := range map[string][]string{
		`{"cert": {"file": "/etc/ca.pem"}, "key": {"secret": "key"}}`:       {"CA file not readable", `backend = "ca-1"`, "/etc/ca.pem"},
		`{"cert": {"secret": "bundle"}, "key": {"file": "/etc/ca.key"}}`:    {"CA file not readable", `backend = "ca-1"`, "/etc/ca.key"},
		`{"cert": {"secret": "bundle"}, "key": {"secret": "absent"}}`:       {"No such secret", `backend = "ca-1"`, `"absent"`},
		`{"cert": {"secret": "bundle"}, "key": {"inlineString": $strange}}`: {"CA material: key mismatch", `backend = "ca-1"`},
		`{"cert": {"inlineString": $expired}, "key": {"secret": "key"}}`:    {"CA material: expired", `backend = "ca-1"`, "CN=Expired CA"},
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				putBackend(env, mesh, "provided", conf, "strange", other.Key, "expired", acctest.PKI(t, "expired.crt"))
			},
			Config:      config(`backend = "ca-1"`),
			ExpectError: acctest.Words(want...),
		})
	}
	steps = append(steps,
		resource.TestStep{Config: config(`backend = "missing"`), ExpectError: acctest.Words("Unknown backend", `backend = "missing"`, "depends_on")},
		resource.TestStep{PreConfig: func() { putBackend(env, mesh, "builtin", "{}") }, Config: config(`backend = "ca-1"`), ExpectError: acctest.Words("Not a provided backend", `backend = "ca-1"`)},
		resource.TestStep{
			Config:      strings.Replace(config(`backend = "ca-1"`), strconv.Quote(mesh), `"no-such-mesh"`, 1),
			ExpectError: acctest.Words("No such mesh", `mesh = "no-such-mesh"`),
		},
	)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
}

func TestAccProxyCertificate_invalid(t *testing.T) {
	t.Parallel()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	const web = "services = [\"web\"]\n"
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"nobody":                 {inline, []string{"tags", "services"}},
		"tags and services":      {web + `tags = { "kuma.io/service" = ["web"] }` + inline, []string{`tags = {`}},
		"no service":             {`services = []` + inline, []string{`services = []`}},
		"null service":           {`services = [null]` + inline, []string{"Null element", `services = [null]`}},
		"bad service":            {`services = ["web", "a/b"]` + inline, []string{"Invalid service", `services = ["web", "a/b"]`, "services[1]", `"a/b"`}},
		"tags without service":   {`tags = { version = ["v1"] }` + inline, []string{"Invalid tags", `tags = {`, "kuma.io/service"}},
		"bad tag":                {`tags = { "kuma.io/service" = ["web"], "a b" = ["x"] }` + inline, []string{"Invalid tags", `"a b"`}},
		"bad value":              {`tags = { "kuma.io/service" = ["web"], zone = ["a b"] }` + inline, []string{"Invalid tags", `"a b"`}},
		"bad protocol":           {`tags = { "kuma.io/service" = ["web"], "kuma.io/protocol" = ["smtp"] }` + inline, []string{"Invalid tags", `"smtp"`}},
		"null tag":               {`tags = { "kuma.io/service" = null }` + inline, []string{"Null element", `tags = {`}},
		"null value":             {`tags = { "kuma.io/service" = [null] }` + inline, []string{"Null element", `tags["kuma.io/service"][0]`}},
		"no duration":            {web + `expiration = "1d12h"` + inline, []string{"Invalid duration", `expiration = "1d12h"`}},
		"too short":              {web + `expiration = "59s"` + inline, []string{"Certificate lifetime is too short", `expiration = "59s"`}},
		"zero":                   {web + `expiration = "0"` + inline, []string{"Certificate lifetime is too short", `expiration = "0"`}},
		"no CA":                  {web, []string{"Set exactly one of ca, backend, identity. Currently, none of them is set."}},
		"two CAs":                {web + `backend = "ca-1"` + inline, []string{"ca = {", "Set exactly one of ca, backend, identity. Currently, ca and backend are set."}},
		"no backend":             {web + `backend = ""`, []string{`backend = ""`}},
		"half a CA":              {web + `ca = { certificate_chain = $chain }`, []string{"private_key"}},
		"chain is no PEM":        {web + `ca = { certificate_chain = "ca.pem", private_key = $key }`, []string{"CA material: pem", "ca.certificate_chain", "name of a file"}},
		"key is no PEM":          {web + `ca = { certificate_chain = $chain, private_key = "x" }`, []string{"CA material: pem", "ca.private_key"}},
		"key of another":         {web + `ca = { certificate_chain = $chain, private_key = $otherkey }`, []string{"CA material: key mismatch", "ca.private_key"}},
		"key and chain swapped":  {web + `ca = { certificate_chain = $key, private_key = $chain }`, []string{"CA material: private key in chain", "ca.certificate_chain"}},
		"CA that is none":        {web + `ca = { certificate_chain = $notca, private_key = $key }`, []string{"CA material: basic constraints ca", "ca.certificate_chain", "certificate 0 (CN=Not CA)"}},
		"wrong order":            {web + `ca = { certificate_chain = $disorder, private_key = $key }`, []string{"CA material: chain order", "ca.certificate_chain", "This order works"}},
		"expired":                {web + `ca = { certificate_chain = $expired, private_key = $key }`, []string{"CA material: expired", "ca.certificate_chain"}},
		"two chains":             {web + `ca = { certificate_chain = $both, private_key = $key }`, []string{"CA material: chain order", "ca.certificate_chain", "the chain ends here"}},
		"service too long":       {`services = ["` + strings.Repeat("a", 2048) + `"]` + inline, []string{"2048"}},
		"no SPIFFE ID":           {`spiffe_id = "web"` + inline, []string{"Invalid SPIFFE ID", `spiffe_id = "web"`, "does not begin with spiffe://"}},
		"SPIFFE ID without path": {`spiffe_id = "spiffe://payments"` + inline, []string{"Invalid SPIFFE ID", `spiffe_id = "spiffe://payments"`, "no path"}},
		"SPIFFE ID with query":   {`spiffe_id = "spiffe://payments/x?y"` + inline, []string{"Invalid SPIFFE ID", `spiffe_id = "spiffe://payments/x?y"`, "segment"}},
		"path without slash":     {"trust_domain = \"payments\"\npath = \"workload/web\"" + inline, []string{"Invalid SPIFFE ID", `path = "workload/web"`, `write "/workload/web"`}},
		"path of nothing":        {"trust_domain = \"payments\"\npath = \"/\"" + inline, []string{"Invalid SPIFFE ID", `path = "/"`, "no segment"}},
		"path template":          {"trust_domain = \"payments\"\npath = \"/{{ .Workload }}\"" + inline, []string{"Invalid SPIFFE ID", `path = "/{{ .Workload }}"`}},
		"trust domain with port": {"trust_domain = \"payments:8080\"\npath = \"/web\"" + inline, []string{"Invalid SPIFFE ID", `trust_domain = "payments:8080"`, "no scheme, user or port"}},
		"path alone":             {`path = "/web"` + inline, []string{`path = "/web"`, `"trust_domain" must be specified`}},
		"trust domain alone":     {`trust_domain = "payments"` + "\n" + web + inline, []string{`trust_domain = "payments"`, `"path" must be specified`}},
		"ID and services":        {`spiffe_id = "spiffe://payments/web"` + "\n" + web + inline, []string{"services and spiffe_id are set"}},
		"ID and path":            {`spiffe_id = "spiffe://payments/web"` + "\ntrust_domain = \"payments\"\npath = \"/web\"" + inline, []string{"spiffe_id and path are set"}},
		"ID and backend":         {"spiffe_id = \"spiffe://payments/web\"\nbackend = \"ca-1\"", []string{`spiffe_id = "spiffe://payments/web"`, "backend"}},
		"identity and services":  {web + `identity = "payments"`, []string{`services = ["web"]`, "identity"}},
		"ID outside of the CA":   {`spiffe_id = "spiffe://payments/web"` + "\nca = { certificate_chain = $limited, private_key = $key }", []string{"CA material: name constraints", "ca.certificate_chain", "trust domain payments"}},
		"tag too long for an ID": {`tags = { "kuma.io/service" = ["` + strings.Repeat("a", 2048) + `"] }` + inline, []string{"2048"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"data", "ephemeral"} {
				if kind == "ephemeral" && name == "too short" {
					continue // it may be shorter
				}
				config := nobody + acctest.Fill(kind+" \"kongmesh_proxy_certificate\" \"this\" {\n  mesh = \"default\"\n  "+test.lines+"\n}\n",
					"chain", ca.Chain, "key", ca.Key, "otherkey", other.Key, "notca", acctest.PKI(t, "notca.crt"),
					"disorder", acctest.PKI(t, "chain-wrong-order.crt"), "expired", acctest.PKI(t, "expired.crt"), "both", ca.Chain+other.Chain,
					"limited", ca.Constrained(t, "elsewhere").Chain)
				resource.Test(t, resource.TestCase{
					ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
					Steps:                    []resource.TestStep{{Config: config, ExpectError: acctest.Words(test.want...)}},
				})
			}
		})
	}
}

// No message has a part of the CA's private key in it, wherever the key stands.
func TestAccProxyCertificate_keyInNoMessage(t *testing.T) {
	t.Parallel()
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	run := acctest.NewRun(t, "")
	for name, pair := range map[string][2]string{
		"swapped":  {ca.Key, ca.Chain},
		"both":     {ca.Chain + ca.Key, ca.Key},
		"damaged":  {ca.Chain, strings.Replace(ca.Key, "\n", "\n*", 1)},
		"no END":   {ca.Chain, strings.SplitAfter(ca.Key, "-----END")[0]},
		"mismatch": {other.Chain, ca.Key},
	} {
		for _, kind := range []string{"data", "ephemeral"} {
			run.Config("provider \"kongmesh\" {\n  address = \"http://127.0.0.1:1\"\n}\n" + kind + ` "kongmesh_proxy_certificate" "this" {
				mesh     = "default"
				services = ["web"]
				ca = {
					certificate_chain = file("chain.pem")
					private_key       = file("key.pem")
				}
			}`)
			run.Write("chain.pem", pair[0])
			run.Write("key.pem", pair[1])
			output, err := run.Try("plan")
			if err == nil || !strings.Contains(output, "CA material") {
				t.Errorf("%s, %s: %v\n%s", name, kind, err, output)
			}
			if found := acctest.Leaks(t, ca.Key, ca.Chain, output); len(found) > 0 {
				t.Errorf("%s, %s: the key is in the message: %v\n%s", name, kind, found, output)
			}
		}
	}
}

// Values that are known only when applying are waited for.
func TestAccProxyCertificate_unknown(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "CA")
	for name, lines := range map[string]string{
		"service":  `services = [terraform_data.service.output]`,
		"services": `services = split(",", terraform_data.service.output)`,
		"tag":      `tags = { "kuma.io/service" = [terraform_data.service.output] }`,
		"tags":     `tags = { "kuma.io/service" = split(",", terraform_data.service.output) }`,
		"path":     "trust_domain = \"default\"\npath = \"/${terraform_data.service.output}\"",
		"ID":       `spiffe_id = "spiffe://default/${terraform_data.service.output}"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := func(service string) string {
				return nobody + acctest.Fill("resource \"terraform_data\" \"service\" {\n  input = $service\n}\n", "service", service) + certificate(lines+inline, ca)
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: at(acctest.NewClock(time.Now())),
				Steps: []resource.TestStep{
					{Config: config("a b"), ExpectError: acctest.Words(`"a b"`)},
					{Config: config("web"), ConfigStateChecks: []statecheck.StateCheck{value("spiffe_id", text("spiffe://default/web"))}},
				},
			})
		})
	}
}

// While the provider's address is not known, a CA that is given issues all the
// same, and a backend is an error, unless it is waited for.
func TestAccProxyCertificate_unknownProvider(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	putBackend(env, mesh, "provided", `{"cert": {"inlineString": $chain}, "key": {"inlineString": $key}}`, "chain", ca.Chain, "key", ca.Key)
	waiting := map[string]string{
		"data":      "backend = \"ca-1\"\ndepends_on = [terraform_data.address]",
		"ephemeral": "backend = terraform_data.backend.output",
	}
	for _, kind := range []string{"data", "ephemeral"} {
		config := func(lines string) string {
			return acctest.Fill(`
				resource "terraform_data" "backend" {
					input = "ca-1"
				}
				resource "terraform_data" "address" {
					input = $address
				}
				provider "kongmesh" {
					address = terraform_data.address.output
				}
				`+kind+` "kongmesh_proxy_certificate" "this" {
					mesh     = $mesh
					services = ["web"]
					`+lines+`
				}`, "address", env.Address, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
		}
		for _, step := range []resource.TestStep{
			{Config: config(inline)},
			{Config: config(`backend = "ca-1"`), ExpectError: acctest.Words("Provider configuration is unknown", `backend = "ca-1"`, "depends_on")},
			{Config: config(waiting[kind])},
		} {
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: []resource.TestStep{step}})
		}
	}
}

// OpenSSL verifies what is presented from the root alone, for servers and
// clients, and not after its end.
func TestAccProxyCertificate_openssl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not on PATH, and this test compares with it")
	}
	root := acctest.NewCA(t, "Root CA")
	ca, other := root.Intermediate(t, "Mesh CA"), acctest.NewCA(t, "Other CA")
	clock := acctest.NewClock(time.Now())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: at(clock),
		Steps: []resource.TestStep{{
			Config: nobody + certificate(`services = ["web"]`+inline, ca),
			Check: func(state *terraform.State) error {
				folder := t.TempDir()
				presented := outputs(state, "this")["certificate"]
				for name, content := range map[string]string{"presented.pem": presented, "root.pem": root.Chain, "other.pem": other.Chain} {
					if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
						return err
					}
				}
				verify := func(root string, at time.Time, more ...string) error {
					args := append([]string{"verify", "-attime", strconv.FormatInt(at.Unix(), 10), "-CAfile", filepath.Join(folder, root)}, more...)
					output, err := exec.Command("openssl", append(args, filepath.Join(folder, "presented.pem"))...).CombinedOutput()
					if err != nil {
						return fmt.Errorf("%w: %s", err, output)
					}
					return nil
				}
				untrusted := []string{"-untrusted", filepath.Join(folder, "presented.pem")}
				for _, purpose := range []string{"sslserver", "sslclient"} {
					if err := verify("root.pem", clock.Now(), append(untrusted, "-purpose", purpose)...); err != nil {
						return err
					}
				}
				for what, err := range map[string]error{
					"without the intermediate": verify("root.pem", clock.Now()),
					"under another root":       verify("other.pem", clock.Now(), untrusted...),
					"after its end":            verify("root.pem", clock.Now().Add(25*time.Hour), untrusted...),
				} {
					if err == nil {
						return fmt.Errorf("it is good %s", what)
					}
				}
				return nil
			},
		}},
	})
}

// The CA of a MeshIdentity gives the same certificate as the CA itself, also if
// the control plane has generated it.
func TestAccProxyCertificate_identity(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "meshServices": map[string]any{"mode": "Exclusive"}})
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	for name, data := range map[string]string{"bundle": ca.Chain + other.Chain, "key": ca.Key, "other": other.Key} {
		env.PutSecret(mesh, name, data)
	}
	put := func(name, bundled string) {
		env.Must(http.MethodPut, "/meshes/"+mesh+"/meshidentities/"+name, acctest.Fill(
			`{"type": "MeshIdentity", "mesh": $mesh, "name": $name, "spec": {"provider": {"type": "Bundled", "bundled": `+bundled+`}}}`, "mesh", mesh, "name", name))
	}
	of := func(key string) string {
		return `{"insecureAllowSelfSigned": true, "ca": {"certificate": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "bundle"}}, "privateKey": {"type": "Secret", "secretRef": {"kind": "Secret", "name": "` + key + `"}}}}`
	}
	put("payments", of("key"))
	put("mismatch", of("other"))
	put("generated", `{"insecureAllowSelfSigned": true, "autogenerate": {"enabled": true}}`)
	if err := env.Clock.Sleep(context.Background(), 15*time.Second); err != nil {
		t.Fatal(err)
	}
	const id = "spiffe://acc.default.mesh.local/workload/web"
	config := func(kind, lines string) string {
		return env.Config(kind+" \"kongmesh_proxy_certificate\" \"this\" {\n  mesh = $mesh\n  expiration = \"300d\"\n  "+lines+"\n}\n", "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	same := statecheck.CompareValue(identical{})
	collect := func() statecheck.StateCheck { return same.AddStateValue(address, tfjsonpath.New("certificate")) }
	byID := "spiffe_id = \"" + id + "\"\n"
	steps := []resource.TestStep{
		{Config: config("data", byID+inline), ConfigStateChecks: []statecheck.StateCheck{collect(), value("trust_bundle", text(ca.Chain))}},
		{Config: config("data", byID+`identity = "payments"`), ConfigStateChecks: []statecheck.StateCheck{collect(), value("trust_bundle", text(ca.Chain+other.Chain))}},
		{Config: config("data", "trust_domain = \"acc.default.mesh.local\"\npath = \"/workload/web\"\n"+`identity = "payments"`),
			ConfigStateChecks: []statecheck.StateCheck{collect(), value("spiffe_id", text(id))}},
		{Config: strings.Replace(config("data", byID+`identity = "generated"`), "300d", "24h", 1),
			ConfigStateChecks: []statecheck.StateCheck{value("spiffe_id", text(id)), value("uris", texts(id))}},
	}
	for _, kind := range []string{"data", "ephemeral"} {
		for lines, want := range map[string][]string{
			`identity = "mismatch"`: {"CA material: key mismatch", `identity = "mismatch"`},
			`identity = "missing"`:  {"No such resource", `identity = "missing"`, "depends_on"},
		} {
			steps = append(steps, resource.TestStep{Config: config(kind, byID+lines), ExpectError: acctest.Words(want...)})
		}
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
}
