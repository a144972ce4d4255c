# The trusts of all meshes, at most 500.
list "kongmesh_mesh_trust" "all" {
  provider = kongmesh
  limit    = 500
}
