# A token for the proxies of a service, valid for a day.
ephemeral "kongmesh_dataplane_token" "web" {
  mesh      = "payments"
  tags      = { "kuma.io/service" = ["web"] }
  valid_for = "1d"
}

# A write-only argument takes it to where the proxies find it:
#
# resource "vault_kv_secret_v2" "web" {
#   mount                = "secret"
#   name                 = "proxies/web"
#   data_json_wo         = jsonencode({ token = ephemeral.kongmesh_dataplane_token.web.token })
#   data_json_wo_version = 1
# }
#
# resource "kubernetes_secret_v1" "web" {
#   metadata {
#     name = "web-token"
#   }
#   data_wo          = { token = ephemeral.kongmesh_dataplane_token.web.token }
#   data_wo_revision = 1
# }
