provider "kongmesh" {
  address          = "https://control-plane.example.com:5682"
  ca_cert_file     = "control-plane-ca.pem"
  client_cert_file = "client.pem"
  client_key_file  = "client-key.pem" # without a passphrase
}
