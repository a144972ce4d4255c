import {
  to = kongmesh_mtls_provided_backend.payments
  identity = {
    mesh = "payments"
    name = "ca-1"
  }
}
