# The second signing key of user tokens. The control plane created the first one.
resource "kongmesh_global_secret" "signing_key" {
  name     = "user-token-signing-key-2"
  value_wo = file("${path.module}/signing-key.pem") # write-only: not stored in plan or state
}
