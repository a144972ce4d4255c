import {
  to = kongmesh_mtls_provided_backend.payments
  id = "payments/ca-1"
}
