resource "kongmesh_mesh" "payments" {
  name = "payments"
}

resource "kongmesh_mesh_ca_secret" "payments" {
  mesh              = kongmesh_mesh.payments.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem") # the closest CA first, the root last
  private_key_wo    = file("${path.module}/ca-key.pem")   # in no plan and in no state

  # Another CA is there before the mesh switches to it.
  lifecycle {
    create_before_destroy = true
  }
}
