import {
  to = kongmesh_mesh_trust.payments
  id = "payments/payments-trust"
}
