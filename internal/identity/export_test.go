package identity

// SPIFFEID renders the SPIFFE ID of a proxy with these labels, "" if that is not
// possible.
func SPIFFEID(zone, environment, trustDomain, path string, labels map[string]string) string {
	return proxyID{mesh: "m", zone: zone, environment: environment, trustDomain: trustDomain, path: path, labels: labels}.id()
}

// InterimTrust is the name of the MeshTrust that a rotation of an identity writes.
func InterimTrust(name, domain string) string { return interimTrust(name, domain) }

// IsInterim reports whether a MeshTrust is one of those.
func IsInterim(name, domain string) bool { return trust{name: name, domain: domain}.isInterim() }
