# From a CA in files. This does not need a control plane.
data "kongmesh_proxy_certificate" "web" {
  mesh     = "payments"
  services = ["web"]

  ca = {
    certificate_chain = file("${path.module}/ca-chain.pem")
    private_key       = file("${path.module}/ca-key.pem")
  }
}

output "spiffe_id" {
  value = data.kongmesh_proxy_certificate.web.spiffe_id
}

# From the CA of a mesh, for all tags of a proxy.
data "kongmesh_proxy_certificate" "api" {
  mesh       = "payments"
  backend    = "ca-1"
  expiration = "12h"

  tags = {
    "kuma.io/service"  = ["api", "api-admin"]
    "kuma.io/protocol" = ["http"]
    version            = ["v1"]
  }
}

output "uris" {
  value = data.kongmesh_proxy_certificate.api.uris
}

# Of a MeshIdentity: the certificate contains this SPIFFE ID alone.
data "kongmesh_proxy_certificate" "identity" {
  trust_domain = "payments.default.mesh.local"
  path         = "/workload/web"

  ca = {
    certificate_chain = file("${path.module}/ca-chain.pem")
    private_key       = file("${path.module}/ca-key.pem")
  }
}

# From the CA of a MeshIdentity on the control plane.
data "kongmesh_proxy_certificate" "from_identity" {
  mesh      = "payments"
  identity  = "payments-identity"
  spiffe_id = "spiffe://payments.default.mesh.local/workload/api"
}
