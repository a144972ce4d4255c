# By mesh and name:
terraform import kongmesh_mesh_trust.payments payments/payments-trust
