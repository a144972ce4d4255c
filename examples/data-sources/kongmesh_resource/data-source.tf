data "kongmesh_resource" "timeouts" {
  type = "MeshTimeout"
  mesh = "payments"
  name = "mesh-timeout-all-payments"
}

output "timeouts" {
  value = data.kongmesh_resource.timeouts.spec
}
