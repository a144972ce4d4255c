package kumatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A call is one request while the control plane handles it.
type call struct {
	request *http.Request
	body    []byte
	params  map[string]string
	route   *route
	user    user
	stale   bool // secrets have their content from before the last write

	behindBack bool // the request was made with Do
}

// seen returns resources as the call sees them: with stale, secrets as they were before.
func (c *call) seen(resources ...*resource) []*resource {
	if !c.stale {
		return resources
	}
	var seen []*resource
	for _, r := range resources {
		if r.kind.is(isSecret) {
			r = r.before
		}
		if r != nil {
			seen = append(seen, r)
		}
	}
	return seen
}

// pattern returns the path pattern of the request's route.
func (c *call) pattern() string { return c.route.path }

// endpoints are the handlers of one type of resource. They check in the same order as a real control plane, because the
// first problem decides the answer.
type endpoints struct {
	*ControlPlane
	kind *resourceType
}

func (e endpoints) register(rt *router) {
	paths := []string{e.kind.path}
	if e.kind.oldPath != "" {
		paths = append(paths, e.kind.oldPath)
	}
	for _, path := range paths {
		all := "/" + path
		one := all
		if !e.kind.is(global) {
			one = "/meshes/{mesh}/" + path
		}
		rt.add(http.MethodPut, one+"/{name}", e.put)
		rt.add(http.MethodDelete, one+"/{name}", e.delete)
		rt.add(http.MethodGet, one+"/{name}", e.get)
		rt.add(http.MethodGet, one, e.list)
		if all != one {
			rt.add(http.MethodGet, all, e.list)
		}
		if e.kind.is(hasOverview) {
			e.registerOverviews(rt, all, one)
		}
		e.registerInspections(rt, one)
	}
}

func (e endpoints) registerOverviews(rt *router, all, one string) {
	rt.add(http.MethodGet, one+"/{name}/_overview", e.getOverview)
	rt.add(http.MethodGet, one+"/_overview", e.listOverviews)
	older := strings.TrimSuffix(one, e.kind.path) + e.kind.overview
	rt.add(http.MethodGet, older+"/{name}", e.getOverview)
	rt.add(http.MethodGet, older, e.listOverviews)
	if all != one {
		rt.add(http.MethodGet, all+"/_overview", e.listOverviews)
		rt.add(http.MethodGet, "/"+e.kind.overview, e.listOverviews)
	}
}

// checkWritable rejects writes if the control plane or the type of resource does not allow them. Do may always write,
// because a real control plane gets such resources from elsewhere or creates them itself.
func (e endpoints) checkWritable(c *call) error {
	switch {
	case c.behindBack || !e.readOnly && !e.kind.is(made) && (!e.global || e.kind.is(byGlobal)):
		return nil
	case e.release.tersely:
		return &refusal{status: http.StatusMethodNotAllowed, title: "Method not Allowed", detail: "Method not allowed"}
	case e.global:
		return methodNotAllowed("On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API." +
			" You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.\n")
	default:
		return methodNotAllowed("On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API." +
			" You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n")
	}
}

// meshOf returns the name of the mesh in the URL, which must exist. It is empty for a global type and for a list over
// all meshes.
func (e endpoints) meshOf(c *call) (string, error) {
	mesh := c.params["mesh"]
	if mesh == "" {
		return "", nil
	}
	if _, ok := e.mesh(mesh); !ok {
		return "", notFound("Failed to retrieve Mesh")
	}
	return mesh, nil
}

// authorize rejects users who may not read or write this type.
func (e endpoints) authorize(c *call) error {
	if !e.kind.is(adminOnly) || c.user.isAdmin() {
		return nil
	}
	return accessDenied(c.user, `the resource of type "`+e.kind.name+`"`)
}

func (e endpoints) get(c *call) (answer, error) {
	r, err := e.find(c)
	if err != nil {
		return answer{}, err
	}
	switch format := c.request.URL.Query().Get("format"); format {
	case "", "universal":
	case "k8s", "kubernetes":
		return jsonAnswer(http.StatusOK, e.asObject(r, c.request.URL.Query().Get("namespace"))), nil
	default:
		return answer{}, invalid(e.release.formatTitle, violations{{"", `"format" must be one of ["k8s", "kubernetes", "universal"]`}})
	}
	if r.verbatim {
		return answer{status: http.StatusOK, header: contentType("application/json"), body: e.render(r)}, nil
	}
	if c.behindBack { // which may leave out the namespace that a name on Kubernetes has, and does not get it either
		meta := e.metadataOf(r)
		meta.Name = r.name
		return jsonAnswer(http.StatusOK, e.renderAs(r, meta, r.content)), nil
	}
	return jsonAnswer(http.StatusOK, e.render(r)), nil
}

