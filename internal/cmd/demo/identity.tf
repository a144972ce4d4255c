resource "kongmesh_mesh_trust" "demo" {
  mesh         = kongmesh_mesh.demo.name
  name         = "demo-trust"
  trust_domain = "demo.example"
  ca_bundles   = [file("${path.module}/ca-chain.pem")]
}

resource "kongmesh_resource" "tls" {
  type = "MeshTLS"
  mesh = kongmesh_mesh.demo.name
  name = "mode"

  spec = {
    targetRef = { kind = "Mesh" }
    rules     = [{ default = { mode = "Strict" } }]
  }
}

resource "kongmesh_mesh_identity" "demo" {
  mesh      = kongmesh_mesh.demo.name
  name      = "demo"
  selector  = { dataplane = { match_labels = {} } }
  spiffe_id = { trust_domain = "demo.example" }

  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.demo.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.demo.key_secret }
    }
    mesh_trust_creation = "Disabled"
  }

  # Proxies trust the CA, and the mode is set, before they get certificates.
  depends_on = [kongmesh_mesh_trust.demo, kongmesh_resource.tls]
}
