resource "kongmesh_mesh" "payments" {
  name = "payments"

  labels = {
    team = "platform"
  }
}
