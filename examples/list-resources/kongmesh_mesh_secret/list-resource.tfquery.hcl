# The secrets of one mesh. Without config, the secrets of all meshes.
list "kongmesh_mesh_secret" "payments" {
  provider = kongmesh

  config {
    mesh = "payments"
  }
}
