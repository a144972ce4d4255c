package mesh

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Modes of TLS for a Prometheus listener.
const (
	activeMTLSBackend = "activeMTLSBackend"
	providedTLS       = "providedTLS"
	disabledTLS       = "disabled"
)

// sections returns the parts of a mesh's document that kongmesh_mesh manages,
// besides its labels: those in Kuma's mesh.proto and metrics.proto.
func sections() []part {
	return []part{
		{
			name: "networking", member: "networking", about: "Access of proxies to destinations outside of the mesh.",
			kind: object{parts: []part{{
				name: "outbound", member: "outbound", required: true, about: "Outbound traffic of proxies.",
				kind: object{parts: []part{{
					name: "passthrough", member: "passthrough", kind: leaf{boolean{true}},
					about: "Whether proxies pass through requests to destinations that are not in the mesh.",
				}}},
			}}},
		},
		{
			name: "routing", member: "routing", about: "Routing of requests.",
			kind: object{parts: []part{
				{
					name: "locality_aware_load_balancing", member: "localityAwareLoadBalancing", kind: leaf{boolean{false}},
					about: "Whether proxies prefer destinations in their own zone.",
				},
				{
					name: zoneEgress, member: "zoneEgress", kind: leaf{boolean{false}},
					about: "Whether traffic to other zones and to external services goes through the zone egress. The control plane " +
						"accepts this only while the mesh has mTLS. The provider turns it on together with the " +
						"`kongmesh_mtls_provided_backend` that the same run enables, and off together with the mTLS of the mesh.",
				},
				{
					name: "default_forbid_mesh_external_service_access", member: "defaultForbidMeshExternalServiceAccess", kind: leaf{boolean{false}},
					about: "Whether traffic to a MeshExternalService is blocked unless a policy allows it. Version 2.7 does not support " +
						"this.",
				},
			}},
		},
		{
			name: "mesh_services", member: "meshServices", about: "Whether services are MeshService resources. Version 2.7 does not support this.",
			kind: object{parts: []part{{
				name: "mode", member: "mode",
				kind: leaf{text{def: "Disabled", values: []string{"Disabled", "Everywhere", "ReachableBackends", "Exclusive"}}},
				about: "`Disabled`: the control plane creates no MeshService. `Everywhere`: it creates them, and proxies use them. " +
					"`ReachableBackends`: it creates them, and a proxy uses those in its reachable backends. `Exclusive`: proxies " +
					"use them, and do not use `kuma.io/service`.",
			}}},
		},
		{
			name: "constraints", member: "constraints", about: "Requirements for members of the mesh.",
			kind: object{parts: []part{{
				name: "dataplane_proxy", member: "dataplaneProxy", required: true, about: "Data plane proxies that can join.",
				kind: object{parts: []part{
					{
						name: "requirements", member: "requirements", about: "List of requirements. A proxy must match at least one of them, if there are any.",
						kind: list{parts: []part{selector("Tags that a proxy must have. The value `*` matches all values.")}},
					},
					{
						name: "restrictions", member: "restrictions", about: "List of restrictions. A proxy that matches one of them cannot join, even if it matches `requirements`.",
						kind: list{parts: []part{selector("Tags that exclude a proxy if it has all of them. The value `*` matches all values.")}},
					},
				}},
			}}},
		},
		logging(),
		tracing(),
		metrics(),
	}
}

func selector(about string) part {
	return part{name: "tags", member: "tags", required: true, about: about, kind: leaf{tags{selector: true}}}
}

// uniqueName returns the part for the unique name of a backend or similar item.
func uniqueName(of string) part {
	return part{name: "name", member: "name", required: true, about: "Name of the " + of + ", unique in this list.", kind: leaf{text{}}}
}

func chosenBackend(name, member, about string) part {
	return part{name: name, member: member, about: about, kind: leaf{text{}}}
}

// backends returns the part for the backends of a section, with a `conf` for
// each type.
func backends(parts, types []part) part {
	return part{
		name: "backends", member: "backends", about: "List of backends. The order is not significant.",
		kind: list{key: "name", parts: append([]part{uniqueName("backend")}, parts...), types: types},
	}
}

func logging() part {
	return part{
		name: "logging", member: "logging", about: "Access logs of the mesh.",
		kind: object{parts: []part{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend for policies that do not set one."),
			backends([]part{{
				name: "format", member: "format", kind: leaf{text{}},
				about: "Format of an entry, with the command operators of Envoy and Kuma, such as `%START_TIME%`. By default, the " +
					"format of the control plane.",
			}}, []part{
				{
					name: "file", member: "conf", about: "Settings of a `file` backend, which writes logs to a file.",
					kind: object{parts: []part{{name: "path", member: "path", required: true, about: "Path of the file on the proxy's machine.", kind: leaf{text{}}}}},
				},
				{
					name: "tcp", member: "conf", about: "Settings of a `tcp` backend, which sends logs to a TCP service.",
					kind: object{parts: []part{{
						name: "address", member: "address", required: true, about: "Address of the service, as `host:port`.",
						kind: leaf{text{check: checkHostPort}},
					}}},
				},
			}),
		}},
	}
}

func tracing() part {
	return part{
		name: "tracing", member: "tracing", about: "Traces of the mesh.",
		kind: object{parts: []part{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend for policies that do not set one."),
			backends([]part{{
				name: "sampling", member: "sampling", kind: leaf{percent{100}},
				about: "Percentage of traced requests, from 0 to 100.",
			}}, []part{zipkin(), datadog()}),
		}},
	}
}

