data "kongmesh_dataplanes" "payments" {
  mesh = "default"
}

# After a rotation: every connected proxy has a newer certificate.
check "certificates_are_new" {
  assert {
    condition = alltrue([
      for d in data.kongmesh_dataplanes.payments.dataplanes :
      timecmp(d.certificate_issued_at, "2026-01-01T00:00:00Z") > 0 if d.online && d.certificate_issued_at != null
    ])
    error_message = "Some proxies still have a certificate from before the rotation."
  }
}

# At any time: no certificate of a connected proxy expires within an hour.
check "certificates_are_renewed" {
  assert {
    condition = alltrue([
      for d in data.kongmesh_dataplanes.payments.dataplanes :
      timecmp(d.certificate_expires_at, timeadd(plantimestamp(), "1h")) > 0 if d.online && d.certificate_expires_at != null
    ])
    error_message = "Some proxies have a certificate that expires within an hour."
  }
}

# Before mtls is removed from the mesh, and after: every connected proxy has a
# certificate of the MeshIdentity "payments".
check "proxies_have_identities" {
  assert {
    condition = alltrue([
      for d in data.kongmesh_dataplanes.payments.dataplanes : d.issued_identity == "payments" if d.online
    ])
    error_message = "Some connected proxies have no certificate of MeshIdentity payments. Keep mtls in the mesh."
  }
}
