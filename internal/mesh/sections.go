package mesh

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
)

// Modes of TLS for a Prometheus listener.
const (
	activeMTLSBackend = "activeMTLSBackend"
	providedTLS       = "providedTLS"
	disabledTLS       = "disabled"
)

// sections returns the parts of a mesh's document that kongmesh_mesh manages,
// besides its labels: those in Kuma's mesh.proto and metrics.proto.
func sections() part.Parts {
	return part.Parts{
		{
			Name: "networking", Member: "networking", Description: "Access of proxies to destinations outside of the mesh.",
			Kind: part.Object{Parts: part.Parts{{
				Name: "outbound", Member: "outbound", Required: true, Description: "Outbound traffic of proxies.",
				Kind: part.Object{Parts: part.Parts{{
					Name: "passthrough", Member: "passthrough", Kind: part.Boolean{Default: true},
					Description: "Whether proxies pass through requests to destinations that are not in the mesh.",
				}}},
			}}},
		},
		{
			Name: "routing", Member: "routing", Description: "Routing of requests.",
			Kind: part.Object{Parts: part.Parts{
				{
					Name: "locality_aware_load_balancing", Member: "localityAwareLoadBalancing", Kind: part.Boolean{Default: false},
					Description: "Whether proxies prefer destinations in their own zone.",
				},
				{
					Name: zoneEgress, Member: "zoneEgress", Kind: part.Boolean{Default: false},
					Description: "Whether traffic to other zones and to external services goes through the zone egress. The control plane " +
						"accepts this only while the mesh has mTLS. The provider turns it on together with the " +
						"`kongmesh_mtls_provided_backend` that the same run enables, and off together with the mTLS of the mesh.",
				},
				{
					Name: "default_forbid_mesh_external_service_access", Member: "defaultForbidMeshExternalServiceAccess", Kind: part.Boolean{Default: false},
					Description: "Whether traffic to a MeshExternalService is blocked unless a policy allows it. Version 2.7 does not support " +
						"this.",
				},
			}},
		},
		{
			Name: "mesh_services", Member: "meshServices", Description: "Whether services are MeshService resources. Version 2.7 does not support this.",
			Kind: part.Object{Parts: part.Parts{{
				Name: "mode", Member: "mode",
				Kind: part.Text{Default: "Disabled", Values: []string{"Disabled", "Everywhere", "ReachableBackends", "Exclusive"}},
				Description: "`Disabled`: the control plane creates no MeshService. `Everywhere`: it creates them, and proxies use them. " +
					"`ReachableBackends`: it creates them, and a proxy uses those in its reachable backends. `Exclusive`: proxies " +
					"use them, and do not use `kuma.io/service`.",
			}}},
		},
		{
			Name: "constraints", Member: "constraints", Description: "Requirements for members of the mesh.",
			Kind: part.Object{Parts: part.Parts{{
				Name: "dataplane_proxy", Member: "dataplaneProxy", Required: true, Description: "Data plane proxies that can join.",
				Kind: part.Object{Parts: part.Parts{
					{
						Name: "requirements", Member: "requirements", Description: "List of requirements. A proxy must match at least one of them, if there are any.",
						Kind: part.List{Parts: part.Parts{selector("Tags that a proxy must have. The value `*` matches all values.")}},
					},
					{
						Name: "restrictions", Member: "restrictions", Description: "List of restrictions. A proxy that matches one of them cannot join, even if it matches `requirements`.",
						Kind: part.List{Parts: part.Parts{selector("Tags that exclude a proxy if it has all of them. The value `*` matches all values.")}},
					},
				}},
			}}},
		},
		logging(),
		tracing(),
		metrics(),
	}
}

func selector(description string) part.Part {
	return part.Part{Name: "tags", Member: "tags", Required: true, Description: description, Kind: part.Map{Key: tagNames(), Value: tagValues()}}
}

// uniqueName returns the part for the unique name of a backend or similar item.
func uniqueName(of string) part.Part {
	return part.Part{Name: "name", Member: "name", Required: true, Description: "Name of the " + of + ", unique in this list.", Kind: part.Text{}}
}

func chosenBackend(name, member, description string) part.Part {
	return part.Part{Name: name, Member: member, Description: description, Kind: part.Text{}}
}

