# From Kong's own provider, without a write: the secret of the certificates
# moves, and that of the key is found and leaves the state.
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
