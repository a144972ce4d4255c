terraform {
  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# Uses the control plane at KONGMESH_ADDRESS, or at http://localhost:5681.
provider "kongmesh" {}

resource "kongmesh_mesh" "payments" {
  name = "payments"
}

data "kongmesh_control_plane" "this" {}

output "control_plane" {
  value = data.kongmesh_control_plane.this
}
