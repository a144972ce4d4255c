# The provided backends of all meshes, at most 500.
list "kongmesh_mtls_provided_backend" "all" {
  provider = kongmesh
  limit    = 500
}
