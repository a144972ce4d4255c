list "kongmesh_resource" "timeouts" {
  provider = kongmesh

  config {
    type   = "MeshTimeout"
    mesh   = "payments"
    labels = { team = "payments" }
  }
}
