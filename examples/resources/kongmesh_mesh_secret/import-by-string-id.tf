import {
  to = kongmesh_mesh_secret.signing_key
  id = "payments/dataplane-token-signing-key-payments-2"
}
