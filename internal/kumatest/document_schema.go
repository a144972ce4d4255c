package kumatest

// This file describes the documents: one function a document, one line a field, in the order in which the
// control plane writes them.

func meshSchema(set releaseSet) *message {
	if set == in30 {
		return &message{fields: []field{{name: "skipCreatingInitialPolicies", repeated: true}}}
	}
	routing := []field{
		{name: "localityAwareLoadBalancing", kind: boolKind},
		{name: "zoneEgress", kind: boolKind},
	}
	if set == in214 {
		routing = append(routing, field{name: "defaultForbidMeshExternalServiceAccess", kind: boolKind})
	}
	mesh := []field{
		object("mtls",
			field{name: "enabledBackend"},
			field{name: "backends", kind: objectKind, repeated: true, message: authoritySchema()},
			field{name: "skipValidation", kind: boolKind}),
		object("tracing",
			field{name: "defaultBackend"},
			objects("backends",
				field{name: "name"},
				field{name: "sampling", kind: doubleKind, wrapped: true},
				field{name: "type"},
				field{name: "conf", kind: anyKind})),
		object("logging",
			field{name: "defaultBackend"},
			objects("backends",
				field{name: "name"},
				field{name: "format"},
				field{name: "type"},
				field{name: "conf", kind: anyKind})),
		object("metrics",
			field{name: "enabledBackend"},
			field{name: "backends", kind: objectKind, repeated: true, message: metricsBackendSchema()}),
		object("networking",
			object("outbound", field{name: "passthrough", kind: boolKind, wrapped: true})),
		object("routing", routing...),
		object("constraints",
			object("dataplaneProxy",
				objects("requirements", field{name: "tags", kind: stringMapKind}),
				objects("restrictions", field{name: "tags", kind: stringMapKind}))),
		{name: "skipCreatingInitialPolicies", repeated: true},
	}
	if set == in214 {
		mesh = append(mesh, object("meshServices", field{name: "mode", kind: enumKind, enum: &enum{
			name:   "kuma.mesh.v1alpha1.Mesh.MeshServices.Mode",
			values: []string{"Disabled", "Everywhere", "ReachableBackends", "Exclusive"},
		}}))
	}
	return &message{fields: mesh}
}

func authoritySchema() *message {
	return &message{fields: []field{
		{name: "name"},
		{name: "type"},
		object("dpCert",
			object("rotation", field{name: "expiration"}),
			field{name: "requestTimeout", kind: durationKind}),
		{name: "conf", kind: anyKind},
		{name: "mode", kind: enumKind, enum: &enum{
			name:   "kuma.mesh.v1alpha1.CertificateAuthorityBackend.Mode",
			values: []string{"STRICT", "PERMISSIVE"},
		}},
		object("rootChain", field{name: "requestTimeout", kind: durationKind}),
	}}
}

func providedSchema() *message {
	source := []field{
		{name: "secret", oneOf: "type"},
		{name: "file", oneOf: "type"},
		{name: "inline", oneOf: "type", kind: bytesKind},
		{name: "inlineString", oneOf: "type"},
	}
	return &message{fields: []field{object("cert", source...), object("key", source...)}}
}

func builtinSchema() *message {
	return &message{fields: []field{
		object("caCert",
			field{name: "RSAbits", kind: uint32Kind, wrapped: true},
			field{name: "expiration"}),
	}}
}

func metricsBackendSchema() *message {
	return &message{fields: []field{
		{name: "name"},
		{name: "type"},
		{name: "conf", kind: anyKind},
	}}
}

func prometheusSchema() *message {
	return &message{fields: []field{
		{name: "port", kind: uint32Kind},
		{name: "path"},
		{name: "tags", kind: stringMapKind},
		{name: "skipMTLS", kind: boolKind, wrapped: true},
		objects("aggregate",
			field{name: "name"},
			field{name: "port", kind: uint32Kind},
			field{name: "path"},
			field{name: "enabled", kind: boolKind, wrapped: true},
			field{name: "address"}),
		object("envoy",
			field{name: "filterRegex"},
			field{name: "usedOnly", kind: boolKind, wrapped: true}),
		object("tls", field{name: "mode", kind: enumKind, enum: &enum{
			name:   "kuma.mesh.v1alpha1.PrometheusTlsConfig.Mode",
			values: []string{"activeMTLSBackend", "providedTLS", "disabled"},
		}}),
	}}
}

func datadogSchema() *message {
	return &message{fields: []field{
		{name: "address"},
		{name: "port", kind: uint32Kind},
		{name: "splitService", kind: boolKind},
	}}
}

func zipkinSchema() *message {
	return &message{fields: []field{
		{name: "url"},
		{name: "traceId128bit", kind: boolKind},
		{name: "apiVersion"},
		{name: "sharedSpanContext", kind: boolKind, wrapped: true},
	}}
}

func fileLogSchema() *message { return &message{fields: []field{{name: "path"}}} }

func tcpLogSchema() *message { return &message{fields: []field{{name: "address"}}} }

