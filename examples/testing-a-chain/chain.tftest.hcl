# Run this file with terraform test. It does not write to a control plane.

run "the_chain_is_valid" {
  command = plan

  assert {
    condition     = data.kongmesh_ca_chain.this.valid
    error_message = "The chain has errors."
  }
  assert {
    condition     = data.kongmesh_ca_chain.this.root_certificate != null
    error_message = "The chain does not include its root."
  }
}

run "an_expired_chain_fails" {
  command = plan

  variables {
    chain_file = "fixtures/expired.pem"
  }

  expect_failures = [
    check.lasts_90_days,
    output.certificate_chain,
  ]
}
