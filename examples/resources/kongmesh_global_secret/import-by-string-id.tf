import {
  to = kongmesh_global_secret.signing_key
  id = "user-token-signing-key-2"
}
