terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# The control plane is the one of KONGMESH_ADDRESS, or http://localhost:5681.
provider "kongmesh" {}

resource "kongmesh_mesh" "demo" {
  name = "demo"
}

# The CA: its certificate first, then the one that signed it, up to the root.
# The private key is in no plan and in no state.
resource "kongmesh_mesh_ca_secret" "demo" {
  mesh              = kongmesh_mesh.demo.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem")
  private_key_wo    = file("${path.module}/ca-key.pem")

  # Another CA is there before the mesh switches to it.
  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mtls_provided_backend" "demo" {
  mesh = kongmesh_mesh.demo.name
  name = "ca-1"

  cert = {
    secret = kongmesh_mesh_ca_secret.demo.certificate_secret
  }
  key = {
    secret = kongmesh_mesh_ca_secret.demo.key_secret
  }
  dp_cert = {
    rotation = {
      expiration = "1d"
    }
  }
}
