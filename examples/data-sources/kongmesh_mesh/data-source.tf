data "kongmesh_mesh" "default" {
  name = "default"
}

output "mtls" {
  value = data.kongmesh_mesh.default.enabled_backend == null ? "off" : data.kongmesh_mesh.default.enabled_backend_type
}

# Secrets that a backend needs, the one in use or another.
output "secrets" {
  value = compact(flatten([for backend in data.kongmesh_mesh.default.backends : [backend.certificate_secret, backend.key_secret]]))
}
