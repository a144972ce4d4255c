variable "size" { type = number }
variable "changed" { type = string }

resource "terraform_data" "first" {
  count = var.size
  input = count.index == 0 ? var.changed : "same"
}

resource "terraform_data" "second" {
  count = var.size
  input = terraform_data.first[count.index].id
}

resource "terraform_data" "third" {
  count = var.size
  input = terraform_data.second[count.index].id
}
