package kumatest

import "net/http"

// Names in the answers of a control plane about itself.
const (
	hostname   = "kumatest"
	instanceID = "kumatest-1"
	clusterID  = "6b756d61-7465-4374-8000-000000000001"
)

// registerInfo adds the routes for information about the control plane.
func (cp *ControlPlane) registerInfo(rt *router) {
	rt.add(http.MethodGet, "/", cp.getIndex).open = true
	rt.add(http.MethodGet, "/config", cp.getConfig)
	rt.add(http.MethodGet, "/who-am-i", func(c *call) (answer, error) { return jsonAnswer(http.StatusOK, c.user), nil })
	rt.add(http.MethodGet, "/policies", cp.getPolicies)
	rt.add(http.MethodGet, "/_resources", cp.getResourceTypes)
	if cp.release.kri {
		rt.add(http.MethodGet, "/_kri/{kri}", cp.getByKRI)
		rt.add(http.MethodGet, "/meshes/{mesh}/{type}/{name}/_hostnames", cp.getHostnames)
	}
	if cp.release.zoneStatus {
		rt.add(http.MethodGet, "/status/zones", cp.getZoneStatus)
	}
	cp.registerTokens(rt)
}

func (cp *ControlPlane) product() string {
	if cp.kongMesh {
		return "Kong Mesh"
	}
	return "Kuma"
}

func (cp *ControlPlane) getIndex(*call) (answer, error) {
	if cp.release.tagline {
		return jsonAnswer(http.StatusOK, struct {
			Hostname   string `json:"hostname"`
			Tagline    string `json:"tagline"`
			Product    string `json:"product"`
			Version    string `json:"version"`
			InstanceID string `json:"instanceId"`
			ClusterID  string `json:"clusterId"`
			GUI        string `json:"gui"`
		}{hostname, cp.product(), cp.product(), cp.release.version, instanceID, clusterID, "/gui"}), nil
	}
	return jsonAnswer(http.StatusOK, struct {
		ClusterID  string `json:"clusterId"`
		GUI        string `json:"gui"`
		Hostname   string `json:"hostname"`
		InstanceID string `json:"instanceId"`
		Product    string `json:"product"`
		Version    string `json:"version"`
	}{clusterID, "/gui", hostname, instanceID, cp.product(), cp.release.version}), nil
}

// getConfig returns the configuration, with only the parts that a client may depend on. It is the only answer without
// indentation.
func (cp *ControlPlane) getConfig(c *call) (answer, error) {
	if cp.metadata == http.StatusNotFound {
		return textAnswer(http.StatusNotFound, "404: Page Not Found"), nil
	}
	if cp.metadata == http.StatusForbidden && !c.user.isAdmin() {
		return answer{}, accessDenied(c.user, "control-plane metadata")
	}
	mode := "zone"
	if cp.global {
		mode = "global"
	}
	zone := map[string]any{"name": zoneName}
	if cp.globalAddress != "" {
		zone["globalAddress"] = cp.globalAddress
	}
	store := map[string]any{
		"type":         "memory",
		"cache":        map[string]any{"enabled": true, "expirationTime": cp.every.storeCache.String()},
		"unsafeDelete": cp.unsafe,
	}
	if cp.kubernetes {
		store["type"], store["kubernetes"] = "kubernetes", map[string]any{"systemNamespace": cp.systemNamespace}
	}
	config := map[string]any{
		"environment": cp.environment(),
		"mode":        mode,
		"store":       store,
		"apiServer": map[string]any{
			"readOnly": cp.readOnly && (cp.globalAddress == "" || cp.kubernetes),
			"authn":    map[string]any{"type": "tokens", "localhostIsAdmin": !cp.auth},
			"basePath": "/",
		},
		"xdsServer": map[string]any{
			"dataplaneConfigurationRefreshInterval": cp.every.proxyRefresh.String(),
			"dataplaneStatusFlushInterval":          cp.every.proxyFlush.String(),
		},
		"multizone": map[string]any{
			"global": map[string]any{"kds": cp.describeSync()},
			"zone":   zone,
		},
	}
	if cp.typeOf("MeshIdentity") != nil {
		config["coreResources"] = map[string]any{"status": map[string]any{"meshIdentityInterval": cp.every.identityStatus.String()}}
	}
	return answer{status: http.StatusOK, header: contentType("application/json"), body: mustMarshal(config)}, nil
}

