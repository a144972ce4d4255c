# To reissue all certificates at any time, run:
#
#   terraform apply -invoke=action.kongmesh_reissue_certificates.payments
action "kongmesh_reissue_certificates" "payments" {
  config {
    mesh = "payments"

    timeouts = {
      invoke = "15m"
    }
  }
}
