# Migrates from kong/kong-mesh without a write. The secret with the certificates
# moves. The provider finds the secret with the key, which leaves the state.
moved {
  from = kong-mesh_mesh_secret.ca_cert
  to   = kongmesh_mesh_ca_secret.payments
}

removed {
  from = kong-mesh_mesh_secret.ca_key

  lifecycle {
    destroy = false
  }
}
