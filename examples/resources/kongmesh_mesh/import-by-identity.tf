import {
  to = kongmesh_mesh.payments
  identity = {
    name = "payments"
  }
}
