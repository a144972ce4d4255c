variable "kongmesh_token" {
  description = "User token of the group mesh-system:admin."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "kongmesh" {
  address      = "https://control-plane.example.com:5682"
  token        = var.kongmesh_token
  ca_cert_file = "control-plane-ca.pem" # not necessary if the system trusts the API's certificate
}
