resource "kongmesh_mesh" "payments" {
  name = "payments"
}

resource "kongmesh_mesh_ca_secret" "payments" {
  mesh              = kongmesh_mesh.payments.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem") # the issuing CA first, the root last
  private_key_wo    = file("${path.module}/ca-key.pem")   # write-only: not stored in plan or state

  # Terraform uploads a new CA before the mesh starts to use it.
  lifecycle {
    create_before_destroy = true
  }
}
