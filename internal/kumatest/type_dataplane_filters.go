package kumatest

import (
	"net/url"
	"slices"
	"strings"
)

// proxyFilters returns the filters in the parameters of a list of proxies.
func (cp *ControlPlane) proxyFilters(query url.Values, pattern string) ([]func(*resource) bool, violations) {
	var broken violations
	var all []func(*resource) bool
	gateway := func(keep func(gateway *document) bool) {
		all = append(all, func(r *resource) bool { return keep(r.document.object("networking").object("gateway")) })
	}
	const allowed, withBuiltin = "should use `true`, `false` or `delegated` instead of %s", "shoud use `true`, `false`, 'builtin' or 'delegated' instead of %s"
	switch mode := strings.ToLower(query.Get("gateway")); {
	case mode == "":
	case mode == "true":
		gateway(func(g *document) bool { return g != nil })
	case mode == "false":
		gateway(func(g *document) bool { return g == nil })
	case mode == "builtin" && cp.release.meshTLS:
		gateway(func(g *document) bool { return g != nil && get[int32](g, "type") == gatewayBuiltin })
	case mode == "delegated":
		gateway(func(g *document) bool { return g != nil && get[int32](g, "type") == gatewayDelegated })
	case cp.release.meshTLS:
		broken.add(pattern+".gateway", withBuiltin, mode)
	default:
		broken.add(pattern+".gateway", allowed, mode)
	}
	wanted := map[string]string{}
	for _, parameter := range query["tag"] {
		if name, value, ok := strings.Cut(parameter, ":"); ok {
			wanted[name] = value
		}
	}
	if len(wanted) > 0 {
		all = append(all, func(r *resource) bool { return hasTagsLike(r.document.object("networking"), wanted) })
	}
	return all, broken
}

// hasTagsLike reports whether one inbound, or the gateway, has all wanted tags, with values that contain the wanted
// ones.
func hasTagsLike(networking *document, wanted map[string]string) bool {
	return slices.ContainsFunc(tagCarriers(networking), func(carrier *document) bool {
		for name, value := range wanted {
			if got, ok := carrier.tags("tags")[name]; !ok || !strings.Contains(got, value) {
				return false
			}
		}
		return true
	})
}
