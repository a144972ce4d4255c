terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}

variable "cas" { type = string }
variable "size" { type = number }
variable "changed" { type = string }

resource "kongmesh_mesh" "this" {
  count  = var.size
  name   = "bench-${count.index}"
  labels = { changed = count.index == 0 ? var.changed : "same" }
}

resource "kongmesh_mesh_ca_secret" "this" {
  count             = var.size
  mesh              = kongmesh_mesh.this[count.index].name
  name              = "ca"
  certificate_chain = file("${var.cas}/ca-${count.index}/ca-chain.pem")
  private_key_wo    = file("${var.cas}/ca-${count.index}/ca-key.pem")

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mtls_provided_backend" "this" {
  count = var.size
  mesh  = kongmesh_mesh.this[count.index].name
  name  = "ca-1"
  cert  = { secret = kongmesh_mesh_ca_secret.this[count.index].certificate_secret }
  key   = { secret = kongmesh_mesh_ca_secret.this[count.index].key_secret }
}
