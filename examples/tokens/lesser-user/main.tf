terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# Uses an admin token in KONGMESH_TOKEN.
provider "kongmesh" {}

# The admin issues a token for a user with fewer permissions, valid for this run.
ephemeral "kongmesh_user_token" "policies" {
  name      = "policies"
  groups    = ["policies"]
  valid_for = "1h"
}

provider "kongmesh" {
  alias = "policies"
  token = ephemeral.kongmesh_user_token.policies.token
}

# This user can write policies, but cannot read secrets.
resource "kongmesh_resource" "retries" {
  provider = kongmesh.policies

  type = "MeshRetry"
  mesh = "payments"
  name = "retries"

  spec = {
    targetRef = { kind = "Mesh" }
    to = [{
      targetRef = { kind = "Mesh" }
      default   = { http = { numRetries = 5 } }
    }]
  }
}
