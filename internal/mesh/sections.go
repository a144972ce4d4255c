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

const backendName = "Name of the backend, unique among the others of this list."

// sections are the parts of a mesh's document that kongmesh_mesh manages, next
// to its labels: those of kuma's mesh.proto and metrics.proto.
func sections() []part {
	return []part{
		{
			name: "networking", member: "networking", kind: object,
			about: "How proxies reach what is outside of the mesh.",
			parts: []part{{
				name: "outbound", member: "outbound", kind: object, required: true,
				about: "Traffic that leaves proxies.",
				parts: []part{{
					name: "passthrough", member: "passthrough", kind: flag, absent: true,
					about: "Whether requests to destinations that the mesh does not know pass through.",
				}},
			}},
		},
		{
			name: "routing", member: "routing", kind: object,
			about: "How requests find their destination.",
			parts: []part{
				{
					name: "locality_aware_load_balancing", member: "localityAwareLoadBalancing", kind: flag, absent: false,
					about: "Whether proxies prefer destinations in their own zone.",
				},
				{
					name: "zone_egress", member: "zoneEgress", kind: flag, absent: false,
					about: "Whether traffic to other zones and to external services goes through the zone egress. The control plane accepts it only while " +
						"the mesh has mTLS. The provider turns it on together with the `kongmesh_mtls_provided_backend` that the same run enables, and off " +
						"together with the mTLS of the mesh.",
				},
				{
					name: "default_forbid_mesh_external_service_access", member: "defaultForbidMeshExternalServiceAccess", kind: flag, absent: false,
					about: "Whether traffic to a MeshExternalService is blocked unless a policy allows it. Version 2.7 does not have it.",
				},
			},
		},
		{
			name: "mesh_services", member: "meshServices", kind: object,
			about: "Whether services are MeshService resources. Version 2.7 does not have it.",
			parts: []part{{
				name: "mode", member: "mode", kind: text, absent: "Disabled",
				rules: rules{values: []string{"Disabled", "Everywhere", "ReachableBackends", "Exclusive"}},
				about: "`Disabled`: no MeshService is made. `Everywhere`: they are made and used. `ReachableBackends`: they are made and used where " +
					"a proxy names them in its reachable backends. `Exclusive`: they are used, and `kuma.io/service` is not.",
			}},
		},
		{
			name: "constraints", member: "constraints", kind: object,
			about: "What the mesh demands of those in it.",
			parts: []part{{
				name: "dataplane_proxy", member: "dataplaneProxy", kind: object, required: true,
				about: "Which data plane proxies may join.",
				parts: []part{
					{
						name: "requirements", member: "requirements", kind: list,
						about: "A proxy must meet at least one of these, if there are any.",
						parts: []part{selector("Tags that a proxy must have, all of them; the value `*` is any.")},
					},
					{
						name: "restrictions", member: "restrictions", kind: list,
						about: "A proxy that meets one of these may not join, whatever it meets of `requirements`.",
						parts: []part{selector("Tags that keep a proxy out if it has all of them; the value `*` is any.")},
					},
				},
			}},
		},
		logging(),
		tracing(),
		metrics(),
	}
}

func selector(about string) part {
	return part{name: "tags", member: "tags", kind: tags, required: true, about: about, rules: rules{selector: true}}
}

func logging() part {
	return part{
		name: "logging", member: "logging", kind: object,
		about: "Where access logs go.",
		parts: []part{
			{
				name: "default_backend", member: "defaultBackend", kind: text,
				about: "Name of the backend that is used where a policy names none.",
			},
			{
				name: "backends", member: "backends", kind: list, key: "name",
				about: "The backends. Their order means nothing.",
				parts: []part{
					{name: "name", member: "name", kind: text, required: true, about: backendName},
					{
						name: "format", member: "format", kind: text,
						about: "Form of an entry, with the command operators of Envoy and Kuma, such as `%START_TIME%`. Left out, the control plane's own form is used.",
					},
				},
				types: []part{
					{
						name: "file", member: "conf", kind: object,
						about: "A backend of type `file`: logs go to a file.",
						parts: []part{{name: "path", member: "path", kind: text, required: true, about: "Path of the file on the proxy's machine."}},
					},
					{
						name: "tcp", member: "conf", kind: object,
						about: "A backend of type `tcp`: logs go to a TCP service.",
						parts: []part{{
							name: "address", member: "address", kind: text, required: true, rules: rules{check: checkHostPort},
							about: "Address of the service, `host:port`.",
						}},
					},
				},
			},
		},
	}
}

