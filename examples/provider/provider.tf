terraform {
  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

provider "kongmesh" {
  address = "https://control-plane.example.com:5682"
  # The user token comes from the environment: KONGMESH_TOKEN.
}
