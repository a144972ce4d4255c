# To verify the certificates at any time, run:
#
#   terraform apply -invoke=action.kongmesh_verify_proxies.payments
action "kongmesh_verify_proxies" "payments" {
  config {
    mesh          = "payments"
    backend       = "ca-1"
    max_age       = "24h"
    min_remaining = "1h"
  }
}
