# The root and what it signed, in whatever order: the issuing CA comes first.
output "certificate_chain" {
  value = provider::kongmesh::order_chain(join("\n", [
    file("${path.module}/root-ca.pem"),
    file("${path.module}/mesh-ca.pem"),
  ]))
}
