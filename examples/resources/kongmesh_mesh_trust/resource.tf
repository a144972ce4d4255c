resource "kongmesh_mesh" "payments" {
  name = "payments"
}

# The issuing CA with its root, and a CA that proxies trust besides.
resource "kongmesh_mesh_trust" "payments" {
  mesh         = kongmesh_mesh.payments.name
  name         = "payments-trust"
  trust_domain = "payments.example"
  ca_bundles = [
    file("${path.module}/ca-chain.pem"),
    file("${path.module}/other-ca.pem"),
  ]
}
