package identity

// SPIFFEID renders the SPIFFE ID of a proxy with these labels, "" if that is not
// possible.
func SPIFFEID(zone, environment, trustDomain, path string, labels map[string]string) string {
	return proxyID{mesh: "m", zone: zone, environment: environment, trustDomain: trustDomain, path: path, labels: labels}.id()
}