func (e endpoints) find(c *call) (*resource, error) {
	mesh, err := e.meshOf(c)
	if err != nil {
		return nil, err
	}
	if err := e.authorize(c); err != nil {
		return nil, err
	}
	name, err := e.nameOf(c)
	if err != nil {
		return nil, err
	}
	r, ok := e.store.get(e.kind.name, mesh, name)
	if ok {
		if seen := c.seen(r); len(seen) > 0 {
			return seen[0], nil
		}
	}
	return nil, notFound("Could not retrieve a resource")
}

// nameOf returns the name in the URL. On Kubernetes, that of an object in the control plane's own namespace ends with the
// namespace there, but not in the store. Do may leave the namespace out.
func (e endpoints) nameOf(c *call) (string, error) {
	name := c.params["name"]
	if !e.kubernetes || !e.kind.is(specified) {
		return name, nil
	}
	if !c.behindBack && !strings.Contains(name, ".") {
		detail := fmt.Sprintf("invalid: name %q must include namespace after the dot, ex. \"name.namespace\"", name)
		return "", &refusal{status: http.StatusBadRequest, title: "Could not retrieve a resource", detail: detail}
	}
	return strings.TrimSuffix(name, "."+e.systemNamespace), nil
}

func (e endpoints) put(c *call) (answer, error) {
	if err := e.checkWritable(c); err != nil {
		return answer{}, err
	}
	defer e.store.lockMesh(e.kind.meshOf(c.params["mesh"], c.params["name"]))()
	mesh, err := e.meshOf(c)
	if err != nil {
		return answer{}, err
	}
	name := c.params["name"]
	draft, meta, err := e.read(c.body)
	if err != nil {
		return answer{}, err
	}
	current, exists := e.store.get(e.kind.name, mesh, name)
	if err := invalid("Could not process a resource", e.checkDocument(e.kind, mesh, name, meta, exists)); err != nil {
		return answer{}, err
	}
	if err := e.authorize(c); err != nil {
		return answer{}, err
	}
	draft.mesh, draft.name, draft.modified = mesh, name, e.now().UTC()
	if exists {
		return e.update(c, current, draft, meta)
	}
	return e.create(c, draft, meta)
}

func (e endpoints) create(c *call, draft *resource, meta metadata) (answer, error) {
	draft.created = draft.modified
	draft.labels = meta.Labels
	switch {
	case e.release.computeLabels:
		draft.labels = e.computeLabels(e.kind, draft.mesh, draft.name, meta.Labels, draft.document)
	case !e.global:
		draft.labels = cloneLabels(meta.Labels)
		draft.labels[originLabel] = "zone"
	}
	if err := e.admitted(write{call: c, draft: draft, given: meta.Labels}); err != nil {
		return answer{}, err
	}
	if e.kubernetes && !c.behindBack { // "meta has unexpected type", in its log
		return answer{}, internal(e.release.createTitle)
	}
	owner := ownedBy(draft.mesh)
	if e.kind.is(isSecret) {
		owner = key{}
	}
	e.store.put(draft, owner)
	e.fleet.wrote(draft)
	if e.kind.established != nil {
		if err := e.kind.established(e.ControlPlane, draft); err != nil {
			return answer{}, err
		}
	}
	return e.accepted(http.StatusCreated, draft), nil
}

func (e endpoints) update(c *call, current, draft *resource, meta metadata) (answer, error) {
	draft.created = current.created
	draft.labels = meta.Labels
	if e.release.computeLabels {
		before := e.computeLabels(e.kind, current.mesh, current.name, current.labels, current.document)
		draft.labels = e.computeLabels(e.kind, draft.mesh, draft.name, meta.Labels, draft.document)
		sent := draft.labels
		if e.kubernetes && !c.behindBack {
			before, sent = cloneLabels(current.labels), cloneLabels(meta.Labels)
			before[displayLabel] = current.name
			if draft.mesh != "" {
				sent[meshLabel] = draft.mesh
			}
		}
		if err := invalid("Could not update a resource", e.checkLabelChange(before, sent).under("labels")); err != nil {
			return answer{}, err
		}
	}
	if err := e.admitted(write{call: c, current: current, draft: draft, given: meta.Labels}); err != nil {
		return answer{}, err
	}
	if e.kind.is(hasStatus) { // which only the control plane writes
		draft.setSpec(draft.spec, current.status)
	}
	e.store.put(draft, key{})
	e.fleet.wrote(draft)
	return e.accepted(http.StatusOK, draft), nil
}

