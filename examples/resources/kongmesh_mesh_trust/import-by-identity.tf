import {
  to = kongmesh_mesh_trust.payments
  identity = {
    mesh = "payments"
    name = "payments-trust"
  }
}
