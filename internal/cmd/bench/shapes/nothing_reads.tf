terraform {
  required_providers {
    nothing = { source = "bench/nothing" }
  }
}

# Once for each number N:

data "nothing" "this_N" {
  name = "service-N"
}
