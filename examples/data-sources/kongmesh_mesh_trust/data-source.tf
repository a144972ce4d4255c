data "kongmesh_mesh_trust" "payments" {
  mesh = "payments"
  name = "payments-trust"
}

# When the first of the trusted CAs expires.
output "expires_at" {
  value = try(sort(data.kongmesh_mesh_trust.payments.certificates[*].not_after)[0], null)
}
