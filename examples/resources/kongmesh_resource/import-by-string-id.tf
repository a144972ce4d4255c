import {
  to = kongmesh_resource.allow
  id = "MeshTrafficPermission/payments/allow-all"
}
