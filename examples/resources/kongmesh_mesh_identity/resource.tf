resource "kongmesh_mesh" "payments" {
  name = "payments"

  # Kuma 3 does not have this argument, and needs none.
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

resource "kongmesh_mesh_trust" "payments" {
  mesh         = kongmesh_mesh.payments.name
  name         = "payments-trust"
  trust_domain = "payments.example"
  ca_bundles   = [file("${path.module}/ca-chain.pem")]
}

resource "kongmesh_mesh_identity" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "payments"

  selector = {
    dataplane = {
      match_labels = {} # all proxies
    }
  }
  spiffe_id = {
    trust_domain = kongmesh_mesh_trust.payments.trust_domain
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
    mesh_trust_creation = "Disabled"
  }
}
