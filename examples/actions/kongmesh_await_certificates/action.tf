# After the backend is created, Terraform waits until each connected proxy has a certificate.
resource "kongmesh_mtls_provided_backend" "this" {
  mesh = "payments"
  name = "ca-1"
  mode = "PERMISSIVE"
  cert = { secret = "ca-cert" }
  key  = { secret = "ca-key" }

  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.kongmesh_await_certificates.payments]
    }
  }
}

action "kongmesh_await_certificates" "payments" {
  config {
    mesh    = "payments"
    backend = "ca-1"

    timeouts = {
      invoke = "15m"
    }
  }
}
