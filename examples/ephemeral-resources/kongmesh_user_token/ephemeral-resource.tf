# An admin issues a token for a user with fewer permissions.
ephemeral "kongmesh_user_token" "reader" {
  name      = "reader"
  groups    = ["readers"]
  valid_for = "1h"
}

provider "kongmesh" {
  alias = "reader"
  token = ephemeral.kongmesh_user_token.reader.token
}
