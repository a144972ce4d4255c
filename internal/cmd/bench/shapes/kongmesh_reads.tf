terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}

variable "cas" { type = string }

# Once for each number N:

data "kongmesh_proxy_certificate" "this_N" {
  mesh     = "bench"
  services = ["service-N"]

  ca = {
    certificate_chain = file("${var.cas}/ca-0/ca-chain.pem")
    private_key       = file("${var.cas}/ca-0/ca-key.pem")
  }
}
