package kumatest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"reflect"
)

// onlyGlobal is what a zone of a global control plane says of a mesh.
const onlyGlobal = "Operation not allowed. Kuma resources like Mesh can be updated or deleted only from the GLOBAL control plane and not from a ZONE control plane."

const mostSecretData = 1 << 20

// admit applies the rules of Kubernetes, and the control plane's webhooks, which complete a mesh. What the control plane
// sees is a resource of it afterwards.
func (c *Cluster) admit(call *clusterCall, o, before *clusterObject) error {
	if o.isResource() {
		return c.admitResource(call, o, before)
	}
	if o.kind.is("Mesh") {
		switch {
		case c.down:
			return unreachable(meshDefaulter, "/default-kuma-io-v1alpha1-mesh")
		case c.cp.globalAddress != "":
			return denied(meshDefaulter, http.StatusForbidden, "Forbidden", onlyGlobal)
		}
	}
	switch {
	case o.kind.is("Mesh"):
		if err := c.defaultMesh(o); err != nil {
			return err
		}
	case o.kind.is("Dataplane"):
		if err := c.defaultDataplane(o); err != nil {
			return err
		}
	}
	if err := c.checkObject(call, o, before); err != nil {
		return err
	}
	switch {
	case o.kind.is("Mesh"):
		return c.validateMesh(call, o, before)
	case o.kind.is("Secret"):
		return c.validateSecret(call, o, before)
	}
	return nil
}

// checkObject applies the rules that Kubernetes itself has.
func (c *Cluster) checkObject(call *clusterCall, o, before *clusterObject) error {
	const invalidValue = "FieldValueInvalid"
	if problems := subdomainProblems(o.name); len(problems) > 0 && before == nil {
		problem, quoted := problems[len(problems)-1], fmt.Sprintf("Invalid value: %q: ", o.name)
		if len(o.name) > 253 {
			problem = "must be no more than 253 characters"
		}
		return call.badObject(o.name, "metadata.name", invalidValue, quoted+problem)
	}
	for _, value := range o.labels() {
		if problems := labelValueProblems(value); len(problems) > 0 {
			return call.badObject(o.name, "metadata.labels", invalidValue, fmt.Sprintf("Invalid value: %q: %s", value, problems[len(problems)-1]))
		}
	}
	if !o.kind.is("Secret") {
		return nil
	}
	size := 0
	for _, value := range memberOf(o.content, "data") {
		decoded, err := base64.StdEncoding.DecodeString(text(value))
		if err != nil {
			return badClusterRequest("Secret in version \"v1\" cannot be handled as a Secret: %s", err)
		}
		size += len(decoded)
	}
	switch {
	case size > mostSecretData:
		return call.badObject(o.name, "data", "FieldValueTooLong", fmt.Sprintf("Too long: may not be more than %d bytes", mostSecretData))
	case before == nil:
		return nil
	case text(o.content["type"]) != text(before.content["type"]):
		return call.badObject(o.name, "type", invalidValue, fmt.Sprintf("Invalid value: %q: field is immutable", text(o.content["type"])))
	case before.content["immutable"] == true && !reflect.DeepEqual(o.content["data"], before.content["data"]):
		return call.badObject(o.name, "data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")
	}
	return nil
}

// defaultMesh completes a mesh: what Kuma does not know goes, and the rest gets Kuma's form.
func (c *Cluster) defaultMesh(o *clusterObject) error {
	spec := memberOf(o.content, "spec")
	if _, there := o.content["spec"]; there && spec == nil {
		return denied(meshDefaulter, http.StatusInternalServerError, "", "json: cannot unmarshal into Go value of type map[string]interface {}")
	}
	if spec == nil {
		spec = map[string]any{}
	}
	draft, _, err := c.endpoints("Mesh").decode(joinObjects(mustMarshal(map[string]string{"type": "Mesh", "name": o.name}), mustMarshal(spec)))
	if err != nil {
		return denied(meshDefaulter, http.StatusInternalServerError, "", err.Error())
	}
	fillMetrics(draft)
	o.resource = draft
	if o.content["spec"], err = parseObject(draft.content); err != nil {
		return err
	}
	labels := memberOf(o.metadata(), "labels")
	delete(labels, displayLabel)
	if len(labels) == 0 {
		delete(o.metadata(), "labels")
	}
	o.annotate(displayAnnotation, o.name)
	return nil
}

func (c *Cluster) endpoints(kind string) endpoints {
	return endpoints{ControlPlane: c.cp, kind: c.cp.typeOf(kind)}
}

func (c *Cluster) validateMesh(asked *clusterCall, o, before *clusterObject) error {
	mesh := o.resource
	mesh.name, mesh.labels, mesh.modified = o.name, o.labels(), c.cp.now().UTC()
	var broken violations
	if before == nil && len(o.name) > 63 {
		broken.add("name", "cannot be longer than 63 characters")
	}
	broken = append(broken, c.cp.checkMesh(mesh.document)...)
	if before != nil && len(broken) == 0 {
		broken = append(broken, c.cp.checkAuthorityChange(before.resource.document, mesh.document)...)
	}
	if len(broken) == 0 {
		broken = c.cp.checkAuthorities(&call{}, mesh)
	}
	o.warnings = nil
	for _, warning := range c.cp.warnings(mesh) {
		o.warnings = append(o.warnings, warningOf(warning))
	}
	return asked.invalidObject(validator, o.name, broken.under("spec"))
}

