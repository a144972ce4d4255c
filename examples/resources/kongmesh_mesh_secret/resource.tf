resource "kongmesh_mesh" "payments" {
  name = "payments"
}

# The second signing key of the mesh's data plane tokens. The control plane created the first one.
resource "kongmesh_mesh_secret" "signing_key" {
  mesh     = kongmesh_mesh.payments.name
  name     = "dataplane-token-signing-key-payments-2"
  value_wo = file("${path.module}/signing-key.pem") # write-only: not stored in plan or state
}

# The IDs of revoked tokens. They are not secret.
resource "kongmesh_mesh_secret" "revocations" {
  mesh  = kongmesh_mesh.payments.name
  name  = "dataplane-token-revocations-payments"
  value = "0e120ec9-6b42-495d-9758-07b59fe86fb9"
}
