# A chain from a file. This does not need a control plane.
data "kongmesh_ca_chain" "next" {
  content = file("${path.module}/ca-chain.pem")
}

output "problems" {
  value = [for p in data.kongmesh_ca_chain.next.problems : "${p.severity}: ${p.message}"]
}

# The chain that a mesh uses, with a warning in its last 30 days.
data "kongmesh_ca_chain" "current" {
  mesh    = "payments"
  backend = "ca-1"
}

check "ca_of_payments" {
  assert {
    condition     = data.kongmesh_ca_chain.current.valid
    error_message = "The CA of mesh payments is not valid."
  }
  assert {
    condition     = timecmp(timeadd(plantimestamp(), "720h"), data.kongmesh_ca_chain.current.expires_at) < 0
    error_message = "The CA of mesh payments expires on ${data.kongmesh_ca_chain.current.expires_at}: rotate the CA."
  }
}

# The CA of a MeshIdentity, and the CAs that proxies trust.
data "kongmesh_ca_chain" "identity" {
  mesh     = "payments"
  identity = "payments-identity"
}

data "kongmesh_ca_chain" "trust" {
  mesh  = "payments"
  trust = "payments-trust"
}

check "identity_is_trusted" {
  assert {
    condition     = strcontains(data.kongmesh_ca_chain.trust.trust_bundle, data.kongmesh_ca_chain.identity.issuing_certificate)
    error_message = "MeshTrust payments-trust does not contain the CA of MeshIdentity payments-identity."
  }
}
