variable "changed" { type = string }

# Once for each number N:

resource "terraform_data" "first_N" {
  input = var.changed == "-N" ? "yes" : "no"
}

resource "terraform_data" "second_N" {
  input = terraform_data.first_N.id
}

resource "terraform_data" "third_N" {
  input = terraform_data.second_N.id
}
