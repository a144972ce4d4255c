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

resource "kongmesh_mesh" "demo" {
  name = "demo"
}

# The CA: the issuing certificate first, then the one that signed it, up to the
# root. The private key is write-only: it is not stored in plan or state.
resource "kongmesh_mesh_ca_secret" "demo" {
  mesh              = kongmesh_mesh.demo.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem")
  private_key_wo    = file("${path.module}/ca-key.pem")

  # Terraform uploads a new CA before the mesh starts to use it.
  lifecycle {
    create_before_destroy = true
  }
}

# With mTLS, proxies deny every request that no policy allows.
resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.demo.name
  name = "allow-all"

  spec = {
    targetRef = { kind = "Mesh" }
    from = [{
      targetRef = { kind = "Mesh" }
      default   = { action = "Allow" }
    }]
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

  # The permission exists before mTLS is on.
  depends_on = [kongmesh_resource.allow]
}
