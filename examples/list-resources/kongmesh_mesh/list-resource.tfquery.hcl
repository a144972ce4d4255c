# The meshes of one team.
list "kongmesh_mesh" "payments" {
  provider = kongmesh

  config {
    labels = {
      team = "payments"
    }
  }
}