// visible reports whether the control plane sees a secret.
func (c *Cluster) visible(o *clusterObject) bool {
	is := text(o.content["type"])
	return o.kind.is("Secret") && o.namespace == c.cp.systemNamespace && (is == ofMesh || is == ofNoMesh)
}

func (o *clusterObject) mesh() string {
	if text(o.content["type"]) == ofNoMesh {
		return ""
	}
	return firstOf(o.labels()[meshLabel], "default")
}

// validateSecret applies the webhook of secrets, without which Kubernetes goes on when it does not answer.
func (c *Cluster) validateSecret(call *clusterCall, o, before *clusterObject) error {
	if !c.visible(o) {
		return nil
	}
	const label = `metadata.labels["kuma.io/mesh"]`
	value := text(memberOf(o.content, "data")["value"])
	if !c.down {
		var broken violations
		if value == "" {
			broken.add("data.value", "cannot be empty.")
		}
		if _, labelled := o.labels()[meshLabel]; labelled && o.mesh() == "" {
			broken.add(label, "mesh cannot be set on global secret")
		}
		if before != nil && before.mesh() != o.mesh() {
			broken.add(label, "cannot change mesh of the Secret. Delete the Secret first and apply it again.")
		}
		if err := call.invalidObject(secretValidator, o.name, broken); err != nil {
			return err
		}
	}
	kind := "Secret"
	if o.mesh() == "" {
		kind = "GlobalSecret"
	}
	draft, _, err := c.endpoints(kind).decode(mustMarshal(map[string]string{"type": kind, "mesh": o.mesh(), "name": o.name, "data": value}))
	if err != nil {
		return err
	}
	draft.mesh, draft.name, draft.labels, draft.modified = o.mesh(), o.name, o.labels(), c.cp.now().UTC()
	o.resource = draft
	return nil
}

// defaultDataplane gives a proxy the labels of a proxy.
func (c *Cluster) defaultDataplane(o *clusterObject) error {
	mesh := text(o.content["mesh"])
	spec, err := parseObject(mustMarshal(memberOf(o.content, "spec")))
	if err != nil {
		return err
	}
	spec["type"], spec["mesh"], spec["name"] = "Dataplane", mesh, o.name
	draft, _, err := c.endpoints("Dataplane").decode(mustMarshal(spec))
	if err != nil {
		return denied(meshDefaulter, http.StatusInternalServerError, "", err.Error())
	}
	labels := memberOf(o.metadata(), "labels")
	if labels == nil {
		labels = map[string]any{}
	}
	maps.Copy(labels, map[string]any{
		namespaceLabel: o.namespace, envLabel: "kubernetes", meshLabel: mesh, originLabel: "zone", proxyLabel: "sidecar", zoneLabel: zoneName,
	})
	if workload, ok := labels[workloadLabel]; ok { // which is an annotation there
		delete(labels, workloadLabel)
		o.annotate(workloadLabel, text(workload))
	}
	o.metadata()["labels"] = labels
	o.annotate(displayAnnotation, o.name)
	draft.mesh, draft.name, draft.labels, draft.modified = mesh, o.name+"."+o.namespace, o.labels(), c.cp.now().UTC()
	draft.labels[displayLabel] = o.name
	o.resource = draft
	return nil
}

// keep lets the control plane see an object that was written.
func (c *Cluster) keep(o, before *clusterObject) {
	r := o.resource
	if r == nil {
		return
	}
	r.created = r.modified
	if before != nil && before.resource != nil {
		r.created = before.resource.created
		c.remember(before.resource)
	}
	owner := key{}
	if o.isResource() && before == nil {
		owner = ownedBy(r.mesh)
	}
	c.cp.store.put(r, owner)
	c.cp.fleet.wrote(r)
	if !r.kind.is(isMesh) {
		return
	}
	if before == nil {
		_ = c.cp.establishMesh(r) // of a builtin CA that cannot be made a real one says nothing either
		return
	}
	_ = c.cp.ensureAuthorities(r) // likewise
}

// remember keeps a mesh as it was, for as long as the webhooks' cache may have it.
func (c *Cluster) remember(r *resource) {
	if r.kind.is(isMesh) && c.cp.webhookCache > 0 {
		c.earlier[r.name] = earlierMesh{r, c.cp.now().Add(c.cp.webhookCache)}
	}
}

// admitDelete applies the webhooks of a deletion. name is that of the object as the webhook has it.
func (c *Cluster) admitDelete(call *clusterCall, o *clusterObject, name string) error {
	switch {
	case o.kind.is("Mesh") && c.down:
		return unreachable(validator, "/validate-kuma-io-v1alpha1")
	case o.isResource():
		return c.admitResourceDelete(call, o)
	case o.kind.is("Mesh"):
		for _, v := range c.cp.checkMeshDelete(o.resource) {
			return denied(validator, http.StatusBadRequest, "", v.field+": "+v.reason)
		}
	case c.visible(o) && !c.down && name != "":
		broken := c.cp.checkSecretDelete(o.resource)
		if earlier, ok := c.earlier[o.mesh()]; ok && c.cp.now().Before(earlier.until) {
			broken = checkUse(earlier.mesh, o.name)
		}
		return call.invalidObject(secretValidator, o.name, broken)
	}
	return nil
}
