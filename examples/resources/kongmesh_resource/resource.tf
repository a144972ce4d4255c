resource "kongmesh_mesh" "payments" {
  name = "payments"
}

# With mTLS, proxies deny every request that no policy allows.
resource "kongmesh_resource" "allow" {
  type = "MeshTrafficPermission"
  mesh = kongmesh_mesh.payments.name
  name = "allow-all"

  # The members of spec are those in Kuma's documentation.
  spec = {
    targetRef = { kind = "Mesh" }
    from = [{
      targetRef = { kind = "Mesh" }
      default   = { action = "Allow" }
    }]
  }
}

# A type without spec has its members in fields.
resource "kongmesh_resource" "zone" {
  type = "Zone"
  name = "east"

  fields = {
    enabled = true
  }
}
