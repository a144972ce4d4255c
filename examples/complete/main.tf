# A reference of all arguments of all resources and data sources. Arguments that
# conflict with each other are in separate resources. Kuma supports only one
# mTLS backend in a mesh, so each kind of backend has its own mesh here.

terraform {
  required_version = ">= 1.11"

  required_providers {
    kongmesh = {
      source = "kongmesh/kongmesh"
    }
  }
}

# Uses the control plane at KONGMESH_ADDRESS, or at http://localhost:5681.
provider "kongmesh" {}

# A mesh -------------------------------------------------------------------

resource "kongmesh_mesh" "payments" {
  name = "payments"

  labels = {
    team = "platform"
  }

  # Types of initial policies that the control plane does not create with the
  # mesh; "*" means all.
  skip_creating_initial_policies = ["MeshTimeout", "MeshCircuitBreaker"]

  networking = {
    outbound = {
      passthrough = false # allows only destinations in the mesh
    }
  }

  routing = {
    locality_aware_load_balancing = true

    # Needs mTLS: the control plane enables it together with the backend.
    zone_egress = true

    # Kuma 2.7 does not support this: true is an error there.
    default_forbid_mesh_external_service_access = false
  }

  mesh_services = {
    mode = "Disabled" # Kuma 2.7 does not support this: any other mode is an error there
  }

  constraints = {
    dataplane_proxy = {
      # A proxy must match at least one of the requirements,
      requirements = [
        { tags = { "kuma.io/zone" = "east" } },
        { tags = { "kuma.io/zone" = "west", team = "*" } },
      ]
      # and must not match any of the restrictions.
      restrictions = [
        { tags = { legacy = "*" } },
      ]
    }
  }

  logging = {
    default_backend = "collector"
    backends = [
      {
        name   = "collector"
        format = "%START_TIME% %BYTES_SENT%"
        tcp = {
          address = "logs.example.com:5000"
        }
      },
      {
        name = "file"
        file = {
          path = "/var/log/mesh/access.log"
        }
      },
    ]
  }

  tracing = {
    default_backend = "zipkin"
    backends = [
      {
        name     = "zipkin"
        sampling = 12.5 # percent
        zipkin = {
          url                 = "http://zipkin.example.com:9411/api/v2/spans"
          trace_id_128bit     = true
          api_version         = "httpProto"
          shared_span_context = false
        }
      },
      {
        name = "datadog"
        datadog = {
          address       = "datadog.example.com"
          port          = 8126
          split_service = true
        }
      },
    ]
  }

  metrics = {
    enabled_backend = "prometheus"
    backends = [
      {
        name = "prometheus"
        prometheus = {
          port = 5671
          path = "/stats/prometheus"
          tags = {
            "kuma.io/service" = "dataplane-metrics"
          }
          skip_mtls = true # the older form of tls.mode
          tls = {
            mode = "disabled"
          }
          aggregate = [
            { name = "app", port = 8080, path = "/stats", address = "127.0.0.1", enabled = true },
            { name = "sidecar", port = 8081 },
          ]
          envoy = {
            filter_regex = "http2_.*"
            used_only    = true
          }
        }
      },
    ]
  }
}

# The CA of a mesh ---------------------------------------------------------

