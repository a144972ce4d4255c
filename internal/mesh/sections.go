package mesh

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Modes of the TLS of a Prometheus listener.
const (
	activeMTLSBackend = "activeMTLSBackend"
	providedTLS       = "providedTLS"
	disabledTLS       = "disabled"
)

// sections are the parts of a mesh's document that kongmesh_mesh manages, next
// to its labels: those of kuma's mesh.proto and metrics.proto.
func sections() []part {
	return []part{
		{
			name: "networking", member: "networking", about: "How proxies reach what is outside of the mesh.",
			kind: object{parts: []part{{
				name: "outbound", member: "outbound", required: true, about: "Traffic that leaves proxies.",
				kind: object{parts: []part{{
					name: "passthrough", member: "passthrough", kind: leaf{boolean{true}},
					about: "Whether requests to destinations that the mesh does not know pass through.",
				}}},
			}}},
		},
		{
			name: "routing", member: "routing", about: "How requests find their destination.",
			kind: object{parts: []part{
				{
					name: "locality_aware_load_balancing", member: "localityAwareLoadBalancing", kind: leaf{boolean{false}},
					about: "Whether proxies prefer destinations in their own zone.",
				},
				{
					name: zoneEgress, member: "zoneEgress", kind: leaf{boolean{false}},
					about: "Whether traffic to other zones and to external services goes through the zone egress. The control plane accepts it only while " +
						"the mesh has mTLS. The provider turns it on together with the `kongmesh_mtls_provided_backend` that the same run enables, and off " +
						"together with the mTLS of the mesh.",
				},
				{
					name: "default_forbid_mesh_external_service_access", member: "defaultForbidMeshExternalServiceAccess", kind: leaf{boolean{false}},
					about: "Whether traffic to a MeshExternalService is blocked unless a policy allows it. Version 2.7 does not have it.",
				},
			}},
		},
		{
			name: "mesh_services", member: "meshServices", about: "Whether services are MeshService resources. Version 2.7 does not have it.",
			kind: object{parts: []part{{
				name: "mode", member: "mode",
				kind: leaf{text{def: "Disabled", values: []string{"Disabled", "Everywhere", "ReachableBackends", "Exclusive"}}},
				about: "`Disabled`: no MeshService is made. `Everywhere`: they are made and used. `ReachableBackends`: they are made and used where " +
					"a proxy names them in its reachable backends. `Exclusive`: they are used, and `kuma.io/service` is not.",
			}}},
		},
		{
			name: "constraints", member: "constraints", about: "What the mesh demands of those in it.",
			kind: object{parts: []part{{
				name: "dataplane_proxy", member: "dataplaneProxy", required: true, about: "Which data plane proxies may join.",
				kind: object{parts: []part{
					{
						name: "requirements", member: "requirements", about: "A proxy must meet at least one of these, if there are any.",
						kind: list{parts: []part{selector("Tags that a proxy must have, all of them; the value `*` is any.")}},
					},
					{
						name: "restrictions", member: "restrictions", about: "A proxy that meets one of these may not join, whatever it meets of `requirements`.",
						kind: list{parts: []part{selector("Tags that keep a proxy out if it has all of them; the value `*` is any.")}},
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

// uniqueName is the name of a backend or the like.
func uniqueName(of string) part {
	return part{name: "name", member: "name", required: true, about: "Name of the " + of + ", unique among the others of this list.", kind: leaf{text{}}}
}

func chosenBackend(name, member, about string) part {
	return part{name: name, member: member, about: about, kind: leaf{text{}}}
}

// backends are the backends of a section: of each type, its `conf`.
func backends(parts, types []part) part {
	return part{
		name: "backends", member: "backends", about: "The backends. Their order means nothing.",
		kind: list{key: "name", parts: append([]part{uniqueName("backend")}, parts...), types: types},
	}
}

func logging() part {
	return part{
		name: "logging", member: "logging", about: "Where access logs go.",
		kind: object{parts: []part{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend that is used where a policy names none."),
			backends([]part{{
				name: "format", member: "format", kind: leaf{text{}},
				about: "Form of an entry, with the command operators of Envoy and Kuma, such as `%START_TIME%`. Left out, the control plane's own form is used.",
			}}, []part{
				{
					name: "file", member: "conf", about: "A backend of type `file`: logs go to a file.",
					kind: object{parts: []part{{name: "path", member: "path", required: true, about: "Path of the file on the proxy's machine.", kind: leaf{text{}}}}},
				},
				{
					name: "tcp", member: "conf", about: "A backend of type `tcp`: logs go to a TCP service.",
					kind: object{parts: []part{{
						name: "address", member: "address", required: true, about: "Address of the service, `host:port`.",
						kind: leaf{text{check: checkHostPort}},
					}}},
				},
			}),
		}},
	}
}

func tracing() part {
	return part{
		name: "tracing", member: "tracing", about: "Where traces go.",
		kind: object{parts: []part{
			chosenBackend("default_backend", "defaultBackend", "Name of the backend that is used where a policy names none."),
			backends([]part{{
				name: "sampling", member: "sampling", kind: leaf{percent{100}},
				about: "Percentage of requests that are traced, from 0 to 100.",
			}}, []part{zipkin(), datadog()}),
		}},
	}
}

func zipkin() part {
	return part{
		name: "zipkin", member: "conf", about: "A backend of type `zipkin`: traces go to a Zipkin collector, or one that takes its format.",
		kind: object{parts: []part{
			{
				name: "url", member: "url", required: true, kind: leaf{text{check: checkURLWithPort}},
				about: "URL of the collector, with its port, such as `http://zipkin:9411/api/v2/spans`.",
			},
			{
				name: "trace_id_128bit", member: "traceId128bit", kind: leaf{boolean{false}},
				about: "Whether the identifiers of traces have 128 bits.",
			},
			{
				name: "api_version", member: "apiVersion",
				kind:  leaf{text{def: "httpJson", values: []string{"httpJson", "httpJsonV1", "httpProto"}}},
				about: "Version of the collector's API: `httpJson`, `httpJsonV1` or `httpProto`.",
			},
			{
				name: "shared_span_context", member: "sharedSpanContext", kind: leaf{boolean{true}},
				about: "Whether client and server share one span.",
			},
		}},
	}
}

func datadog() part {
	return part{
		name: "datadog", member: "conf", about: "A backend of type `datadog`: traces go to a Datadog agent.",
		kind: object{parts: []part{
			{name: "address", member: "address", required: true, about: "Address of the agent.", kind: leaf{text{}}},
			{name: "port", member: "port", required: true, about: "Port of the agent.", kind: leaf{port{}}},
			{
				name: "split_service", member: "splitService", kind: leaf{boolean{false}},
				about: "Whether Datadog sees a service as several, by direction and destination, such as `backend_OUTBOUND_db1`.",
			},
		}},
	}
}

func metrics() part {
	return part{
		name: "metrics", member: "metrics", about: "How proxies expose metrics.",
		kind: object{parts: []part{
			chosenBackend("enabled_backend", "enabledBackend", "Name of the backend in use. Without one there are no metrics."),
			backends(nil, []part{prometheus()}),
		}},
	}
}

func prometheus() part {
	return part{
		name: "prometheus", member: "conf", about: "A backend of type `prometheus`: each proxy has an endpoint for Prometheus.",
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
					about: "Whether the endpoint is plain even when the mesh has mTLS. The older form of `tls`: `true` is the mode `disabled`.",
				},
				{
					name: "tls", member: "tls", about: "TLS of the endpoint.",
					kind: object{parts: []part{{
						name: "mode", member: "mode",
						kind: leaf{text{def: activeMTLSBackend, values: []string{activeMTLSBackend, providedTLS, disabledTLS}}},
						about: "`activeMTLSBackend`: mTLS, if the mesh has it. `providedTLS`: with the certificate and key that each proxy is given by " +
							"its environment. `disabled`: plain.",
					}}},
				},
				{
					name: "aggregate", member: "aggregate", about: "Endpoints of applications, whose metrics the proxy adds to its own. Their order means nothing.",
					kind: list{key: "name", parts: []part{
						uniqueName("application"),
						{name: "port", member: "port", about: "Port of the application's endpoint.", kind: leaf{port{}}},
						{name: "path", member: "path", about: "Path of the application's endpoint.", kind: leaf{text{}}},
						{name: "address", member: "address", about: "Address of the application's endpoint. Left out, it is that of the proxy.", kind: leaf{text{}}},
						{name: "enabled", member: "enabled", about: "Whether the metrics are added.", kind: leaf{boolean{true}}},
					}},
				},
				{
					name: "envoy", member: "envoy", about: "Which of Envoy's metrics there are.",
					kind: object{parts: []part{
						{
							name: "filter_regex", member: "filterRegex", kind: leaf{text{check: checkRegexp}},
							about: "Regular expression (RE2) for the names of the metrics.",
						},
						{
							name: "used_only", member: "usedOnly", kind: leaf{boolean{false}},
							about: "Whether metrics that Envoy has never updated are left out.",
						},
					}},
				},
			},
		},
	}
}

// impliedTLS is the mode that the control plane fills in where there is none.
func impliedTLS(conf values) string {
	if skip, ok := conf["skip_mtls"].(types.Bool); ok && skip.ValueBool() {
		return disabledTLS
	}
	return activeMTLSBackend
}

// writeTLS says the mode also where it is left out: the one that is there may
// have been filled in when skip_mtls was another. Beside a mode that does not
// follow from skipMTLS, the control plane refuses skipMTLS, false as well.
func writeTLS(document *kuma.Document, wanted values) {
	mode, _ := attributesOf(wanted["tls"])["mode"].(types.String)
	switch implied := impliedTLS(wanted); {
	case isNull(wanted["tls"]):
		wanted["tls"] = types.ObjectValueMust(map[string]attr.Type{"mode": types.StringType}, values{"mode": types.StringValue(implied)})
	case mode.ValueString() != implied:
		document.Delete("skipMTLS")
	}
}

// leaveOutImpliedTLS is no diff for a mode that was filled in.
func leaveOutImpliedTLS(now, prior values) {
	mode, _ := attributesOf(now["tls"])["mode"].(types.String)
	if isNull(prior["tls"]) && mode.ValueString() == impliedTLS(now) {
		now["tls"] = types.ObjectNull(map[string]attr.Type{"mode": types.StringType})
	}
}
