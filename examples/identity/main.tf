terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# Uses the control plane at KONGMESH_ADDRESS, or at http://localhost:5681.
provider "kongmesh" {}

data "kongmesh_control_plane" "this" {}

locals {
  # The same in all zones, so that proxies of all zones trust one another.
  trust_domain = "payments.example"
}

# In Kuma 2, identities need services that are MeshServices. Kuma 3 has no
# others, and no such argument.
resource "kongmesh_mesh" "payments" {
  name          = "payments"
  mesh_services = data.kongmesh_control_plane.this.supports_mesh_mtls ? { mode = "Exclusive" } : null
}

# The CA: the issuing certificate first, then the one that signed it, up to the
# root. The private key is write-only: it is not stored in plan or state.
resource "kongmesh_mesh_ca_secret" "payments" {
  mesh              = kongmesh_mesh.payments.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem")
  private_key_wo    = file("${path.module}/ca-key.pem")

  # Terraform uploads a new CA before the identity starts to use it.
  lifecycle {
    create_before_destroy = true
  }
}

# Whom proxies trust: the issuing CA and its root.
resource "kongmesh_mesh_trust" "payments" {
  mesh         = kongmesh_mesh.payments.name
  name         = "payments-trust"
  trust_domain = local.trust_domain
  ca_bundles   = [file("${path.module}/ca-chain.pem")]
}

# Without a MeshTLS, proxies accept only mTLS. Permissive lets them accept plain
# text as well, until all clients have a certificate.
resource "kongmesh_resource" "tls" {
  type = "MeshTLS"
  mesh = kongmesh_mesh.payments.name
  name = "strict"

  spec = {
    targetRef = { kind = "Mesh" }
    rules     = [{ default = { mode = "Strict" } }]
  }
}

# With mTLS, proxies deny every request that no policy allows.
resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.payments.name
  name = "allow-all"

  spec = {
    targetRef = { kind = "Mesh" }
    rules = [{
      default = {
        allow = [{ spiffeID = { type = "Prefix", value = "spiffe://${local.trust_domain}" } }]
      }
    }]
  }
}

# Who issues certificates: the control plane, from the CA in the secrets.
resource "kongmesh_mesh_identity" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "payments"

  # All proxies of the mesh. A proxy needs the label kuma.io/workload, which is
  # the end of its SPIFFE ID.
  selector = {
    dataplane = {
      match_labels = {}
    }
  }
  spiffe_id = {
    trust_domain = local.trust_domain
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
    # Terraform manages the trust, and not the control plane.
    mesh_trust_creation = "Disabled"
  }

  # The trust and the permission exist before the first certificate.
  depends_on = [kongmesh_mesh_trust.payments, kongmesh_resource.allow, kongmesh_resource.tls]
}
