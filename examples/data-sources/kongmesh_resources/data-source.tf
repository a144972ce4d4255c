# Without a permission, every request in a mesh with mTLS is denied.
data "kongmesh_resources" "permissions" {
  type = "MeshTrafficPermission"
  mesh = "payments"
}

output "permissions" {
  value = data.kongmesh_resources.permissions.names
}

# The timeouts of all meshes that have a label.
data "kongmesh_resources" "timeouts" {
  type   = "MeshTimeout"
  labels = { team = "payments" }
}
