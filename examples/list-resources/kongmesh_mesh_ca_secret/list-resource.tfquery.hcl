# The CAs of one mesh. Without config, the CAs of all meshes.
list "kongmesh_mesh_ca_secret" "payments" {
  provider         = kongmesh
  include_resource = true

  config {
    mesh = "payments"
  }
}
