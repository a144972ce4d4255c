package kumatest

import (
	"fmt"
	"strings"
)

func meshType(set releaseSet) *resourceType {
	return &resourceType{
		name: "Mesh", path: "meshes", short: "m", in: inAll, traits: global | down | isMesh, schema: meshSchema(set),
		special: special{
			check: (*ControlPlane).checkMesh, admit: (*ControlPlane).admitMesh, established: (*ControlPlane).establishMesh,
			warn: (*ControlPlane).warnOfMesh, checkDelete: (*ControlPlane).checkMeshDelete,
			wrote: func(f *fleet, mesh *resource) { f.eachZone(func(z *Zone) { z.meshWritten(mesh.name) }) },
			deleted: func(f *fleet, mesh *resource) {
				f.eachZone(func(z *Zone) {
					delete(z.meshes, mesh.name)
					z.meshDeleted(mesh.name)
				})
				f.drop("MeshInsight", "", mesh.name)
			},
		},
	}
}

func (cp *ControlPlane) mesh(name string) (*resource, bool) { return cp.store.get("Mesh", "", name) }

func (cp *ControlPlane) meshes() []*resource { return cp.store.list("Mesh", "", nil) }

// admitMesh adds defaults, and validates a mesh against its predecessor and its secrets.
func (cp *ControlPlane) admitMesh(w write) error {
	title := cp.release.updateTitle
	var broken violations
	if w.current == nil {
		title = cp.release.createTitle
		if err := cp.admitHostName(w); err != nil {
			return err
		}
		if len(w.draft.name) > 63 {
			broken.add("name", "cannot be longer than 63 characters")
		}
	}
	if cp.release.meshTLS {
		fillMetrics(w.draft)
		if w.current != nil {
			broken = append(broken, cp.checkAuthorityChange(w.current.document, w.draft.document)...)
		}
		broken = append(broken, cp.checkAuthorities(w.call, w.draft)...)
	}
	if err := invalid(title, broken); err != nil || w.current == nil {
		return err
	}
	if err := cp.ensureAuthorities(w.draft); err != nil {
		return internal(title)
	}
	return nil
}

// establishMesh creates what a new mesh has.
func (cp *ControlPlane) establishMesh(mesh *resource) error {
	err := cp.ensureAuthorities(mesh)
	if err == nil {
		err = cp.ensureDefaults(mesh)
	}
	if err != nil {
		return internal(cp.release.createTitle)
	}
	return nil
}

// checkAuthorityChange rejects a change from one enabled backend to another. Kong Mesh allows it.
func (cp *ControlPlane) checkAuthorityChange(before, after *document) violations {
	was := before.object("mtls").text("enabledBackend")
	is := after.object("mtls").text("enabledBackend")
	if cp.kongMesh || was == "" || is == "" || was == is {
		return nil
	}
	return violations{{"mtls.enabledBackend", "Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA"}}
}

// checkMeshDelete rejects the deletion of a mesh with data plane proxies.
func (cp *ControlPlane) checkMeshDelete(mesh *resource) violations {
	if len(cp.store.list("Dataplane", mesh.name, nil)) == 0 {
		return nil
	}
	return violations{{"mesh", "unable to delete mesh, there are still some dataplanes attached"}}
}

func (cp *ControlPlane) warnOfMesh(mesh *resource) []string {
	name := displayName(mesh.name, mesh.labels)
	problems := dnsLabelProblems(name)
	if !cp.release.warnsOfName || len(problems) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Invalid Mesh resource name: '%s'. It does not conform to the DNS format (RFC 1035). This is deprecated. Errors: %s",
		name, strings.Join(problems, "; "))}
}

// fillMetrics adds defaults to Prometheus backends. Other sections get none.
func fillMetrics(mesh *resource) {
	for _, backend := range mesh.document.object("metrics").objects("backends") {
		if backend.text("type") != "prometheus" {
			continue
		}
		conf, err := typed(backend.conf(), prometheusSchema())
		if err != nil {
			continue // the document was validated before
		}
		switch {
		case !conf.has("tls"):
			conf.set("tls", prometheusTLS(conf, conf.flag("skipMTLS")))
		case conf.has("skipMTLS") && get[int32](conf.object("tls"), "mode") == providedTLS:
			delete(conf.values, "skipMTLS")
		}
		if conf.number("port") == 0 {
			conf.set("port", uint32(5670))
		}
		if conf.text("path") == "" {
			conf.set("path", "/metrics")
		}
		if len(conf.tags("tags")) == 0 {
			conf.set("tags", map[string]string{serviceTag: "dataplane-metrics"})
		}
		backend.set("conf", untyped(conf))
	}
	if !mesh.verbatim {
		mesh.content = mesh.document.encode()
	}
}

// Modes of protection of metrics, as numbers of the field tls.mode.
const (
	activeMTLSBackend int32 = iota
	providedTLS
	disabledTLS
)

func prometheusTLS(conf *document, skip bool) *document {
	tls := newDocument(conf.message.field("tls").message)
	if skip {
		tls.set("mode", disabledTLS)
	}
	return tls
}
