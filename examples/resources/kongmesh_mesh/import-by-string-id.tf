import {
  to = kongmesh_mesh.payments
  id = "payments"
}
