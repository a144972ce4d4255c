terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

variable "directory" {
  description = "Directory of the policies. Kuma 3 needs policies-kuma-3: policies there have rules instead of from."
  type        = string
  default     = "policies"
}

resource "kongmesh_mesh" "shop" {
  name                           = "shop"
  skip_creating_initial_policies = ["*"]
}

# Every file of the directory is a document as kumactl applies it.
locals {
  documents = {
    for file in fileset("${path.module}/${var.directory}", "*.yaml") :
    trimsuffix(file, ".yaml") => yamldecode(file("${path.module}/${var.directory}/${file}"))
  }
}

resource "kongmesh_resource" "policy" {
  for_each = local.documents

  type   = each.value.type
  mesh   = kongmesh_mesh.shop.name
  name   = each.value.name
  labels = try(each.value.labels, null)
  spec   = each.value.spec
}
