# By name:
terraform import kongmesh_global_secret.signing_key user-token-signing-key-2
