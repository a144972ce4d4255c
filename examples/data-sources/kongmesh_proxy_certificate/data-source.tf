# From a CA that is given. No control plane is asked.
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

# From the CA of a mesh, for a proxy with all its tags.
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