func (e endpoints) admitted(w write) error {
	if e.kind.admit == nil {
		return nil
	}
	return e.kind.admit(e.ControlPlane, w)
}

// accepted returns the answer to a successful write; r is nil for a deletion.
func (e endpoints) accepted(status int, r *resource) answer {
	var body struct {
		Warnings []string `json:"warnings,omitempty"`
	}
	if r != nil {
		body.Warnings = e.warnings(r)
	}
	if e.release.emptyAnswers && len(body.Warnings) == 0 {
		return answer{status: status}
	}
	return jsonAnswer(status, body)
}

func (e endpoints) delete(c *call) (answer, error) {
	if err := e.checkWritable(c); err != nil {
		return answer{}, err
	}
	defer e.store.lockMesh(e.kind.meshOf(c.params["mesh"], c.params["name"]))()
	mesh, err := e.meshOf(c)
	if err != nil {
		return answer{}, err
	}
	name := c.params["name"]
	current, ok := e.store.get(e.kind.name, mesh, name)
	if !ok {
		return answer{}, notFound("Could not delete a resource")
	}
	if e.release.computeLabels {
		if err := invalid("Could not delete a resource", e.checkOrigin(current.labels)); err != nil {
			return answer{}, err
		}
	}
	if err := e.authorize(c); err != nil {
		return answer{}, err
	}
	if e.kind.checkDelete != nil && !e.unsafe {
		if err := invalid("Could not delete a resource", e.kind.checkDelete(e.ControlPlane, current)); err != nil {
			return answer{}, err
		}
	}
	e.store.delete(current)
	e.fleet.deleted(current)
	return e.accepted(http.StatusOK, nil), nil
}

// read splits a request's document into resource and metadata.
func (e endpoints) read(body []byte) (*resource, metadata, error) {
	draft, meta, err := e.decode(body)
	if err != nil {
		var refused *refusal
		if errors.As(err, &refused) {
			return nil, meta, refused
		}
		return nil, meta, badRequest("invalid %s object: %q", e.kind.name, err.Error())
	}
	if e.kind.rules != nil {
		return draft, meta, invalid("Could not process a resource", e.kind.rules(e.firstPlace(draft)))
	}
	if e.kind.check == nil {
		return draft, meta, nil
	}
	return draft, meta, invalid("Could not process a resource", e.kind.check(e.ControlPlane, draft.document))
}

// firstPlace returns the place at which the rules of a type begin.
func (e endpoints) firstPlace(r *resource) place {
	if e.kind.spec != nil {
		return place{path: "spec", value: r.spec, spec: r.spec, set: e.release.set}
	}
	return place{value: untyped(r.document), set: e.release.set}
}

func (e endpoints) decode(body []byte) (*resource, metadata, error) {
	draft := &resource{kind: e.kind}
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, metadata{}, err
	}
	if e.kind.spec != nil {
		if string(raw) == "null" && e.release.fullSchema {
			panic(http.ErrAbortHandler) // a real one panics and closes the connection
		}
		var err error
		if draft.spec, err = e.readSpec(raw); err != nil {
			return nil, metadata{}, err
		}
		if e.release.fullSchema {
			raw = sortedMembers(raw)
		}
	}
	meta, err := decodeMetadata(raw)
	if err != nil && e.kind.spec != nil { // such a type has them in a member of its own
		return nil, meta, errors.New(strings.ReplaceAll(err.Error(), "field ResourceMeta.", "field Resource.ResourceMeta."))
	}
	if err != nil {
		return nil, meta, err
	}
	if e.kind.spec != nil && !e.kind.is(global) && e.release.fullSchema && isMissing(raw, "mesh") {
		meta.Mesh = defaultMesh
	}
	switch {
	case e.kind.spec != nil:
		draft.setSpec(draft.spec, nil)
	case e.kind.schema != nil:
		if draft.document, err = e.kind.schema.decode(raw); err != nil {
			return nil, meta, err
		}
		draft.content = draft.document.encode()
		if e.verbatim && e.kind.is(isMesh) {
			draft.content, draft.verbatim = withoutMetadata(raw), true
		}
	default:
		draft.content = withoutMetadata(raw)
	}
	return draft, meta, err
}
