terraform {
  required_providers {
    kongmesh = {
      source  = "kongmesh/kongmesh"
      version = "~> 0.1"
    }
  }
}

provider "kongmesh" {
  address = "https://control-plane.example.com:5682"
  # Set the user token in the environment variable KONGMESH_TOKEN.
}
