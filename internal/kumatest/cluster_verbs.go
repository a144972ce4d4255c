package kumatest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (c *Cluster) get(call *clusterCall) (answer, error) {
	o := c.objects[call.path(call.name)]
	if o == nil {
		return answer{}, call.absent(call.name)
	}
	return jsonAnswer(http.StatusOK, o.show(false)), nil
}

// selected returns the objects that a request for several is about, in the order of their names.
func (c *Cluster) selected(call *clusterCall) []*clusterObject {
	var found []*clusterObject
	for _, path := range sortedKeys(c.objects) {
		o := c.objects[path]
		if o.kind != call.kind || o.namespace != call.namespace || !meets(call.option("labelSelector"), func(name string) string { return o.labels()[name] }) {
			continue
		}
		field := func(name string) string {
			if name == "metadata.name" {
				return o.name
			}
			return text(o.content[name])
		}
		if meets(call.option("fieldSelector"), field) {
			found = append(found, o)
		}
	}
	return found
}

// meets reports whether values are those of a selector: NAME=VALUE, with commas between.
func meets(selector string, value func(name string) string) bool {
	for one := range strings.SplitSeq(selector, ",") {
		name, wanted, _ := strings.Cut(one, "=")
		if name != "" && value(name) != wanted {
			return false
		}
	}
	return true
}

func (c *Cluster) list(call *clusterCall) (answer, error) {
	found := c.selected(call)
	start, _ := strconv.Atoi(call.option("continue"))
	end := len(found)
	if limit, err := strconv.Atoi(call.option("limit")); err == nil && limit > 0 {
		end = min(start+limit, len(found))
	}
	return c.listed(call, found[min(start, end):end], end < len(found), end), nil
}

func (c *Cluster) listed(call *clusterCall, found []*clusterObject, more bool, next int) answer {
	items := []any{}
	for _, o := range found {
		items = append(items, o.show(true))
	}
	metadata := map[string]any{"resourceVersion": strconv.Itoa(100 + c.changes)}
	if call.kind.custom() {
		metadata["continue"] = ""
	}
	if more {
		metadata["continue"] = strconv.Itoa(next)
	}
	return jsonAnswer(http.StatusOK, map[string]any{
		"kind": call.kind.name + "List", "apiVersion": call.kind.apiVersion(), "metadata": metadata, "items": items,
	})
}

// received reads the object of a request.
func (c *Cluster) received(call *clusterCall, content map[string]any) (o *clusterObject, warnings []string, err error) {
	o = &clusterObject{kind: call.kind, namespace: call.namespace, content: content}
	if o.metadata() == nil {
		content["metadata"] = map[string]any{}
	}
	metadata := o.metadata()
	delete(metadata, "managedFields")
	o.name = text(metadata["name"])
	if o.kind.namespaced {
		metadata["namespace"] = call.namespace
	}
	if texts := memberOf(content, "stringData"); texts != nil {
		data := memberOf(content, "data")
		if data == nil {
			data = map[string]any{}
			content["data"] = data
		}
		for name, value := range texts {
			data[name] = base64Of([]byte(text(value)))
		}
		delete(content, "stringData")
	}
	if !o.kind.is("Mesh") {
		return o, nil, nil
	}
	for _, name := range sortedKeys(content) {
		if slices.Contains([]string{"apiVersion", "kind", "metadata", "spec"}, name) {
			continue
		}
		if call.option("fieldValidation") == "Strict" {
			return nil, nil, badClusterRequest("Mesh in version \"v1alpha1\" cannot be handled as a Mesh: strict decoding error: unknown field %q", name)
		}
		delete(content, name)
		warnings = append(warnings, warningOf(fmt.Sprintf("unknown field %q", name)))
	}
	return o, warnings, nil
}

func (c *Cluster) create(call *clusterCall) (answer, error) {
	content, err := parseObject(call.body)
	if err != nil {
		return answer{}, badClusterRequest("%s", err)
	}
	o, warnings, err := c.received(call, content)
	if err != nil {
		return answer{}, err
	}
	return c.createObject(call, o, warnings, func() { o.note(call.manager, c.now(), nil) })
}

func (c *Cluster) createObject(call *clusterCall, o *clusterObject, warnings []string, note func()) (answer, error) {
	if o.kind.namespaced && !slices.Contains(c.namespaces(), o.namespace) {
		return answer{}, &clusterRefusal{
			code: http.StatusNotFound, reason: "NotFound", message: fmt.Sprintf("namespaces %q not found", o.namespace),
			details: &clusterDetails{Name: o.namespace, Kind: "namespaces"},
		}
	}
	if c.objects[call.path(o.name)] != nil {
		return answer{}, call.exists(o.name)
	}
	note()
	if err := c.admit(call, o, nil); err != nil {
		return answer{}, err
	}
	c.stamp(o)
	if call.dryRun {
		delete(o.metadata(), "resourceVersion")
	} else {
		c.objects[call.path(o.name)] = o
		c.keep(o, nil)
	}
	a := jsonAnswer(http.StatusCreated, o.show(false))
	for _, warning := range append(warnings, o.warnings...) {
		a.header.Add("Warning", warning)
	}
	return a, nil
}

