terraform {
  required_providers {
    nothing = { source = "bench/nothing" }
  }
}

variable "changed" { type = string }

# Once for each number N:

resource "nothing" "first_N" {
  name  = "first-N"
  value = var.changed == "-N" ? "yes" : "no"
}

resource "nothing" "second_N" {
  name  = "second-N"
  value = nothing.first_N.name
}

resource "nothing" "third_N" {
  name  = "third-N"
  value = nothing.second_N.name
}
