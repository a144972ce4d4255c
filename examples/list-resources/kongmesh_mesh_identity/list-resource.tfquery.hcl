# The identities of one mesh.
list "kongmesh_mesh_identity" "payments" {
  provider = kongmesh

  config {
    mesh = "payments"
  }
}
