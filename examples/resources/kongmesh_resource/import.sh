# type/mesh/name, or type/name for a type of scope Global
terraform import kongmesh_resource.allow MeshTrafficPermission/payments/allow-all
