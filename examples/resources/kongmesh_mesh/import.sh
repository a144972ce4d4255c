# By the name of the mesh:
terraform import kongmesh_mesh.payments payments
