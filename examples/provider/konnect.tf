variable "control_plane_id" {
  description = "ID of the Mesh global control plane in Konnect."
  type        = string
}

variable "konnect_token" {
  description = "Personal or system account access token of Konnect."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "kongmesh" {
  address = "https://eu.api.konghq.com/v1/mesh/control-planes/${var.control_plane_id}/api"
  token   = var.konnect_token
}
