# A token for the proxies of a service, valid for a day.
ephemeral "kongmesh_dataplane_token" "web" {
  mesh      = "payments"
  tags      = { "kuma.io/service" = ["web"] }
  valid_for = "1d"
}

# A write-only argument stores it where the proxies find it.
resource "kongmesh_mesh_secret" "web_token" {
  mesh             = "payments"
  name             = "web-token"
  value_wo         = ephemeral.kongmesh_dataplane_token.web.token
  value_wo_version = 1
}
