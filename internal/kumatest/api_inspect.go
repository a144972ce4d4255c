package kumatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The routes of this file inspect proxies and policies. Of the configuration of a proxy, there are only its secrets. The
// other routes answer as for proxies that are not connected: not found for what does not exist, and an error otherwise.

// An inspection is a route below a resource.
type inspection struct {
	path   string
	absent string // title of the answer if there is no such resource
	in     releaseSet
	always bool // there never is one, because nothing is connected
}

func (e endpoints) registerInspections(rt *router, one string) {
	for _, i := range e.kind.inspections {
		if i.in&e.release.set != 0 {
			rt.add(http.MethodGet, one+"/{name}/"+i.path, e.inspect(i))
		}
	}
	if e.kind.is(policy) {
		rt.add(http.MethodGet, one+"/{name}/_resources/dataplanes", e.inspect(inspection{absent: "Could not retrieve policy"}))
	}
}

func (e endpoints) inspect(i inspection) handler {
	return func(c *call) (answer, error) {
		if e.global && i.path == "_config" {
			return answer{}, methodNotAllowed("Not allowed on global CP")
		}
		mesh, err := e.meshOf(c)
		if err != nil {
			return answer{}, err
		}
		if what, ok := c.params["type"]; ok && what != "xds" && what != "stats" && what != "clusters" {
			return answer{}, notFound("Could not execute admin operation")
		}
		if _, ok := e.store.get(e.kind.name, mesh, c.params["name"]); !ok || i.always {
			return answer{}, notFound(i.absent)
		}
		if e.kind.is(policy) {
			return jsonAnswer(http.StatusOK, map[string]any{"total": 0, "items": []any{}}), nil
		}
		if dump, ok := e.fleet.dump(mesh, c.params["name"]); ok && e.kind.name == "Dataplane" && c.params["type"] == "xds" {
			return jsonAnswer(http.StatusOK, dump), nil
		}
		return answer{}, internal("Could not execute admin operation")
	}
}

// getHostnames rejects everything that is no service. The services here have no hostnames to inspect.
func (cp *ControlPlane) getHostnames(c *call) (answer, error) {
	const services = "meshservices,meshexternalservices,meshmultizoneservices"
	if !slices.Contains(strings.Split(services, ","), c.params["type"]) {
		return answer{}, &refusal{
			status: http.StatusBadRequest, title: fmt.Sprintf("only %q are available for inspection", services), detail: "Resource is not valid",
		}
	}
	return answer{}, notFound("could not retrieve service")
}

// getByKRI finds a resource by its identifier, kri_TYPE_MESH_ZONE_NAMESPACE_NAME_SECTION.
func (cp *ControlPlane) getByKRI(c *call) (answer, error) {
	kri := c.params["kri"]
	parts := strings.Split(kri, "_")
	if len(parts) < 7 {
		return answer{}, badRequest("bad request: invalid identifier string: %q", kri)
	}
	if parts[0] != "kri" {
		return answer{}, badRequest("bad request: identifier must start with 'kri': %q", kri)
	}
	short, mesh, zone, name := parts[1], parts[2], parts[3], parts[5]
	for _, t := range cp.types {
		if t.short != short || short == "" {
			continue
		}
		r, ok := cp.store.get(t.name, mesh, name)
		if isLocal := zone == zoneName && !cp.global || zone == "" && cp.global; !ok || !isLocal {
			return answer{}, notFound("Could not retrieve a resource")
		}
		return jsonAnswer(http.StatusOK, cp.render(r)), nil
	}
	return answer{}, badRequest("bad request: unknown short name of resource type: %q", short)
}
