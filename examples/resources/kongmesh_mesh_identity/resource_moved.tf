# Migrates an identity from kongmesh_resource.
moved {
  from = kongmesh_resource.identity
  to   = kongmesh_mesh_identity.payments
}
