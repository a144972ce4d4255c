package action_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const triggering = `
terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}

resource "kongmesh_mesh" "this" {
  name = "acc"
}

resource "kongmesh_mesh_ca_secret" "this" {
  mesh                    = kongmesh_mesh.this.name
  certificate_secret_name = "ca-cert"
  key_secret_name         = "ca-key"
  certificate_chain       = $chain
  private_key_wo          = $key

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.kongmesh_reissue_certificates.this, action.kongmesh_verify_proxies.this]
    }
  }
}

resource "kongmesh_mtls_provided_backend" "this" {
  mesh          = kongmesh_mesh.this.name
  name          = "ca-1"
  force_destroy = true
  cert          = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
  key           = { secret = kongmesh_mesh_ca_secret.this.key_secret }

  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.kongmesh_await_certificates.this]
    }
  }
}

action "kongmesh_await_certificates" "this" {
  config {
    mesh    = kongmesh_mesh.this.name
    backend = "ca-1"
  }
}

action "kongmesh_reissue_certificates" "this" {
  config {
    mesh = kongmesh_mesh.this.name
  }
}

action "kongmesh_verify_proxies" "this" {
  config {
    mesh    = kongmesh_mesh.this.name
    max_age = "1m"
  }
}
`

// Terraform runs the actions after changes of resources and on request, shows
// their progress, and fails if they do.
func TestAccActions(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3"))
	env.NeedTwin()
	f := &fixture{Env: env, t: t}
	ca, other := acctest.NewCA(t, "CA"), acctest.NewCA(t, "Other CA")
	run := acctest.NewRun(t, env.Config(triggering, "chain", ca.Chain, "key", ca.Key))
	run.NeedTerraform(14)
	run.Serve(env.Provider())
	shows := func(output string, want ...string) {
		t.Helper()
		if !acctest.Words(want...).MatchString(output) {
			t.Errorf("Terraform does not show %q:\n%s", want, output)
		}
	}

	run.Terraform("init")
	run.Terraform("apply", "-auto-approve", "-target=kongmesh_mesh.this")
	f.connect(3)
	shows(run.Terraform("apply", "-auto-approve"), "await_certificates.this", "0 of 3 connected proxies have a certificate", "3 of 3", "Actions: 1 invoked")
	run.NoChanges()

	f.sleep(time.Minute)
	before := f.serials()
	env.PutSecret("acc", "ca-cert", other.Chain)
	env.PutSecret("acc", "ca-key", other.Key)
	shows(run.Terraform("apply", "-auto-approve"), "3 of 3 connected proxies have a new certificate", "3 of 3 connected proxies have a certificate as required", "1 changed", "Actions: 2 invoked")
	for i, serial := range f.serials() {
		if serial == before[i] {
			t.Errorf("proxy %d has no new certificate", i+1)
		}
	}
	run.NoChanges()

	f.sleep(time.Hour)
	output, err := run.Try("apply", "-auto-approve", "-invoke=action.kongmesh_verify_proxies.this")
	if err == nil {
		t.Error("old certificates pass")
	}
	shows(output, "Proxies failed verification", "dp-1: its certificate was issued at", "more than 1m ago")
	before = f.serials()
	shows(run.Terraform("apply", "-auto-approve", "-invoke=action.kongmesh_reissue_certificates.this"), "3 of 3 connected proxies have a new certificate")
	if slices.Equal(before, f.serials()) {
		t.Error("the certificates are the same")
	}

	config := string(run.Read("main.tf"))
	run.Config(strings.Replace(config, `max_age = "1m"`, `max_age = "1 minute"`, 1))
	output, err = run.Try("validate")
	if err == nil {
		t.Error("a bad duration is valid")
	}
	shows(output, "Invalid duration", `max_age = "1 minute"`)
	run.Config(config)
	for _, proxy := range env.Twin.Proxies("acc") {
		env.Twin.Remove(proxy)
	}
	run.Terraform("destroy", "-auto-approve")
}
