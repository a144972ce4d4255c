data "kongmesh_control_plane" "this" {
  lifecycle {
    postcondition {
      condition     = self.read_only != true
      error_message = "This control plane is read-only: use the address of the global control plane."
    }
    postcondition {
      condition     = self.supports_mesh_mtls != false
      error_message = "Meshes of this control plane have no mTLS backends."
    }
  }
}

output "control_plane" {
  value = "${data.kongmesh_control_plane.this.product} ${data.kongmesh_control_plane.this.version}"
}
