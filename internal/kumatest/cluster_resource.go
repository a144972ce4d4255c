package kumatest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// The webhook that makes a mesh the owner of its objects.
const ownerWebhook = "owner-reference.kuma-admission.kuma.io"

// isResource reports whether an object is one of the control plane's that has no rules of its own here: all but meshes
// and the Dataplanes of Pods.
func (o *clusterObject) isResource() bool {
	return o.kind.custom() && !o.kind.is("Mesh") && !o.kind.is("Dataplane")
}

// warningOf returns the Warning header for a warning.
func warningOf(text string) string { return fmt.Sprintf("299 - %q", text) }

// meshOfResource is the mesh that an object belongs to: it may be left out for mesh default.
func meshOfResource(t *resourceType, o *clusterObject) string {
	switch {
	case t.is(global):
		return ""
	case t.is(specified):
		return firstOf(o.labels()[meshLabel], "default")
	}
	return firstOf(text(o.content["mesh"]), "default")
}

// admitResource applies the control plane's webhooks to an object, in their order: its form and its labels, its mesh, its
// rules. What Kubernetes does not know of a type with a schema is pruned, with a warning.
func (c *Cluster) admitResource(call *clusterCall, o, before *clusterObject) error {
	t := c.cp.typeOf(o.kind.name)
	switch {
	case c.down:
		return unreachable(meshDefaulter, "/default-kuma-io-v1alpha1-"+o.kind.plural)
	case t.is(made):
		return denied(meshDefaulter, http.StatusForbidden, "Forbidden",
			"Operation not allowed. Kuma resources like "+t.name+" can be updated or deleted only from the GLOBAL control plane and not from a ZONE control plane.")
	}
	if err := c.checkObject(call, o, before); err != nil {
		return err
	}
	draft, err := c.resourceOf(call, t, o)
	if err != nil {
		return err
	}
	if t.is(hasStatus) && before != nil && before.resource != nil { // which only the control plane writes
		draft.setSpec(draft.spec, before.resource.status)
		o.content["status"] = before.content["status"]
	}
	if mesh, exists := c.cp.mesh(draft.mesh); draft.mesh != "" && t.name != "MeshService" {
		if !exists {
			return denied(ownerWebhook, http.StatusBadRequest, "", fmt.Sprintf("Mesh.kuma.io %q not found", draft.mesh))
		}
		c.own(o, mesh.name)
	}
	if err := c.checkResource(call, t, draft); err != nil {
		return err
	}
	for _, warning := range c.cp.warnings(draft) {
		o.warnings = append(o.warnings, warningOf(warning))
	}
	o.resource = draft
	return nil
}

// resourceOf reads an object as a resource, and gives the object the form and the labels that the control plane gives it.
func (c *Cluster) resourceOf(call *clusterCall, t *resourceType, o *clusterObject) (*resource, error) {
	mesh := meshOfResource(t, o)
	spec := o.content["spec"]
	document := mustMarshal(map[string]any{"type": t.name, "mesh": mesh, "name": o.name})
	switch {
	case t.is(specified):
		document = joinObjects(document, mustMarshal(map[string]any{"spec": spec}))
	case memberOf(o.content, "spec") != nil:
		document = joinObjects(document, mustMarshal(spec))
	}
	draft, _, err := c.endpoints(t.name).decode(document)
	var refused *refusal
	if errors.As(err, &refused) && len(refused.violations) > 0 { // by the schema of the object
		return nil, call.badObject(o.name, refused.violations[0].field, "FieldValueInvalid", refused.violations[0].reason)
	}
	if err != nil {
		return nil, denied(meshDefaulter, http.StatusBadRequest, "", err.Error())
	}
	draft.mesh, draft.name, draft.modified = mesh, o.name, c.cp.now().UTC()
	draft.labels = o.labels()
	if !t.is(specified) {
		return draft, nil
	}
	draft.labels[namespaceLabel] = o.namespace
	draft.labels = c.cp.computeLabels(t, mesh, o.name, draft.labels, draft.document)
	delete(draft.labels, displayLabel)
	labels := map[string]any{}
	for name, value := range draft.labels {
		labels[name] = value
	}
	o.metadata()["labels"] = labels
	o.annotate(displayAnnotation, o.name)
	draft.labels[displayLabel] = o.name
	if o.namespace != c.cp.systemNamespace {
		draft.name = o.name + "." + o.namespace
	}
	return draft, c.keepKnown(o, draft)
}

// keepKnown leaves in an object what the control plane knows of it.
func (c *Cluster) keepKnown(o *clusterObject, draft *resource) error {
	content, err := parseObject(draft.content)
	if err != nil {
		return err
	}
	for _, field := range pruned("spec", o.content["spec"], content["spec"]) {
		o.warnings = append(o.warnings, warningOf(fmt.Sprintf("unknown field %q", field)))
	}
	o.content["spec"] = content["spec"]
	delete(o.content, "status")
	if status, ok := content["status"]; ok {
		o.content["status"] = status
	}
	return nil
}

// pruned returns the members of an object that are not in what is left of it.
func pruned(at string, given, left any) (fields []string) {
	switch given := given.(type) {
	case map[string]any:
		kept, ok := left.(map[string]any)
		for _, name := range sortedKeys(given) {
			switch value, there := kept[name]; {
			case there:
				fields = append(fields, pruned(at+"."+name, given[name], value)...)
			case ok && given[name] != nil && !isEmpty(given[name]):
				fields = append(fields, at+"."+name)
			}
		}
	case []any:
		kept, _ := left.([]any)
		for i := range min(len(given), len(kept)) {
			fields = append(fields, pruned(fmt.Sprintf("%s[%d]", at, i), given[i], kept[i])...)
		}
	}
	return fields
}

// isEmpty reports whether a value is one that the control plane leaves out.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	return slices.Contains([]any{"", false}, value)
}

// checkResource applies the rules of a type.
func (c *Cluster) checkResource(asked *clusterCall, t *resourceType, draft *resource) error {
	var err error
	switch e := c.endpoints(t.name); {
	case t.rules != nil:
		err = invalid("", t.rules(e.firstPlace(draft)))
	case t.check != nil:
		err = invalid("", t.check(c.cp, draft.document))
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	broken := refused.violations
	if !t.is(specified) {
		broken = broken.under("spec")
	}
	return asked.invalidObject(validator, draft.name, broken)
}

// admitResourceDelete applies the webhooks of a deletion.
func (c *Cluster) admitResourceDelete(call *clusterCall, o *clusterObject) error {
	switch t := c.cp.typeOf(o.kind.name); {
	case c.down:
		return unreachable(validator, "/validate-kuma-io-v1alpha1")
	case t.checkDelete != nil && o.resource != nil:
		return call.invalidObject(validator, o.name, t.checkDelete(c.cp, o.resource))
	}
	return nil
}
