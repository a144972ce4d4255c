terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

variable "chain_file" {
  description = "File with the certificate chain of the CA: the issuing CA first, its root last."
  type        = string
  default     = "ca-chain.pem"
}

# This does not need a control plane, so the test runs anywhere.
data "kongmesh_ca_chain" "this" {
  content = file("${path.module}/${var.chain_file}")
}

# A failed check shows a warning, and the run continues.
check "lasts_90_days" {
  assert {
    condition     = timecmp(timeadd(plantimestamp(), "2160h"), data.kongmesh_ca_chain.this.expires_at) < 0
    error_message = "The CA expires on ${data.kongmesh_ca_chain.this.expires_at}: create the next CA."
  }
}

# A failed precondition stops the run. It also works in a resource.
output "certificate_chain" {
  value = data.kongmesh_ca_chain.this.trust_bundle

  precondition {
    condition     = data.kongmesh_ca_chain.this.valid
    error_message = join("\n\n", [for p in data.kongmesh_ca_chain.this.problems : p.message if p.severity == "error"])
  }
}
