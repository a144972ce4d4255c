# Migrates from kong/kong-mesh without a write. Import the mTLS backend as a
# kongmesh_mtls_provided_backend, with the block that the plan shows.
moved {
  from = kong-mesh_mesh.payments
  to   = kongmesh_mesh.payments
}
