# "spiffe://payments/web"
output "spiffe_id" {
  value = provider::kongmesh::spiffe_id("payments", "web")
}
