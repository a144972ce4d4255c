list "kongmesh_global_secret" "all" {
  provider = kongmesh
}
