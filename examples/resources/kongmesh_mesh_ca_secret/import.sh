# By mesh and name, if the mesh has only one CA of that name:
terraform import kongmesh_mesh_ca_secret.payments payments/ca

# By mesh and the names of both secrets:
terraform import kongmesh_mesh_ca_secret.payments payments/ca.cert/ca.key
