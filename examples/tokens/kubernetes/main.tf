terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.36"
    }
  }
}

# A token for the zone egress of a zone, valid for 30 days. It is not stored in plan or state.
ephemeral "kongmesh_zone_token" "egress" {
  zone      = "east"
  scope     = ["egress"]
  valid_for = "30d"
}

# The cluster stores the token. To issue a new one, increment the revision, and apply.
resource "kubernetes_secret_v1" "egress" {
  metadata {
    name      = "kuma-egress-token"
    namespace = "kuma-system"
  }

  data_wo          = { token = ephemeral.kongmesh_zone_token.egress.token }
  data_wo_revision = 1
}
