resource "kongmesh_mesh" "payments" {
  name = "payments"
}

# The second key that signs data plane tokens of the mesh. The control plane made the first one.
resource "kongmesh_mesh_secret" "signing_key" {
  mesh     = kongmesh_mesh.payments.name
  name     = "dataplane-token-signing-key-payments-2"
  value_wo = file("${path.module}/signing-key.pem") # in no plan and in no state
}

# The tokens that are revoked: nothing to hide.
resource "kongmesh_mesh_secret" "revocations" {
  mesh  = kongmesh_mesh.payments.name
  name  = "dataplane-token-revocations-payments"
  value = "0e120ec9-6b42-495d-9758-07b59fe86fb9"
}
