# ["CN=Mesh CA", "CN=Root CA"]
output "subjects" {
  value = [for c in provider::kongmesh::parse_chain(file("${path.module}/ca-chain.pem")) : c.subject]
}
