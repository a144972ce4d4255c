terraform {
  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# The control plane is the one of KONGMESH_ADDRESS, or http://localhost:5681.
provider "kongmesh" {}

resource "kongmesh_mesh" "payments" {
  name = "payments"
}

data "kongmesh_control_plane" "this" {}

output "control_plane" {
  value = data.kongmesh_control_plane.this
}
