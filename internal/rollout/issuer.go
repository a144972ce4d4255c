package rollout

import (
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// An Issuer is what issues the certificates of proxies: a MeshIdentity, or, if
// Identity is "", the enabled backend of the mesh.
type Issuer struct {
	Mesh, Identity string
	// Selector has the labels of the proxies that the MeshIdentity selects.
	// Selects is false if it selects none.
	Selector map[string]string
	Selects  bool
}

// Foreign reports whether a proxy has its certificate from a MeshIdentity, and
// therefore never gets one from a backend's CA. issuedBackend is the resource
// identifier of the MeshIdentity then (recorded).
func Foreign(d kuma.Dataplane) bool {
	return d.Certificate != nil && strings.HasPrefix(d.Certificate.Backend, "kri_")
}

// Serves reports whether a proxy gets its certificates from the issuer. Another
// MeshIdentity may select a proxy more specifically; its certificate tells.
func (i Issuer) Serves(d kuma.Dataplane) bool {
	switch {
	case i.Identity == "":
		return !Foreign(d)
	case Foreign(d):
		return i.issued(d)
	}
	return i.Selected(d)
}

// ServesAny reports whether one of these proxies has connected and gets its
// certificates from the issuer.
func (i Issuer) ServesAny(proxies []kuma.Dataplane) bool {
	return slices.ContainsFunc(proxies, func(d kuma.Dataplane) bool { return d.Subscription != "" && i.Serves(d) })
}

// issued reports whether the issuer has issued the certificate of a proxy.
func (i Issuer) issued(d kuma.Dataplane) bool {
	return i.Identity == "" || kuma.IsIdentity(d.Certificate.Backend, i.Mesh, i.Identity)
}

// Selected reports whether the MeshIdentity selects a proxy.
func (i Issuer) Selected(d kuma.Dataplane) bool {
	for name, value := range i.Selector {
		if d.Labels[name] != value {
			return false
		}
	}
	return i.Selects
}

// resends reports whether the control plane sends secrets again that a proxy has
// rejected. Version 3 does not (contract, identity rotation 2).
func (i Issuer) resends() bool { return i.Identity == "" }