// describeSync returns how often a global control plane checks what its zones must get. Version 3 gets an event for
// each write, and checks everything once in that interval.
func (cp *ControlPlane) describeSync() map[string]any {
	described := map[string]any{"zoneInsightFlushInterval": cp.every.zoneFlush.String()}
	if cp.release.set == in30 {
		described["eventBasedWatchdog"] = map[string]any{"flushInterval": cp.every.zoneRefresh.String(), "fullResyncInterval": cp.every.zoneRefresh.String()}
	} else {
		described["refreshInterval"] = cp.every.zoneRefresh.String()
	}
	return described
}

// getZoneStatus returns which zones are connected. The only zone needs no connection.
func (cp *ControlPlane) getZoneStatus(*call) (answer, error) {
	type zone struct {
		Name   string `json:"name"`
		Active bool   `json:"active"`
	}
	var zones []zone
	for _, r := range cp.store.list("Zone", "", nil) {
		zones = append(zones, zone{Name: r.name})
	}
	return jsonAnswer(http.StatusOK, zones), nil
}

func (cp *ControlPlane) getPolicies(*call) (answer, error) {
	type entry struct {
		Name             string `json:"name"`
		ReadOnly         bool   `json:"readOnly"`
		Path             string `json:"path"`
		Singular         string `json:"singularDisplayName"`
		Plural           string `json:"pluralDisplayName"`
		IsExperimental   bool   `json:"isExperimental"`
		IsTargetRefBased bool   `json:"isTargetRefBased"`
		IsInbound        bool   `json:"isInbound"`
		IsOutbound       bool   `json:"isOutbound"`
	}
	var all struct {
		Policies []entry `json:"policies"`
	}
	for _, t := range cp.types {
		if t.is(policy) {
			all.Policies = append(all.Policies, entry{
				Name: t.name, ReadOnly: cp.readOnly || cp.global && !t.is(byGlobal), Path: t.path,
				Singular: t.displayName(), Plural: t.pluralName(),
				IsTargetRefBased: t.is(targetRef), IsInbound: t.is(from), IsOutbound: t.is(to),
			})
		}
	}
	return jsonAnswer(http.StatusOK, all), nil
}

func (cp *ControlPlane) getResourceTypes(*call) (answer, error) {
	var all struct {
		Resources []map[string]any `json:"resources"`
	}
	for _, t := range cp.types {
		scope := "Mesh"
		if t.is(global) {
			scope = "Global"
		}
		entry := map[string]any{
			"includeInFederation": t.is(synced) && !t.is(made),
			"name":                t.name,
			"path":                t.path,
			"pluralDisplayName":   t.pluralName(),
			"readOnly":            cp.readOnly || t.is(made),
			"scope":               scope,
			"singularDisplayName": t.displayName(),
		}
		if cp.release.set != in27 {
			entry["shortName"] = t.short
		} else if t.is(nameless) {
			entry["pluralDisplayName"], entry["singularDisplayName"] = "", ""
		}
		if t.is(policy) {
			hasFrom := t.is(from) && cp.release.set != in30 // rules replaced it
			sections := map[string]any{"hasFromTargetRef": hasFrom, "hasToTargetRef": t.is(to), "isTargetRef": t.is(targetRef)}
			if cp.release.set != in27 {
				sections["hasRulesTargetRef"], sections["isFromAsRules"] = t.is(from), hasFrom && t.is(fromAsRules)
			}
			entry["policy"] = sections
		}
		all.Resources = append(all.Resources, entry)
	}
	return jsonAnswer(http.StatusOK, all), nil
}

// guiPage returns the page of the graphical interface, which a client gets with a wrong address.
func guiPage() answer {
	return answer{
		status: http.StatusOK, header: contentType("text/html; charset=utf-8"),
		body: []byte("<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Manager</title></head>\n<body></body>\n</html>\n"),
	}
}
