package kumatest

// This file describes the documents of a mesh and of its backends: one line for each field, in the order in which the
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
