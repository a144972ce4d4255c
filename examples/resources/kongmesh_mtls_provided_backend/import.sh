# By mesh and name:
terraform import kongmesh_mtls_provided_backend.payments payments/ca-1
