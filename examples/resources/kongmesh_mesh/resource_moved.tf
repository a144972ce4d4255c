# From Kong's own provider, without a write. The mTLS backend is imported as a
# kongmesh_mtls_provided_backend, by the block that the plan shows.
moved {
  from = kong-mesh_mesh.payments
  to   = kongmesh_mesh.payments
}
