terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0"
    }
  }
}

# A token for the proxies of a service, valid for 30 days. It is not stored in plan or state.
ephemeral "kongmesh_dataplane_token" "web" {
  mesh      = "payments"
  tags      = { "kuma.io/service" = ["web"] }
  valid_for = "30d"
}

# Vault stores the token. To issue a new one, increment the version, and apply.
resource "vault_kv_secret_v2" "web" {
  mount = "secret"
  name  = "proxies/web"

  data_json_wo         = jsonencode({ token = ephemeral.kongmesh_dataplane_token.web.token })
  data_json_wo_version = 1
}
