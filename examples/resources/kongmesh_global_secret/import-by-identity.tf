import {
  to = kongmesh_global_secret.signing_key
  identity = {
    name = "user-token-signing-key-2"
  }
}
