# Migrates a policy from kong/kong-mesh.
moved {
  from = kong-mesh_mesh_traffic_permission.allow
  to   = kongmesh_resource.allow
}
