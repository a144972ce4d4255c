variable "east_token" {
  description = "User token for the control plane in the east."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "west_token" {
  description = "User token for the control plane in the west."
  type        = string
  sensitive   = true
  ephemeral   = true
}

# The default provider.
provider "kongmesh" {
  address = "https://east.example.com:5682"
  token   = var.east_token
}

provider "kongmesh" {
  alias   = "west"
  address = "https://west.example.com:5682"
  token   = var.west_token
}

resource "kongmesh_mesh" "east" {
  name = "payments"
}

resource "kongmesh_mesh" "west" {
  provider = kongmesh.west
  name     = "payments"
}