# The provider derives the names of the two secrets from the certificates. A new
# CA gets new names, and the mesh moves from one CA secret to the other.
resource "kongmesh_mesh_ca_secret" "payments" {
  mesh              = kongmesh_mesh.payments.name
  name              = "ca"
  certificate_chain = file("${path.module}/ca-chain.pem") # the issuing CA first, the root last
  private_key_wo    = file("${path.module}/ca-key.pem")   # write-only: not stored in plan or state

  # Change the number to upload the same key again. This is rarely necessary,
  # because the provider compares the key with its certificate.
  private_key_wo_version = 1

  # Additional CAs that proxies trust, in any order.
  trusted_certificates = file("${path.module}/other-ca.pem")

  # Rules whose warnings you know and accept.
  accept_warnings = ["key-usage-should-not"]

  timeouts = {
    create = "1m"
    update = "1m"
    delete = "1m" # includes a wait after the last change of the mesh
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Fixed names, for existing secrets, and a key that is stored in the state.
resource "kongmesh_mesh_ca_secret" "fixed" {
  mesh                    = kongmesh_mesh.payments.name
  certificate_secret_name = "payments-ca-cert"
  key_secret_name         = "payments-ca-key"
  certificate_chain       = file("${path.module}/ca-chain.pem")
  private_key             = file("${path.module}/ca-key.pem")
}

# The backend of a mesh ----------------------------------------------------

resource "kongmesh_mtls_provided_backend" "payments" {
  mesh    = kongmesh_mesh.payments.name
  name    = "ca-1"
  enabled = true
  mode    = "PERMISSIVE" # also accepts plain-text traffic; the default is "STRICT"

  cert = {
    secret = kongmesh_mesh_ca_secret.payments.certificate_secret
  }
  key = {
    secret = kongmesh_mesh_ca_secret.payments.key_secret
  }

  dp_cert = {
    rotation = {
      expiration = "1d" # lifetime of a proxy certificate
    }
    request_timeout = "15s"
  }
  root_chain = {
    request_timeout = "10s"
  }

  skip_validation = false
  force_destroy   = false # keep mTLS on while proxies are connected

  # How the mesh moves to a new CA while proxies are connected.
  rollout = {
    strategy        = "overlap"
    offline_proxies = "wait"
  }

  timeouts = {
    create = "1m"
    update = "1h" # a rotation waits for all proxies
    delete = "1m"
  }
}

# The CA in the mesh itself, as base64 of PEM. Use this only for development:
# everyone who can read the mesh can read the key.
resource "kongmesh_mesh" "inline" {
  name = "inline"
}

resource "kongmesh_mtls_provided_backend" "inline" {
  mesh = kongmesh_mesh.inline.name
  name = "ca-1"

  cert = {
    inline = filebase64("${path.module}/ca-chain.pem")
  }
  key = {
    inline = filebase64("${path.module}/ca-key.pem")
  }
}

# The same, as PEM.
resource "kongmesh_mesh" "inline_string" {
  name = "inline-string"
}

resource "kongmesh_mtls_provided_backend" "inline_string" {
  mesh = kongmesh_mesh.inline_string.name
  name = "ca-1"

  cert = {
    inline_string = file("${path.module}/ca-chain.pem")
  }
  key = {
    inline_string = file("${path.module}/ca-key.pem")
  }
}

# The CA in files on the control plane's machine. With skip_validation, the
# control plane reads them only when it issues certificates.
resource "kongmesh_mesh" "file" {
  name = "file"
}

resource "kongmesh_mtls_provided_backend" "file" {
  mesh            = kongmesh_mesh.file.name
  name            = "ca-1"
  enabled         = false # in the list of backends, but not used
  skip_validation = true

  cert = {
    file = "/etc/kuma/ca/chain.pem"
  }
  key = {
    file = "/etc/kuma/ca/key.pem"
  }
}

# Other secrets of a mesh --------------------------------------------------

# Write-only: not stored in plan or state. With a version, the provider writes
# the value if the version changes. Without one, if the value changes.
resource "kongmesh_mesh_secret" "write_only" {
  mesh             = kongmesh_mesh.payments.name
  name             = "password"
  value_wo         = file("${path.module}/password.txt")
  value_wo_version = 1
}

# A binary value, write-only.
resource "kongmesh_mesh_secret" "write_only_binary" {
  mesh                    = kongmesh_mesh.payments.name
  name                    = "keystore"
  value_base64_wo         = filebase64("${path.module}/keystore.bin")
  value_base64_wo_version = 1
}

# Stored in the state.
resource "kongmesh_mesh_secret" "text" {
  mesh  = kongmesh_mesh.payments.name
  name  = "dataplane-token-revocations-payments"
  value = "0e120ec9-6b42-495d-9758-07b59fe86fb9"
}

resource "kongmesh_mesh_secret" "binary" {
  mesh         = kongmesh_mesh.payments.name
  name         = "truststore"
  value_base64 = filebase64("${path.module}/keystore.bin")
}

# Secrets of the control plane ---------------------------------------------

resource "kongmesh_global_secret" "write_only" {
  name             = "user-token-signing-key-2"
  value_wo         = file("${path.module}/signing-key.pem")
  value_wo_version = 1
}

resource "kongmesh_global_secret" "write_only_binary" {
  name                    = "keystore"
  value_base64_wo         = filebase64("${path.module}/keystore.bin")
  value_base64_wo_version = 1
}

resource "kongmesh_global_secret" "text" {
  name  = "user-token-revocations"
  value = "0e120ec9-6b42-495d-9758-07b59fe86fb9"
}

resource "kongmesh_global_secret" "binary" {
  name         = "truststore"
  value_base64 = filebase64("${path.module}/keystore.bin")
}

# Data sources -------------------------------------------------------------

data "kongmesh_control_plane" "this" {}

data "kongmesh_meshes" "platform" {
  labels = {
    team = "platform"
  }
  depends_on = [kongmesh_mesh.payments]
}

data "kongmesh_mesh" "payments" {
  name       = kongmesh_mesh.payments.name
  depends_on = [kongmesh_mtls_provided_backend.payments]
}

data "kongmesh_dataplanes" "web" {
  mesh = kongmesh_mesh.payments.name
  name = "web" # a substring of the proxy's name
  tags = {
    "kuma.io/service" = "web"
  }
}

# Any other resource of the control plane: a policy, and one of an old type,
# whose content has no spec.
resource "kongmesh_resource" "timeouts" {
  type   = "MeshTimeout"
  mesh   = kongmesh_mesh.payments.name
  name   = "timeouts"
  labels = { team = "payments" }

  spec = {
    targetRef = { kind = "Mesh" }
    to = [{
      targetRef = { kind = "Mesh" }
      default   = { idleTimeout = "1h", http = { requestTimeout = "90s" } }
    }]
  }
}

resource "kongmesh_resource" "permission" {
  type = "TrafficPermission"
  mesh = kongmesh_mesh.payments.name
  name = "web-to-backend"

  fields = {
    sources      = [{ match = { "kuma.io/service" = "web" } }]
    destinations = [{ match = { "kuma.io/service" = "backend" } }]
  }
}

data "kongmesh_resource" "timeouts" {
  type       = "MeshTimeout"
  mesh       = kongmesh_mesh.payments.name
  name       = "timeouts"
  depends_on = [kongmesh_resource.timeouts]
}

data "kongmesh_resources" "timeouts" {
  type       = "MeshTimeout"
  mesh       = kongmesh_mesh.payments.name
  labels     = { team = "payments" }
  depends_on = [kongmesh_resource.timeouts]
}

# A chain from PEM, from a secret, and from a backend.
data "kongmesh_ca_chain" "next" {
  content = file("${path.module}/ca-chain.pem")
}

data "kongmesh_ca_chain" "secret" {
  mesh       = kongmesh_mesh.payments.name
  secret     = "payments-ca-cert"
  depends_on = [kongmesh_mesh_ca_secret.fixed]
}

data "kongmesh_ca_chain" "backend" {
  mesh    = kongmesh_mesh.payments.name
  backend = kongmesh_mtls_provided_backend.payments.name
}

# The certificate of a proxy: from the CA of a backend, for all tags of the
# proxy; and from another CA, for its services only.
data "kongmesh_proxy_certificate" "tags" {
  mesh       = kongmesh_mesh.payments.name
  backend    = kongmesh_mtls_provided_backend.payments.name
  expiration = "12h"

  tags = {
    "kuma.io/service"  = ["web", "web-admin"]
    "kuma.io/protocol" = ["http"]
  }
}

data "kongmesh_proxy_certificate" "services" {
  mesh     = kongmesh_mesh.payments.name
  services = ["web"]

  ca = {
    certificate_chain = file("${path.module}/ca-chain.pem")
    private_key       = file("${path.module}/ca-key.pem")
  }
}

output "control_plane" {
  value = "${data.kongmesh_control_plane.this.product} ${data.kongmesh_control_plane.this.version}"
}

output "enabled_backend" {
  value = data.kongmesh_mesh.payments.enabled_backend
}

output "ca_expires_at" {
  value = data.kongmesh_ca_chain.backend.expires_at
}

output "spiffe_id" {
  value = data.kongmesh_proxy_certificate.tags.spiffe_id
}
