terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}

variable "cas" { type = string }
variable "size" { type = number }

data "kongmesh_proxy_certificate" "this" {
  count    = var.size
  mesh     = "bench"
  services = ["service-${count.index}"]

  ca = {
    certificate_chain = file("${var.cas}/ca-0/ca-chain.pem")
    private_key       = file("${var.cas}/ca-0/ca-key.pem")
  }
}