func zipkin() part {
	return part{
		name: "zipkin", member: "conf", about: "Settings of a `zipkin` backend, which sends traces to a Zipkin collector or a compatible one.",
		kind: object{parts: []part{
			{
				name: "url", member: "url", required: true, kind: leaf{text{check: checkURLWithPort}},
				about: "URL of the collector with its port, such as `http://zipkin:9411/api/v2/spans`.",
			},
			{
				name: "trace_id_128bit", member: "traceId128bit", kind: leaf{boolean{false}},
				about: "Whether trace IDs have 128 bits.",
			},
			{
				name: "api_version", member: "apiVersion",
				kind:  leaf{text{def: "httpJson", values: []string{"httpJson", "httpJsonV1", "httpProto"}}},
				about: "Version of the collector's API: `httpJson`, `httpJsonV1` or `httpProto`.",
			},
			{
				name: "shared_span_context", member: "sharedSpanContext", kind: leaf{boolean{true}},
				about: "Whether client and server share a span.",
			},
		}},
	}
}

func datadog() part {
	return part{
		name: "datadog", member: "conf", about: "Settings of a `datadog` backend, which sends traces to a Datadog agent.",
		kind: object{parts: []part{
			{name: "address", member: "address", required: true, about: "Address of the agent.", kind: leaf{text{}}},
			{name: "port", member: "port", required: true, about: "Port of the agent.", kind: leaf{port{}}},
			{
				name: "split_service", member: "splitService", kind: leaf{boolean{false}},
				about: "Whether Datadog shows a service as several services, by direction and destination, such as " +
					"`backend_OUTBOUND_db1`.",
			},
		}},
	}
}

func metrics() part {
	return part{
		name: "metrics", member: "metrics", about: "Metrics of the mesh.",
		kind: object{parts: []part{
			chosenBackend("enabled_backend", "enabledBackend", "Name of the enabled backend. Without one, there are no metrics."),
			backends(nil, []part{prometheus()}),
		}},
	}
}

func prometheus() part {
	return part{
		name: "prometheus", member: "conf", about: "Settings of a `prometheus` backend, which gives each proxy an endpoint for Prometheus.",
		kind: object{
			check:       checkTLS,
			beforeWrite: writeTLS,
			afterRead:   leaveOutImpliedTLS,
			parts: []part{
				{name: "port", member: "port", about: "Port of the endpoint.", kind: leaf{port{5670}}},
				{name: "path", member: "path", about: "Path of the endpoint.", kind: leaf{text{def: "/metrics"}}},
				{
					name: "tags", member: "tags", about: "Tags of the endpoint.",
					kind: leaf{tags{def: map[string]string{"kuma.io/service": "dataplane-metrics"}}},
				},
				{
					name: "skip_mtls", member: "skipMTLS", kind: leaf{boolean{false}},
					about: "Whether the endpoint uses plain HTTP although the mesh has mTLS. This is the older form of `tls`: `true` " +
						"means mode `disabled`.",
				},
				{
					name: "tls", member: "tls", about: "TLS of the endpoint.",
					kind: object{parts: []part{{
						name: "mode", member: "mode",
						kind: leaf{text{def: activeMTLSBackend, values: []string{activeMTLSBackend, providedTLS, disabledTLS}}},
						about: "`activeMTLSBackend`: mTLS, if the mesh has it. `providedTLS`: TLS with the certificate and the key in the " +
							"environment of the proxy. `disabled`: plain HTTP.",
					}}},
				},
				{
					name: "aggregate", member: "aggregate", about: "Endpoints of applications. The proxy adds their metrics to its own. The order is not significant.",
					kind: list{key: "name", parts: []part{
						uniqueName("application"),
						{name: "port", member: "port", about: "Port of the application's endpoint.", kind: leaf{port{}}},
						{name: "path", member: "path", about: "Path of the application's endpoint.", kind: leaf{text{}}},
						{name: "address", member: "address", about: "Address of the application's endpoint. Defaults to the address of the proxy.", kind: leaf{text{}}},
						{name: "enabled", member: "enabled", about: "Whether the proxy adds the metrics of the application.", kind: leaf{boolean{true}}},
					}},
				},
				{
					name: "envoy", member: "envoy", about: "Filter for the metrics of Envoy.",
					kind: object{parts: []part{
						{
							name: "filter_regex", member: "filterRegex", kind: leaf{text{check: checkRegexp}},
							about: "Regular expression (RE2) for the names of the metrics.",
						},
						{
							name: "used_only", member: "usedOnly", kind: leaf{boolean{false}},
							about: "Whether to omit metrics that Envoy has never updated.",
						},
					}},
				},
			},
		},
	}
}

// impliedTLS returns the mode that the control plane adds if there is none.
func impliedTLS(conf values) string {
	if skip, ok := conf["skip_mtls"].(types.Bool); ok && skip.ValueBool() {
		return disabledTLS
	}
	return activeMTLSBackend
}

// writeTLS writes the mode even if the configuration omits it: the current one
// may have been added for another value of skip_mtls. If the mode does not
// follow from skipMTLS, the control plane rejects skipMTLS, even if it is
// false.
func writeTLS(document *kuma.Document, wanted values) {
	mode, _ := attributesOf(wanted["tls"])["mode"].(types.String)
	switch implied := impliedTLS(wanted); {
	case isNull(wanted["tls"]):
		wanted["tls"] = types.ObjectValueMust(map[string]attr.Type{"mode": types.StringType}, values{"mode": types.StringValue(implied)})
	case mode.ValueString() != implied:
		document.Delete("skipMTLS")
	}
}

// leaveOutImpliedTLS removes a mode that the control plane added, so that there
// is no diff.
func leaveOutImpliedTLS(now, prior values) {
	mode, _ := attributesOf(now["tls"])["mode"].(types.String)
	if isNull(prior["tls"]) && mode.ValueString() == impliedTLS(now) {
		now["tls"] = types.ObjectNull(map[string]attr.Type{"mode": types.StringType})
	}
}
