import {
  to = kongmesh_mesh_identity.payments
  id = "payments/payments"
}
