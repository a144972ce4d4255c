# The secrets of one mesh. Without config they are those of all meshes.
list "kongmesh_mesh_secret" "payments" {
  provider = kongmesh

  config {
    mesh = "payments"
  }
}
