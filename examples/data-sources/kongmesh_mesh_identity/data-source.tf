data "kongmesh_mesh_identity" "payments" {
  mesh = "payments"
  name = "payments"

  dataplane_labels = {
    "kuma.io/workload" = "web"
  }
}

# The name of the proxy in its certificate, such as for a policy.
output "web" {
  value = data.kongmesh_mesh_identity.payments.dataplane_spiffe_id
}

check "identity" {
  assert {
    condition     = data.kongmesh_mesh_identity.payments.ready != false
    error_message = join("; ", [for c in data.kongmesh_mesh_identity.payments.conditions : "${c.type}: ${c.message}" if c.status != "True"])
  }
}
