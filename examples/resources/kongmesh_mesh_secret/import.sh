# By mesh and name:
terraform import kongmesh_mesh_secret.signing_key payments/dataplane-token-signing-key-payments-2
