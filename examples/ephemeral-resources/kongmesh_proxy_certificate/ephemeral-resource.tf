# A certificate for one run. Its private key is not stored in plan or state.
ephemeral "kongmesh_proxy_certificate" "smoke_test" {
  mesh       = "payments"
  services   = ["smoke-test"]
  backend    = "ca-1"
  expiration = "10m"
}

# A script that calls a service of the mesh. The service requires a certificate.
resource "terraform_data" "smoke_test" {
  provisioner "local-exec" {
    command = "sh smoke-test.sh"
    quiet   = true

    environment = {
      CERTIFICATE  = ephemeral.kongmesh_proxy_certificate.smoke_test.certificate
      PRIVATE_KEY  = ephemeral.kongmesh_proxy_certificate.smoke_test.private_key
      TRUST_BUNDLE = ephemeral.kongmesh_proxy_certificate.smoke_test.trust_bundle
    }
  }
}
