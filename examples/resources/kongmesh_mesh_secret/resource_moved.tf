# Migrates from kong/kong-mesh without a write. The value leaves the state.
moved {
  from = kong-mesh_mesh_secret.signing_key
  to   = kongmesh_mesh_secret.signing_key
}
