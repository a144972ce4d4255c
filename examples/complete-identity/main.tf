# Every argument of kongmesh_mesh_identity and kongmesh_mesh_trust, and of the data
# sources for them. This is a reference, and not a mesh that works: each identity
# shows other arguments. The files and variables are the control plane's own.
# A control plane of a zone reports that it does not have them.

terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

provider "kongmesh" {}

resource "kongmesh_mesh" "payments" {
  name = "payments"

  mesh_services = {
    mode = "Exclusive"
  }
}

resource "kongmesh_mesh_ca_secret" "payments" {
  mesh              = kongmesh_mesh.payments.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem")
  private_key_wo    = file("${path.module}/ca-key.pem")

  lifecycle {
    create_before_destroy = true
  }
}

# The control plane issues certificates from the CA in two secrets.
resource "kongmesh_mesh_identity" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "payments"

  labels = {
    team = "payments"
  }

  selector = {
    dataplane = {
      match_labels = {
        app = "web"
      }
    }
  }

  spiffe_id = {
    trust_domain = "{{ .Mesh }}.example"
    path         = "/workload/{{ .Workload }}"
  }

  bundled = {
    ca = {
      certificate = {
        secret = kongmesh_mesh_ca_secret.payments.certificate_secret
      }
      private_key = {
        secret = kongmesh_mesh_ca_secret.payments.key_secret
      }
    }
    expiration                 = "24h"      # lifetime of a proxy certificate
    mesh_trust_creation        = "Disabled" # kongmesh_mesh_trust decides what proxies trust
    insecure_allow_self_signed = false
  }

  rollout = {
    strategy        = "overlap" # another CA is trusted before it issues
    offline_proxies = "report"  # a rotation names disconnected proxies, and does not wait for them
  }

  force_destroy = false # keep the certificates of connected proxies

  timeouts = {
    create = "1m"
    update = "1m"
    delete = "1m"
  }
}

# The control plane generates a CA, and a MeshTrust for it. selector = {}
# selects no proxy yet.
resource "kongmesh_mesh_identity" "generated" {
  mesh     = kongmesh_mesh.payments.name
  name     = "generated"
  selector = {}

  bundled = {
    autogenerate               = true
    insecure_allow_self_signed = true
  }
}

# The CA in files on the control plane's machine.
resource "kongmesh_mesh_identity" "file" {
  mesh     = kongmesh_mesh.payments.name
  name     = "file"
  selector = {}

  bundled = {
    ca = {
      certificate = {
        file = "/etc/kuma/ca-chain.pem"
      }
      private_key = {
        file = "/etc/kuma/ca-key.pem"
      }
    }
  }
}

# The CA in environment variables of the control plane.
resource "kongmesh_mesh_identity" "env_var" {
  mesh     = kongmesh_mesh.payments.name
  name     = "env-var"
  selector = {}

  bundled = {
    ca = {
      certificate = {
        env_var = "MESH_CA_CHAIN"
      }
      private_key = {
        env_var = "MESH_CA_KEY"
      }
    }
  }
}

# The CA in the identity itself. Use this only for development: everyone who can
# read the identity can read the key.
resource "kongmesh_mesh_identity" "inline" {
  mesh     = kongmesh_mesh.payments.name
  name     = "inline"
  selector = {}

  bundled = {
    ca = {
      certificate = {
        inline = file("${path.module}/ca-chain.pem")
      }
      private_key = {
        inline = file("${path.module}/ca-key.pem")
      }
    }
  }
}

# SPIRE issues the certificates.
resource "kongmesh_mesh_identity" "spire" {
  mesh     = kongmesh_mesh.payments.name
  name     = "spire"
  selector = {}

  spire = {
    agent_timeout = "1s"
  }
}

# An extension of the control plane issues the certificates.
resource "kongmesh_mesh_identity" "extension" {
  mesh     = kongmesh_mesh.payments.name
  name     = "extension"
  selector = {}

  extension = {
    name   = "example"
    config = jsonencode({ role = "payments" })
  }
}

resource "kongmesh_mesh_trust" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "payments-trust"

  labels = {
    team = "payments"
  }

  trust_domain = "payments.example"
  ca_bundles   = [file("${path.module}/ca-chain.pem")]
}

data "kongmesh_mesh_identity" "payments" {
  mesh = kongmesh_mesh_identity.payments.mesh
  name = kongmesh_mesh_identity.payments.name

  dataplane_labels = {
    "kuma.io/workload" = "web"
  }
}

data "kongmesh_mesh_trust" "payments" {
  mesh = kongmesh_mesh_trust.payments.mesh
  name = kongmesh_mesh_trust.payments.name
}

# The certificate of a proxy from the CA of the identity: with a SPIFFE ID, or
# with its two parts.
data "kongmesh_proxy_certificate" "whole" {
  mesh      = kongmesh_mesh_identity.payments.mesh
  identity  = kongmesh_mesh_identity.payments.name
  spiffe_id = "spiffe://payments.example/workload/web"
}

data "kongmesh_proxy_certificate" "parts" {
  mesh         = kongmesh_mesh_identity.payments.mesh
  identity     = kongmesh_mesh_identity.payments.name
  trust_domain = "payments.example"
  path         = "/workload/web"
}

data "kongmesh_ca_chain" "identity" {
  mesh     = kongmesh_mesh_identity.payments.mesh
  identity = kongmesh_mesh_identity.payments.name
}

data "kongmesh_ca_chain" "trust" {
  mesh  = kongmesh_mesh_trust.payments.mesh
  trust = kongmesh_mesh_trust.payments.name
}

# What an upgrade would drop, reject or change in this mesh.
data "kongmesh_upgrade_check" "kuma_3" {
  target_version = "3.0"
  mesh           = kongmesh_mesh.payments.name
}
