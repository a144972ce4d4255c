# The second key that signs user tokens. The control plane made the first one.
resource "kongmesh_global_secret" "signing_key" {
  name     = "user-token-signing-key-2"
  value_wo = file("${path.module}/signing-key.pem") # in no plan and in no state
}