// change replaces an object, or patches it.
func (c *Cluster) change(call *clusterCall) (answer, error) {
	before := c.objects[call.path(call.name)]
	applied := call.verb == "patch" && strings.HasPrefix(call.contentType, applyPatch)
	if before == nil && !applied {
		return answer{}, call.absent(call.name)
	}
	var content map[string]any
	var err error
	switch {
	case applied:
		return c.apply(call, before)
	case call.verb == "patch":
		content, err = patched(call, before)
	default:
		if content, err = parseObject(call.body); err != nil {
			err = badClusterRequest("%s", err)
		}
	}
	if err != nil {
		return answer{}, err
	}
	o, warnings, err := c.received(call, content)
	if err != nil {
		return answer{}, err
	}
	switch version := o.version(); {
	case version == "" && o.kind.custom():
		return answer{}, call.badObject(call.name, "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update")
	case version != "" && version != before.version():
		return answer{}, call.conflict(call.name)
	}
	o.managers = slices.Clone(before.managers)
	return c.replace(call, o, before, warnings, func() { o.note(call.manager, c.now(), before) })
}

func (c *Cluster) replace(call *clusterCall, o, before *clusterObject, warnings []string, note func()) (answer, error) {
	if err := c.admit(call, o, before); err != nil {
		return answer{}, err
	}
	note()
	changed := c.supersede(o, before)
	switch {
	case !changed:
		before.warnings = o.warnings
		o = before
	case call.dryRun:
		o.metadata()["resourceVersion"] = before.version()
	default:
		c.objects[call.path(o.name)] = o
		c.keep(o, before)
	}
	a := jsonAnswer(http.StatusOK, o.show(false))
	for _, warning := range append(warnings, o.warnings...) {
		a.header.Add("Warning", warning)
	}
	return a, nil
}

func (c *Cluster) delete(call *clusterCall) (answer, error) {
	o := c.objects[call.path(call.name)]
	if o == nil {
		return answer{}, call.absent(call.name)
	}
	var options struct {
		Preconditions struct{ ResourceVersion, UID string }
	}
	if content, err := parseObject(call.body); err == nil {
		(&clusterObject{content: content}).decode(&options)
	}
	if wanted := options.Preconditions.ResourceVersion; wanted != "" && wanted != o.version() {
		return answer{}, c.precondition(call, o, "ResourceVersion", wanted, o.version())
	}
	if wanted := options.Preconditions.UID; wanted != "" && wanted != o.uid() {
		return answer{}, c.precondition(call, o, "UID", wanted, o.uid())
	}
	if err := c.admitDelete(call, o, o.name); err != nil {
		return answer{}, err
	}
	if !call.dryRun {
		c.remove(call, o)
	}
	return call.deleted(o.name, o.uid()), nil
}

func (c *Cluster) precondition(call *clusterCall, o *clusterObject, what, wanted, is string) error {
	return &clusterRefusal{
		code: http.StatusConflict, reason: "Conflict", details: &clusterDetails{Name: o.name, Group: o.kind.group, Kind: o.kind.name},
		message: fmt.Sprintf("Operation cannot be fulfilled on %s %q: the %s in the precondition (%s) does not match the %s in record (%s). The object might have been modified",
			call.kind.qualified(), o.name, what, wanted, what, is),
	}
}

// deleteAll deletes what a selector finds. The webhook of secrets looks for one without a name then, and finds none.
func (c *Cluster) deleteAll(call *clusterCall) (answer, error) {
	found := c.selected(call)
	for _, o := range found {
		name := o.name
		if o.kind.is("Secret") {
			name = ""
		}
		if err := c.admitDelete(call, o, name); err != nil {
			return answer{}, err
		}
	}
	a := c.listed(call, found, false, 0)
	for _, o := range found {
		if !call.dryRun {
			c.remove(call, o)
		}
	}
	return a, nil
}

// remove deletes an object, and with a mesh what it owns: a real one takes some seconds for that.
func (c *Cluster) remove(call *clusterCall, o *clusterObject) {
	delete(c.objects, call.path(o.name))
	if o.resource != nil {
		c.remember(o.resource)
		c.cp.store.delete(o.resource)
		c.cp.fleet.deleted(o.resource)
	}
}
