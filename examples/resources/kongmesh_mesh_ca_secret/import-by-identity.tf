import {
  to = kongmesh_mesh_ca_secret.payments
  identity = {
    mesh               = "payments"
    certificate_secret = "ca.cert"
    key_secret         = "ca.key"
  }
}