// backends returns the part for the backends of a section, with a `conf` for
// each type.
func backends(parts, types part.Parts) part.Part {
	return part.Part{
		Name: "backends", Member: "backends", Description: "List of backends. The order is not significant.",
		Kind: part.List{Key: "name", Parts: append(part.Parts{uniqueName("backend")}, parts...), Types: types},
	}
}

func logging() part.Part {
	return part.Part{
		Name: "logging", Member: "logging", Description: "Access logs of the mesh.",
		Kind: part.Object{Parts: part.Parts{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend for policies that do not set one."),
			backends(part.Parts{{
				Name: "format", Member: "format", Kind: part.Text{},
				Description: "Format of an entry, with the command operators of Envoy and Kuma, such as `%START_TIME%`. By default, the " +
					"format of the control plane.",
			}}, part.Parts{
				{
					Name: "file", Member: "conf", Description: "Settings of a `file` backend, which writes logs to a file.",
					Kind: part.Object{Parts: part.Parts{{Name: "path", Member: "path", Required: true, Description: "Path of the file on the proxy's machine.", Kind: part.Text{}}}},
				},
				{
					Name: "tcp", Member: "conf", Description: "Settings of a `tcp` backend, which sends logs to a TCP service.",
					Kind: part.Object{Parts: part.Parts{{
						Name: "address", Member: "address", Required: true, Description: "Address of the service, as `host:port`.",
						Kind: part.Text{Check: checkHostPort},
					}}},
				},
			}),
		}},
	}
}

func tracing() part.Part {
	return part.Part{
		Name: "tracing", Member: "tracing", Description: "Traces of the mesh.",
		Kind: part.Object{Parts: part.Parts{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend for policies that do not set one."),
			backends(part.Parts{{
				Name: "sampling", Member: "sampling", Kind: part.Percent{Default: 100},
				Description: "Percentage of traced requests, from 0 to 100.",
			}}, part.Parts{zipkin(), datadog()}),
		}},
	}
}

func zipkin() part.Part {
	return part.Part{
		Name: "zipkin", Member: "conf", Description: "Settings of a `zipkin` backend, which sends traces to a Zipkin collector or a compatible one.",
		Kind: part.Object{Parts: part.Parts{
			{
				Name: "url", Member: "url", Required: true, Kind: part.Text{Check: checkURLWithPort},
				Description: "URL of the collector with its port, such as `http://zipkin:9411/api/v2/spans`.",
			},
			{
				Name: "trace_id_128bit", Member: "traceId128bit", Kind: part.Boolean{Default: false},
				Description: "Whether trace IDs have 128 bits.",
			},
			{
				Name: "api_version", Member: "apiVersion",
				Kind:        part.Text{Default: "httpJson", Values: []string{"httpJson", "httpJsonV1", "httpProto"}},
				Description: "Version of the collector's API: `httpJson`, `httpJsonV1` or `httpProto`.",
			},
			{
				Name: "shared_span_context", Member: "sharedSpanContext", Kind: part.Boolean{Default: true},
				Description: "Whether client and server share a span.",
			},
		}},
	}
}

func datadog() part.Part {
	return part.Part{
		Name: "datadog", Member: "conf", Description: "Settings of a `datadog` backend, which sends traces to a Datadog agent.",
		Kind: part.Object{Parts: part.Parts{
			{Name: "address", Member: "address", Required: true, Description: "Address of the agent.", Kind: part.Text{}},
			{Name: "port", Member: "port", Required: true, Description: "Port of the agent.", Kind: part.Port{}},
			{
				Name: "split_service", Member: "splitService", Kind: part.Boolean{Default: false},
				Description: "Whether Datadog shows a service as several services, by direction and destination, such as " +
					"`backend_OUTBOUND_db1`.",
			},
		}},
	}
}

func metrics() part.Part {
	return part.Part{
		Name: "metrics", Member: "metrics", Description: "Metrics of the mesh.",
		Kind: part.Object{Parts: part.Parts{
			chosenBackend("enabled_backend", "enabledBackend", "Name of the enabled backend. Without one, there are no metrics."),
			backends(nil, part.Parts{prometheus()}),
		}},
	}
}

