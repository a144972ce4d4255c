resource "kongmesh_mesh" "payments" {
  name = "payments"
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

resource "kongmesh_mtls_provided_backend" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "ca-1"
  mode = "STRICT"

  cert = {
    secret = kongmesh_mesh_ca_secret.payments.certificate_secret
  }
  key = {
    secret = kongmesh_mesh_ca_secret.payments.key_secret
  }
  dp_cert = {
    rotation = {
      expiration = "1d"
    }
  }
}
