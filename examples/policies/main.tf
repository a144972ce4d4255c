terraform {
  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

resource "kongmesh_mesh" "shop" {
  name                           = "shop"
  skip_creating_initial_policies = ["*"]
}

# Every file of the directory is a document as kumactl applies it.
locals {
  documents = {
    for file in fileset("${path.module}/policies", "*.yaml") :
    trimsuffix(file, ".yaml") => yamldecode(file("${path.module}/policies/${file}"))
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