func prometheus() part.Part {
	return part.Part{
		Name: "prometheus", Member: "conf", Description: "Settings of a `prometheus` backend, which gives each proxy an endpoint for Prometheus.",
		Kind: part.Object{
			Check:       checkTLS,
			BeforeWrite: writeTLS,
			AfterRead:   leaveOutImpliedTLS,
			Parts: part.Parts{
				{Name: "port", Member: "port", Description: "Port of the endpoint.", Kind: part.Port{Default: 5670}},
				{Name: "path", Member: "path", Description: "Path of the endpoint.", Kind: part.Text{Default: "/metrics"}},
				{
					Name: "tags", Member: "tags", Description: "Tags of the endpoint.",
					Kind: part.Map{Default: map[string]string{"kuma.io/service": "dataplane-metrics"}},
				},
				{
					Name: "skip_mtls", Member: "skipMTLS", Kind: part.Boolean{Default: false},
					Description: "Whether the endpoint uses plain HTTP although the mesh has mTLS. This is the older form of `tls`: `true` " +
						"means mode `disabled`.",
				},
				{
					Name: "tls", Member: "tls", Description: "TLS of the endpoint.",
					Kind: part.Object{Parts: part.Parts{{
						Name: "mode", Member: "mode",
						Kind: part.Text{Default: activeMTLSBackend, Values: []string{activeMTLSBackend, providedTLS, disabledTLS}},
						Description: "`activeMTLSBackend`: mTLS, if the mesh has it. `providedTLS`: TLS with the certificate and the key in the " +
							"environment of the proxy. `disabled`: plain HTTP.",
					}}},
				},
				{
					Name: "aggregate", Member: "aggregate", Description: "Endpoints of applications. The proxy adds their metrics to its own. The order is not significant.",
					Kind: part.List{Key: "name", Parts: part.Parts{
						uniqueName("application"),
						{Name: "port", Member: "port", Description: "Port of the application's endpoint.", Kind: part.Port{}},
						{Name: "path", Member: "path", Description: "Path of the application's endpoint.", Kind: part.Text{}},
						{Name: "address", Member: "address", Description: "Address of the application's endpoint. Defaults to the address of the proxy.", Kind: part.Text{}},
						{Name: "enabled", Member: "enabled", Description: "Whether the proxy adds the metrics of the application.", Kind: part.Boolean{Default: true}},
					}},
				},
				{
					Name: "envoy", Member: "envoy", Description: "Filter for the metrics of Envoy.",
					Kind: part.Object{Parts: part.Parts{
						{
							Name: "filter_regex", Member: "filterRegex", Kind: part.Text{Check: checkRegexp},
							Description: "Regular expression (RE2) for the names of the metrics.",
						},
						{
							Name: "used_only", Member: "usedOnly", Kind: part.Boolean{Default: false},
							Description: "Whether to omit metrics that Envoy has never updated.",
						},
					}},
				},
			},
		},
	}
}

// impliedTLS returns the mode that the control plane adds if there is none.
func impliedTLS(conf part.Values) string {
	if part.IsTrue(conf["skip_mtls"]) {
		return disabledTLS
	}
	return activeMTLSBackend
}

// writeTLS writes the mode even if the configuration omits it: the current one
// may have been added for another value of skip_mtls. If the mode does not
// follow from skipMTLS, the control plane rejects skipMTLS, even if it is
// false.
func writeTLS(document *kuma.Document, wanted part.Values) {
	switch implied := impliedTLS(wanted); {
	case part.IsNull(wanted["tls"]):
		wanted["tls"] = types.ObjectValueMust(map[string]attr.Type{"mode": types.StringType}, part.Values{"mode": types.StringValue(implied)})
	case part.TextOf(part.AttributesOf(wanted["tls"])["mode"]) != implied:
		document.Delete("skipMTLS")
	}
}

// leaveOutImpliedTLS removes a mode that the control plane added, so that there
// is no diff.
func leaveOutImpliedTLS(now, prior part.Values) {
	if mode := part.AttributesOf(now["tls"])["mode"]; part.IsNull(prior["tls"]) && part.TextOf(mode) == impliedTLS(now) {
		now["tls"] = types.ObjectNull(map[string]attr.Type{"mode": types.StringType})
	}
}
