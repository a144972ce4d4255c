import {
  to = kongmesh_mesh_ca_secret.payments
  id = "payments/ca"
}
