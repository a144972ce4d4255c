package kumatest

// An initialPolicy is a policy of a new mesh. The name of the mesh is appended to the policy's.
type initialPolicy struct {
	name, content string
}

func initialCircuitBreakers() []initialPolicy {
	return []initialPolicy{{"mesh-circuit-breaker-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},` +
		`"default":{"connectionLimits":{"maxConnections":1024,"maxPendingRequests":1024,"maxRetries":3,"maxRequests":1024}}}]}}`}}
}

func initialRetries() []initialPolicy {
	return []initialPolicy{{"mesh-retry-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},"default":{` +
		`"tcp":{"maxConnectAttempt":5},` +
		`"http":{"numRetries":5,"perTryTimeout":"16s","backOff":{"baseInterval":"25ms","maxInterval":"250ms"}},` +
		`"grpc":{"numRetries":5,"perTryTimeout":"16s","backOff":{"baseInterval":"25ms","maxInterval":"250ms"}}}}]}}`}}
}

func initialTimeouts(set releaseSet) []initialPolicy {
	if set == in30 {
		return []initialPolicy{
			{"mesh-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh"},"rules":[{"default":{` +
				`"connectionTimeout":"10s","idleTimeout":"2h0m0s",` +
				`"http":{"requestTimeout":"0s","streamIdleTimeout":"1h0m0s","maxStreamDuration":"0s"}}}]}}`},
			{"mesh-timeout-to-all", `{"spec":{"targetRef":{"kind":"Mesh"},"to":[{"targetRef":{"kind":"Mesh"},` +
				`"default":{"connectionTimeout":"5s","idleTimeout":"1h0m0s","http":{"requestTimeout":"15s","streamIdleTimeout":"30m0s"}}}]}}`},
		}
	}
	return []initialPolicy{
		{"mesh-gateways-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh","proxyTypes":["Gateway"]},` +
			`"to":[{"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"1h0m0s","http":{"streamIdleTimeout":"5s"}}}],` +
			`"from":[{"targetRef":{"kind":"Mesh"},"default":{"idleTimeout":"5m0s","http":{"streamIdleTimeout":"5s","requestHeadersTimeout":"500ms"}}}]}}`},
		{"mesh-timeout-all", `{"spec":{"targetRef":{"kind":"Mesh","proxyTypes":["Sidecar"]},` +
			`"to":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"5s","idleTimeout":"1h0m0s",` +
			`"http":{"requestTimeout":"15s","streamIdleTimeout":"30m0s"}}}],` +
			`"from":[{"targetRef":{"kind":"Mesh"},"default":{"connectionTimeout":"10s","idleTimeout":"2h0m0s",` +
			`"http":{"requestTimeout":"0s","streamIdleTimeout":"1h0m0s","maxStreamDuration":"0s"}}}]}}`},
	}
}
