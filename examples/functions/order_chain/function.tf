# Accepts the certificates in any order, and returns the issuing CA first.
output "certificate_chain" {
  value = provider::kongmesh::order_chain(join("\n", [
    file("${path.module}/root-ca.pem"),
    file("${path.module}/mesh-ca.pem"),
  ]))
}
