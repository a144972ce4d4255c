# By mesh and name:
terraform import kongmesh_mesh_identity.payments payments/payments
