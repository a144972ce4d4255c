import {
  to = kongmesh_resource.allow
  identity = {
    type = "MeshTrafficPermission"
    mesh = "payments"
    name = "allow-all"
  }
}
