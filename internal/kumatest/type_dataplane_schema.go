package kumatest

// dataplaneSchema describes the document, one line for each field, in the order in which the control plane writes them.
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
