# A mesh that uses your own CA, on a control plane that runs on Kubernetes.

terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# Writes meshes, secrets and policies with the Kubernetes API. Reads proxies from the HTTP
# API of the control plane at KONGMESH_ADDRESS.
provider "kongmesh" {
  kubernetes = {
    # config_path    = "~/.kube/config" # or KUBE_CONFIG_PATH
    # config_context = "prod"           # or KUBE_CTX
    # namespace      = "kong-mesh-system"
  }
}

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

# With mTLS, proxies deny every request that no policy allows.
resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.payments.name
  name = "allow-all-payments" # unique in the namespace

  spec = {
    targetRef = { kind = "Mesh" }
    from = [{
      targetRef = { kind = "Mesh" }
      default   = { action = "Allow" }
    }]
  }
}

resource "kongmesh_mtls_provided_backend" "payments" {
  mesh = kongmesh_mesh.payments.name
  name = "ca-1"
  cert = { secret = kongmesh_mesh_ca_secret.payments.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.payments.key_secret }

  depends_on = [kongmesh_resource.allow]
}