func secretSchema() *message {
	return &message{fields: []field{{name: "data", kind: bytesKind}}}
}

func dataplaneSchema(set releaseSet) *message {
	inbound := []field{
		{name: "port", kind: uint32Kind},
		{name: "servicePort", kind: uint32Kind},
		{name: "serviceAddress"},
		{name: "address"},
		{name: "tags", kind: stringMapKind},
		object("health", field{name: "ready", kind: boolKind}),
		object("serviceProbe",
			field{name: "interval", kind: durationKind},
			field{name: "timeout", kind: durationKind},
			field{name: "unhealthyThreshold", alias: "unhealthy_threshold", kind: uint32Kind, wrapped: true},
			field{name: "healthyThreshold", alias: "healthy_threshold", kind: uint32Kind, wrapped: true},
			object("tcp")),
		{name: "state", kind: enumKind, enum: &enum{
			name:   "kuma.mesh.v1alpha1.Dataplane.Networking.Inbound.State",
			values: []string{"Ready", "NotReady", "Ignored"},
		}},
	}
	backendRef := []field{{name: "kind"}, {name: "name"}, {name: "port", kind: uint32Kind}}
	proxying := []field{
		{name: "redirectPortInbound", alias: "redirect_port_inbound", kind: uint32Kind},
		{name: "redirectPortOutbound", alias: "redirect_port_outbound", kind: uint32Kind},
		{name: "directAccessServices", alias: "direct_access_services", repeated: true},
		{name: "redirectPortInboundV6", alias: "redirect_port_inbound_v6", kind: uint32Kind},
		{name: "reachableServices", alias: "reachable_services", repeated: true},
		{name: "ipFamilyMode", alias: "ip_family_mode", kind: enumKind, enum: &enum{
			name:   "kuma.mesh.v1alpha1.Dataplane.Networking.TransparentProxying.IpFamilyMode",
			values: []string{"UnSpecified", "DualStack", "IPv4", "IPv6"},
		}},
	}
	if set&from214 != 0 {
		inbound = append(inbound, field{name: "name"}, field{name: "protocol"})
		backendRef = append(backendRef, field{name: "labels", kind: stringMapKind})
		proxying = append(remove(proxying, "redirectPortInboundV6"), object("reachableBackends",
			objects("refs",
				field{name: "kind"},
				field{name: "name"},
				field{name: "namespace"},
				field{name: "port", kind: uint32Kind, wrapped: true},
				field{name: "labels", kind: stringMapKind})))
	}
	outbound := []field{
		{name: "address"},
		{name: "port", kind: uint32Kind},
		{name: "tags", kind: stringMapKind},
		object("backendRef", backendRef...),
	}
	gatewayTypes := []string{"DELEGATED", "BUILTIN"}
	if set == in30 {
		inbound = remove(inbound, "tags")
		outbound = remove(outbound, "tags")
		proxying = remove(proxying, "reachableServices")
		gatewayTypes = gatewayTypes[:1]
	}
	networking := []field{
		{name: "address"},
		{name: "advertisedAddress"},
		object("gateway",
			field{name: "tags", kind: stringMapKind},
			field{name: "type", kind: enumKind, enum: &enum{
				name:   "kuma.mesh.v1alpha1.Dataplane.Networking.Gateway.GatewayType",
				values: gatewayTypes,
			}}),
		objects("inbound", inbound...),
		objects("outbound", outbound...),
		object("transparentProxying", proxying...),
		object("admin", field{name: "port", kind: uint32Kind}),
	}
	networking[5].alias = "transparent_proxying"
	if set == in30 {
		networking = remove(networking, "advertisedAddress")
	}
	if set&from214 != 0 {
		networking = append(networking, objects("listeners",
			field{name: "type", kind: enumKind, enum: &enum{
				name:   "kuma.mesh.v1alpha1.Dataplane.Networking.Listener.Type",
				values: []string{"Unspecified", "ZoneIngress", "ZoneEgress"},
			}},
			field{name: "address"},
			field{name: "port", kind: uint32Kind},
			field{name: "name"},
			field{name: "state", kind: enumKind, enum: &enum{
				name:   "kuma.mesh.v1alpha1.Dataplane.Networking.Listener.State",
				values: []string{"Ready", "NotReady"},
			}}))
	}
	dataplane := []field{object("networking", networking...)}
	if set&until214 != 0 {
		dataplane = append(dataplane,
			field{name: "metrics", kind: objectKind, message: metricsBackendSchema()},
			object("probes",
				field{name: "port", kind: uint32Kind},
				objects("endpoints",
					field{name: "inboundPort", alias: "inbound_port", kind: uint32Kind},
					field{name: "inboundPath", alias: "inbound_path"},
					field{name: "path"})))
	}
	return &message{fields: dataplane}
}

func object(name string, fields ...field) field {
	return field{name: name, kind: objectKind, message: &message{fields: fields}}
}

func objects(name string, fields ...field) field {
	f := object(name, fields...)
	f.repeated = true
	return f
}

func remove(fields []field, name string) []field {
	var kept []field
	for _, f := range fields {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	return kept
}
