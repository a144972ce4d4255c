# Everything on the control plane that is not ready for Kuma 3.0.
data "kongmesh_upgrade_check" "kuma_3" {
  target_version = "3.0"
}

output "ready_for_kuma_3" {
  value = data.kongmesh_upgrade_check.kuma_3.ready
}

output "problems" {
  value = [
    for p in data.kongmesh_upgrade_check.kuma_3.problems :
    join(" ", compact([p.type, p.mesh, p.name, p.path, "(${p.effect}):", p.message]))
  ]
}

# One mesh that is ready, and has to stay so.
resource "kongmesh_mesh" "orders" {
  name                           = "orders"
  skip_creating_initial_policies = ["*"]

  mesh_services = {
    mode = "Exclusive"
  }
}

data "kongmesh_upgrade_check" "orders" {
  target_version = "3.0"
  mesh           = kongmesh_mesh.orders.name
}

check "orders_is_ready_for_kuma_3" {
  assert {
    condition     = data.kongmesh_upgrade_check.orders.ready
    error_message = join("\n", data.kongmesh_upgrade_check.orders.problems[*].message)
  }
}
