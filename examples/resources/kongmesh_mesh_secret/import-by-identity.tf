import {
  to = kongmesh_mesh_secret.signing_key
  identity = {
    mesh = "payments"
    name = "dataplane-token-signing-key-payments-2"
  }
}
