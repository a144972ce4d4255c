data "kongmesh_mesh" "default" {
  name = "default"
}

output "mtls" {
  value = data.kongmesh_mesh.default.enabled_backend == null ? "off" : data.kongmesh_mesh.default.enabled_backend_type
}

# The secrets of all backends, enabled or not.
output "secrets" {
  value = compact(flatten([for backend in data.kongmesh_mesh.default.backends : [backend.certificate_secret, backend.key_secret]]))
}
