terraform {
  required_providers {
    nothing = { source = "bench/nothing" }
  }
}

variable "size" { type = number }

data "nothing" "this" {
  count = var.size
  name  = "service-${count.index}"
}
