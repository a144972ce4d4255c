import {
  to = kongmesh_mesh_identity.payments
  identity = {
    mesh = "payments"
    name = "payments"
  }
}
