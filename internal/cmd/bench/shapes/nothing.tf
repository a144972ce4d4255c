terraform {
  required_providers {
    nothing = { source = "bench/nothing" }
  }
}

variable "size" { type = number }
variable "changed" { type = string }

resource "nothing" "first" {
  count = var.size
  name  = "first-${count.index}"
  value = count.index == 0 ? var.changed : "same"
}

resource "nothing" "second" {
  count = var.size
  name  = "second-${count.index}"
  value = nothing.first[count.index].name
}

resource "nothing" "third" {
  count = var.size
  name  = "third-${count.index}"
  value = nothing.second[count.index].name
}
