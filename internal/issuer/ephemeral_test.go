package issuer_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// echo keeps what an ephemeral resource gives, which nothing but a test may do.
const echo = `
provider "echo" {
  data = ephemeral.kongmesh_proxy_certificate.this
}

resource "echo" "this" {}
`

func withEcho(factories map[string]func() (tfprotov6.ProviderServer, error)) map[string]func() (tfprotov6.ProviderServer, error) {
	factories["echo"] = echoprovider.NewProviderServer()
	return factories
}

func echoed(attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("echo.this", tfjsonpath.New("data").AtMapKey(attribute), want)
}

// A fresh certificate as the control plane issues it, without a request.
func TestAccProxyCertificateEphemeral_outputs(t *testing.T) {
	t.Parallel()
	ca := acctest.NewCA(t, "Root CA").Intermediate(t, "Mesh CA")
	clock := acctest.NewClock(time.Now())
	config := nobody + echo + acctest.Fill(`ephemeral "kongmesh_proxy_certificate" "this" {
		mesh       = "default"
		tags       = { "kuma.io/service" = ["web"], version = ["v1"] }
		expiration = "90s"
		`+inline+`
	}`, "chain", ca.Chain, "key", ca.Key)
	serials := map[string]bool{}
	check := func(state *terraform.State) error {
		got := state.RootModule().Resources["echo.this"].Primary.Attributes
		presented := parse(t, got["data.certificate"])
		if len(presented) != 2 || presented[1].Subject.CommonName != "Mesh CA" {
			return fmt.Errorf("%d certificates are presented", len(presented))
		}
		leaf := presented[0]
		block, _ := pem.Decode([]byte(got["data.private_key"]))
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return err
		}
		public, _ := leaf.PublicKey.(*rsa.PublicKey)
		if !key.PublicKey.Equal(public) || public.N.BitLen() != 2048 {
			return fmt.Errorf("the key is of %d bits, or not the certificate's", key.N.BitLen())
		}
		now := clock.Now().Truncate(time.Second)
		if !leaf.NotBefore.Equal(now.Add(-10*time.Second).UTC()) || !leaf.NotAfter.Equal(now.Add(90*time.Second).UTC()) {
			return fmt.Errorf("at %s it is valid from %s to %s", now, leaf.NotBefore, leaf.NotAfter)
		}
		for attribute, want := range map[string]string{"not_before": leaf.NotBefore.Format(time.RFC3339), "not_after": leaf.NotAfter.Format(time.RFC3339)} {
			if got["data."+attribute] != want {
				return fmt.Errorf("%s is %s, not %s", attribute, got["data."+attribute], want)
			}
		}
		serials[got["data.serial_number"]] = true
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: withEcho(at(clock)),
		Steps: []resource.TestStep{
			{Config: config, Check: check, ConfigStateChecks: []statecheck.StateCheck{
				echoed("trust_bundle", text(ca.Chain)),
				echoed("spiffe_id", text("spiffe://default/web")),
				echoed("uris", texts("spiffe://default/web", "kuma://kuma.io/service/web", "kuma://version/v1")),
				echoed("issuer", text("CN=Mesh CA")),
				echoed("expiration", text("90s")),
			}},
			{Config: strings.Replace(config, `"this" {}`, `"this" {}`+"\n", 1), Taint: []string{"echo.this"}, Check: check},
		},
	})
	if len(serials) != 2 {
		t.Errorf("the serial numbers are %v", serials)
	}
}

func TestAccProxyCertificateEphemeral_backend(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	// In one run with what it reads.
	config := env.Config(echo+`
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
		ephemeral "kongmesh_proxy_certificate" "this" {
			mesh     = kongmesh_mesh.this.name
			services = ["web"]
			backend  = terraform_data.done.output
		}
		resource "terraform_data" "done" {
			input = kongmesh_mtls_provided_backend.this.name
		}`, "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: withEcho(env.Provider()),
		Steps: []resource.TestStep{
			{Config: config, ConfigStateChecks: []statecheck.StateCheck{
				echoed("trust_bundle", text(ca.Chain)), echoed("issuer", text("CN=CA")), echoed("expiration", text("24h")),
				echoed("spiffe_id", text("spiffe://"+mesh+"/web")),
			}},
			{Config: strings.Replace(config, "terraform_data.done.output", `"missing"`, 1), ExpectError: acctest.Words("Unknown backend", `backend  = "missing"`)},
			{Config: config}, // which can be destroyed
		},
	})
}

// Neither the key of the certificate nor that of the CA is in a plan, a state,
// an output or a log.
func TestAccProxyCertificateEphemeral_keyIsNowhere(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	env.NeedMTLS()
	mesh := env.Mesh()
	ca := acctest.NewCA(t, "CA")
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	env.PutSecret(mesh, "cert", ca.Chain)
	env.PutSecret(mesh, "key", ca.Key)
	putBackend(env, mesh, "provided", `{"cert": {"secret": "cert"}, "key": {"secret": "key"}}`)
	// What a provisioner is given is the only trace.
	run := acctest.NewRun(t, env.Config(`
		variable "key" {
			type      = string
			ephemeral = true
		}
		ephemeral "kongmesh_proxy_certificate" "inline" {
			mesh     = $mesh
			services = ["web"]
			ca       = { certificate_chain = $chain, private_key = var.key }
		}
		ephemeral "kongmesh_proxy_certificate" "backend" {
			mesh     = $mesh
			services = ["web"]
			backend  = "ca-1"
		}
		resource "terraform_data" "user" {
			provisioner "local-exec" {
				command     = "printenv INLINE > inline.key; printenv BACKEND > backend.key"
				quiet       = true
				environment = {
					INLINE  = ephemeral.kongmesh_proxy_certificate.inline.private_key
					BACKEND = ephemeral.kongmesh_proxy_certificate.backend.private_key
				}
			}
		}`, "mesh", mesh, "chain", ca.Chain))
	run.Setenv("TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"), "TF_VAR_key="+ca.Key)
	var seen strings.Builder
	for _, args := range [][]string{
		{"plan", "-out=plan"}, {"show", "-json", "plan"}, {"apply", "plan"}, {"plan", "-out=plan"}, {"show", "-json"}, {"apply", "-auto-approve"},
	} {
		seen.WriteString(run.Terraform(args...))
		for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", "plan"} {
			seen.WriteString(run.Unpacked(name))
		}
	}
	log := string(run.Read("trace.log"))
	if !strings.Contains(log, "control plane answered") {
		t.Error("the log has nothing of the provider in it, so this shows nothing")
	}
	for where, all := range map[string]string{"plan, state or output": seen.String(), "log": log} {
		for what, key := range map[string]string{"CA": ca.Key, "inline": string(run.Read("inline.key")), "backend": string(run.Read("backend.key"))} {
			if found := acctest.Leaks(t, key, ca.Chain, all); len(found) > 0 {
				t.Errorf("the private key %s is in the %s: %v", what, where, found)
			}
		}
		// Those that were made while planning are not known.
		if strings.Contains(all, "PRIVATE KEY") {
			t.Errorf("a private key is in the %s", where)
		}
	}
}
