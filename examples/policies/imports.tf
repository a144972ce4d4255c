# Brings the mesh and the policies that kumactl applied under management. Delete this file
# after the first apply. For a new mesh, delete it before.
import {
  to = kongmesh_mesh.shop
  id = "shop"
}

import {
  for_each = local.documents

  to = kongmesh_resource.policy[each.key]
  id = "${each.value.type}/${each.value.mesh}/${each.value.name}"
}
