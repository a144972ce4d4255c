package kumatest

import "encoding/json"

// A tally has the numbers of proxies by status.
type tally struct {
	Total   int `json:"total,omitempty"`
	Online  int `json:"online,omitempty"`
	Offline int `json:"offline,omitempty"`
}

func (t *tally) count(online bool) {
	t.Total++
	if online {
		t.Online++
	} else {
		t.Offline++
	}
}

// tallies are tallies by name.
type tallies map[string]*tally

func (t tallies) count(name string, online bool) {
	if t[name] == nil {
		t[name] = &tally{}
	}
	t[name].count(online)
}

// A summary is the content of a MeshInsight.
type summary struct {
	Dataplanes tally            `json:"dataplanes"`
	Policies   map[string]tally `json:"policies,omitempty"`
	Versions   struct {
		KumaDP tallies `json:"kumaDp,omitempty"`
		Envoy  tallies `json:"envoy,omitempty"`
	} `json:"dpVersions"`
	MTLS struct {
		Issued    tallies `json:"issuedBackends,omitempty"`
		Supported tallies `json:"supportedBackends,omitempty"`
	} `json:"mTLS"`
	Services struct {
		Total    int `json:"total,omitempty"`
		Internal int `json:"internal,omitempty"`
	} `json:"services"`
	ByType    map[string]tally `json:"dataplanesByType"`
	Resources map[string]tally `json:"resources"`
}

// An overviewed is the part of a proxy's insight that a summary needs.
type overviewed struct {
	Subscriptions []struct {
		DisconnectTime string
		Version        struct{ KumaDp, Envoy struct{ Version string } }
	}
	MTLS struct {
		IssuedBackend     string
		SupportedBackends []string
	}
}

// outdate schedules an update of the MeshInsight of a mesh.
func (f *fleet) outdate(mesh string) {
	if mesh == "" || f.stale[mesh] {
		return
	}
	f.stale[mesh] = true
	f.after(f.between(0, meshInsightMax), nil, func() {
		delete(f.stale, mesh)
		f.summarize(mesh)
	})
}

func (f *fleet) summarize(mesh string) {
	if _, ok := f.cp.mesh(mesh); !ok {
		return
	}
	var s summary
	s.Versions.KumaDP, s.Versions.Envoy = tallies{}, tallies{}
	s.MTLS.Issued, s.MTLS.Supported = tallies{}, tallies{}
	services := map[string]bool{}
	for _, dataplane := range f.cp.store.list("Dataplane", mesh, nil) {
		s.add(f.overviewed(dataplane))
		for _, service := range identityTags(dataplane.document)[serviceTag] {
			services[service] = true
		}
	}
	s.Services.Total, s.Services.Internal = len(services), len(services)
	s.ByType = map[string]tally{"standard": s.Dataplanes, "gateway": {}, "gatewayBuiltin": {}, "gatewayDelegated": {}}
	s.countResources(f.cp, mesh)
	f.show(&resource{kind: f.cp.typeOf("MeshInsight"), name: mesh, content: mustMarshal(s)})
}

// overviewed reads the insight of a proxy, which is empty if it never connected.
func (f *fleet) overviewed(dataplane *resource) (o overviewed) {
	if insight, ok := f.cp.store.get("DataplaneInsight", dataplane.mesh, dataplane.name); ok {
		_ = json.Unmarshal(insight.content, &o) // one from a test may have any content
	}
	return o
}

func (s *summary) add(o overviewed) {
	online, dp, envoy := false, "unknown", "unknown"
	if n := len(o.Subscriptions); n > 0 {
		last := o.Subscriptions[n-1]
		online, dp, envoy = last.DisconnectTime == "", last.Version.KumaDp.Version, last.Version.Envoy.Version
	}
	s.Dataplanes.count(online)
	s.Versions.KumaDP.count(dp, online)
	s.Versions.Envoy.count(envoy, online)
	if o.MTLS.IssuedBackend != "" {
		s.MTLS.Issued.count(o.MTLS.IssuedBackend, online)
	}
	for _, backend := range o.MTLS.SupportedBackends {
		s.MTLS.Supported.count(backend, online)
	}
}

func (s *summary) countResources(cp *ControlPlane, mesh string) {
	s.Policies, s.Resources = map[string]tally{}, map[string]tally{}
	for _, t := range cp.types {
		n := len(cp.store.list(t.name, mesh, nil))
		if t.is(global) || t.is(made) || n == 0 {
			continue
		}
		s.Resources[t.name] = tally{Total: n}
		if t.is(policy) {
			s.Policies[t.name] = tally{Total: n}
		}
	}
}