func tracing() part {
	return part{
		name: "tracing", member: "tracing", kind: object,
		about: "Where traces go.",
		parts: []part{
			{
				name: "default_backend", member: "defaultBackend", kind: text,
				about: "Name of the backend that is used where a policy names none.",
			},
			{
				name: "backends", member: "backends", kind: list, key: "name",
				about: "The backends. Their order means nothing.",
				parts: []part{
					{name: "name", member: "name", kind: text, required: true, about: backendName},
					{
						name: "sampling", member: "sampling", kind: fraction, absent: 100.0,
						about: "Percentage of requests that are traced, from 0 to 100.",
					},
				},
				types: []part{
					{
						name: "zipkin", member: "conf", kind: object,
						about: "A backend of type `zipkin`: traces go to a Zipkin collector, or one that takes its format.",
						parts: []part{
							{
								name: "url", member: "url", kind: text, required: true, rules: rules{check: checkURLWithPort},
								about: "URL of the collector, with its port, such as `http://zipkin:9411/api/v2/spans`.",
							},
							{
								name: "trace_id_128bit", member: "traceId128bit", kind: flag, absent: false,
								about: "Whether the identifiers of traces have 128 bits.",
							},
							{
								name: "api_version", member: "apiVersion", kind: text, absent: "httpJson",
								rules: rules{values: []string{"httpJson", "httpJsonV1", "httpProto"}},
								about: "Version of the collector's API: `httpJson`, `httpJsonV1` or `httpProto`.",
							},
							{
								name: "shared_span_context", member: "sharedSpanContext", kind: flag, absent: true,
								about: "Whether client and server share one span.",
							},
						},
					},
					{
						name: "datadog", member: "conf", kind: object,
						about: "A backend of type `datadog`: traces go to a Datadog agent.",
						parts: []part{
							{name: "address", member: "address", kind: text, required: true, about: "Address of the agent."},
							{name: "port", member: "port", kind: number, required: true, about: "Port of the agent."},
							{
								name: "split_service", member: "splitService", kind: flag, absent: false,
								about: "Whether Datadog sees a service as several, by direction and destination, such as `backend_OUTBOUND_db1`.",
							},
						},
					},
				},
			},
		},
	}
}

func metrics() part {
	return part{
		name: "metrics", member: "metrics", kind: object,
		about: "How proxies expose metrics.",
		parts: []part{
			{
				name: "enabled_backend", member: "enabledBackend", kind: text,
				about: "Name of the backend in use. Without one there are no metrics.",
			},
			{
				name: "backends", member: "backends", kind: list, key: "name",
				about: "The backends. Their order means nothing.",
				parts: []part{{name: "name", member: "name", kind: text, required: true, about: backendName}},
				types: []part{prometheus()},
			},
		},
	}
}

func prometheus() part {
	return part{
		name: "prometheus", member: "conf", kind: object,
		about:       "A backend of type `prometheus`: each proxy has an endpoint for Prometheus.",
		beforeWrite: writeTLS,
		afterRead:   leaveOutImpliedTLS,
		rules:       rules{whole: checkTLS},
		parts: []part{
			{name: "port", member: "port", kind: number, absent: int64(5670), about: "Port of the endpoint."},
			{name: "path", member: "path", kind: text, absent: "/metrics", about: "Path of the endpoint."},
			{
				name: "tags", member: "tags", kind: tags, absent: map[string]string{"kuma.io/service": "dataplane-metrics"},
				about: "Tags of the endpoint.",
			},
			{
				name: "skip_mtls", member: "skipMTLS", kind: flag, absent: false,
				about: "Whether the endpoint is plain even when the mesh has mTLS. The older form of `tls`: `true` is the mode `disabled`.",
			},
			{
				name: "tls", member: "tls", kind: object,
				about: "TLS of the endpoint.",
				parts: []part{{
					name: "mode", member: "mode", kind: text, absent: activeMTLSBackend,
					rules: rules{values: []string{activeMTLSBackend, providedTLS, disabledTLS}},
					about: "`activeMTLSBackend`: mTLS, if the mesh has it. `providedTLS`: with the certificate and key that each proxy is given by " +
						"its environment. `disabled`: plain.",
				}},
			},
			{
				name: "aggregate", member: "aggregate", kind: list, key: "name",
				about: "Endpoints of applications, whose metrics the proxy adds to its own. Their order means nothing.",
				parts: []part{
					{name: "name", member: "name", kind: text, required: true, about: "Name of the application, unique among the others of this list."},
					{name: "port", member: "port", kind: number, about: "Port of the application's endpoint."},
					{name: "path", member: "path", kind: text, about: "Path of the application's endpoint."},
					{name: "address", member: "address", kind: text, about: "Address of the application's endpoint. Left out, it is that of the proxy."},
					{name: "enabled", member: "enabled", kind: flag, absent: true, about: "Whether the metrics are added."},
				},
			},
			{
				name: "envoy", member: "envoy", kind: object,
				about: "Which of Envoy's metrics there are.",
				parts: []part{
					{
						name: "filter_regex", member: "filterRegex", kind: text, rules: rules{check: checkRegexp},
						about: "Regular expression (RE2) for the names of the metrics.",
					},
					{
						name: "used_only", member: "usedOnly", kind: flag, absent: false,
						about: "Whether metrics that Envoy has never updated are left out.",
					},
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
