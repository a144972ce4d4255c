# terraform test runs this. It writes nothing.

run "our_chain_is_good" {
  command = plan

  assert {
    condition     = data.kongmesh_ca_chain.this.valid
    error_message = "The chain has errors."
  }
  assert {
    condition     = data.kongmesh_ca_chain.this.root_certificate != null
    error_message = "The chain does not reach its root."
  }
}

run "an_expired_chain_is_refused" {
  command = plan

  variables {
    chain_file = "fixtures/expired.pem"
  }

  expect_failures = [
    check.lasts_90_days,
    output.certificate_chain,
  ]
}
