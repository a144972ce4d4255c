resource "kongmesh_mesh" "payments" {
  name = "payments"

  labels = {
    team = "platform"
  }

  networking = {
    outbound = {
      passthrough = false
    }
  }

  routing = {
    locality_aware_load_balancing = true
  }

  constraints = {
    dataplane_proxy = {
      requirements = [
        { tags = { "kuma.io/zone" = "east" } },
        { tags = { "kuma.io/zone" = "west" } },
      ]
      restrictions = [
        { tags = { legacy = "*" } },
      ]
    }
  }

  logging = {
    default_backend = "collector"
    backends = [
      { name = "collector", tcp = { address = "logs.example.com:5000" } },
      { name = "file", format = "%START_TIME% %BYTES_SENT%", file = { path = "/var/log/mesh/access.log" } },
    ]
  }

  tracing = {
    default_backend = "zipkin"
    backends = [{
      name     = "zipkin"
      sampling = 12.5
      zipkin   = { url = "http://zipkin.example.com:9411/api/v2/spans" }
    }]
  }

  metrics = {
    enabled_backend = "prometheus"
    backends = [{
      name = "prometheus"
      prometheus = {
        tls       = { mode = "disabled" }
        aggregate = [{ name = "app", port = 8080, path = "/stats" }]
      }
    }]
  }
}
