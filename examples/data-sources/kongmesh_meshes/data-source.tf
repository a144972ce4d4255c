data "kongmesh_meshes" "platform" {
  labels = {
    team = "platform"
  }
}

output "meshes" {
  value = data.kongmesh_meshes.platform.names
}
