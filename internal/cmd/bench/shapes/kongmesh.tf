terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}

variable "cas" { type = string }
variable "changed" { type = string }

# Once for each number N:

resource "kongmesh_mesh" "this_N" {
  name   = "bench-N"
  labels = { changed = var.changed == "-N" ? "yes" : "no" }
}

resource "kongmesh_mesh_ca_secret" "this_N" {
  mesh              = kongmesh_mesh.this_N.name
  name              = "ca"
  certificate_chain = file("${var.cas}/ca-N/ca-chain.pem")
  private_key_wo    = file("${var.cas}/ca-N/ca-key.pem")

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mtls_provided_backend" "this_N" {
  mesh = kongmesh_mesh.this_N.name
  name = "ca-1"
  cert = { secret = kongmesh_mesh_ca_secret.this_N.certificate_secret }
  key  = { secret = kongmesh_mesh_ca_secret.this_N.key_secret }
}
